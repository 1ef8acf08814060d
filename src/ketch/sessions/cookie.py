"""The session's cookie: its name, its attributes, and putting it into a response."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from ketch.http.connection import HTTPConnection
from ketch.http.cookies import SameSite, format_cookie
from ketch.http.response import Response

MAX_SIZE = 4_096
"""Bytes of a cookie, name and attributes included, that every browser keeps (RFC 6265, section 6.1)."""


class SessionTooLarge(ValueError):
    """The session does not fit into a cookie, and browsers would drop it without a word."""


@dataclass(frozen=True, slots=True)
class SessionCookie:
    """`name` without prefix; `secure` is "always" (production) or "https" (dev and test)."""

    name: str
    max_age: int
    same_site: SameSite
    always_secure: bool

    def is_secure(self, request: HTTPConnection) -> bool:
        """Whether the cookie goes by https only, and so may have the prefix that binds it to this host."""
        return self.always_secure or request.scope.get("scheme") in ("https", "wss")

    def full_name(self, request: HTTPConnection) -> str:
        """The name as browsers know it."""
        return f"__Host-{self.name}" if self.is_secure(request) else self.name

    def format(self, request: HTTPConnection, ticket: str) -> bytes:
        """A Set-Cookie; an empty ticket removes it. Raises SessionTooLarge."""
        cookie = format_cookie(
            self.full_name(request),
            ticket,
            max_age=self.max_age if ticket else 0,
            expires=None if ticket else 0,
            secure=self.is_secure(request),
            samesite=self.same_site,
        )
        if len(cookie) > MAX_SIZE:
            raise SessionTooLarge(
                f"the session takes {len(cookie):,} bytes as a cookie, and browsers keep {MAX_SIZE:,}. "
                "Keep ids in it instead of data, or its data on the server: Sessions(store=...)"
            )
        return cookie


def with_cookie(response: Response, cookie: bytes) -> Response:
    """A response of its own that sets the cookie: the one given may be an object that answers everybody."""
    own: Any = copy.copy(response)
    own.raw_headers = [*response.raw_headers, (b"set-cookie", cookie)]
    return own  # type: ignore[no-any-return]
