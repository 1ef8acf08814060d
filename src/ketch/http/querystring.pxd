# Types for querystring.py when Cython compiles it.
cimport cython

cdef int _PERCENT, _PLUS


@cython.locals(fields=list, query=dict, field=str, name=str, value=str, _=str)
cpdef read_plain(bytes raw, Py_ssize_t most)
