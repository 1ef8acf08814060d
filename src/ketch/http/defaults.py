"""The safe headers that every response gets unless it has its own.

`base_headers(content_type)` is the precomputed start of an ordinary response; `add_defaults` completes a list that
somebody has edited. A header that is present is never replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .headers import RawHeaders, encode_value


class Base(tuple[tuple[bytes, bytes], ...]):
    """Headers that many responses share. `lines` is for servers: what they made of them, by status."""

    lines: dict[int, bytes]

    def __init__(self, pairs: object = ()) -> None:
        self.lines = {}


NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
REFERRER: Final = (b"referrer-policy", b"strict-origin-when-cross-origin")
CSP: Final = (b"content-security-policy", b"object-src 'none'; base-uri 'self'; frame-ancestors 'self'")
FRAMES: Final = (b"x-frame-options", b"SAMEORIGIN")

_bases: dict[bytes | None, Base] = {}
_media_type_bases: dict[str | None, Base] = {}
_MAX_BASES = 256


class SecureOverHttps(bytes):
    """The value of a Set-Cookie that gets `; Secure` when it goes out over https.

    A type and not a flag on the response, so that it survives being copied into another response's headers.
    """

    __slots__ = ()


def base_headers(content_type: bytes | None) -> Base:
    """Content-Type and the default headers that go with it, remembered per content type."""
    base = _bases.get(content_type)
    if base is None:
        raw: RawHeaders = [] if content_type is None else [(b"content-type", content_type)]
        add_defaults(raw, dict(raw))
        base = Base(raw)
        if len(_bases) < _MAX_BASES:
            _bases[content_type] = base
    return base


def media_type_base(media_type: str | None) -> Base:
    """`base_headers` of a media type, with `charset=utf-8` for text. Raises ValueError if it cannot be a header."""
    base = _media_type_bases.get(media_type)
    if base is None:
        base = base_headers(None if media_type is None else _content_type(media_type))
        if len(_media_type_bases) < _MAX_BASES:
            _media_type_bases[media_type] = base
    return base


def _content_type(media_type: str) -> bytes:
    if media_type.startswith("text/") and "charset=" not in media_type.lower():
        media_type = f"{media_type}; charset=utf-8"
    return encode_value(media_type)


def add_defaults(raw: RawHeaders, present: Mapping[bytes, bytes]) -> None:
    """Add to `raw`, in place, the default headers that are missing; `present` is `dict(raw)`."""
    if b"x-content-type-options" not in present:
        raw.append(NOSNIFF)
    if b"referrer-policy" not in present:
        raw.append(REFERRER)
    content_type = present.get(b"content-type")
    # PERF: nine of ten responses are JSON, which needs no more.
    if content_type is not None and content_type != b"application/json":
        _add_page_defaults(raw, present, content_type.lower())


def _add_page_defaults(raw: RawHeaders, present: Mapping[bytes, bytes], content_type: bytes) -> None:
    if not content_type.startswith((b"text/html", b"application/xhtml+xml")):
        return
    policy = present.get(b"content-security-policy")
    if policy is None:
        raw.append(CSP)
    # A policy that speaks of frames has the last word on them: browsers ignore X-Frame-Options beside it.
    if b"x-frame-options" not in present and (policy is None or b"frame-ancestors" not in policy):
        raw.append(FRAMES)


def secure_cookies(raw: RawHeaders) -> None:
    """Add `Secure`, in place, to the cookies that want it over https."""
    for i, (name, value) in enumerate(raw):
        if type(value) is SecureOverHttps:
            raw[i] = (name, value + b"; Secure")
