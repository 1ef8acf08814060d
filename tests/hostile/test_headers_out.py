"""What a client says must never break the head of an answer, nor lead its browser away."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.hostile.conftest import Answer, Sea

pytestmark = pytest.mark.serial

SPLITS = [
    "a\r\nSet-Cookie: evil=1",
    "a\nSet-Cookie: evil=1",
    "a\rSet-Cookie: evil=1",
    "a\r\n\r\n<script>alert(1)</script>",
    "\r\n",
    "a\x00b",
    "a\x0bb",
    "a\x7fb",
    "\u0d0a\u560a",
    "a\u010d\u010a",
    "a\u2028b",
    "a\x85b",
    "€",
    "\U0001d11e",
    "x" * 2_000,
    '"; filename="evil',
    "a;b,c=d",
    "\\",
    "%0d%0aSet-Cookie: evil=1",
    "",
    " ",
]
DOORS = ["header", "name", "cookie", "cookie-name", "redirect", "file", "type", "problem", "events"]


def unharmed(answer: Answer) -> None:
    assert answer.header("evil") is None
    assert not [value for name, value in answer.headers if name == "set-cookie" and value.startswith("evil")]
    assert b"<script>" not in answer.body or answer.header("content-type") in (
        "application/problem+json",
        "text/event-stream; charset=utf-8",
    )
    for _, value in answer.headers:
        assert not set(value) & set("\r\n\x00")


@pytest.mark.parametrize("value", SPLITS)
@pytest.mark.parametrize("door", DOORS)
def test_what_becomes_a_header(sea: Sea, door: str, value: str) -> None:
    answer = sea.get(f"/out/{door}?value={quote(value)}")
    assert answer.status in (200, 307, 400, 409), answer.body
    unharmed(answer)
    if door in ("header", "name", "type") and set(value) & set("\r\n\x00€"):
        assert answer.status == 400
    if door == "file":
        assert answer.status == 200
    if door == "problem":
        assert answer.status == 409
        assert answer.json()["quoted"] == value


@pytest.mark.parametrize(
    "value",
    [
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "https://evil.example",
        "HTTPS:evil.example",
        "https:///evil.example",
        "http://localhost@evil.example",
        "http://localhost:80@evil.example/",
        "http://localhost.evil.example",
        "http://[::1",
        "javascript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "\x01https://evil.example",
        "http:\\\\evil.example",
        "//evil.example\\@localhost/",
        "//\u3002evil",
        "x:y",
    ],
)
def test_redirects_stay_here(sea: Sea, value: str) -> None:
    answer = sea.get(f"/out/redirect?value={quote(value)}")
    assert answer.status == 400
    assert answer.header("location") is None


@pytest.mark.parametrize(
    "value", ["/x", "?a=b", "x/y", "#x", "", "/a b\u00e4", "http://localhost/x", "/x?next=//evil.example"]
)
def test_redirects_that_are_here(sea: Sea, value: str) -> None:
    answer = sea.get(f"/out/redirect?value={quote(value)}")
    assert answer.status == 307
    assert (answer.header("location") or "").isascii()


def test_events_cannot_be_forged(sea: Sea) -> None:
    answer = sea.get("/out/events?value=" + quote("a\nevent: evil\r\rid: 1\r\n\r\ndata: x\u2028y"))
    lines = answer.body.decode().splitlines()
    assert not [line for line in lines if line.startswith(("event:", "id:"))]


def test_the_problem_page_is_not_html_of_theirs(sea: Sea) -> None:
    answer = sea.get("/out/problem?value=" + quote("<script>alert(1)</script>"), "Accept: text/html")
    assert answer.status == 409
    assert b"<script>" not in answer.body
    assert "default-src 'none'" in (answer.header("content-security-policy") or "")
