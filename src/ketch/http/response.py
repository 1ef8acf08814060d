"""Responses: a status, headers and a body, and the one way out, `send`.

Until somebody asks for `headers`, a response has only a precomputed start of them (`defaults.base_headers`); asking
makes a list of its own. Content-Length is always that of the body as it is sent, so middleware may replace `body`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from .cookies import SameSite, demands_secure, format_cookie
from .defaults import Base, SecureOverHttps, add_defaults, base_headers, media_type_base, secure_cookies
from .headers import MutableHeaders, RawHeaders, encode_headers
from .percent import quote_url
from .problems import PROBLEM_JSON, BadRequest, HTTPException, encode_problem
from .url import URL

if TYPE_CHECKING:
    from .background import BackgroundTask, BackgroundTasks
    from .connection import HTTPConnection, Send

HeadersInput = Mapping[str, str] | Iterable[tuple[str, str]]
Whole = tuple[int, RawHeaders, bytes]
"""Status, headers and body of a response that is in memory."""

BODILESS = frozenset({*range(100, 200), 204, 304})
"""Statuses of responses that end with their headers (RFC 9112, section 6.3)."""

# PERF: most bodies are short and of few lengths; a remembered pair takes 25 ns, building one 110 ns.
_lengths: dict[int, tuple[bytes, bytes]] = {}
_MAX_LENGTHS = 4_096


def length_header(size: int) -> tuple[bytes, bytes]:
    """The Content-Length of `size` bytes as a raw header."""
    pair = _lengths.get(size)
    if pair is None:
        pair = (b"content-length", b"%d" % size)
        if len(_lengths) < _MAX_LENGTHS:
            _lengths[size] = pair
    return pair


class Response:
    """A response with its body in memory. `str` content is UTF-8, `bytes` stay, None is empty.

    A subclass may set `media_type` and override `render`. Raises ValueError for a header that cannot be sent.
    """

    # PERF: as in HTTPConnection, defaults on the class instead of slots.
    media_type: str | None = None
    background: BackgroundTask | BackgroundTasks | None = None
    body: bytes = b""
    has_length = True
    """Whether Content-Length is the length of `body`; False for what is streamed."""
    simple = True
    """Whether nobody replaced `send`: then a server may write `whole` at once."""

    _raw: RawHeaders | None = None
    _headers: MutableHeaders | None = None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.simple = cls.send is Response.send

    def __init__(
        self,
        content: Any = None,
        status_code: int = 200,
        headers: HeadersInput | None = None,
        media_type: str | None = None,
        background: BackgroundTask | BackgroundTasks | None = None,
    ) -> None:
        self.status_code = status_code
        self.body = self.render(content)
        if media_type is not None:
            self.media_type = media_type
        if background is not None:
            self.background = background
        self._base: Base = media_type_base(self.media_type)
        if headers is not None:
            self._merge(encode_headers(headers))

    def render(self, content: Any) -> bytes:
        """`content` as bytes. Raises TypeError for what is neither text nor bytes."""
        if isinstance(content, str):
            return content.encode()
        if isinstance(content, bytes):
            return content
        if content is None:
            return b""
        if isinstance(content, bytearray | memoryview):
            return bytes(content)
        kind = type(content).__name__
        raise TypeError(f"a {type(self).__name__} takes str, bytes or None, not {kind}; JSONResponse takes more")

    def _merge(self, given: RawHeaders) -> None:
        """Start the list of headers with the base, `given` winning over it."""
        names = {name for name, _ in given}
        self._raw = [pair for pair in self._base if pair[0] not in names] + given
        # An empty body may be the answer to a HEAD, whose length somebody knows.
        if self.has_length and (self.body or b"content-length" not in names):
            self._raw = [pair for pair in self._raw if pair[0] != b"content-length"]
            self._raw.append(length_header(len(self.body)))

    @property
    def raw_headers(self) -> RawHeaders:
        """The headers as an editable list of byte pairs, names in lower case."""
        raw = self._raw
        if raw is None:
            raw = self._raw = [*self._base]
            if self.has_length:
                raw.append(length_header(len(self.body)))
        return raw

    @raw_headers.setter
    def raw_headers(self, raw: RawHeaders) -> None:
        self._raw = raw
        self._headers = None

    @property
    def headers(self) -> MutableHeaders:
        """The headers, editable: `response.headers["x-a"] = "b"`."""
        headers = self._headers
        if headers is None:
            headers = self._headers = MutableHeaders(self.raw_headers)
        return headers

    def set_cookie(
        self,
        key: str,
        value: str = "",
        max_age: int | timedelta | None = None,
        expires: datetime | int | str | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool | None = None,
        httponly: bool = True,
        samesite: SameSite | None = "lax",
        partitioned: bool = False,
    ) -> None:
        """Add a Set-Cookie. `secure=None` means: over https. The rest, and what it raises, is `format_cookie`'s."""
        auto = secure is None and not demands_secure(key, samesite=samesite, partitioned=partitioned)
        cookie = format_cookie(
            key,
            value,
            max_age=max_age,
            expires=expires,
            path=path,
            domain=domain,
            secure=not auto if secure is None else secure,
            httponly=httponly,
            samesite=samesite,
            partitioned=partitioned,
        )
        self.raw_headers.append((b"set-cookie", SecureOverHttps(cookie) if auto else cookie))

    def delete_cookie(
        self,
        key: str,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool | None = None,
        httponly: bool = True,
        samesite: SameSite | None = "lax",
    ) -> None:
        """Make the client forget a cookie; path and domain must be those it was set with."""
        self.set_cookie(key, "", 0, 0, path, domain, secure, httponly, samesite)

    def merge(self, injected: Response) -> None:
        """Take over what was set on an injected response: a status, headers (replacing ours), cookies, background."""
        if injected.status_code:
            self.status_code = injected.status_code
        if injected.background is not None and self.background is None:
            self.background = injected.background
        if injected._raw:
            added = [pair for pair in injected._raw if pair[0] != b"content-length"]
            replaced = {name for name, _ in added} - {b"set-cookie"}
            self.raw_headers[:] = [pair for pair in self.raw_headers if pair[0] not in replaced] + added

    def whole(self, request: HTTPConnection, *, head: bool = False) -> Whole:
        """Status, headers and body as they go out, for a response that has a length. With `head` the body stays
        behind."""
        status, body = self.status_code, self.body
        if self._raw is None and status not in BODILESS:
            headers = [*self._base, length_header(len(body))]
        else:
            headers = self.outgoing_headers(request, head=head)
            if status in BODILESS:
                body = b""
        return status, headers, b"" if head else body

    async def send(self, send: Send, request: HTTPConnection, *, head: bool = False) -> None:
        """Send the response: exactly two messages. With `head` the body stays behind."""
        status, headers, body = self.whole(request, head=head)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def outgoing_headers(self, request: HTTPConnection, *, head: bool = False) -> RawHeaders:
        """The headers as they go out: defaults added, Content-Length true, cookies secure over https."""
        raw = self.raw_headers
        present = dict(raw)
        unrepeated = len(present) == len(raw)
        add_defaults(raw, present)
        if b"set-cookie" in present and request.scope.get("scheme") in ("https", "wss"):
            secure_cookies(raw)
        if self.status_code in BODILESS:
            raw[:] = [pair for pair in raw if pair[0] != b"content-length"]
        elif self.has_length:
            true = length_header(len(self.body))
            if not unrepeated or present.get(b"content-length") != true[1]:
                self._correct_length(raw, true, head=head)
        return raw

    def _correct_length(self, raw: RawHeaders, true: tuple[bytes, bytes], *, head: bool) -> None:
        stated = [pair for pair in raw if pair[0] == b"content-length"]
        # The answer to a HEAD may state the length of a body that was never made.
        if stated != [true] and not (head and not self.body and len(stated) == 1):
            raw[:] = [pair for pair in raw if pair[0] != b"content-length"]
            raw.append(true)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status_code}>"


class Rendered(Response):
    """A response whose body is encoded and whose headers, all but the length, are in `base` already.

    PERF: half the time of making a Response and taking its constructor's decisions again.
    """

    def __init__(self, body: bytes, status: int, base: Base) -> None:
        self.body = body
        self.status_code = status
        self._base = base


class PlainTextResponse(Response):
    """`str` as text/plain."""

    media_type = "text/plain"


class HTMLResponse(Response):
    """`str` as text/html."""

    media_type = "text/html"


class JSONResponse(Response):
    """Any structured value as JSON: what msgspec encodes, and pydantic models."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """`content` as UTF-8 JSON; None is `null`, NaN too. Raises TypeError for what JSON cannot say."""
        return _encode_json(content)


def encode_other(value: Any) -> Any:
    """Pydantic's models, known by their method, so that pydantic is never imported here."""
    dump = getattr(value, "model_dump", None)
    if dump is not None and not isinstance(value, type):
        return dump(mode="json")
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


_encode_json = msgspec.json.Encoder(enc_hook=encode_other).encode


class RedirectResponse(Response):
    """A redirect to `url`: relative, or on the request's own origin. Another origin needs `external=True`.

    The check happens when it is sent, so that a target that a client chose (`?next=`) cannot lead away: the client gets
    a 400, the log a warning. Unsafe characters are percent-encoded. Raises ValueError for a status other than 3xx.
    """

    def __init__(
        self,
        url: str | URL,
        status_code: int = 307,
        headers: HeadersInput | None = None,
        background: BackgroundTask | BackgroundTasks | None = None,
        *,
        external: bool = False,
    ) -> None:
        if not 300 <= status_code <= 399:
            raise ValueError(f"a redirect has a status from 300 to 399, not {status_code}")
        super().__init__(b"", status_code, headers, None, background)
        self.target = str(url)
        self.external = external
        self.headers["location"] = quote_url(self.target)

    def whole(self, request: HTTPConnection, *, head: bool = False) -> Whole:
        """The redirect, or the refusal of one that leads to another origin."""
        if self.external or _stays_here(self.target, request):
            return super().whole(request, head=head)
        from logging import getLogger

        getLogger("ketch").warning("a redirect to another origin needs external=True: %r", self.target[:200])
        refusal = encode_problem(BadRequest("The redirect leads to another site."), request.scope["path"])
        return Rendered(refusal, 400, base_headers(PROBLEM_JSON)).whole(request, head=head)


# A scheme, or two slashes of either kind, or characters that browsers drop or turn before they read the rest.
_LEADS_AWAY = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|[/\\]{2}|[\x00-\x20]|[^\x00-\x1f\x7f]*[\x00-\x1f\x7f]").match


def _stays_here(target: str, request: HTTPConnection) -> bool:
    if not _LEADS_AWAY(target):
        return True
    if not target.isascii() or not target.isprintable() or "\\" in target:
        return False
    url = URL(target)
    try:
        own = URL(request.origin)
    except HTTPException:  # the Host header is not one
        return False
    return bool(url.netloc) and "@" not in url.netloc and url.origin == own.origin
