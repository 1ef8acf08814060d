"""One HTTP request to an ASGI application, and its response, inside one event loop.

Theory of operation. The application runs in a task. `head()` waits for `http.response.start`; `chunk()` for the next
piece of the body, so a streamed response is seen as it is made (the application may be one piece ahead: that is the
back-pressure a network gives). After the last piece the application is awaited until it returns, so that whatever it
does after responding has happened when the test goes on. `close()` before the end is a client that goes away:
`receive()` answers `http.disconnect`, `send()` raises OSError, and after a grace the task is cancelled.

This file knows nothing of threads and nothing of httpx2: the same object serves both clients.
Source: ASGI specification, HTTP 2.5.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

from ketch.testing.mailbox import Mailbox
from ketch.testing.waiting import GRACE, failure, put_away, settled, within

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]
RawHeaders = list[tuple[bytes, bytes]]
T = TypeVar("T")

PIECE = 65_536
"""Bytes of a request body that one `http.request` message carries, as from a socket."""

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_UNSAFE_VALUE = re.compile(rb"[\r\n\0]")


class ClientGone(OSError):
    """Raised by `send()` once the test has closed the response: what a server's socket would raise."""


class Unfinished(RuntimeError):
    """The application returned without completing its response."""


class Truncated(Exception):
    """The body broke off and the test did not ask for the application's exceptions."""


class HTTPExchange:
    """Use `head()`, then `chunk()` until None, or `close()` at any time."""

    def __init__(
        self, app: ASGIApp, scope: Scope, body: bytes | AsyncIterator[bytes], *, raises: bool, seconds: float
    ) -> None:
        self.status = 500
        self.headers: RawHeaders = []
        self.trailers: RawHeaders = []
        self.debug: dict[str, Any] | None = None
        self._app = app
        self._scope = scope
        self._body = _pieces(body) if isinstance(body, bytes) else _unbounded(body)
        self._raises = raises
        self.seconds = seconds
        self._where = f"{scope['method']} {scope['path']}"
        self._started = False
        self._complete = False
        self._expects_trailers = False
        self._length: int | None = None
        self._sent = 0
        self._body_read = False
        self._client_error: BaseException | None = None
        self._gone = False
        self._dropped = False
        self._head = asyncio.Event()
        self._over = asyncio.Event()
        self._chunks: Mailbox[bytes] = Mailbox(1)
        self.task: asyncio.Task[None] = asyncio.get_running_loop().create_task(self._run())

    # -- the test's side

    async def head(self) -> None:
        """Wait for the response's status and headers. Raises what the application raised before them."""
        await self._wait(self._head.wait(), "the response's head")
        if not self._started:
            await self._finish()

    async def chunk(self) -> bytes | None:
        """The next piece of the body; None after the last one, when the application has returned."""
        piece = await self._wait(self._chunks.get(), "more of the response's body")
        if piece is None and self._started:
            await self._finish()
        return piece

    async def close(self) -> None:
        """Go away, if the response is not complete; wait until the application has returned. May be called twice."""
        if self.task.done():
            return
        if self._complete:
            self._chunks.close()
            await self._finish()
            return
        self._leave()
        if not await settled(self.task, GRACE):
            await put_away(self.task, f"the application ({self._where})")
        error = failure(self.task)
        if self._raises and error is not None and not tells_of_leaving(error):
            raise error

    # -- how it ends

    async def _finish(self) -> None:
        """Wait for the application to return, and raise what has to be raised."""
        await self._wait(asyncio.wait({self.task}), "the application to return (is it running a background task?)")
        error = failure(self.task)
        if error is None and not self._complete:
            did = "without completing its response" if self._started else "without sending a response"
            error = Unfinished(f"the application returned {did}, {self._where}")
        if error is not None and (self._raises or not isinstance(error, Exception)):
            raise error
        if self._started and not self._complete:
            raise Truncated(f"the response's body broke off, {self._where}")

    def _leave(self) -> None:
        self._gone = True
        self._over.set()
        self._chunks.close()

    async def drop(self) -> None:
        """End at once; nothing the application raises is told. Raises TimeoutError, once, if it refuses to end."""
        self._leave()
        if not self.task.done() and not self._dropped:
            self._dropped = True
            await put_away(self.task, f"the application ({self._where})")

    async def _wait(self, waiting: Awaitable[T], what: str) -> T:
        try:
            result = await within(self.seconds, waiting, f"{what}, {self._where}", self.task)
        except (TimeoutError, asyncio.CancelledError):  # cancelled: an asynchronous test gave up by itself
            await self.drop()
            raise
        if self._client_error is not None:
            await self.drop()
            raise self._client_error
        return result

    # -- the application's side

    async def _run(self) -> None:
        try:
            await self._app(self._scope, self._receive, self._send)
        finally:
            self._head.set()
            self._chunks.close()

    async def _receive(self) -> Message:
        if not self._gone and not self._body_read:
            try:
                piece, more = await anext(self._body)
            except asyncio.CancelledError:
                raise
            except BaseException as error:  # the test's own iterator failed: the test must see that, not the app
                self._client_error = error
                self._head.set()
                self._leave()
                return {"type": "http.disconnect"}
            self._body_read = not more
            return {"type": "http.request", "body": piece, "more_body": more}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._gone:
            raise ClientGone(f"the client has gone away, {self._where}")
        kind = message["type"]
        if kind == "http.response.start":
            self._begin(message)
        elif kind == "http.response.body":
            await self._take(message)
        elif kind == "http.response.trailers":
            self.trailers += _checked_headers(message.get("headers", ()))
            if not message.get("more_trailers", False):
                self._end()
        elif kind == "http.response.debug":
            self.debug = message["info"]
        else:
            raise RuntimeError(f"unexpected ASGI message {kind!r}, {self._where}")

    def _begin(self, message: Message) -> None:
        if self._started:
            raise RuntimeError(f"http.response.start was sent twice, {self._where}")
        status = message["status"]
        if not isinstance(status, int) or not 100 <= status <= 599:
            raise ValueError(f"{status!r} is not an HTTP status, {self._where}")
        self.status = int(status)
        self.headers = _checked_headers(message.get("headers", ()))
        self._expects_trailers = message.get("trailers", False)
        self._length = _declared_length(self.headers)
        self._started = True
        self._head.set()

    async def _take(self, message: Message) -> None:
        if not self._started or self._complete:
            when = "after the response was complete" if self._complete else "before http.response.start"
            raise RuntimeError(f"http.response.body was sent {when}, {self._where}")
        piece = bytes(message.get("body", b""))
        more = message.get("more_body", False)
        bodiless = self._scope["method"] == "HEAD"
        if not bodiless:
            self._count(piece, more)
        if not more and not self._expects_trailers:
            self._complete = True  # before the wait for room: the application has said all it had to say
        if piece and not bodiless:
            await self._chunks.put(piece)
            if self._gone and more:
                raise ClientGone(f"the client has gone away, {self._where}")
        if self._complete:
            self._end()

    def _count(self, piece: bytes, more: bool) -> None:
        """As a server does: a body that contradicts its head is the application's error. RFC 9112, 6.3."""
        self._sent += len(piece)
        if self.status in (204, 304):
            if self._sent:
                raise RuntimeError(f"a {self.status} response has no body, {self._where}")
            return
        if self._length is None:
            return
        if self._sent > self._length or (not more and self._sent < self._length):
            much = "more" if self._sent > self._length else "less"
            raise RuntimeError(f"{much} body than Content-Length: {self._length} says, {self._where}")

    def _end(self) -> None:
        self._complete = True
        self._over.set()
        self._chunks.close()


async def _pieces(body: bytes) -> AsyncIterator[tuple[bytes, bool]]:
    """(piece, does more follow?)"""
    for start in range(0, len(body) or 1, PIECE):
        yield body[start : start + PIECE], start + PIECE < len(body)


async def _unbounded(body: AsyncIterator[bytes]) -> AsyncIterator[tuple[bytes, bool]]:
    async for piece in body:
        yield piece, True
    yield b"", False


def _checked_headers(headers: Any) -> RawHeaders:
    checked: RawHeaders = []
    for name, value in headers:
        if not isinstance(name, bytes) or not isinstance(value, bytes):
            raise TypeError(f"ASGI headers are pairs of bytes, not {name!r}: {value!r}")
        if not _TOKEN.match(name) or _UNSAFE_VALUE.search(value):
            raise ValueError(f"a server would refuse the header {name!r}: {value!r}")
        checked.append((name, value))
    return checked


def _declared_length(headers: RawHeaders) -> int | None:
    for name, value in headers:
        if name.lower() == b"content-length":
            return int(value)
    return None


def tells_of_leaving(error: BaseException) -> bool:
    """Is this exception only the application's way of saying that its client went away?"""
    if isinstance(error, BaseExceptionGroup):
        return all(map(tells_of_leaving, error.exceptions))
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ClientGone):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
