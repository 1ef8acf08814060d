# Types for shortcut.py when Cython compiles it.
cimport cython

cdef Py_ssize_t _PERCENT


@cython.final
cdef class End:
    cdef object target, convert, hit


@cython.final
cdef class Stop:
    cdef public dict static, ends
    cdef public Stop only


@cython.final
cdef class Shortcut:
    cdef dict _static
    cdef Stop _root
    cdef Py_ssize_t _depth

    @cython.locals(by_path=dict, stop=Stop, child=Stop, end=End, texts=tuple, pieces=list, piece=bytes)
    cpdef find(self, str method, bytes raw_path)
