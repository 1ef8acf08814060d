"""Requests that another site makes a visitor's browser send (CSRF), and how they are told from our own.

For an unsafe request, in this order:

1. `Sec-Fetch-Site: same-origin` or `none` passes: the browser vouches, and no page can set that header.
2. With an Origin, or with another Sec-Fetch-Site, the Origin must be the validated host or a trusted origin.
3. With neither, no browser of this decade sent it: it passes, unless it is encoded as forms are; then it needs the
   token, from the form's hidden field or in the header `X-CSRF-Token`.

A mounted application reads its own forms, so rule 3 asks nothing of them.

Programs that show a bearer token or an API key are exempt: browsers attach neither by themselves.

The token is masked afresh each time it is drawn, so that the size of compressed pages does not tell it (BREACH), and
belongs to the session, so that an attacker's own token is of no use to him.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from secrets import token_bytes
from typing import Any

from ketch.http.connection import HTTPConnection
from ketch.http.formdata import TOKEN_FIELD
from ketch.http.negotiate import parse_content_type
from ketch.http.problems import Forbidden
from ketch.http.request import Request
from ketch.http.url import URL
from ketch.inject.graph import walk
from ketch.routing.entry import MountHit
from ketch.sessions.session import TOKEN_KEY, Session

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
HEADER = b"x-csrf-token"
FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""What browsers encode forms as (https://html.spec.whatwg.org/#attr-fs-enctype)."""

_SIZE = 24  # bytes: as hard to guess as a key of AES-192


Origin = tuple[str, str, int | None]
"""Scheme, host and port, as `URL.origin` has them."""


class Guard:
    """The `FormGuard` of one request."""

    __slots__ = ("_request", "_session", "_trusted")

    field = TOKEN_FIELD

    def __init__(
        self, request: HTTPConnection, session: Session, trusted: Iterable[tuple[str, str, int | None]]
    ) -> None:
        self._request = request
        self._session = session
        self._trusted = trusted

    def token(self) -> str:
        """The session's secret under a new mask; a session that has none gets one."""
        secret = _decoded(self._session.get(TOKEN_KEY), _SIZE)
        if secret is None:
            secret = token_bytes(_SIZE)
            self._session[TOKEN_KEY] = urlsafe_b64encode(secret).decode()
        mask = token_bytes(_SIZE)
        return urlsafe_b64encode(mask + _xor(mask, secret)).decode()

    async def check(self) -> None:
        """The three rules above. Raises Forbidden; reading a form raises what `Request.form` does."""
        request = self._request
        site = request.header(b"sec-fetch-site")
        if request.scope.get("method", "GET") in SAFE or site in ("same-origin", "none"):
            return
        origin = request.header(b"origin")
        if origin is not None or site is not None:
            if not self._is_ours(origin) and not _has_own_credentials(request):
                raise self._foreign(origin)
            return
        if not _is_form(request) or _has_own_credentials(request) or _is_mounted(request):
            return
        if not await self._has_token():
            raise self._no_token()

    def _is_ours(self, origin: str | None) -> bool:
        if origin is None or origin == "null":
            return False
        host = self._request.host.lower()
        if origin.lower() in (f"http://{host}", f"https://{host}"):
            return True
        return URL(origin).origin in self._trusted

    def _foreign(self, origin: str | None) -> Forbidden:
        where = f"from {origin[:200]}" if origin and origin != "null" else "from another site"
        self._log(f"it came {where}")
        return Forbidden(
            f"This was sent {where}, not from a page of this site, so it was not carried out.",
            code="csrf",
        )

    def _no_token(self) -> Forbidden:
        self._log("it is a form, and its token is missing or out of date")
        return Forbidden(
            "The form's security token is missing or out of date, so it was not carried out. "
            "Reload the page and send the form again.",
            code="csrf",
        )

    def _log(self, why: str) -> None:
        from logging import getLogger

        scope = self._request.scope
        getLogger("ketch").warning(
            "%s %r was refused: %s. Other origins may send forms by Sessions(trusted_origins=[...]); {{ csrf_input }} "
            "in a form is its token.",
            scope.get("method", ""),
            scope["path"][:200],
            why,
        )

    # --- the token ----------------------------------------------------------------------------------------------------

    async def _has_token(self) -> bool:
        """Whether header or form hold the session's token."""
        request = self._request
        sent: Any = request.header(HEADER)
        if sent is None and isinstance(request, Request) and parse_content_type(_kind(request))[0] != "text/plain":
            self._use_limits_of_the_route(request)
            sent = (await request.form()).get(TOKEN_FIELD)
        masked = _decoded(sent, 2 * _SIZE)
        secret = _decoded(self._session.get(TOKEN_KEY), _SIZE)
        if masked is None or secret is None:
            return False
        return hmac.compare_digest(_xor(masked[:_SIZE], masked[_SIZE:]), secret)

    def _use_limits_of_the_route(self, request: Request) -> None:
        """Here no route is known yet, and one that takes large files says so in its own limits."""
        found = _found(request)
        if type(found) is tuple and found[0].limits is not None:
            request.limits = found[0].limits


def _kind(request: HTTPConnection) -> str:
    return request.header(b"content-type") or ""


def _is_form(request: HTTPConnection) -> bool:
    return parse_content_type(_kind(request))[0] in FORMS


def _has_own_credentials(request: HTTPConnection) -> bool:
    """A bearer token, or a header that an API-key scheme of the route reads: only a program's own code sends these."""
    scheme = (request.header(b"authorization") or "").partition(" ")[0].lower()
    if scheme == "bearer" or request.header(b"x-api-key") is not None:
        return True
    found = _found(request)
    route = found[0] if type(found) is tuple else None
    return route is not None and any(request.header(name) is not None for name in _key_headers(route))


def _found(request: HTTPConnection) -> Any:
    """What will answer, as the routing table says; this runs before it is looked for."""
    return request.runtime.find(request.scope["method"], request.scope) if request.runtime is not None else None


def _is_mounted(request: HTTPConnection) -> bool:
    return isinstance(_found(request), MountHit)


# Headers that a browser sends by itself, or lets a foreign page set (https://fetch.spec.whatwg.org/#cors-safelisted).
_NO_PROOF = frozenset(
    b"accept accept-language authorization content-language content-length content-type cookie dnt host origin range "
    b"referer user-agent".split()
)


def _key_headers(route: Any) -> Iterable[bytes]:
    """The headers that the API-key schemes among a route's dependencies read."""
    for node in walk([*route.guard_nodes, *route.nodes]):
        model = getattr(node.provider.target, "model", None)
        if isinstance(model, dict) and model.get("type") == "apiKey" and model.get("in") == "header":
            name = str(model.get("name", "")).lower().encode("latin-1", "replace")
            if name not in _NO_PROOF and not name.startswith((b"sec-", b"proxy-")):
                yield name


def _decoded(text: object, size: int) -> bytes | None:
    """`size` bytes from URL-safe base64, None for anything else."""
    if not isinstance(text, str) or len(text) != -(-size // 3) * 4 or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == size else None


def _xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))
