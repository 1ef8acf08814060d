# Types for answer.py when Cython compiles it.
cimport cython

cdef list _LENGTHS
cdef Py_ssize_t _KNOWN

@cython.locals(size=Py_ssize_t, lines=dict, length=bytes)
cpdef bytes whole(object base, object status, bytes body, bytes date, bint silent)
