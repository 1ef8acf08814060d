"""The parser against itself in its other bodies, and against h11 and httptools, over random requests.

What both of the others reject we never accept, and what we accept has the same meaning to each of them that accepts it.
Requests are made of parts that parsers have fallen out over; most are then damaged in a place or two.
`./dev fuzz tests/server/test_parser_agrees.py` takes many more of them.
"""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ketch.server.chunked import BadBody, ChunkedBody
from tests.server.parsers import BODIES, BY_LOOPS, INSTALLED, Meaning, Refused, by_h11, by_httptools, ours, read_head


def one_of(*values: bytes) -> st.SearchStrategy[bytes]:
    return st.sampled_from(values)


METHODS = one_of(
    b"GET", b"POST", b"OPTIONS", b"HEAD", b"QUERY", b"M-SEARCH", b"CONNECT", b"get", b"PRI", b"FOO", b"G(T"
)
TARGETS = one_of(
    b"/", b"/a?b=c", b"/?", b"*", b"http://o/a", b"http://o", b"HTTPS://o:1?x", b"http://u@o/", b"//a", b"/a#b", b"",
    b"a", b"/%zz", b"/\xc3\xbc", b"/{|}\"^`\\<>", b"/a b", b"o:80", b"http:///", b"/" + b"a" * 60,
) | st.binary(max_size=6).map(lambda tail: b"/" + tail)  # fmt: skip
VERSIONS = one_of(
    *[b"HTTP/1.1"] * 6, b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.1 ", b""
)
NAMES = one_of(
    b"Host", b"host", b"Content-Length", b"content-length", b"Transfer-Encoding", b"transfer-encoding", b"Connection",
    b"Expect", b"Upgrade", b"Accept", b"X_Y", b"X-Host", b"A", b"Content-Length ", b" Host", b"", b"Content\x00-Length",
) | st.binary(max_size=4)  # fmt: skip
VALUES = one_of(
    b"x", b"a:80", b"5", b"0", b"00", b"05", b"5, 5", b"+5", b"1_0", b"0x5", b"", b"chunked", b"Chunked",
    b"gzip, chunked", b"chunked, chunked", b"identity", b"xchunked", b"chunked;a=b", b"keep-alive", b"close",
    b"upgrade, close", b"websocket", b"100-continue", b"a\rb", b"a\nb", b"a\r\n b", b"\x0bchunked", b"\xffx",
    b"a\x00", b"a\x7f", b"a,b", b"[::1]:8",
) | st.binary(max_size=6)  # fmt: skip
COLONS = one_of(*[b": "] * 6, b":", b":\t ", b" : ", b":\x0b", b":\r\n ")
ENDS = one_of(*[b"\r\n"] * 12, b"\n", b"\r", b" \r\n", b"\t\r\n", b"\r\r\n", b"\n\r\n")
EXTRAS = one_of(*[b""] * 4, b"\r\n", b"\r\n\r\n", b"\n", b" ")


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A head, perhaps a good one."""
    line = b" ".join([draw(METHODS), draw(TARGETS), draw(VERSIONS)])
    fields = draw(st.lists(st.tuples(NAMES, COLONS, VALUES, ENDS).map(b"".join), max_size=5))
    host = draw(one_of(*[b"Host: x\r\n"] * 5, b""))
    return draw(EXTRAS) + line + draw(ENDS) + host + b"".join(fields) + draw(ENDS)


SIZES = one_of(b"0", b"5", b"05", b"A", b"a", b"+5", b"0x5", b"5 ", b"5_", b"", b"ffffffffffffffffff", b"-1")
EXTENSIONS = one_of(*[b""] * 5, b";a", b";a=b", b' ; a = "b\\""', b";", b";=", b";a=\x00", b";a\rb")


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    """A chunked body, perhaps a good one."""
    found = b""
    for content in draw(st.lists(st.binary(max_size=17), max_size=3)):
        size = draw(one_of(*[b"%x" % len(content)] * 4, b"0%X" % len(content)) | SIZES)
        found += size + draw(EXTENSIONS) + draw(ENDS) + content + draw(ENDS)
    trailers = draw(st.lists(st.tuples(NAMES, COLONS, VALUES, ENDS).map(b"".join), max_size=2))
    return found + draw(one_of(*[b"0"] * 6, b"00", b"")) + draw(ENDS) + b"".join(trailers) + draw(ENDS)


def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The data with up to two bytes replaced, removed or put in."""
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(data)))
        new = draw(one_of(b"", b"\r", b"\n", b" ", b"\t", b"\x00", b":", b";", b",", b"\x7f", b"\x80", b"#", b"5"))
        data = data[:at] + new + data[at + draw(st.integers(0, 1)) :]
    return data


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request with a body or without; four times of ten a good one."""
    if draw(st.booleans()):
        head = draw(heads())
    else:
        fields = draw(st.lists(st.tuples(one_of(b"A", b"X_Y", b"Accept"), COLONS, VALUES).map(b"".join), max_size=3))
        framing = draw(one_of(b"Transfer-Encoding: chunked", b"Content-Length: 5", b"X: y"))
        lines = [draw(one_of(b"POST /a?b HTTP/1.1", b"PUT http://o/ HTTP/1.1")), b"Host: x", framing, *fields]
        head = b"\r\n".join([*lines, b"", b""])
    body = draw(chunks()) if b"chunked" in head.lower() else draw(one_of(b"hello", b"hello", b"hell", b""))
    return damaged(draw, head + body)


@given(requests())
def test_all_bodies_of_the_parser_say_the_same(data: bytes) -> None:
    first, *others = [read_head(body, data) for body in BODIES.values()]
    for other in others:
        assert other == first


@given(requests(), st.data())
def test_it_does_not_matter_how_the_bytes_arrive(data: bytes, choices: st.DataObject) -> None:
    whole = read_head(INSTALLED, data)
    cut = choices.draw(st.integers(0, len(data)))
    first = read_head(INSTALLED, data[:cut])
    if isinstance(first, Refused):
        # Refused early: no continuation is accepted, and what is wrong is the same kind of thing.
        assert isinstance(whole, Refused)
    elif first is None:
        again = INSTALLED
        try:
            head = again.parse_head(data, 0, again.HeadLimits(), cut)
        except again.BadHead as bad:
            assert isinstance(whole, Refused) and bad.status == whole.status
        else:
            assert (head is None) == (whole is None)
    else:
        assert whole == first


@given(chunks(), st.data())
def test_it_does_not_matter_how_a_chunked_body_arrives(data: bytes, choices: st.DataObject) -> None:
    def read(*cuts: int) -> object:
        body = ChunkedBody()
        content, at = b"", 0
        try:
            for cut in (*cuts, len(data)):
                if not body.done:
                    pieces, at = body.feed(data[:cut], at)
                    content += b"".join(pieces)
        except BadBody as bad:
            return bad.status
        return content, at, body.done, body.trailers

    cuts = sorted(choices.draw(st.lists(st.integers(0, len(data)), max_size=3)))
    assert read(*cuts) == read()


ABSOLUTE = re.compile(rb"https?://([^/?]*)([^?]*)(.*)", re.IGNORECASE | re.DOTALL).fullmatch


def in_our_words(theirs: Meaning, us: Meaning) -> Meaning:
    """Their reading of the message in the form of ours: an empty query left out, a URL taken apart."""
    target, headers = theirs.target, theirs.headers
    match = ABSOLUTE(target)
    if match:
        asterisk = us.method == b"OPTIONS" and not match[2] and not match[3]
        target = b"*" if asterisk else (match[2] or b"/") + match[3]
        headers = [(b"host", match[1].lower()), *[pair for pair in headers if pair[0] != b"host"]]
    path, _, query = target.partition(b"?")
    return theirs._replace(target=path + (b"?" + query if query else b""), headers=headers)


@given(requests())
def test_nothing_that_both_others_reject_and_the_same_meaning(data: bytes) -> None:
    us = ours(data)
    if us is None:
        return
    # Empty lines before a request are nobody's meaning; h11 does not skip them.
    start = re.match(rb"(?:\r\n){0,2}", data)
    assert start is not None
    message = data[start.end() :]
    found = [theirs for theirs in (by_h11(message), by_httptools(message)) if theirs is not None]
    assert found, "accepted, though h11 and httptools both reject it"
    for theirs in found:
        assert in_our_words(theirs, us) == us


@given(requests())
def test_a_damaged_request_costs_no_exception(data: bytes) -> None:
    for size in range(0, len(data), 7):
        read_head(BY_LOOPS, data[:size])


def test_the_strategy_finds_good_requests_too() -> None:
    """A property over requests that are all refused would say nothing."""
    good = total = 0

    @given(requests())
    def count(data: bytes) -> None:
        nonlocal good, total
        total += 1
        good += ours(data) is not None

    count()
    assert good * 20 > total, f"only {good} of {total} were accepted"
