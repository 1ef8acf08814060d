"""Chunked bodies, by hand: content, extensions, trailers, what is refused, and what arrives in parts."""

from __future__ import annotations

import pytest

from ketch.server.chunked import BadBody, ChunkedBody, ChunkLimits

Read = tuple[bytes, int, bool, list[tuple[bytes, bytes]]]


def read(data: bytes, *cuts: int, limits: ChunkLimits | None = None) -> Read | int:
    """(content, where it ended, done, trailers) of the data, fed in pieces cut there; or the status of the refusal."""
    body = ChunkedBody(limits)
    content, at = b"", 0
    try:
        for cut in (*cuts, len(data)):
            if body.done:
                break
            pieces, end = body.feed(data[:cut], at)
            assert body.done or end == cut
            assert all(pieces)
            content += b"".join(pieces)
            at = end
    except BadBody as bad:
        assert bad.reason
        return bad.status
    return content, at, body.done, body.trailers


GOOD: dict[str, tuple[bytes, bytes, list[tuple[bytes, bytes]]]] = {
    "nothing": (b"0\r\n\r\n", b"", []),
    "one chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello", []),
    "hexadecimal in both cases": (b"a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", b"01234567890123456789a", []),
    "zeros before the size": (b"000000000000005\r\nhello\r\n000\r\n\r\n", b"hello", []),
    "line ends in the content": (b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", []),
    "extensions": (b'5;a;b=c;d="e \\" ;\t\xff"\r\nhello\r\n0;z\r\n\r\n', b"hello", []),
    "trailers": (
        b"0\r\nX-Sum: 1 \r\nx-sum:\t2\r\nEmpty:\r\n\r\n",
        b"",
        [(b"x-sum", b"1"), (b"x-sum", b"2"), (b"empty", b"")],
    ),
}


@pytest.mark.parametrize(("data", "content", "trailers"), GOOD.values(), ids=GOOD)
def test_good_bodies(data: bytes, content: bytes, trailers: list[tuple[bytes, bytes]]) -> None:
    assert read(data) == (content, len(data), True, trailers)
    assert read(data + b"GET / HTTP/1.1\r\n\r\n") == (content, len(data), True, trailers)


@pytest.mark.parametrize("data", [data + b"5\r\nmore" for data, _, _ in GOOD.values()], ids=GOOD)
def test_split_at_every_byte_they_are_the_same(data: bytes) -> None:
    whole = read(data)
    for cut in range(len(data)):
        assert read(data, cut) == whole
    assert read(data, *range(len(data))) == whole


def test_unfinished_bodies_are_not_done() -> None:
    data = GOOD["trailers"][0]
    for size in range(len(data)):
        assert read(data[:size])[2] is False  # type: ignore[index]


BAD = {
    "no size": b"\r\n",
    "only an extension": b";a\r\n",
    "a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "a minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "an underscore": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "a space before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a space after the size": b"5 \r\nhello\r\n0\r\n\r\n",
    "a space in the size": b"1 0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "a size over all bounds": b"1000000000000000\r\nhello\r\n0\r\n\r\n",
    "no digit": b"g\r\n",
    "digits of other alphabets": "５\r\nhello\r\n0\r\n\r\n".encode(),
    "LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "CR after the size": b"5\rhello\r\n0\r\n\r\n",
    "CR CR LF after the size": b"5\r\r\nhello\r\n0\r\n\r\n",
    "CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "NUL in an extension": b"5;a=\x00\r\nhello\r\n0\r\n\r\n",
    "an extension without a name": b"5;\r\nhello\r\n0\r\n\r\n",
    "an extension without a value": b"5;a=\r\nhello\r\n0\r\n\r\n",
    "white space before an extension": b"5 ;a\r\nhello\r\n0\r\n\r\n",
    "white space after the semicolon": b"5; a\r\nhello\r\n0\r\n\r\n",
    "white space around the equals sign": b"5;a = b\r\nhello\r\n0\r\n\r\n",
    "white space after an extension": b"0;a \r\n\r\n",
    "an open quotation": b'5;a="b\r\nhello\r\n0\r\n\r\n',
    "LF after the content": b"5\r\nhello\n0\r\n\r\n",
    "nothing after the content": b"5\r\nhello0\r\n\r\n",
    "more content than its size": b"5\r\nhello!\r\n0\r\n\r\n",
    "CR alone after the content": b"5\r\nhello\r0\r\n\r\n",
    "LF at the end": b"0\r\n\n",
    "LF after the last size": b"0\n\r\n",
    "a folded trailer": b"0\r\nA: b\r\n c\r\n\r\n",
    "a space before the colon": b"0\r\nA : b\r\n\r\n",
    "no colon": b"0\r\nA\r\n\r\n",
    "no name": b"0\r\n: a\r\n\r\n",
    "a control byte in a trailer": b"0\r\nA: \x01\r\n\r\n",
    "LF after a trailer": b"0\r\nA: b\n\r\n",
    "CR in a trailer": b"0\r\nA: b\rc\r\n\r\n",
    "Content-Length too late": b"0\r\nContent-length: 5\r\n\r\n",
    "Transfer-Encoding too late": b"0\r\nTRANSFER-ENCODING: chunked\r\n\r\n",
    "Host too late": b"0\r\nHost: a\r\n\r\n",
    "Authorization too late": b"0\r\nAuthorization: a\r\n\r\n",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_bad_bodies(data: bytes) -> None:
    assert read(data) == 400
    for cut in range(len(data)):
        assert read(data, cut) == 400
    assert read(data, *range(len(data))) == 400


def test_a_mistake_is_seen_before_its_line_has_ended() -> None:
    for data in (b"5\r\nhellox", b"5;a\rb", b"0\r\nA\rB", b"5\rh"):
        assert read(data) == 400


def test_limits() -> None:
    limits = ChunkLimits(line=20, extensions=30, trailer_size=40, trailers=3)

    def status(data: bytes, *cuts: int) -> int:
        found = read(data, *cuts, limits=limits)
        return found if isinstance(found, int) else 200

    assert status(b"5;" + b"a" * 18 + b"\r\nhello\r\n0\r\n\r\n") == 200
    assert status(b"5;" + b"a" * 19 + b"\r\nhello\r\n0\r\n\r\n") == 400
    assert status(b"5;" + b"a" * 21) == status(b"5;" + b"a" * 100_000) == 400
    assert status(b"5;" + b"a" * 15 + b"\r\nhello\r\n0;" + b"a" * 13 + b"\r\n\r\n") == 200
    assert status(b"5;" + b"a" * 15 + b"\r\nhello\r\n0;" + b"a" * 14 + b"\r\n\r\n") == 400
    assert status(b"0\r\n" + b"A: b\r\n" * 3 + b"\r\n") == 200
    assert status(b"0\r\n" + b"A: b\r\n" * 4 + b"\r\n") == 431
    for cut in range(60):
        assert status(b"0\r\nA: " + b"b" * 35 + b"\r\n\r\n", cut) == 200
        assert status(b"0\r\nA: " + b"b" * 38 + b"\r\n\r\n", cut) == 431
        assert status(b"0\r\nA: b\r\nA: " + b"b" * 32 + b"\r\n\r\n", cut) == 431
    assert status(b"0\r\nA: " + b"b" * 100_000) == 431


def test_content_is_not_copied_together() -> None:
    """A chunk that comes in several reads gives a piece for each, at once."""
    body = ChunkedBody()
    assert body.feed(b"100\r\nabc") == ([b"abc"], 8)
    data = b"x" * 200
    assert body.feed(data)[0][0] is data
    assert not body.done
