"""The view of one ASGI scope that requests and WebSockets share."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.connection import Address, HTTPConnection
from ketch.http.limits import Limits
from ketch.http.problems import BadRequest, RequestHeaderFieldsTooLarge
from ketch.http.url import URL, parse_query


async def receive() -> dict[str, Any]:
    raise AssertionError("nothing here receives")


def connection(limits: Limits | None = None, **changes: Any) -> HTTPConnection:
    scope = {
        "type": "http",
        "path": "/a/b",
        "raw_path": b"/a/b",
        "query_string": b"",
        "headers": [(b"host", b"example.org")],
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        **changes,
    }
    return HTTPConnection(scope, receive, limits or Limits())


def test_headers_three_ways() -> None:
    conn = connection(headers=[(b"x-a", b"1"), (b"x-a", b"caf\xe9"), (b"host", b"h")])
    assert conn.headers["X-A"] == "1"
    assert conn.headers is conn.headers
    assert conn.header(b"x-a") == "1"
    assert conn.header(b"nothing") is None
    assert conn.header_list(b"x-a") == ["1", "café"]


def test_cookies_in_one_header_or_several() -> None:
    conn = connection(headers=[(b"cookie", b"a=1; b=2"), (b"cookie", b"c=3")])
    assert conn.cookies == {"a": "1", "b": "2", "c": "3"}
    assert conn.cookies is conn.cookies
    assert connection().cookies == {}
    with pytest.raises(RequestHeaderFieldsTooLarge):
        _ = connection(Limits(cookies=1), headers=[(b"cookie", b"a=1"), (b"cookie", b"b=1")]).cookies


def test_the_query_in_each_shape() -> None:
    conn = connection(query_string=b"a=1&b=2&a=3")
    assert conn.query == {"a": "3", "b": "2"}
    assert conn.query is conn.query
    assert conn.query_list("a") == ["1", "3"]
    assert conn.query_list("z") == []
    assert conn.query_params.multi_items() == [("a", "1"), ("b", "2"), ("a", "3")]
    assert conn.query_params is conn.query_params
    assert connection().query == {}
    assert connection().query_list("a") == []
    assert len(connection().query_params) == 0


@given(
    st.lists(
        st.sampled_from([b"a", b"b", b"=", b"&", b"%41", b"%", b"+", b"\xc3\xa9", b"\xff", b"%ff"]), max_size=12
    ).map(b"".join)
)
def test_the_quick_query_means_the_same_as_the_careful_one(raw: bytes) -> None:
    try:
        expected = parse_query(raw, max_fields=3)
    except BadRequest:
        with pytest.raises(BadRequest):
            _ = connection(Limits(query_names=3), query_string=raw).query
        return
    conn = connection(Limits(query_names=3), query_string=raw)
    assert conn.query == dict(expected)
    assert conn.query_params.multi_items() == expected


@pytest.mark.parametrize("raw", [b"a=%ff", b"a=\xff", b"&".join([b"a=1"] * 1001), b"%41&" * 1001])
def test_a_bad_query_is_400_in_every_shape(raw: bytes) -> None:
    for read in ("query", "query_params"):
        with pytest.raises(BadRequest):
            getattr(connection(query_string=raw), read)
    with pytest.raises(BadRequest):
        connection(query_string=raw).query_list("a")


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        ({}, "http://example.org/a/b"),
        ({"query_string": b"x=1&y=%20"}, "http://example.org/a/b?x=1&y=%20"),
        ({"query_string": b'"<#\xff'}, "http://example.org/a/b?%22%3C%23%FF"),
        ({"scheme": "https", "headers": [(b"host", b"h:8443")]}, "https://h:8443/a/b"),
        ({"scheme": "wss"}, "wss://example.org/a/b"),
        ({"raw_path": b"/a%2Fb", "path": "/a/b"}, "http://example.org/a%2Fb"),
        ({"raw_path": b"/a b\xff#", "path": "/x"}, "http://example.org/a%20b%FF%23"),
        ({"raw_path": b"/a?x=1", "path": "/a"}, "http://example.org/a"),
        ({"raw_path": None, "path": "/a b/é?#"}, "http://example.org/a%20b/%C3%A9%3F%23"),
        ({"raw_path": b"*", "path": "*"}, "http://example.org/*"),
        ({"root_path": "/app", "path": "/app/a", "raw_path": b"/app/a"}, "http://example.org/app/a"),
        ({"root_path": "/app", "path": "/a", "raw_path": b"/a"}, "http://example.org/app/a"),
        (
            {"root_path": "/app/", "path": "/application", "raw_path": b"/application"},
            "http://example.org/app/application",
        ),
        ({"root_path": "/app", "path": "/app", "raw_path": b"/app"}, "http://example.org/app"),
        ({"headers": []}, "http://127.0.0.1:8000/a/b"),
        ({"headers": [], "server": ("127.0.0.1", 80)}, "http://127.0.0.1/a/b"),
        ({"headers": [], "server": ("::1", 80)}, "http://[::1]/a/b"),
        ({"headers": [], "server": ("/run/app.sock", None)}, "http://localhost/a/b"),
        ({"headers": [], "server": None}, "http://localhost/a/b"),
    ],
)
def test_the_url(changes: dict[str, Any], url: str) -> None:
    conn = connection(**changes)
    assert conn.url == url
    assert conn.url is conn.url


def test_the_base_url() -> None:
    assert connection().base_url == "http://example.org/"
    assert connection(root_path="/app é/").base_url == "http://example.org/app%20%C3%A9/"


@pytest.mark.parametrize(
    "hosts",
    [
        [b""],
        [b"a b"],
        [b"a/../b"],
        [b"user@host"],
        [b"evil.org#"],
        [b"<script>"],
        [b"a\r\nb"],
        [b"caf\xe9.org"],
        [b"a", b"a"],
        [b"a, b"],
    ],
)
def test_a_host_header_that_is_no_host_is_400(hosts: list[bytes]) -> None:
    conn = connection(headers=[(b"host", host) for host in hosts])
    for read in ("url", "base_url", "host", "origin"):
        with pytest.raises(BadRequest, match="Host header"):
            getattr(conn, read)


def test_forwarded_headers_change_nothing() -> None:
    forwarded = [(b"x-forwarded-host", b"evil.org"), (b"x-forwarded-proto", b"https"), (b"forwarded", b"host=evil.org")]
    assert connection(headers=[(b"host", b"example.org"), *forwarded]).url == "http://example.org/a/b"


@given(st.binary(max_size=20), st.binary(max_size=20), st.binary(max_size=20))
def test_a_url_is_never_raw_junk(host: bytes, path: bytes, query: bytes) -> None:
    conn = connection(headers=[(b"host", host)], raw_path=b"/" + path, path="/", query_string=query)
    try:
        url = conn.url
    except BadRequest:
        return
    text = str(url)
    assert text.isascii()
    assert text.isprintable()
    assert url.netloc == host.decode()
    assert url.fragment == ""
    assert URL(text) == url


def test_the_peer() -> None:
    assert connection(client=("10.0.0.1", 5)).client == Address("10.0.0.1", 5)
    assert connection(client=["10.0.0.1", 5]).client == ("10.0.0.1", 5)
    assert connection(client=None).client is None
    assert connection().client is None


def test_path_parameters_come_from_routing() -> None:
    conn = connection()
    assert conn.path_params == {}
    conn = connection()
    conn.path_params = {"id": 7}
    assert conn.path_params == {"id": 7}


def test_what_extensions_put_here() -> None:
    conn = connection(app="app", session={"a": 1}, user="ann")
    assert (conn.app, conn.session, conn.user) == ("app", {"a": 1}, "ann")
    with pytest.raises(RuntimeError, match=r"request\.session is there only with a session extension installed"):
        _ = connection().session
    with pytest.raises(RuntimeError, match="authentication extension"):
        _ = connection().user
    with pytest.raises(RuntimeError, match="the application"):
        _ = connection().app


def test_state_belongs_to_the_request_and_starts_with_the_lifespans() -> None:
    conn = connection(state={"db": 1})
    conn.state.user = "ann"
    assert (conn.state.db, conn.state.user) == (1, "ann")
    assert conn.scope["state"] == {"db": 1, "user": "ann"}
    assert connection().state is not None


def test_url_for_asks_the_runtime() -> None:
    class Runtime:
        def url_path_for(self, name: str, /, **params: Any) -> str:
            return f"/{name}/{params['id']}"

    conn = connection(root_path="/app")
    conn.runtime = Runtime()
    assert conn.url_for("orders", id=7) == "http://example.org/app/orders/7"
    with pytest.raises(RuntimeError, match="needs a running application"):
        connection().url_for("orders")


def test_closers_are_collected_for_serving() -> None:
    conn = connection()
    assert conn.closers is None
    conn.add_closer(print)
    conn.add_closer(repr)
    assert conn.closers == [print, repr]
    assert HTTPConnection.closers is None
