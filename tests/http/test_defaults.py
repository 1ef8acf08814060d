"""Safe default headers."""

from __future__ import annotations

import pytest

from ketch.http.defaults import (
    CSP,
    FRAMES,
    NOSNIFF,
    REFERRER,
    SecureOverHttps,
    add_defaults,
    base_headers,
    media_type_base,
    secure_cookies,
)


def finished(raw: list[tuple[bytes, bytes]], scheme: str) -> None:
    """What a response does with its headers before they go out."""
    add_defaults(raw, dict(raw))
    if scheme == "https":
        secure_cookies(raw)


def test_every_response_and_pages_more() -> None:
    assert base_headers(None) == (NOSNIFF, REFERRER)
    assert base_headers(b"application/json") == ((b"content-type", b"application/json"), NOSNIFF, REFERRER)
    for page in (b"text/html", b"TEXT/HTML; charset=utf-8", b"application/xhtml+xml"):
        assert base_headers(page) == ((b"content-type", page), NOSNIFF, REFERRER, CSP, FRAMES)
    assert base_headers(b"text/html") is base_headers(b"text/html")


def test_the_words_of_the_policy() -> None:
    assert CSP[1] == b"object-src 'none'; base-uri 'self'; frame-ancestors 'self'"
    assert (NOSNIFF[1], REFERRER[1], FRAMES[1]) == (b"nosniff", b"strict-origin-when-cross-origin", b"SAMEORIGIN")


@pytest.mark.parametrize(
    ("media_type", "content_type"),
    [
        ("text/plain", b"text/plain; charset=utf-8"),
        ("text/plain; charset=latin-1", b"text/plain; charset=latin-1"),
        ("image/png", b"image/png"),
    ],
)
def test_text_has_a_charset(media_type: str, content_type: bytes) -> None:
    assert media_type_base(media_type)[0] == (b"content-type", content_type)


def test_a_media_type_that_is_no_header_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be a header value"):
        media_type_base("text/plain\r\nx: y")


def test_what_is_present_is_never_replaced() -> None:
    own = [
        (b"content-type", b"text/html"),
        (b"x-content-type-options", b"own"),
        (b"referrer-policy", b"no-referrer"),
        (b"content-security-policy", b"default-src 'self'"),
        (b"x-frame-options", b"DENY"),
    ]
    raw = list(own)
    finished(raw, "http")
    assert raw == own


def test_a_policy_about_frames_stands_alone() -> None:
    raw = [(b"content-type", b"text/html"), (b"content-security-policy", b"frame-ancestors https://x.org")]
    finished(raw, "http")
    assert FRAMES not in raw
    raw = [(b"content-type", b"text/html"), (b"content-security-policy", b"default-src 'self'")]
    finished(raw, "http")
    assert FRAMES in raw


def test_cookies_become_secure_over_https_only() -> None:
    raw: list[tuple[bytes, bytes]] = [(b"set-cookie", SecureOverHttps(b"a=b")), (b"set-cookie", b"c=d")]
    finished(raw, "http")
    assert raw[:2] == [(b"set-cookie", b"a=b"), (b"set-cookie", b"c=d")]
    finished(raw, "https")
    finished(raw, "https")
    assert raw[:2] == [(b"set-cookie", b"a=b; Secure"), (b"set-cookie", b"c=d")]


def test_memory_is_bounded() -> None:
    for number in range(1_000):
        assert media_type_base(f"x/{number}")[0][1] == b"x/%d" % number
