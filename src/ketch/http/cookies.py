"""Cookies: reading the Cookie header, and writing one Set-Cookie (RFC 6265 and its successor draft).

Values that a cookie cannot hold are written quoted with octal escapes of their UTF-8 bytes, the form that Python's
own `http.cookies` reads and writes, and are read back the same way.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

from .dates import http_date
from .headers import UnsafeHeader
from .problems import RequestHeaderFieldsTooLarge

SameSite = Literal["lax", "strict", "none"]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_PLAIN_VALUE = re.compile(r"[!#$%&'()*+\-./0-9:<=>?@A-Z\[\]^_`a-z{|}~]*").fullmatch
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*").fullmatch
_ESCAPED = re.compile(rb"\\(?:([0-3][0-7]{2})|(.))", re.DOTALL)
_UNSAFE = re.compile(rb"[^ !#$%&\'()*+\-./0-9:<=>?@A-Z\[\]^_`a-z{|}~]")


def parse_cookies(header: str, *, max_cookies: int = 150) -> dict[str, str]:
    """Names and values of a Cookie header; of two of one name the first, which is the more specific one.

    Parts without `=` are skipped. Linear. Raises RequestHeaderFieldsTooLarge for more than `max_cookies` parts.
    """
    if header.count(";") >= max_cookies:
        raise RequestHeaderFieldsTooLarge(f"More than {max_cookies} cookies were sent.")
    cookies: dict[str, str] = {}
    for part in header.split(";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if equals and name and name not in cookies:
            cookies[name] = _read_value(value.strip())
    return cookies


def _read_value(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = value[1:-1]
        if "\\" in value:
            return _ESCAPED.sub(_unescape, value.encode("latin-1", "replace")).decode("utf-8", "replace")
    # The header came as latin-1; scripts in browsers set cookies as UTF-8.
    return value if value.isascii() else value.encode("latin-1", "replace").decode("utf-8", "replace")


def _unescape(match: re.Match[bytes]) -> bytes:
    octal: bytes | None = match[1]
    return bytes([int(octal, 8)]) if octal else match[2]


def _octal(match: re.Match[bytes]) -> bytes:
    return b"\\%03o" % match[0][0]


def _write_value(value: str) -> str:
    if _PLAIN_VALUE(value):
        return value
    return '"' + _UNSAFE.sub(_octal, value.encode("utf-8")).decode("ascii") + '"'


def format_cookie(
    name: str,
    value: str = "",
    *,
    max_age: int | timedelta | None = None,
    expires: datetime | int | str | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = True,
    samesite: SameSite | None = "lax",
    partitioned: bool = False,
) -> bytes:
    """The value of one Set-Cookie header.

    `max_age` is seconds, `expires` an aware datetime, a text, or seconds from now. Raises ValueError for a name, path
    or domain that cannot stand in the header, and where the rules of `__Host-`, `__Secure-`, `SameSite=None` and
    `Partitioned` are not met.
    """
    if not _NAME(name):
        raise UnsafeHeader(f"{name!r} cannot be a cookie's name: only letters, digits and !#$%&'*+-.^_`|~ may occur")
    _check_rules(name, path=path, domain=domain, secure=secure, samesite=samesite, partitioned=partitioned)
    parts = [f"{name}={_write_value(value)}"]
    if max_age is not None:
        parts.append(f"Max-Age={int(max_age.total_seconds() if isinstance(max_age, timedelta) else max_age)}")
    if expires is not None:
        parts.append(f"Expires={_attribute('expires', _expiry(expires))}")
    if path is not None:
        parts.append(f"Path={_attribute('path', path)}")
    if domain is not None:
        parts.append(f"Domain={_attribute('domain', domain)}")
    if secure:
        parts.append("Secure")
    if httponly:
        parts.append("HttpOnly")
    if samesite is not None:
        parts.append(f"SameSite={samesite.capitalize()}")
    if partitioned:
        parts.append("Partitioned")
    return "; ".join(parts).encode("ascii")


def demands_secure(name: str, *, samesite: str | None, partitioned: bool) -> bool:
    """Whether browsers take such a cookie only with Secure."""
    prefixed = name.lower().startswith(("__host-", "__secure-"))
    return prefixed or partitioned or (samesite is not None and samesite.lower() == "none")


def _check_rules(
    name: str, *, path: str | None, domain: str | None, secure: bool, samesite: str | None, partitioned: bool
) -> None:
    """What browsers would silently refuse is refused here, aloud."""
    if samesite is not None and samesite.lower() not in ("lax", "strict", "none"):
        raise ValueError(f'samesite is "lax", "strict", "none" or None, not {samesite!r}')
    if not secure and demands_secure(name, samesite=samesite, partitioned=partitioned):
        raise ValueError(f"cookie {name!r}: __Host-, __Secure-, SameSite=None and Partitioned need secure=True")
    if name.lower().startswith("__host-") and (path != "/" or domain is not None):
        raise ValueError(f'cookie {name!r}: a __Host- name needs path="/" and no domain')


def _attribute(what: str, text: str) -> str:
    if not _ATTRIBUTE(text):
        raise UnsafeHeader(f"{text!r} cannot be a cookie's {what}: `;`, control and non-ASCII characters may not occur")
    return text


def _expiry(expires: datetime | int | str) -> str:
    if isinstance(expires, str):
        return expires
    if isinstance(expires, datetime):
        if expires.tzinfo is None:
            raise ValueError("expires is an aware datetime (with a timezone), a text, or seconds from now")
        return http_date(expires)
    return http_date(datetime.now(UTC) + timedelta(seconds=expires))
