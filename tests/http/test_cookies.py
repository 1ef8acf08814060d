"""Cookies: what is written is read back; nothing a client sends is more than a 4xx."""

from __future__ import annotations

import http.cookies
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.cookies import format_cookie, parse_cookies
from ketch.http.problems import RequestHeaderFieldsTooLarge

TOKEN = st.text(alphabet="abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        ("", {}),
        ("a=b", {"a": "b"}),
        ("a=b; c=d", {"a": "b", "c": "d"}),
        ("a=b;c=d", {"a": "b", "c": "d"}),
        ("  a = b ;; c=d;", {"a": "b", "c": "d"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": ""}),
        ("a; b=c; =d", {"b": "c"}),
        ("a=first; a=second", {"a": "first"}),
        ('a="quoted"', {"a": "quoted"}),
        ('a="with \\" and \\\\"', {"a": 'with " and \\'}),
        ('a="\\303\\251\\054"', {"a": "é,"}),
        ('a="', {"a": '"'}),
        ('a="\\', {"a": '"\\'}),
        ('a="\\"', {"a": "\\"}),
        ('a="\\777"', {"a": "777"}),
        ("a=caf\xc3\xa9", {"a": "café"}),
        ("a=\xff", {"a": "\ufffd"}),
        ("{json}=1; $Version=1", {"{json}": "1", "$Version": "1"}),
    ],
)
def test_reading(header: str, cookies: dict[str, str]) -> None:
    assert parse_cookies(header) == cookies


def test_too_many_cookies_are_refused_before_they_are_read() -> None:
    assert len(parse_cookies("; ".join(f"c{i}=1" for i in range(150)))) == 150
    with pytest.raises(RequestHeaderFieldsTooLarge, match="More than 150 cookies"):
        parse_cookies("; ".join(f"c{i}=1" for i in range(151)))
    with pytest.raises(RequestHeaderFieldsTooLarge):
        parse_cookies("a=1;b=2", max_cookies=1)


@given(st.text(alphabet=st.characters(max_codepoint=255)))
def test_no_header_breaks_the_reader(header: str) -> None:
    try:
        cookies = parse_cookies(header)
    except RequestHeaderFieldsTooLarge:
        return
    for name, value in cookies.items():
        assert name == name.strip() != ""
        value.encode()  # no lone surrogates


@given(TOKEN, st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_value_survives_the_round_trip(name: str, value: str) -> None:
    line = format_cookie(name, value, samesite=None, httponly=False, path=None, secure=True).decode()
    assert line.endswith("; Secure")
    assert parse_cookies(line.removesuffix("; Secure")) == {name: value}


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_the_standard_library_reads_what_we_write(value: str) -> None:
    jar = http.cookies.SimpleCookie()
    jar.load(format_cookie("name", value).decode())
    assert jar["name"].value == value


def test_the_defaults_are_the_safe_ones() -> None:
    assert format_cookie("a", "b") == b"a=b; Path=/; HttpOnly; SameSite=Lax"


def test_every_attribute() -> None:
    line = format_cookie(
        "a",
        "b c",
        max_age=timedelta(minutes=1),
        expires=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        path="/x",
        domain="example.org",
        secure=True,
        httponly=False,
        samesite="none",
        partitioned=True,
    )
    assert line == (
        b'a="b c"; Max-Age=60; Expires=Wed, 02 Jan 2030 03:04:05 GMT; Path=/x; Domain=example.org; Secure;'
        b" SameSite=None; Partitioned"
    )


def test_expiry_in_seconds_from_now_and_as_text() -> None:
    line = format_cookie("a", expires=3600).decode()
    stamp = line.partition("Expires=")[2].partition(";")[0]
    when = datetime.strptime(stamp, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert abs((when - datetime.now(UTC)).total_seconds() - 3600) < 60
    assert b"Expires=whenever" in format_cookie("a", expires="whenever")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("", {}, "cannot be a cookie's name"),
        ("a b", {}, "cannot be a cookie's name"),
        ("a;b", {}, "cannot be a cookie's name"),
        ("a=b", {}, "cannot be a cookie's name"),
        ("a\r\nb", {}, "cannot be a cookie's name"),
        ("é", {}, "cannot be a cookie's name"),
        ("a", {"path": "/;x"}, "cannot be a cookie's path"),
        ("a", {"path": "/\r\nset-cookie: b=c"}, "cannot be a cookie's path"),
        ("a", {"domain": "x\ny"}, "cannot be a cookie's domain"),
        ("a", {"domain": "x; Secure"}, "cannot be a cookie's domain"),
        ("a", {"expires": "a\r\nb"}, "cannot be a cookie's expires"),
        ("a", {"expires": datetime(2030, 1, 1)}, "aware datetime"),  # noqa: DTZ001
        ("a", {"samesite": "sometimes"}, "samesite is"),
        ("a", {"samesite": "none"}, "need secure=True"),
        ("a", {"partitioned": True}, "need secure=True"),
        ("__Host-a", {}, "need secure=True"),
        ("__secure-a", {}, "need secure=True"),
        ("__Host-a", {"secure": True, "path": "/x"}, 'needs path="/"'),
        ("__HOST-a", {"secure": True, "domain": "x.org"}, "no domain"),
    ],
)
def test_what_browsers_would_drop_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        format_cookie(name, "v", **options)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_no_value_breaks_out_of_its_place(value: str) -> None:
    line = format_cookie("a", value)
    assert line.count(b";") == 3
    assert not set(line) & {0, 10, 13}
    assert line.isascii()
