"""Cross-origin requests: which other sites' pages may read what this application answers.

Source: the Fetch standard, "HTTP-Responses" and "CORS protocol"; Private Network Access.

CORS lets browsers hand answers over; it keeps nobody out. A request from a foreign origin is handled as any other, only
its answer carries no permission. The exception is the WebSocket, which browsers open to everywhere: there a foreign
origin that is not allowed is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NoReturn

from ketch.http.connection import HTTPConnection
from ketch.http.headers import RawHeaders
from ketch.http.problems import BadRequest, Forbidden, HTTPException
from ketch.http.response import Response
from ketch.http.url import DEFAULT_PORTS, URL, valid_host
from ketch.kernel.errors import SetupError
from ketch.middleware.onion import CallNext, also_on_errors, is_websocket, refuse, texts, whole_number

ALL_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
SAFELISTED = frozenset({"accept", "accept-language", "content-language", "content-type"})
"""Request headers that every page may send (Fetch, "CORS-safelisted request-header")."""

MOST_HEADERS = 64
"""Names that one preflight may ask for."""

MOST_ORIGIN = 512
"""Characters of an origin; a scheme, a name of 253 characters and a port are fewer."""

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_SCHEME = re.compile(r"[a-z][a-z0-9+.\-]*").fullmatch
_NOBODYS_ORIGIN = "https://origin-of-nobody.invalid"


class CORSMiddleware:
    """Starlette's options, with their meaning. `allow_origins` are origins, exactly as browsers send them
    (`"https://shop.example:8443"`), or `["*"]`; `allow_origin_regex` must match the whole origin.

    `allow_credentials` needs named origins: with `"*"`, or a regex that matches everything, any site could act as the
    visitor. Preflights are answered here, before routing; `allow_private_network` permits those that ask for it.
    `max_age` in seconds. WebSocket handshakes from another origin are 403 unless it is allowed. Raises SetupError
    KETCH-MW-010 to 013.
    """

    def __init__(
        self,
        *,
        allow_origins: Iterable[str] = (),
        allow_methods: Iterable[str] = ("GET",),
        allow_headers: Iterable[str] = (),
        allow_credentials: bool = False,
        allow_origin_regex: str | None = None,
        allow_private_network: bool = False,
        expose_headers: Iterable[str] = (),
        max_age: int = 600,
    ) -> None:
        name = "CORSMiddleware"
        origins = texts(name, "allow_origins", allow_origins)
        methods = texts(name, "allow_methods", allow_methods)
        headers = texts(name, "allow_headers", allow_headers)
        exposed = texts(name, "expose_headers", expose_headers)
        for option, words in (("allow_methods", methods), ("allow_headers", headers), ("expose_headers", exposed)):
            _check_tokens(option, words)
        self._any = "*" in origins
        self._origins = frozenset(_origin(origin) for origin in origins if origin != "*")
        self._regex = _compiled(allow_origin_regex)
        self._credentials = allow_credentials
        if allow_credentials:
            self._check_credentials()
        self._methods = ALL_METHODS if "*" in methods else methods
        self._any_header = "*" in headers
        self._allowed_headers = SAFELISTED | {header.lower() for header in headers}
        self._private_network = allow_private_network
        seconds = whole_number(name, "max_age", max_age, 0, 31_536_000)
        self._preflight = self._preflight_headers(headers, seconds)
        self._exposed: RawHeaders = []
        if exposed:
            self._exposed = [(b"access-control-expose-headers", ", ".join(exposed).encode())]

    def _check_credentials(self) -> None:
        if self._any or "null" in self._origins or (self._regex is not None and self._regex(_NOBODYS_ORIGIN)):
            how = '"*"' if self._any else '"null"' if "null" in self._origins else "a regex that matches every origin"
            raise SetupError(
                "KETCH-MW-011",
                f"CORSMiddleware(allow_credentials=True) allows {how}.",
                why="Any site on the web could then act in the name of whoever visits it, cookies included.",
                fix='Name the origins:  allow_origins=["https://shop.example"], allow_credentials=True',
            )

    def _preflight_headers(self, headers: tuple[str, ...], max_age: int) -> RawHeaders:
        """What every preflight's answer says, but for the origin."""
        pairs: RawHeaders = [
            (b"access-control-allow-methods", ", ".join(self._methods).encode()),
            (b"access-control-max-age", b"%d" % max_age),
        ]
        if not self._any_header:
            told = sorted({"Accept", "Accept-Language", "Content-Language", "Content-Type", *headers})
            pairs.append((b"access-control-allow-headers", ", ".join(told).encode()))
        return pairs

    async def __call__(self, request: HTTPConnection, call_next: CallNext) -> Response:
        origin = self._origin_of(request)
        if is_websocket(request):
            return await self._handshake(request, origin, call_next)
        if request.scope["method"] == "OPTIONS" and origin is not None:
            wanted = request.header(b"access-control-request-method")
            if wanted is not None:
                return self._answer_preflight(request, origin, wanted)
        added = self._grant(origin) + self._exposed if self._any or self.allows(origin) else []
        also_on_errors(request, added if self._any else [*added, (b"vary", b"Origin")])
        response = await call_next(request)
        for name, value in added:
            response.headers[name.decode()] = value.decode("latin-1")
        if not self._any:
            # Also without an Origin: a cache must not give this answer to a page of another origin.
            response.headers.add_vary("Origin")
        return response

    def allows(self, origin: str | None) -> bool:
        """May pages of this origin read the answers?"""
        if origin is None or len(origin) > MOST_ORIGIN:
            return False
        if self._any or origin in self._origins:
            return True
        return self._regex is not None and self._regex(origin) is not None

    @staticmethod
    def _origin_of(request: HTTPConnection) -> str | None:
        sent = request.header_list(b"origin")
        # Two are no origin: whoever reads the first would disagree with whoever reads the last.
        return None if not sent else sent[0] if len(sent) == 1 else "null, null"

    def _grant(self, origin: str | None) -> RawHeaders:
        value = b"*" if self._any or origin is None else origin.encode("latin-1")
        pairs = [(b"access-control-allow-origin", value)]
        if self._credentials:
            pairs.append((b"access-control-allow-credentials", b"true"))
        return pairs

    # Preflights

    def _answer_preflight(self, request: HTTPConnection, origin: str, method: str) -> Response:
        wanted = _header_names(request)
        refused = []
        if not self.allows(origin):
            refused.append("origin")
        if method not in self._methods:
            refused.append("method")
        if wanted is None or not (self._any_header or self._allowed_headers.issuperset(map(str.lower, wanted))):
            refused.append("headers")
        private = request.header(b"access-control-request-private-network") == "true"
        if private and not self._private_network:
            refused.append("private network")
        if refused:
            response = refuse(BadRequest(f"Disallowed CORS {', '.join(refused)}.", code="cors"), request)
        else:
            response = Response(status_code=204)
            response.raw_headers += self._preflight
            if self._any_header and wanted:
                response.headers["access-control-allow-headers"] = ", ".join(wanted)
            if private:
                response.headers["access-control-allow-private-network"] = "true"
        if "origin" not in refused:  # so that the browser may tell the page's author what was refused
            response.raw_headers += self._grant(origin)
        if not self._any:
            response.headers.add_vary("Origin")
        if self._any_header:
            response.headers.add_vary("Access-Control-Request-Headers")
        return response

    # WebSockets

    async def _handshake(self, request: HTTPConnection, origin: str | None, call_next: CallNext) -> Response:
        if origin is None:  # no browser
            return await call_next(request)
        if self.allows(origin):
            if self._credentials:
                # Told to the framework's own rule, which refuses a foreign origin that comes with cookies.
                request.scope["ketch.origin_allowed"] = True
            return await call_next(request)
        try:
            own = URL(request.origin).origin
        except HTTPException as error:  # the Host header is not one
            return refuse(error, request)
        scheme = {"ws": "http", "wss": "https"}.get(own[0], own[0])
        if URL(origin).origin == (scheme, *own[1:]):
            return await call_next(request)
        return refuse(Forbidden("WebSockets cannot be opened from this origin.", code="cors"), request)


def _header_names(request: HTTPConnection) -> list[str] | None:
    """The headers a preflight asks for; None if that is no list of names, or one longer than anybody needs."""
    text = ",".join(request.header_list(b"access-control-request-headers"))
    names = [name for part in text.split(",", MOST_HEADERS + 1) if (name := part.strip(" \t"))]
    if len(names) > MOST_HEADERS or not all(map(_TOKEN, names)):
        return None
    return names


def _check_tokens(option: str, words: tuple[str, ...]) -> None:
    for word in words:
        if not _TOKEN(word):
            raise SetupError(
                "KETCH-MW-010",
                f"CORSMiddleware({option}=...): {word!r} is not a name.",
                fix=f'Write:  {option}=["{"GET" if option == "allow_methods" else "X-Token"}"]',
            )


def _origin(text: str) -> str:
    """A configured origin as browsers spell it: lower case, without the scheme's own port. Raises SetupError."""
    if text == "null":
        return text
    scheme, colon, host = text.lower().partition("://")
    if not colon or not _SCHEME(scheme) or "*" in host or not valid_host(host):
        _refuse_origin(text, scheme if colon else "", host if colon else text.lower())
    port = URL(text).port
    return (
        f"{scheme}://{host.rpartition(':')[0]}" if port and port == DEFAULT_PORTS.get(scheme) else f"{scheme}://{host}"
    )


def _refuse_origin(text: str, scheme: str, host: str) -> NoReturn:
    host = host.partition("/")[0]
    if "*" in host:
        pattern = re.escape(host).replace(r"\*", r"[a-z0-9\-]+")
        why = "allow_origins are compared as they are; patterns belong into allow_origin_regex."
        fix = f'Write:  allow_origin_regex=r"{scheme or "https"}://{pattern}"'
    else:
        why = "An origin is a scheme and a host, perhaps a port, and nothing after them: browsers send no more."
        fix = f'Write:  allow_origins=["{scheme or "https"}://{host if valid_host(host) else "shop.example"}"]'
    raise SetupError("KETCH-MW-012", f"CORSMiddleware: {text!r} is not an origin.", why=why, fix=fix)


def _compiled(regex: str | None) -> Any:
    if regex is None:
        return None
    try:
        return re.compile(regex).fullmatch
    except (re.error, TypeError) as error:
        raise SetupError(
            "KETCH-MW-013",
            f"CORSMiddleware(allow_origin_regex={regex!r}) is not a regular expression: {error}.",
            fix=r'Write:  allow_origin_regex=r"https://[a-z0-9\-]+\.shop\.example"',
        ) from None
