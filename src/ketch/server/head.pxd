# Types for head.py when Cython compiles it. Without them the loops would be Python's own; with them they are C's.
cimport cython

cdef bytes TOKEN, PATH, QUERY, VALUE, SPACES, HOST_BYTES
cdef dict METHODS
cdef list SUSPECTS, KINDS
cdef int TAB, LF, CR, SPACE, COLON, SLASH, LONGEST_METHOD, LONGEST_LINE

# What fields decide, as in grammar.py.
cdef int HOST, LENGTH, CODING, CONNECTION, EXPECT, UPGRADE


cdef class HeadLimits:
    cdef readonly Py_ssize_t size
    cdef readonly Py_ssize_t headers
    cdef readonly Py_ssize_t url


# It holds bytes and nothing that could lead back to it, so the collector of cycles need not know it.
@cython.final
@cython.no_gc
@cython.freelist(8)
cdef class Head:
    cdef readonly str method
    cdef readonly bytes raw_path
    cdef readonly bytes query
    cdef readonly int version
    cdef readonly bint keep_alive
    cdef readonly object length
    cdef readonly bint chunked
    cdef readonly bint expects_continue
    cdef readonly bytes upgrade
    cdef readonly bytes host
    cdef readonly Py_ssize_t count
    cdef readonly Py_ssize_t end
    cdef bytes _data
    cdef Py_ssize_t _fields
    cdef Py_ssize_t _stop
    cdef list _headers
    cdef bytes _lower
    cdef bytes _absolute
    cdef bytes _length
    cdef bytes _coding
    cdef bytes _connection
    cdef bytes _expect
    cdef bytes _upgrade
    cdef int _repeated

    @cython.locals(made=list)
    cpdef list headers(self)

    @cython.locals(at=Py_ssize_t, end=Py_ssize_t, text='const unsigned char*')
    cpdef header(self, bytes name)


@cython.locals(first=Py_ssize_t, found=Py_ssize_t, end=Py_ssize_t, head=Head)
cpdef parse_head(bytes data, Py_ssize_t start, HeadLimits limits, Py_ssize_t searched=*)

@cython.locals(at=Py_ssize_t, size=Py_ssize_t, blanks=int)
cdef Py_ssize_t _begin(bytes data, Py_ssize_t start) except -2

cpdef scan_by_pattern(Head head, bytes data, Py_ssize_t first, HeadLimits limits)

@cython.locals(at=Py_ssize_t, begin=Py_ssize_t, colon=Py_ssize_t, value=Py_ssize_t, until=Py_ssize_t, kind=int)
cpdef scan_by_loops(Head head, const unsigned char* data, Py_ssize_t first, HeadLimits limits)

@cython.locals(at=Py_ssize_t, target=Py_ssize_t, path_end=Py_ssize_t, method=bytes, version=bytes)
cdef Py_ssize_t _scan_line(Head head, const unsigned char* data, Py_ssize_t first, HeadLimits limits) except -1

@cython.locals(suspect=bytes, place=Py_ssize_t)
cdef int _kind_of(const unsigned char* data, Py_ssize_t begin, Py_ssize_t size) except -1

@cython.locals(found=list, at=Py_ssize_t, begin=Py_ssize_t, until=Py_ssize_t, name=bytes)
cpdef list _list_by_loops(const unsigned char* data, Py_ssize_t fields, Py_ssize_t stop)

@cython.locals(same=Py_ssize_t, begin=Py_ssize_t, until=Py_ssize_t)
cpdef _find_by_loops(
    const unsigned char* data, Py_ssize_t at, Py_ssize_t stop, const unsigned char* name, Py_ssize_t size
)

cdef _read_odd_target(Head head, bint has_query)

@cython.locals(before=bytes)
cdef _collect(Head head, int kind, bytes value)
@cython.locals(host=bytes)
cdef _settle(Head head)
cdef _settle_framing(Head head, bytes length, bytes coding)
cdef _settle_connection(Head head, bytes options)

@cython.locals(size=Py_ssize_t, at=Py_ssize_t)
cpdef bint valid_host(bytes host) except -1
