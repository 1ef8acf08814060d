# Types for connection.py when Cython compiles it: attributes become fields of a C structure.
cimport cython
from ketch.server.head cimport Head
from ketch.server.line cimport Line
from ketch.server.shared cimport Shared


cdef class Connection(Line):
    cdef public object request, incoming
    cdef public bint keep_alive
    cdef public long long sent, size
    cdef public double began
    cdef Head _head
    cdef Py_ssize_t _asked
    cdef bint _in_requests, _continued
    cdef int _phase

    @cython.locals(size=Py_ssize_t, head=Head)
    cdef _requests(self, bytes data, Py_ssize_t start)

    @cython.locals(start=Py_ssize_t, shared=Shared)
    cdef Py_ssize_t _begin(self, Head head, bytes data) except -1

    @cython.locals(end=Py_ssize_t)
    cdef Py_ssize_t _take_body(self, object request, Head head, bytes data, Py_ssize_t start) except -1

    cpdef bint will_stay(self) except -1

    @cython.locals(head=Head, shared=Shared)
    cpdef bint is_large(self) except -1

    @cython.locals(head=Head, silent=bint, out=bytes)
    cpdef respond(self, object request, object response)

    cpdef finished(self, object request)
