"""A response on its way out through somebody else's hands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ketch.http.connection import HTTPConnection, Send
from ketch.http.headers import MutableHeaders, RawHeaders
from ketch.http.response import Response
from ketch.http.threads import in_thread

if TYPE_CHECKING:
    from ketch.http.background import BackgroundTask, BackgroundTasks
    from ketch.middleware.encodings import Compressor

MOST_ON_LOOP = 32_768
"""Bytes compressed in place, in well under a millisecond; more goes to a thread (zlib lets go of the interpreter)."""


class Wrapped(Response):
    """`inner`, whose ASGI messages go through what `through(send)` returns. All else is the inner response's own.

    So layers further out may still read and change headers, status and cookies, as if it were not wrapped.
    """

    __slots__ = ("_through", "inner")

    def __init__(self, inner: Response, through: Callable[[Send], Send]) -> None:
        self.inner = inner
        self._through = through

    @property
    def status_code(self) -> int:
        return self.inner.status_code

    @status_code.setter
    def status_code(self, status: int) -> None:
        self.inner.status_code = status

    @property
    def body(self) -> bytes:
        return self.inner.body

    @body.setter
    def body(self, body: bytes) -> None:
        self.inner.body = body

    @property
    def media_type(self) -> str | None:  # type: ignore[override]
        return self.inner.media_type

    @property
    def has_length(self) -> bool:  # type: ignore[override]
        return self.inner.has_length

    @property
    def background(self) -> BackgroundTask | BackgroundTasks | None:
        return self.inner.background

    @background.setter
    def background(self, background: BackgroundTask | BackgroundTasks | None) -> None:
        self.inner.background = background

    @property
    def raw_headers(self) -> RawHeaders:
        return self.inner.raw_headers

    @raw_headers.setter
    def raw_headers(self, raw: RawHeaders) -> None:
        self.inner.raw_headers = raw

    @property
    def headers(self) -> MutableHeaders:
        return self.inner.headers

    def outgoing_headers(self, request: HTTPConnection, *, head: bool = False) -> RawHeaders:
        return self.inner.outgoing_headers(request, head=head)

    async def prepare(self, request: HTTPConnection) -> None:
        """What the inner response can decide before it is sent; see FileResponse."""
        prepare: Any = getattr(self.inner, "prepare", None)
        if prepare is not None:
            await prepare(request)

    async def send(self, send: Send, request: HTTPConnection, *, head: bool = False) -> None:
        await self.inner.send(self._through(send), request, head=head)


class Encoding:
    """One body being compressed. `flush`: each piece must be readable as soon as it arrives."""

    def __init__(self, name: str, compressor: Compressor, *, flush: bool) -> None:
        self.name = name
        self.flush = flush
        self._compressor = compressor

    async def encode(self, data: bytes, *, last: bool) -> bytes:
        """The next piece compressed, and the end with the last one. Large pieces are compressed in a thread."""
        if len(data) > MOST_ON_LOOP:
            return await in_thread(self._encode, data, last)
        return self._encode(data, last)

    def _encode(self, data: bytes, last: bool) -> bytes:
        encoded = self._compressor.encode(data, flush=self.flush and not last) if data else b""
        return encoded + self._compressor.finish() if last else encoded
