"""Reading a request costs time in proportion to its bytes, whatever they are and however they arrive.

CPU time, the best of several, of an input and of one four times as long: at most six times as much, and far less than
the event loop may be held.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ketch.server.chunked import BadBody, ChunkedBody, ChunkLimits
from ketch.server.head import BadHead, HeadLimits, parse_head
from tests.soak.telling import tell

pytestmark = [pytest.mark.soak, pytest.mark.serial]

SIZE = 60_000
LIMITS = HeadLimits(size=10_000_000, headers=1_000_000, url=10_000_000)
FEW = HeadLimits(size=10_000_000, url=10_000_000)
WIDE = ChunkLimits(line=10_000_000, extensions=10_000_000, trailer_size=10_000_000, trailers=1_000_000)
LINE = b"GET / HTTP/1.1\r\nHost: x\r\n"

HEADS: dict[str, Callable[[int], bytes]] = {
    "one long value": lambda size: LINE + b"A: " + b"b" * size + b"\r\n\r\n",
    "one long name": lambda size: LINE + b"a" * size + b": b\r\n\r\n",
    "a long target": lambda size: b"GET /" + b"a" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long query": lambda size: b"GET /?" + b"a" * size + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long method": lambda size: b"A" * size + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long host": lambda size: b"GET / HTTP/1.1\r\nHost: " + b"x" * size + b"\r\n\r\n",
    "a long URL": lambda size: b"GET http://" + b"x" * size + b"/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "many fields": lambda size: LINE + b"A: b\r\n" * (size // 6) + b"\r\n",
    "many lists of options": lambda size: LINE + b"Connection: a,b\r\n" * (size // 17) + b"\r\n",
    "many commas": lambda size: LINE + b"Connection: " + b"," * size + b"\r\n\r\n",
    "many codings": lambda size: LINE + b"Transfer-Encoding: " + b"a , " * (size // 4) + b"chunked\r\n\r\n",
    "white space in codings": lambda size: LINE + b"Transfer-Encoding: a" + b" " * size + b"b\r\n\r\n",
    "white space after a value": lambda size: LINE + b"Expect:" + b" " * size + b"\r\n\r\n",
    "white space and a mistake": lambda size: LINE + b"A: b" + b" \t" * (size // 2) + b"\x00\r\n\r\n",
    "digits": lambda size: LINE + b"Content-Length: " + b"1" * size + b"\r\n\r\n",
    "a mistake at the end": lambda size: LINE + b"A: b\r\n" * (size // 6) + b"A : b\r\n\r\n",
    "unfinished": lambda size: LINE + b"A: b\r\n" * (size // 6),
    "unfinished carriage returns": lambda size: LINE + b"A: b\r\n" * (size // 6) + b"\r",
}

BODIES: dict[str, Callable[[int], bytes]] = {
    "one chunk": lambda size: b"%x\r\n" % size + b"x" * size + b"\r\n0\r\n\r\n",
    "small chunks": lambda size: b"1\r\nx\r\n" * (size // 6) + b"0\r\n\r\n",
    "a long extension": lambda size: b"1;" + b"a" * size + b"\r\nx\r\n0\r\n\r\n",
    "many extensions": lambda size: b"1" + b";a=b" * (size // 4) + b"\r\nx\r\n0\r\n\r\n",
    "white space in an extension": lambda size: b"1" + b" " * size + b"\r\nx\r\n0\r\n\r\n",
    "quotations": lambda size: b"1" + b';a="b"' * (size // 6) + b'"\r\nx\r\n0\r\n\r\n',
    "an open quotation": lambda size: b'1;a="' + b'\\"' * (size // 2) + b"\r\nx\r\n0\r\n\r\n",
    "trailers": lambda size: b"0\r\n" + b"A: b\r\n" * (size // 6) + b"\r\n",
    "a long trailer": lambda size: b"0\r\nA: " + b" " * size + b"\r\n\r\n",
}


def best(call: Callable[[], object]) -> float:
    """Seconds of CPU time, the best of five."""
    found = []
    for _ in range(5):
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return min(found)


def head(data: bytes) -> None:
    try:
        # The limit of fields is also what bounds the joining of repeated lists.
        found = parse_head(data, 0, FEW if b"Connection" in data else LIMITS)
        if found is not None:
            found.headers()
            found.header(b"nobody")
    except BadHead:
        pass


def body(data: bytes) -> None:
    try:
        ChunkedBody(WIDE).feed(data)
    except BadBody:
        pass


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_is_linear(kind: str) -> None:
    compare(kind, head, HEADS[kind])


@pytest.mark.parametrize("kind", BODIES)
def test_a_chunked_body_is_linear(kind: str) -> None:
    compare(kind, body, BODIES[kind])


def compare(kind: str, read: Callable[[bytes], None], make: Callable[[int], bytes]) -> None:
    small, large = make(SIZE), make(4 * SIZE)
    one, four = best(lambda: read(small)), best(lambda: read(large))
    tell(f"{kind}: {SIZE} bytes {one * 1e3:.2f} ms, four times as many {four * 1e3:.2f} ms")
    assert four < 6 * one + 0.001
    assert one < 0.050


def test_a_head_that_dribbles_in_is_linear() -> None:
    """A few bytes at a time: only what is new is looked at. Joining the bytes is the connection's work."""

    def dribble(size: int) -> float:
        data = LINE + b"A: " + b"b" * size
        arrived = [data[:end] for end in range(len(LINE) + 1, len(data), 16)]

        def read() -> None:
            searched = 0
            for part in arrived:
                assert parse_head(part, 0, LIMITS, searched) is None
                searched = len(part)

        return best(read)

    one, four = dribble(8_000), dribble(32_000)
    tell(f"16 bytes at a time: 8,000 bytes {one * 1e3:.2f} ms, 32,000 {four * 1e3:.2f} ms")
    assert four < 6 * one + 0.001


def test_a_chunked_body_that_dribbles_in_is_linear() -> None:
    def dribble(size: int) -> float:
        data = b"1\r\nx\r\n" * (size // 6) + b"0\r\n" + b"A: b\r\n" * 20

        def read() -> None:
            chunks, at = ChunkedBody(), 0
            while at < len(data):
                chunks.feed(data[at : at + 1])
                at += 1

        return best(read)

    one, four = dribble(8_000), dribble(32_000)
    tell(f"byte by byte: 8,000 bytes {one * 1e3:.2f} ms, 32,000 {four * 1e3:.2f} ms")
    assert four < 6 * one + 0.001
