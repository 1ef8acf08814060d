"""Heads of requests: too many of everything, hosts and proxies that lie, headers that are no such thing."""

from __future__ import annotations

import base64
import json

import pytest

from tests.hostile.conftest import Sea, head

pytestmark = pytest.mark.serial

LINE = b"Connection: close"


# --- too much ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "statuses"), [(100, (200,)), (200, (431, 400)), (10_000, (431, 400))])
def test_headers(each_sea: Sea, count: int, statuses: tuple[int, ...]) -> None:
    assert each_sea.get("/health", *(f"X-{n}: 1" for n in range(count))).status in statuses


@pytest.mark.parametrize("size", [70_000, 1_000_000])
def test_one_large_header(each_sea: Sea, size: int) -> None:
    assert each_sea.get("/health", "X-Large: " + "x" * size).status in (431, 400)


def test_a_large_header_name(each_sea: Sea) -> None:
    assert each_sea.get("/health", "X" * 70_000 + ": 1").status in (431, 400)


@pytest.mark.parametrize(("count", "status"), [(150, 200), (151, 431), (5_000, 431)])
def test_cookies(sea: Sea, count: int, status: int) -> None:
    cookie = "; ".join(f"c{n}={n}" for n in range(count))
    answer = sea.get("/cookies", f"Cookie: {cookie}")
    assert answer.status == status
    assert sea.get("/headers", f"Cookie: {cookie}").status == status
    if status == 200:
        assert len(answer.json()) == count


def test_cookie_headers(sea: Sea) -> None:
    """HTTP/2 lets clients cut the header into several."""
    assert len(sea.get("/cookies", *(f"Cookie: c{n}={n}" for n in range(100))).json()) == 100
    assert sea.get("/cookies", *(f"Cookie: c{n}={n}" for n in range(200))).status == 431


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        "=",
        ";;;;",
        "a",
        "=b",
        "a=b=c",
        'a="',
        'a="\\',
        'a="\\999"',
        "a=\xff",
        "a=\x01",
        "$Version=1; a=1",
        "a=1,b=2",
        "; " * 10_000,
        '"' * 10_000,
        "\\" * 10_000,
        "a=" + "x" * 60_000,
        'a="' + "\\" * 50_000,
    ],
)
def test_odd_cookies(sea: Sea, cookie: str) -> None:
    assert sea.get("/cookies", f"Cookie: {cookie}").status in (200, 400, 431)
    assert sea.get("/headers", f"Cookie: number={cookie}").status in (200, 400, 422, 431)


@pytest.mark.parametrize(("count", "status"), [(1_000, 200), (1_001, 400), (4_000, 400)])
@pytest.mark.parametrize("target", ["/query?", "/query?text=%41&"])
def test_query_names(sea: Sea, count: int, status: int, target: str) -> None:
    names = count - target.count("=")
    query = "&".join(["a"] * names)
    assert sea.get(target + query).status == status


@pytest.mark.parametrize(
    "target", ["/segment/" + "x" * 9_000, "/query?text=" + "x" * 9_000, "/" * 9_000, "/?" + "%41" * 3_000]
)
def test_long_targets(each_sea: Sea, target: str) -> None:
    assert each_sea.get(target).status == 414


@pytest.mark.parametrize(
    "method",
    [
        "get",
        "GE",
        "G" * 5_000,
        "FOO",
        "PRI",
        "CONNECT",
        "TRACE",
        "M-SEARCH",
        "WEBSOCKET",
        "MOUNT",
        "__class__",
        "GET\x00",
        "G:T",
        "{}",
    ],
)
def test_methods(each_sea: Sea, method: str) -> None:
    answer = each_sea.get("/health", method=method)
    assert 400 <= answer.status < 500 or answer.status == 501  # which is for methods a server does not know at all
    if answer.status == 405:
        assert answer.header("allow") == "GET, HEAD, OPTIONS"


# --- hosts and proxies ------------------------------------------------------------------------------------------------

BAD_HOSTS = [
    b"a b",
    b"user@host",
    b"host/path",
    b"host?x",
    b"host#x",
    b"host:port",
    b"host:",
    b"host:999999",
    b"host:-1",
    b"host:80:80",
    b"[::1",
    b"::1",
    b"[::1]x",
    b"[zz]",
    b"ho\\st",
    b"<script>",
    b"'\"",
    b"host,other",
    b"%2e%2e",
    b"host%00.example",
    b"h\xc3\xb6st",
    b"\xff",
    b"http://host",
    b".",
    b"-",
    b"x" * 5_000,
    b"",
]
ODD_HOSTS = [
    b"HOST",
    b"host.",
    b"127.0.0.1:1",
    b"[::1]:80",
    b"xn--hst-sna.example",
    b"a_b",
    b"1",
    b"host:0",
    b"host:65535",
]


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_bad_hosts(each_sea: Sea, host: bytes) -> None:
    """A URL is never made of one; what needs no URL may answer."""
    answer = each_sea.get("/url", host=host)
    assert answer.status == 400, answer.body
    assert each_sea.get("/health", host=host).status in (200, 400)
    assert each_sea.get("/out/redirect?value=//evil.example", host=host).status == 400
    assert each_sea.get("/known", host=host).header("location") in ("/known/", None)


@pytest.mark.parametrize("host", ODD_HOSTS)
def test_odd_hosts(each_sea: Sea, host: bytes) -> None:
    answer = each_sea.get("/url", host=host)
    assert answer.status == 200
    assert answer.json()["url"] == f"http://{host.decode()}/url"


def test_two_hosts(each_sea: Sea) -> None:
    assert each_sea.get("/url", "Host: evil.example").status == 400


def test_no_host(each_sea: Sea) -> None:
    assert each_sea.ask(b"GET /url HTTP/1.1\r\nConnection: close\r\n\r\n").status in (200, 400)
    assert each_sea.ask(b"GET /url HTTP/1.0\r\n\r\n").status == 200


JUNK = [
    "",
    ",",
    "," * 5_000,
    "unknown",
    "_hidden",
    "127.0.0.1, " * 5_000,
    "999.999.999.999",
    "[::1",
    "::1]:80",
    "1.2.3.4:99999999",
    "1.2.3.4\x01",
    "<script>",
    "\xff",
    "%00",
    "x" * 60_000,
    "javascript",
    "https\thttp",
    "https,http,ftp",
    "-1",
    "9" * 1_000,
    "nan",
]


@pytest.mark.parametrize(
    "name", ["X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-IP"]
)
@pytest.mark.parametrize("value", JUNK)
def test_forwarded_by_custom(sea: Sea, name: str, value: str) -> None:
    answer = sea.get("/url", f"{name}: {value}")
    assert answer.status in (200, 400, 431)
    if answer.status == 200:
        assert answer.json()["url"].startswith(("http://localhost/", "https://localhost/", "http://", "https://"))


@pytest.mark.parametrize(
    "value",
    [
        *JUNK,
        "for=",
        "for=;proto=;host=",
        'for="',
        'for="\\',
        'for="[::1]:x"',
        "for=1.2.3.4;for=5.6.7.8",
        "host=evil.example/path",
        "host=a b",
        "proto=javascript",
        "for=1.2.3.4;" * 5_000,
        "=;=,=",
        ';"' * 10_000,
    ],
)
def test_forwarded(sea: Sea, value: str) -> None:
    answer = sea.get("/url", f"Forwarded: {value}")
    assert answer.status in (200, 400, 431)
    assert b"javascript" not in answer.body


def test_the_path_never_comes_from_a_proxy(sea: Sea) -> None:
    answer = sea.get("/url", "X-Forwarded-Host: shop.example/../x", "X-Forwarded-Prefix: /evil", "X-Script-Name: /evil")
    assert answer.status == 400 or "/evil" not in answer.body.decode()


# --- headers that are read --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    ["", "x", "5_0", "1e5", "9" * 5_000, "0x10", "\xb2", "+-5", " ", "1,2", "\xff", "-" * 60_000, "nan"],
)
def test_typed_headers(sea: Sea, value: str) -> None:
    answer = sea.get("/headers", f"X-Number: {value}")
    assert answer.status == 422
    assert "input" not in answer.json()["errors"][0]
    assert sea.get("/headers", f"X-When: {value}").status in (200, 422)


@pytest.mark.parametrize(
    "value",
    [
        "bytes=" + ",".join(["0-0"] * 5_000),
        "bytes=" + ",".join(f"{n}-{n}" for n in range(0, 8_000, 2)),
        "bytes=" + ",".join(["0-"] * 17),
        "bytes=a-b",
        "bytes=-",
        "bytes=--1",
        "bytes=1-0",
        "bytes=-0",
        "bytes=99999999999999999999999999-",
        "bytes=0-99999999999999999999999999",
        "bytes=100000-",
        "bytes=\xb2-",
        "bytes=0x0-0x5",
        "bytes",
        "bytes=",
        "bytes=,,,,",
        "items=0-5",
        "bytes=0-5;",
        "=" * 10_000,
        "bytes=" + "9" * 50_000 + "-",
        "\xff",
    ],
)
@pytest.mark.parametrize("target", ["/file", "/static/numbers.txt"])
def test_ranges(sea: Sea, target: str, value: str) -> None:
    """A range that is none is ignored (RFC 9110, 14.2); the answer is never larger than the file and a little."""
    answer = sea.get(target, f"Range: {value}")
    assert answer.status in (200, 206, 400, 416)
    assert len(answer.body) <= 105_000


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        '"',
        'W/"',
        "*",
        '"a", ' * 5_000,
        '"' * 10_000,
        "W/" * 10_000,
        "\xff",
        ",,,,",
        "Thu, 99 Foo 9999 99:99:99 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "9" * 5_000,
        "-1",
    ],
)
@pytest.mark.parametrize("name", ["If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"])
def test_conditions(sea: Sea, name: str, value: str) -> None:
    answer = sea.get("/file", f"{name}: {value}", "Range: bytes=0-5")
    assert answer.status in (200, 206, 304, 412)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "*",
        "*/*;q=nan",
        "text/html;q=1e999",
        "text/html;q=-1",
        "text/html;q=\xb2",
        "a/b," * 10_000,
        "text/html;" * 5_000,
        'text/html;x="' + "\\" * 20_000,
        ";;;;,,,,",
        "text/html;q=0.0000000000000000000001",
        "/",
        "*/html",
        "\xff/\xff",
        "q=1",
    ],
)
@pytest.mark.parametrize("name", ["Accept", "Accept-Encoding", "Accept-Language", "Accept-Charset", "TE"])
def test_negotiation(sea: Sea, name: str, value: str) -> None:
    for target in ("/url", "/nowhere", "/spa/nowhere", "/file"):
        assert sea.get(target, f"{name}: {value}").status in (200, 404, 406)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Basic",
        "Basic ",
        "Basic x",
        "Basic ====",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
        "Basic " + base64.b64encode(b"a\x00b:c").decode(),
        "Basic " + "A" * 60_000,
        "Basic " + "A" * 5 + "\xff",
        "Bearer",
        "Bearer  ",
        "bearer\tx",
        "Bearer " + "x" * 60_000,
        "Bearer \xff",
        "Digest " + 'a="' * 5_000,
        "Basic a, Bearer b",
    ],
)
def test_credentials(sea: Sea, value: str) -> None:
    for target in ("/basic", "/bearer", "/key"):
        assert sea.get(target, f"Authorization: {value}").status in (200, 401)
    assert sea.get("/basic", f"Authorization: {value}", "Authorization: Basic YTpi").status == 401


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://shop.example.evil",
        "https://shop.example:99999",
        "https://shop.example/",
        "x" * 5_000,
        "https://shop.example\x01",
        "\xff",
        "https://evil@shop.example",
        "HTTPS://SHOP.EXAMPLE",
        "*",
        "https://shop.example, *",
    ],
)
def test_origins(each_sea: Sea, origin: str) -> None:
    answer = each_sea.get("/health", f"Origin: {origin}")
    assert answer.status in (200, 400)
    assert answer.header("access-control-allow-origin") is None
    asked = ("Access-Control-Request-Method: " + "X" * 1_000, "Access-Control-Request-Headers: " + "a," * 5_000)
    preflight = each_sea.get("/health", f"Origin: {origin}", *asked, method="OPTIONS")
    assert preflight.status in (204, 400)
    assert preflight.header("access-control-allow-origin") is None


@pytest.mark.parametrize(
    "value",
    ["", "short", "x" * 200, "a b c d e f g", "<script>alert(1)</script>", "\xff" * 20, "a\x01b" * 10, "%0d%0aevil: 1"],
)
def test_request_ids(each_sea: Sea, value: str) -> None:
    answer = each_sea.get("/health", f"X-Request-ID: {value}")
    assert answer.status in (200, 400)
    if answer.status == 200:
        assert answer.header("x-request-id") != value
        assert len(answer.header("x-request-id") or "") == 32


@pytest.mark.parametrize("value", ["", "\x00", "9" * 5_000, "\xff", "a\x01", "\ufeff".encode().decode("latin-1")])
def test_last_event_ids(sea: Sea, value: str) -> None:
    answer = sea.get("/out/events?value=x", f"Last-Event-ID: {value}")
    assert answer.status in (200, 400)


# --- what is no request -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n\r\n\r\n",
        b"\x00" * 1_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100 + b"\r\n\r\n",  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1 x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nNo colon here\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX Y: 1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX\x00: 1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\rb\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3\r\n\r\n",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n0\r\n\r\n",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 40 + b"\r\n",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nabc",
        b"POST /bytes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ],
)
def test_no_request(each_sea: Sea, raw: bytes) -> None:
    """The server's own parser refuses these, or the connection is simply closed. None comes through as a success that
    it is not, and none disturbs the next client."""
    answer = each_sea.ask(raw, end=True)
    assert answer.status in (0, 200, 400, 404, 411, 413, 501, 505)
    if answer.status == 200:
        assert answer.body in (b'{"status":"ok"}', b"5", b"0")


def test_expectations(each_sea: Sea) -> None:
    for value in ("200-ok", "x" * 1_000, "100-continue, 100-continue"):
        assert each_sea.get("/health", f"Expect: {value}").status in (200, 417)


def test_upgrades(each_sea: Sea) -> None:
    for lines in (("Upgrade: h2c", "HTTP2-Settings: x"), ("Upgrade: " + "x" * 1_000,), ("Upgrade: websocket",)):
        answer = each_sea.ask(head("GET", "/health", (b"Host: x", "Connection: Upgrade", *lines)), end=True)
        assert answer.status in (0, 101, 200, 400, 404, 426)


def test_pipelining(each_sea: Sea) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = each_sea.ask(one * 50 + head("GET", "/health", (b"Host: x",)))
    assert answer.body.count(b"HTTP/1.1 200") == 50


def test_a_problem_quotes_the_path_safely(each_sea: Sea) -> None:
    answer = each_sea.get("/nowhere/%3Cscript%3E/%22/%5C/%C2%80/%E2%80%AE")
    assert answer.status == 404
    assert json.loads(answer.body)["instance"] == "/nowhere/%3Cscript%3E/%22/%5C/%C2%80/%E2%80%AE"
    page = each_sea.get("/nowhere/%3Cscript%3E", "Accept: text/html")
    assert b"<script>" not in page.body
