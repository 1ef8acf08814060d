"""Responses: what goes out, exactly."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import enum
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.background import BackgroundTask
from ketch.http.connection import HTTPConnection
from ketch.http.defaults import base_headers
from ketch.http.response import (
    BODILESS,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Rendered,
    Response,
    length_header,
)
from ketch.http.url import URL

SAFE = {"x-content-type-options": "nosniff", "referrer-policy": "strict-origin-when-cross-origin"}


def connection(scheme: str = "http", host: bytes = b"example.org") -> HTTPConnection:
    scope = {"type": "http", "scheme": scheme, "path": "/here", "query_string": b"", "headers": [(b"host", host)]}

    async def receive() -> dict[str, Any]:
        raise AssertionError("a response does not receive")

    return HTTPConnection(scope, receive)


def sent(
    response: Response, request: HTTPConnection | None = None, *, head: bool = False
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, raw headers and body; and that there were exactly two messages."""
    messages: list[Any] = []

    async def send(message: Any) -> None:
        messages.append(message)

    asyncio.run(response.send(send, request or connection(), head=head))
    start, end = messages
    assert start["type"] == "http.response.start"
    assert end["type"] == "http.response.body"
    assert not end.get("more_body", False)
    return start["status"], list(start["headers"]), end["body"]


def text_headers(response: Response, request: HTTPConnection | None = None) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in sent(response, request)[1]}


@pytest.mark.parametrize(
    ("response", "content_type", "body"),
    [
        (Response("é"), None, "é".encode()),
        (Response(b"\xff"), None, b"\xff"),
        (Response(bytearray(b"x")), None, b"x"),
        (Response(memoryview(b"x")), None, b"x"),
        (Response(), None, b""),
        (Response("x", media_type="text/csv"), "text/csv; charset=utf-8", b"x"),
        (Response("x", media_type="image/png"), "image/png", b"x"),
        (PlainTextResponse("é"), "text/plain; charset=utf-8", "é".encode()),
        (JSONResponse({"a": [1, None]}), "application/json", b'{"a":[1,null]}'),
        (JSONResponse(None), "application/json", b"null"),
        (JSONResponse({}, media_type="application/ld+json"), "application/ld+json", b"{}"),
    ],
)
def test_content_and_its_type(response: Response, content_type: str | None, body: bytes) -> None:
    status, raw, got = sent(response)
    assert (status, got) == (200, body)
    expected = SAFE | {"content-length": str(len(body))}
    if content_type:
        expected |= {"content-type": content_type}
    assert {n.decode(): v.decode() for n, v in raw} == expected
    assert len(raw) == len(expected)


def test_pages_have_a_policy() -> None:
    headers = text_headers(HTMLResponse("<p>"))
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["content-security-policy"].startswith("object-src 'none'")
    assert headers["x-frame-options"] == "SAMEORIGIN"


def test_a_page_by_way_of_an_edited_header_has_it_too() -> None:
    response = Rendered(b"<p>", 200, base_headers(b"application/json"))
    response.headers["content-type"] = "text/html"
    assert "content-security-policy" in text_headers(response)


@pytest.mark.parametrize("content", [{"a": 1}, 3, [b"x"], object()])
def test_structures_are_refused_with_a_hint(content: Any) -> None:
    with pytest.raises(TypeError, match="JSONResponse takes more"):
        Response(content)


def test_rendered_by_the_framework() -> None:
    base = base_headers(b"text/plain; charset=utf-8")
    response = Rendered(b"Hello", 201, base)
    status, raw, body = sent(response)
    assert (status, body) == (201, b"Hello")
    assert raw == [*base, (b"content-length", b"5")]
    assert sent(response) == (status, raw, body)
    response.headers["x-a"] = "b"
    assert sent(response)[1] == [*base, (b"content-length", b"5"), (b"x-a", b"b")]
    assert base_headers(b"text/plain; charset=utf-8") == base
    assert response.background is None
    assert repr(response) == "<Rendered 201>"


def test_given_headers_win() -> None:
    response = HTMLResponse(
        "x", 200, {"Content-Type": "text/html; charset=latin-1", "X-Frame-Options": "DENY", "X-A": "1"}
    )
    headers = text_headers(response)
    assert headers["content-type"] == "text/html; charset=latin-1"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-a"] == "1"
    assert len(sent(response)[1]) == len(headers)


def test_headers_may_be_pairs_or_another_responses() -> None:
    assert Response("", headers=[("x-a", "1"), ("x-a", "2")]).headers.getlist("x-a") == ["1", "2"]
    first = Response("x", headers={"x-a": "1"})
    assert text_headers(Response("longer", headers=first.headers))["content-length"] == "6"


@pytest.mark.parametrize("value", ["a\r\nx: y", "a\0", "€"])
def test_headers_that_cannot_be_sent_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match="cannot be a header value"):
        Response("", headers={"x": value})
    with pytest.raises(ValueError, match="cannot be a header value"):
        Response("", media_type=value)


def test_the_length_is_always_that_of_the_body() -> None:
    response = PlainTextResponse("Hello", headers={"content-length": "999"})
    assert response.headers["content-length"] == "5"
    response.body = b"Hello again"
    assert text_headers(response)["content-length"] == "11"
    response = PlainTextResponse("Hello")
    response.body = b"Hi"
    assert text_headers(response)["content-length"] == "2"
    response.headers["content-length"] = "7"
    assert text_headers(response)["content-length"] == "2"
    del response.headers["content-length"]
    assert text_headers(response)["content-length"] == "2"
    response.headers.append("content-length", "2")
    assert [n for n, _ in sent(response)[1]].count(b"content-length") == 1


def test_head_leaves_the_body_behind_and_keeps_its_length() -> None:
    status, raw, body = sent(PlainTextResponse("Hello"), head=True)
    assert (status, body) == (200, b"")
    assert (b"content-length", b"5") in raw
    known = Response(headers={"content-length": "12345"})
    assert (b"content-length", b"12345") in sent(known, head=True)[1]
    assert (b"content-length", b"0") in sent(known)[1]


@pytest.mark.parametrize("status", [100, 103, 204, 304])
def test_statuses_without_a_body(status: int) -> None:
    assert status in BODILESS
    late = PlainTextResponse("x")
    late.status_code = status
    edited = PlainTextResponse("x", status, {"x-a": "b"})
    for response in (PlainTextResponse("x", status), late, edited, Rendered(b"x", status, ())):
        code, raw, body = sent(response)
        assert (code, body) == (status, b"")
        assert b"content-length" not in dict(raw)


def test_headers_are_one_editable_list() -> None:
    response = Response("x")
    assert response.headers is response.headers
    response.raw_headers.append((b"x-a", b"1"))
    assert response.headers["X-A"] == "1"
    response.raw_headers = [(b"x-b", b"2")]
    assert response.headers.items() == [("x-b", "2")]


def test_a_subclass_in_starlettes_way() -> None:
    class Shout(Response):
        media_type = "text/shout"

        def render(self, content: Any) -> bytes:
            return str(content).upper().encode()

    response = Shout("hey")
    response.note = "own attributes are fine"  # type: ignore[attr-defined]
    assert text_headers(response)["content-type"] == "text/shout; charset=utf-8"
    assert response.body == b"HEY"
    assert Shout("x", media_type="a/b").media_type == "a/b"
    assert Shout.media_type == "text/shout"


def test_background_is_kept() -> None:
    task = BackgroundTask(print)
    assert Response(background=task).background is task
    assert Response().background is None


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    when: datetime.datetime


@attrs.define
class Size:
    w: int


class Fruit(msgspec.Struct):
    name: str
    price: Decimal


class Model(pydantic.BaseModel):
    id: UUID
    at: datetime.date


def test_json_of_every_family() -> None:
    at = datetime.datetime(2030, 1, 2, tzinfo=datetime.UTC)
    content = [
        Point(1, at),
        Size(2),
        Fruit("fig", Decimal("1.50")),
        Model(id=UUID(int=1), at=at.date()),
        Colour.RED,
        {1},
        (2,),
    ]
    assert msgspec.json.decode(JSONResponse(content).body) == [
        {"x": 1, "when": "2030-01-02T00:00:00Z"},
        {"w": 2},
        {"name": "fig", "price": "1.50"},
        {"id": "00000000-0000-0000-0000-000000000001", "at": "2030-01-02"},
        "red",
        [1],
        [2],
    ]
    assert JSONResponse(float("nan")).body == b"null"
    assert JSONResponse("é").body == '"é"'.encode()


@pytest.mark.parametrize("content", [object(), Model, {(1, 2): 3}, print])
def test_json_of_what_is_none(content: Any) -> None:
    with pytest.raises(TypeError):
        JSONResponse(content)


def test_cookies_are_secure_over_https_by_default() -> None:
    def cookie(scheme: str, **options: Any) -> str:
        response = Response()
        response.set_cookie("a", "b", **options)
        return text_headers(response, connection(scheme))["set-cookie"]

    assert cookie("http") == "a=b; Path=/; HttpOnly; SameSite=Lax"
    assert cookie("https") == "a=b; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert cookie("http", secure=True) == cookie("https", secure=True) == "a=b; Path=/; Secure; HttpOnly; SameSite=Lax"
    assert "Secure" not in cookie("https", secure=False)
    assert "Secure" in cookie("http", samesite="none")
    assert "Secure" in cookie("http", partitioned=True)


def test_host_cookies_are_always_secure() -> None:
    response = Response()
    response.set_cookie("__Host-session", "x")
    assert "; Secure" in response.headers["set-cookie"]
    with pytest.raises(ValueError, match="need secure=True"):
        response.set_cookie("__Host-session", "x", secure=False)
    with pytest.raises(ValueError, match="no domain"):
        response.set_cookie("__Host-session", "x", domain="example.org")


def test_cookies_add_up_and_are_deleted() -> None:
    response = Response()
    response.set_cookie("a", "1", max_age=60, path="/x")
    response.delete_cookie("b", path="/x", domain="example.org")
    first, second = response.headers.getlist("set-cookie")
    assert first.startswith("a=1; Max-Age=60; Path=/x")
    assert second.startswith("b=; Max-Age=0; Expires=")
    assert "Path=/x; Domain=example.org" in second


def test_an_injected_response_is_merged() -> None:
    injected = Response()
    injected.status_code = 0
    injected.raw_headers = []
    real = JSONResponse({"a": 1})
    real.set_cookie("own", "1")
    real.merge(injected)
    assert real.status_code == 200
    injected.status_code = 202
    injected.headers["x-a"] = "b"
    injected.headers["referrer-policy"] = "no-referrer"
    injected.headers["content-length"] = "0"
    injected.set_cookie("theirs", "2")
    injected.background = BackgroundTask(print)
    real.merge(injected)
    status, raw, body = sent(real, connection("https"))
    assert (status, body) == (202, b'{"a":1}')
    assert [v for n, v in raw if n == b"referrer-policy"] == [b"no-referrer"]
    assert [v for n, v in raw if n == b"content-length"] == [b"7"]
    cookies = [v for n, v in raw if n == b"set-cookie"]
    assert len(cookies) == 2
    assert all(cookie.endswith(b"; Secure") for cookie in cookies)
    assert real.background is injected.background


def test_merging_into_a_rendered_response_leaves_its_base_alone() -> None:
    base = base_headers(b"application/json")
    injected = Response(headers={"x-a": "b"})
    real = Rendered(b"{}", 200, base)
    real.merge(injected)
    assert dict(sent(real)[1])[b"x-a"] == b"b"
    assert b"x-a" not in dict(sent(Rendered(b"{}", 200, base))[1])


LOCAL = [
    ("/x", "/x"),
    ("x/y", "x/y"),
    ("", ""),
    ("?a=b", "?a=b"),
    ("#top", "#top"),
    ("../up", "../up"),
    ("./x:y", "./x:y"),
    ("/a b/é?q=ü", "/a%20b/%C3%A9?q=%C3%BC"),
    ("/a%20b", "/a%20b"),
    ("/100%", "/100%25"),
    ("/x\\y", "/x%5Cy"),
    ("/?next=//evil.org", "/?next=//evil.org"),
    ("/?next=https://evil.org", "/?next=https://evil.org"),
    ("http://example.org/x", "http://example.org/x"),
    ("HTTP://EXAMPLE.org:80/x", "HTTP://EXAMPLE.org:80/x"),
]


@pytest.mark.parametrize(("target", "location"), LOCAL)
def test_redirects_that_stay(target: str, location: str) -> None:
    status, raw, body = sent(RedirectResponse(target, 303))
    assert (status, body) == (303, b"")
    assert dict(raw)[b"location"] == location.encode()


AWAY = [
    "https://evil.org/",
    "http://evil.org",
    "http://example.org.evil.org/",
    "http://example.org:81/",
    "https://example.org/",
    "http://example.org@evil.org/",
    "http://user@example.org/",
    "//evil.org",
    "///evil.org",
    "/\\evil.org",
    "\\/evil.org",
    "\\\\evil.org",
    "//example.org",
    "javascript:alert(1)",
    "data:text/html,x",
    "http:evil.org",
    "http:/evil.org",
    "http:///evil.org",
    "http://",
    " //evil.org",
    "\t//evil.org",
    "/\t/evil.org",
    "/\n/evil.org",
    "\x00//evil.org",
    "/x\r\nset-cookie: a=b",
    "java\nscript:alert(1)",
    "http://example.org\\@evil.org/",
    "http://example.org\uff0fevil.org",
    "http://example.org:80:80@evil.org",
]


@pytest.mark.parametrize("target", AWAY)
def test_redirects_that_lead_away_are_refused(target: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "ketch"):
        status, raw, body = sent(RedirectResponse(target, 303))
    assert status == 400
    assert b"location" not in dict(raw)
    assert dict(raw)[b"content-type"] == b"application/problem+json"
    assert msgspec.json.decode(body)["instance"] == "/here"
    assert "needs external=True" in caplog.text


def test_external_redirects_are_allowed_when_said() -> None:
    _, raw, _ = sent(RedirectResponse("https://elsewhere.org/a b\r\nx: y", external=True))
    assert dict(raw)[b"location"] == b"https://elsewhere.org/a%20b%0D%0Ax:%20y"


def test_redirects_know_the_requests_own_origin() -> None:
    assert sent(RedirectResponse("https://h:8443/x"), connection("https", b"H:8443"))[0] == 307
    assert sent(RedirectResponse("https://h/x"), connection("https", b"h:443"))[0] == 307
    assert sent(RedirectResponse(URL("http://h/x")), connection("http", b"h"))[0] == 307
    assert sent(RedirectResponse("http://h/x"), connection("http", b"not a host"))[0] == 400
    assert sent(RedirectResponse("/x"), connection("http", b"not a host"))[0] == 307


@pytest.mark.parametrize("status", [200, 400, 0])
def test_a_redirect_has_a_redirecting_status(status: int) -> None:
    with pytest.raises(ValueError, match="from 300 to 399"):
        RedirectResponse("/", status)


def _browser_host(target: str) -> str | None:
    """The host a browser would go to from http://example.org/here, as the URL standard says; None by another scheme."""
    text = "".join(c for c in target.strip("".join(map(chr, range(33)))) if c not in "\t\r\n")
    scheme, colon, rest = text.partition(":")
    special = False
    if (
        colon
        and scheme
        and scheme[0].isascii()
        and scheme[0].isalpha()
        and all(c.isascii() and (c.isalnum() or c in "+-.") for c in scheme)
    ):
        if scheme.lower() != "http":
            return None
        special, text = True, rest
    slashes = len(text) - len(text.lstrip("/\\"))
    if slashes >= 2 or special:
        authority = text[slashes:]
        for end in "/\\?#":
            authority = authority.partition(end)[0]
        return authority.rpartition("@")[2].lower()
    return "example.org"


@given(
    st.lists(
        st.sampled_from(
            [
                "/",
                "\\",
                ":",
                "http",
                "//",
                "evil.org",
                "example.org",
                "@",
                " ",
                "\t",
                "\n",
                "a",
                "?",
                "#",
                "é",
                ".",
                ":80",
            ]
        ),
        max_size=8,
    ).map("".join)
)
def test_a_browser_never_leaves_by_an_unmarked_redirect(target: str) -> None:
    response = RedirectResponse(target, 303)
    status, raw, _ = sent(response)
    if status == 303:
        location = dict(raw)[b"location"].decode()
        assert location.isprintable()
        assert _browser_host(location) in ("example.org", "example.org:80")


@given(st.text(), st.text())
def test_no_text_splits_a_response(location: str, value: str) -> None:
    responses: list[Callable[[], Response]] = [
        lambda: RedirectResponse(location, external=True),
        lambda: Response(headers={"x": value}),
        lambda: Response(media_type=value),
    ]
    for make in responses:
        try:
            response = make()
        except ValueError:
            continue
        for name, raw in response.raw_headers:
            assert not set(name + raw) & {0, 10, 13}


def test_lengths_are_remembered_up_to_a_bound() -> None:
    for size in (0, 5, 4_097, 1_000_000):
        assert length_header(size) == (b"content-length", b"%d" % size)
    for size in range(6_000):
        length_header(size)
    assert length_header(5_999_999)[1] == b"5999999"
