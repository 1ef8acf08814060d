# Types for shared.py when Cython compiles it.
from ketch.server.counters cimport Counters
from ketch.server.head cimport HeadLimits


cdef class Shared:
    cdef public object loop, limits, access_log, answer, task
    cdef public double now, draining_since
    cdef public bytes date
    cdef public Counters counters
    cdef public HeadLimits head_limits
    cdef public long long max_body, most_headers, most_header_size, most_url
    cdef public bint draining
