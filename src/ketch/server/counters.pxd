# Types for counters.py when Cython compiles it: counting is one addition.


cdef class Counters:
    cdef public long long connections, refused, requests, bad_requests, received, sent
    cdef public long long header_timeouts, body_timeouts, write_timeouts, idle_timeouts
    cdef public long long websockets, open_connections, in_flight, open_websockets
    cdef public list answers
