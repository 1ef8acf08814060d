"""Compressed responses: gzip, and zstd where there is one.

A response goes out by its own `send`; this middleware wraps it in one that stands between it and the server and
compresses the ASGI messages that pass. So it works for every kind of response, streams included, and decides when the
headers are final.

What is never compressed: what is small, encoded already, a part of something (206), without a body, of a type that
does not shrink (images, archives), an event stream, what says `no-transform` or carries a digest of its body.

BREACH (breachattack.com): where a page mixes a secret (a CSRF token) with text an attacker chose (a search term), the
size of the compressed answer tells the secret, guess by guess, to an attacker who can make the visitor's browser ask
and can see the traffic. So answers that belong to a visitor, known by cookies, by credentials that browsers attach by
themselves (Basic, Digest, Negotiate), or by a Set-Cookie, are compressed only when the browser vouches by
`Sec-Fetch-Site: same-origin` or `none` that no foreign page made it ask, or when they say `Cache-Control: public`.
Programs with bearer tokens are not affected, and neither are requests without any credentials.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

from ketch.http.connection import HTTPConnection, Message, Send
from ketch.http.headers import MutableHeaders, RawHeaders
from ketch.http.response import BODILESS, Response
from ketch.middleware.encodings import choose_encoding, encodings
from ketch.middleware.onion import CallNext, is_websocket, texts, whole_number
from ketch.middleware.outbound import Encoding, Wrapped

_ATTACHED = ("basic", "digest", "negotiate", "ntlm")
_SHRINKING = frozenset(
    {
        "application/javascript",
        "application/json",
        "application/jsonl",
        "application/manifest+json",
        "application/problem+json",
        "application/rtf",
        "application/toml",
        "application/vnd.ms-fontobject",
        "application/wasm",
        "application/x-javascript",
        "application/x-ndjson",
        "application/xml",
        "application/yaml",
        "application/msgpack",
        "application/vnd.msgpack",
        "font/otf",
        "font/ttf",
        "image/bmp",
        "image/svg+xml",
        "image/x-icon",
    }
)
_HINDRANCES = (b"content-encoding", b"content-range", b"content-md5", b"digest", b"content-digest", b"repr-digest")


class CompressionMiddleware:
    """Compresses what shrinks, in the encoding the client likes best, from `minimum_size` bytes on.

    `encodings` are names in order of preference, by default zstd, if installed, and gzip. Levels are 1 to 9 for gzip,
    1 to 19 for zstd. A stream's pieces are flushed one by one. ETags become weak and Vary: Accept-Encoding is added.
    `compress_private=True` gives up the rule that keeps secrets from being guessed by size (BREACH, in the module's
    text): only for an application whose pages never mix secrets with what a client sent. Raises SetupError
    KETCH-MW-010 and 018.
    """

    def __init__(
        self,
        *,
        minimum_size: int = 500,
        encodings: Iterable[str] | None = None,
        gzip_level: int = 6,
        zstd_level: int = 3,
        compress_private: bool = False,
    ) -> None:
        name = "CompressionMiddleware"
        self._minimum = whole_number(name, "minimum_size", minimum_size, 0, 2**40)
        names = None if encodings is None else texts(name, "encodings", encodings)
        self._encodings = _made(
            names,
            whole_number(name, "gzip_level", gzip_level, 1, 9),
            whole_number(name, "zstd_level", zstd_level, 1, 19),
        )
        self._names = tuple(self._encodings)
        self._compress_private = compress_private

    async def __call__(self, request: HTTPConnection, call_next: CallNext) -> Response:
        response = await call_next(request)
        if is_websocket(request) or self._is_small(response):
            return response
        return Wrapped(response, lambda send: _Filter(self, send, request))

    def _is_small(self, response: Response) -> bool:
        """PERF: small bodies in memory are most responses of an API; they need no wrapping to stay as they are."""
        in_memory = type(response).send is Response.send
        return in_memory and len(response.body) < self._minimum and response.status_code != 304

    def encoding_for(self, request: HTTPConnection, status: int, raw: RawHeaders) -> tuple[Encoding | None, bool]:
        """(how to compress a response with these headers, does the answer depend on Accept-Encoding?)"""
        if status in BODILESS or status == 206:
            return None, status == 304
        if any(name in _HINDRANCES for name, _ in raw) or not _shrinks(_first(raw, b"content-type")):
            return None, False
        caching = _directives(raw)
        length = _first(raw, b"content-length")
        if "no-transform" in caching or (length is not None and length.isdigit() and int(length) < self._minimum):
            return None, False
        accept = ",".join(request.header_list(b"accept-encoding"))
        chosen = choose_encoding(accept, self._names) if accept else None
        if chosen is None or not (self._compress_private or _safe(request, raw, caching)):
            return None, True
        return Encoding(chosen, self._encodings[chosen](), flush=length is None), True


_made = encodings  # the option of the constructor has the same name


class _Filter:
    """Stands for `send` while one response goes out."""

    def __init__(self, middleware: CompressionMiddleware, send: Send, request: HTTPConnection) -> None:
        self._middleware = middleware
        self._send = send
        self._request = request
        self._start: Message | None = None
        self._encoding: Encoding | None = None

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            await self._begin(message)
        elif self._encoding is None:
            await self._send(message)
        elif kind == "http.response.body":
            await self._body(message.get("body", b""), message.get("more_body", False))
        elif kind == "http.response.pathsend":
            await self._file(message["path"])
        else:
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        raw: RawHeaders = list(message.get("headers", ()))
        self._encoding, varies = self._middleware.encoding_for(self._request, message["status"], raw)
        headers = MutableHeaders(raw)
        if varies:
            headers.add_vary("Accept-Encoding")
        start = {**message, "headers": raw}
        if self._encoding is None:
            await self._send(start)
            return
        if self._request.scope["method"] == "HEAD" or self._encoding.flush:
            await self._send({**start, "headers": encoded_head(raw, self._encoding.name, None)})
        else:
            self._start = start  # the body is at hand: wait for it, and see whether it is worth the trouble

    async def _body(self, body: bytes, more: bool) -> None:
        encoding, start = self._encoding, self._start
        assert encoding is not None
        if self._request.scope["method"] == "HEAD":
            await self._send({"type": "http.response.body", "body": b"", "more_body": more})
            return
        encoded = await encoding.encode(body, last=not more)
        if start is not None:
            self._start = None
            if not more and len(encoded) >= len(body):
                self._encoding = None
                await self._send(start)
                await self._send({"type": "http.response.body", "body": body, "more_body": False})
                return
            length = None if more else len(encoded)
            await self._send({**start, "headers": encoded_head(start["headers"], encoding.name, length)})
        if encoded or not more:
            await self._send({"type": "http.response.body", "body": encoded, "more_body": more})

    async def _file(self, path: str) -> None:
        """A server that sends files by itself cannot compress them: read it here instead."""
        from ketch.http.threads import in_thread

        file: BinaryIO = await in_thread(_open, path)
        try:
            piece: bytes = await in_thread(file.read, 262_144)
            while piece:
                following: bytes = await in_thread(file.read, 262_144)
                await self._body(piece, bool(following))
                piece = following
        finally:
            await in_thread(file.close)


def _open(path: str) -> BinaryIO:
    return open(path, "rb")


def encoded_head(raw: RawHeaders, encoding: str, length: int | None) -> RawHeaders:
    """The headers of the compressed representation: another length, another (weak) ETag, no ranges."""
    headers: RawHeaders = []
    for name, value in raw:
        if name in (b"content-length", b"accept-ranges"):
            continue
        weakened = name == b"etag" and not value.startswith(b"W/")
        headers.append((name, b"W/" + value) if weakened else (name, value))
    headers.append((b"content-encoding", encoding.encode()))
    if length is not None:
        headers.append((b"content-length", b"%d" % length))
    return headers


def _first(raw: RawHeaders, name: bytes) -> str | None:
    return next((value.decode("latin-1") for header, value in raw if header == name), None)


def _shrinks(content_type: str | None) -> bool:
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind == "text/event-stream":
        return False
    return kind.startswith("text/") or kind.endswith(("+json", "+xml")) or kind in _SHRINKING


def _directives(raw: RawHeaders) -> set[str]:
    """The names in Cache-Control."""
    text = ",".join(value.decode("latin-1") for name, value in raw if name == b"cache-control")
    return {part.partition("=")[0].strip().lower() for part in text.split(",")} if text else set()


def _safe(request: HTTPConnection, raw: RawHeaders, caching: set[str]) -> bool:
    """May the size of this answer be known? See BREACH above."""
    sets_cookie = any(name == b"set-cookie" for name, _ in raw)
    if not sets_cookie and ("public" in caching or not _has_credentials(request)):
        return True
    return request.header(b"sec-fetch-site") in ("same-origin", "none")


def _has_credentials(request: HTTPConnection) -> bool:
    if request.header(b"cookie") is not None:
        return True
    scheme: Any = (request.header(b"authorization") or "").partition(" ")[0].lower()
    return scheme in _ATTACHED
