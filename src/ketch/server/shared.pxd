# Types for shared.py when Cython compiles it.
from ketch.server.counters cimport Counters
from ketch.server.head cimport HeadLimits


cdef Py_ssize_t _MOST_POSTED


cdef class Shared:
    cdef public object loop, limits, access_log, answer, task
    cdef public double now, draining_since
    cdef public bytes date
    cdef public list outbox
    cdef public Py_ssize_t posted
    cdef public Counters counters
    cdef public HeadLimits head_limits
    cdef public long long max_body, most_headers, most_header_size, most_url
    cdef public bint draining

    cpdef post(self, object transport, bytes data)
    cpdef flush(self)
