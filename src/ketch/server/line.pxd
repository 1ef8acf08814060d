# Types for line.py when Cython compiles it: attributes become fields of a C structure.
from ketch.server.shared cimport Shared


cdef class Line:
    cdef object __weakref__
    cdef readonly object server, transport, client, own
    cdef Shared _shared
    cdef readonly bint is_plain, lost, ending
    cdef public bint paused
    cdef object _drain, _gone, _pending, _stalled, _stall
    cdef bint _paused_reading
    cdef double _since, _ended, _patience
    cdef Py_ssize_t _searched, _swallowed
