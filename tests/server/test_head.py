"""The head of a request, by hand: what it says, what is refused and with which status, what arrives in parts."""

from __future__ import annotations

from typing import Any

import pytest

from ketch.server.head import BadHead, Head, HeadLimits, _find_by_loops, parse_head
from tests.server.parsers import BODIES, Refused, read_head

HOST = b"Host: x\r\n"


def get(*fields: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    """A request with a Host and these fields."""
    return line + b"\r\n" + HOST + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


@pytest.fixture(params=list(BODIES))
def body(request: pytest.FixtureRequest) -> Any:
    """Each body of the scan."""
    return BODIES[request.param]


def parsed(body: Any, data: bytes) -> dict[str, Any]:
    found = read_head(body, data)
    assert isinstance(found, dict), found
    return found


def refused(body: Any, data: bytes, status: int) -> None:
    found = read_head(body, data)
    assert isinstance(found, Refused), found
    assert found.status == status, found.reason
    assert found.reason and found.reason[0].isascii()


# --- what it says -----------------------------------------------------------------------------------------------------


def test_everything_a_head_says(body: Any) -> None:
    data = get(
        b"Accept:  text/html ", b"accept:\t*/*", b"X-Empty:", b"Content-Length: 5", line=b"POST /a%20b?c=d HTTP/1.1"
    )
    assert parsed(body, data) == {
        "method": "POST",
        "raw_path": b"/a%20b",
        "query": b"c=d",
        "version": 11,
        "keep_alive": True,
        "length": 5,
        "chunked": False,
        "expects_continue": False,
        "upgrade": b"",
        "host": b"x",
        "count": 5,
        "end": len(data),
        "headers": [
            (b"host", b"x"),
            (b"accept", b"text/html"),
            (b"accept", b"*/*"),
            (b"x-empty", b""),
            (b"content-length", b"5"),
        ],
    }


def test_it_may_begin_anywhere_and_something_may_follow(body: Any) -> None:
    first, second = get(line=b"GET /one HTTP/1.1"), get(line=b"GET /two HTTP/1.1")
    head = body.parse_head(first + second, len(first), body.HeadLimits())
    assert (head.raw_path, head.end, head.headers()) == (b"/two", len(first + second), [(b"host", b"x")])
    assert body.parse_head(first + second, 0, body.HeadLimits()).end == len(first)


def test_no_header_is_none_and_the_list_is_made_once() -> None:
    head = parse_head(get(b"A: 1"), 0, HeadLimits())
    assert head is not None
    assert head.header(b"b") is None
    assert head.headers() is head.headers()
    assert repr(head) == "<Head GET / HTTP/1.1>"


def test_a_header_is_found_the_same_by_loops() -> None:
    data = get(b"X-A:  1 \t", b"x-ab: 2", b"X-a: 3", b"Empty:", b"_odd^: 4", b"LAST: v:w")
    head = parse_head(data, 0, HeadLimits())
    assert head is not None
    fields, stop = data.index(b"\r\n") + 2, len(data) - 2
    for name in (b"host", b"x-a", b"x-ab", b"x", b"x-abc", b"empty", b"_odd^", b"last", b"\x7fodd^", b"none"):
        found = _find_by_loops(data, fields, stop, name, len(name))
        assert found == head.header(name) == dict(reversed(head.headers())).get(name), name


def test_values_may_hold_bytes_that_are_not_ascii(body: Any) -> None:
    assert parsed(body, get("X: grün \t ü".encode()))["headers"][1] == (b"x", "grün \t ü".encode())


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/", b"/", b""),
        (b"/?", b"/", b""),
        (b"/a?b?c", b"/a", b"b?c"),
        (b"//a/../b;c", b"//a/../b;c", b""),
        (b'/%zz"<>\\^`{|}', b'/%zz"<>\\^`{|}', b""),
    ],
)
def test_targets_are_cut_at_the_first_question_mark(body: Any, target: bytes, path: bytes, query: bytes) -> None:
    found = parsed(body, get(line=b"GET " + target + b" HTTP/1.1"))
    assert (found["raw_path"], found["query"]) == (path, query)


@pytest.mark.parametrize(
    ("line", "path", "query", "host"),
    [
        (b"GET http://Other.example/a?b HTTP/1.1", b"/a", b"b", b"other.example"),
        (b"GET HTTPS://o:8443 HTTP/1.1", b"/", b"", b"o:8443"),
        (b"GET http://[::1]:80?q=http://x HTTP/1.1", b"/", b"q=http://x", b"[::1]:80"),
        (b"OPTIONS http://o HTTP/1.1", b"*", b"", b"o"),
        (b"OPTIONS http://o/ HTTP/1.1", b"/", b"", b"o"),
        (b"OPTIONS http://o? HTTP/1.1", b"/", b"", b"o"),
    ],
)
def test_a_whole_url_replaces_the_host(body: Any, line: bytes, path: bytes, query: bytes, host: bytes) -> None:
    found = parsed(body, get(b"A: 1", line=line))
    assert (found["raw_path"], found["query"], found["host"]) == (path, query, host)
    assert found["headers"] == [(b"host", host), (b"a", b"1")]
    assert found["count"] == 2


def test_options_may_ask_about_the_server(body: Any) -> None:
    assert parsed(body, get(line=b"OPTIONS * HTTP/1.1"))["raw_path"] == b"*"


@pytest.mark.parametrize("method", ["GET", "PROPFIND", "M-SEARCH", "A" * 32])
def test_methods(body: Any, method: str) -> None:
    assert parsed(body, get(line=method.encode() + b" / HTTP/1.1"))["method"] == method


@pytest.mark.parametrize("empty", [b"", b"\r\n", b"\r\n\r\n"])
def test_up_to_two_empty_lines_before_it_are_skipped(body: Any, empty: bytes) -> None:
    found = parsed(body, empty + get())
    assert found["end"] == len(empty + get())


@pytest.mark.parametrize(
    ("version", "options", "keep_alive"),
    [
        (b"1", [], True),
        (b"1", [b"keep-alive"], True),
        (b"1", [b"Close"], False),
        (b"1", [b"keep-alive", b"close"], False),
        (b"1", [b"x, ,close\t,y"], False),
        (b"1", [b"closed, x-close"], True),
        (b"0", [], False),
        (b"0", [b"Keep-Alive"], True),
        (b"0", [b"x, keep-alive"], True),
        (b"0", [b"keep-alive, close"], False),
        (b"0", [b"upgrade"], False),
    ],
)
def test_whether_the_connection_stays(body: Any, version: bytes, options: list[bytes], keep_alive: bool) -> None:
    fields = [b"Connection: " + option for option in options]
    found = parsed(body, get(*fields, line=b"GET / HTTP/1." + version))
    assert (found["version"], found["keep_alive"]) == (10 + int(version), keep_alive)


@pytest.mark.parametrize(
    ("version", "fields", "upgrade"),
    [
        (b"1", [b"Connection: Upgrade", b"Upgrade: WebSocket"], b"websocket"),
        (b"1", [b"Connection: keep-alive, upgrade", b"Upgrade: a", b"Upgrade: b/1"], b"a, b/1"),
        (b"1", [b"Upgrade: websocket"], b""),
        (b"1", [b"Connection: keep-alive", b"Upgrade: websocket"], b""),
        (b"1", [b"Connection: x-upgrade", b"Upgrade: websocket"], b""),
        (b"1", [b"Connection: upgrade"], b""),
        (b"0", [b"Connection: upgrade", b"Upgrade: websocket"], b""),
    ],
)
def test_upgrades_are_for_11_and_named_by_connection(
    body: Any, version: bytes, fields: list[bytes], upgrade: bytes
) -> None:
    assert parsed(body, get(*fields, line=b"GET / HTTP/1." + version))["upgrade"] == upgrade


def test_chunked(body: Any) -> None:
    for value in (b"chunked", b"Chunked", b" \tCHUNKED \t"):
        found = parsed(body, get(b"Transfer-Encoding:" + value))
        assert (found["chunked"], found["length"]) == (True, 0)


@pytest.mark.parametrize(
    ("version", "fields", "expects"),
    [
        (b"1", [b"Content-Length: 1", b"Expect: 100-Continue"], True),
        (b"1", [b"Transfer-Encoding: chunked", b"Expect: 100-continue"], True),
        (b"1", [b"Content-Length: 0", b"Expect: 100-continue"], False),
        (b"1", [b"Expect: 100-continue"], False),
        (b"0", [b"Content-Length: 1", b"Expect: 100-continue"], False),
        (b"0", [b"Content-Length: 1", b"Expect: the unexpected"], False),
    ],
)
def test_who_waits_for_100(body: Any, version: bytes, fields: list[bytes], expects: bool) -> None:
    assert parsed(body, get(*fields, line=b"POST / HTTP/1." + version))["expects_continue"] is expects


@pytest.mark.parametrize(
    "host", [b"x", b"a.b-c_d.e:8000", b"127.0.0.1:0", b"[::1]", b"[2001:db8::1]:65535", b"X" * 255, b""]
)
def test_valid_hosts(body: Any, host: bytes) -> None:
    found = parsed(body, b"GET / HTTP/1.1\r\nhost: " + host + b"\r\n\r\n")
    assert (found["host"], found["headers"]) == (host.lower(), [(b"host", host)])


def test_http_10_needs_no_host(body: Any) -> None:
    found = parsed(body, b"GET / HTTP/1.0\r\n\r\n")
    assert (found["host"], found["headers"], found["count"], found["keep_alive"]) == (None, [], 0, False)


# --- what is refused --------------------------------------------------------------------------------------------------

LINES = {
    "no version": (b"GET /", 400),
    "no target": (b"GET HTTP/1.1", 400),
    "empty target": (b"GET  HTTP/1.1", 400),
    "two spaces before the target": (b"GET  / HTTP/1.1", 400),
    "two spaces before the version": (b"GET /  HTTP/1.1", 400),
    "a space after the version": (b"GET / HTTP/1.1 ", 400),
    "a space before the method": (b" GET / HTTP/1.1", 400),
    "tabs": (b"GET\t/\tHTTP/1.1", 400),
    "a space in the target": (b"GET /a b HTTP/1.1", 400),
    "a fragment": (b"GET /a#b HTTP/1.1", 400),
    "a fragment in the query": (b"GET /a?b#c HTTP/1.1", 400),
    "a control byte in the target": (b"GET /\x01 HTTP/1.1", 400),
    "DEL in the target": (b"GET /\x7f HTTP/1.1", 400),
    "NUL in the target": (b"GET /\x00 HTTP/1.1", 400),
    "UTF-8 in the target": ("GET /ü HTTP/1.1".encode(), 400),
    "UTF-8 in the query": ("GET /?ü HTTP/1.1".encode(), 400),
    "a target without a slash": (b"GET a HTTP/1.1", 400),
    "only a query": (b"GET ?a HTTP/1.1", 400),
    "an asterisk for GET": (b"GET * HTTP/1.1", 400),
    "an asterisk with a query": (b"OPTIONS *?a HTTP/1.1", 400),
    "an asterisk with more": (b"OPTIONS *a HTTP/1.1", 400),
    "another scheme": (b"GET ftp://a/ HTTP/1.1", 400),
    "no authority": (b"GET http:///a HTTP/1.1", 400),
    "credentials in the authority": (b"GET http://u:p@a/ HTTP/1.1", 400),
    "a bad authority": (b"GET http://a:port/ HTTP/1.1", 400),
    "CONNECT": (b"CONNECT a:80 HTTP/1.1", 501),
    "a method in lower case": (b"get / HTTP/1.1", 501),
    "a method with a digit": (b"GET2 / HTTP/1.1", 501),
    "a method with a dash first": (b"-GET / HTTP/1.1", 501),
    "a long method": (b"A" * 33 + b" / HTTP/1.1", 501),
    "a method that is no token": (b"GE(T / HTTP/1.1", 400),
    "HTTP/0.9": (b"GET / HTTP/0.9", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2", 505),
    "HTTP/2.0": (b"PRI * HTTP/2.0", 505),
    "HTTP/1.10": (b"GET / HTTP/1.10", 400),
    "HTTP/1": (b"GET / HTTP/1", 400),
    "http/1.1": (b"GET / http/1.1", 400),
    "RTSP/1.1": (b"GET / RTSP/1.1", 400),
}


@pytest.mark.parametrize(("line", "status"), LINES.values(), ids=LINES)
def test_bad_request_lines(body: Any, line: bytes, status: int) -> None:
    refused(body, get(line=line), status)


FIELD_LINES = {
    "a space before the colon": (b"A : b", 400),
    "a tab before the colon": (b"A\t: b", 400),
    "no colon": (b"A", 400),
    "no name": (b": b", 400),
    "a folded line": (b" folded", 400),
    "a line folded by a tab": (b"\tfolded: x", 400),
    "a name that is no token": (b"A(b): c", 400),
    "a name with UTF-8": ("Ä: b".encode(), 400),
    "NUL in a name": (b"A\x00: b", 400),
    "NUL in a value": (b"A: b\x00c", 400),
    "a control byte in a value": (b"A: b\x08", 400),
    "vertical tab": (b"A: \x0bb", 400),
    "DEL in a value": (b"A: \x7f", 400),
    "a bare CR": (b"A: b\rC: d", 400),
    "a bare CR between two fields": (b"A: b\rCD: e", 400),
    "a bare CR between two fields, long": (b"A: b\r Content-Type: e", 400),
    "CR before CR LF": (b"A: b\r", 400),
    "a bare LF": (b"A: b\nC: d", 400),
    "a second Host": (b"Host: x", 400),
    "Content-Length twice": (b"Content-Length: 5\r\ncontent-length: 6", 400),
    "Content-Length twice, equal": (b"Content-Length: 5\r\nContent-Length: 5", 400),
    "Content-Length as a list": (b"Content-Length: 5, 5", 400),
    "no Content-Length": (b"Content-Length:", 400),
    "a signed Content-Length": (b"Content-Length: +5", 400),
    "a negative Content-Length": (b"Content-Length: -5", 400),
    "a Content-Length with an underscore": (b"Content-Length: 1_0", 400),
    "a hexadecimal Content-Length": (b"Content-Length: 0x5", 400),
    "a Content-Length with a space": (b"Content-Length: 1 0", 400),
    "a Content-Length in other digits": ("Content-Length: ５".encode(), 400),
    "a Content-Length over all bounds": (b"Content-Length: 1" + b"0" * 18, 413),
    "Content-Length and Transfer-Encoding": (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
    "the same the other way": (b"Transfer-Encoding: chunked\r\nContent-Length: 5", 400),
    "Transfer-Encoding twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
    "Transfer-Encoding twice in a list": (b"Transfer-Encoding: chunked, chunked", 400),
    "chunked is not last": (b"Transfer-Encoding: chunked, gzip", 400),
    "no Transfer-Encoding": (b"Transfer-Encoding:", 400),
    "a Transfer-Encoding that is no token": (b'Transfer-Encoding: "chunked"', 400),
    "a Transfer-Encoding with a comma": (b"Transfer-Encoding: chunked,", 400),
    "a Transfer-Encoding with white space": (b"Transfer-Encoding: chun ked", 400),
    "a vertical tab before chunked": (b"Transfer-Encoding: \x0bchunked", 400),
    "another coding": (b"Transfer-Encoding: gzip", 501),
    "another coding first": (b"Transfer-Encoding: gzip, chunked", 501),
    "identity": (b"Transfer-Encoding: identity", 501),
    "a name like chunked": (b"Transfer-Encoding: xchunked", 501),
    "another expectation": (b"Expect: 200-ok", 417),
    "no expectation": (b"Expect:", 417),
    "two expectations": (b"Expect: 100-continue, x", 417),
    "an expectation twice": (b"Expect: 100-continue\r\nExpect: 100-continue", 400),
}


@pytest.mark.parametrize(("field", "status"), FIELD_LINES.values(), ids=FIELD_LINES)
def test_bad_fields(body: Any, field: bytes, status: int) -> None:
    refused(body, get(field), status)
    refused(body, get(b"Before: 1", field, b"After: 2"), status)


def test_transfer_encoding_in_10(body: Any) -> None:
    refused(body, get(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.0"), 400)


BAD_HOSTS = [
    b" x y", b"x,y", b"a/b", b"a?b", b"a@b", b"a:b", b"a:", b"a:123456", b":80", b"[::1", b"::1", b"[::1]x", b"[g::1]",
    b"a%41", "ü".encode(), b"X" * 256, b"a:8 0", b"a\\b", b"<a>",
]  # fmt: skip


@pytest.mark.parametrize("host", BAD_HOSTS)
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_bad_hosts(body: Any, host: bytes, version: bytes) -> None:
    refused(body, b"GET / HTTP/" + version + b"\r\nHost: " + host + b"\r\n\r\n", 400)


def test_a_missing_host_and_a_bad_one_beside_a_whole_url(body: Any) -> None:
    refused(body, b"GET / HTTP/1.1\r\n\r\n", 400)
    refused(body, b"GET http://a/ HTTP/1.1\r\n\r\n", 400)
    refused(body, b"GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n", 400)
    refused(body, b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400)


@pytest.mark.parametrize("start", [b"\n", b"\r\n\n", b"\r", b"\r\n\r\n\r\n", b"\rGET", b"\x00", b"\x16\x03\x01\x02"])
def test_what_a_request_cannot_begin_with(body: Any, start: bytes) -> None:
    refused(body, start + get(), 400)


def test_line_ends_of_lf_alone(body: Any) -> None:
    refused(body, get().replace(b"\r\n", b"\n"), 400)
    refused(body, get().replace(b"\r\n", b"\n") + b"\r\n\r\n", 400)


# --- limits -----------------------------------------------------------------------------------------------------------


def test_limits(body: Any) -> None:
    limits = body.HeadLimits(size=200, headers=4, url=50)

    def status(data: bytes) -> int:
        found = read_head(body, data, limits=limits)
        return found.status if isinstance(found, Refused) else 200

    assert status(get(line=b"GET /" + b"a" * 49 + b" HTTP/1.1")) == 200
    assert status(get(line=b"GET /" + b"a" * 50 + b" HTTP/1.1")) == 414
    assert status(get(line=b"GET /?" + b"a" * 48 + b" HTTP/1.1")) == 200
    assert status(get(line=b"GET /?" + b"a" * 49 + b" HTTP/1.1")) == 414
    assert status(get(line=b"GET /" + b"a" * 500 + b" HTTP/1.1")) == 414
    assert status(get(*[b"A: b"] * 3)) == 200
    assert status(get(*[b"A: b"] * 4)) == 431
    spare = 200 - len(get(b"A: "))
    assert status(get(b"A: " + b"b" * spare)) == 200
    assert status(get(b"A: " + b"b" * (spare + 1))) == 431


@pytest.mark.parametrize("size", [250, 400, 100_000])
def test_limits_hold_before_the_end_has_come(body: Any, size: int) -> None:
    limits = body.HeadLimits(size=200, headers=4, url=50)
    assert read_head(body, b"GET / HTTP/1.1\r\nA: " + b"b" * size, limits=limits)[0] == 431  # type: ignore[index]
    assert read_head(body, b"GET /" + b"a" * size, limits=limits)[0] == 414  # type: ignore[index]
    assert read_head(body, b"A" * size, limits=limits)[0] == 414  # type: ignore[index]


# --- what arrives in parts --------------------------------------------------------------------------------------------

SPLIT = [
    get(),
    b"\r\n\r\n" + get(b"Content-Length: 5", b"Accept: */*", line=b"POST /a?b HTTP/1.1"),
    get(line=b"OPTIONS * HTTP/1.1"),
    b"GET http://o/ HTTP/1.0\r\nA:\r\n\r\n",
    *[get(line=line) for line, _ in LINES.values()],
    *[get(field) for field, _ in FIELD_LINES.values()],
]


@pytest.mark.parametrize("data", SPLIT)
def test_a_request_split_at_every_byte_is_the_same(body: Any, data: bytes) -> None:
    whole = read_head(body, data)
    assert whole is not None
    for cut in range(len(data)):
        try:
            head = body.parse_head(data[:cut], 0, body.HeadLimits())
            assert head is None, "it was accepted before it was whole"
            head = body.parse_head(data, 0, body.HeadLimits(), cut)
        except body.BadHead as bad:
            assert isinstance(whole, Refused)
            assert bad.status == whole.status
        else:
            assert isinstance(whole, dict)
            assert (head.raw_path, head.headers(), head.end) == (whole["raw_path"], whole["headers"], whole["end"])


@pytest.mark.parametrize("data", SPLIT)
def test_a_request_that_dribbles_in_is_the_same(body: Any, data: bytes) -> None:
    whole = read_head(body, data)
    searched = 0
    for size in range(len(data) + 1):
        try:
            head = body.parse_head(data[:size], 0, body.HeadLimits(), searched)
        except body.BadHead as bad:
            assert isinstance(whole, Refused) and bad.status == whole.status
            return
        if head is not None:
            assert isinstance(whole, dict) and size == len(data)
            return
        searched = size
    pytest.fail("it never was whole")


@pytest.mark.parametrize(
    "data",
    [b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/1.1\nHost: x\n", b"GET / HTTP/1.1\r\nA: b\nC", b"SSH-2.0-x\r\n", b"\n",
     b"GET / HTTP/1.1\r\nA\x00", b"GET / HTTP/1.1\r\nA: b\rC", b"GET / HTTP/3.0\r\nHo", b"\r\n\r\n\r\n"],
)  # fmt: skip
def test_what_can_never_become_a_head_is_refused_at_once(body: Any, data: bytes) -> None:
    assert isinstance(read_head(body, data), Refused)

    def dribble() -> None:
        for size in range(len(data)):
            assert body.parse_head(data[: size + 1], 0, body.HeadLimits(), size) is None

    with pytest.raises(body.BadHead):
        dribble()


def test_only_new_bytes_are_searched() -> None:
    """What was searched already is not looked at again: a control byte hidden there is not found until the end."""
    hidden = b"GET / HTTP/1.1\r\nA: \x00" + b"b" * 50
    with pytest.raises(BadHead):
        parse_head(hidden, 0, HeadLimits())
    assert parse_head(hidden, 0, HeadLimits(), len(hidden)) is None


def test_reasons_repeat_nothing_that_was_sent(body: Any) -> None:
    for line, _ in LINES.values():
        found = read_head(body, get(line=line.replace(b"/", b"/secret")))
        assert isinstance(found, Refused) and "secret" not in found.reason


def test_it_wants_bytes_and_answers_heads() -> None:
    assert isinstance(parse_head(get(), 0, HeadLimits()), Head)
