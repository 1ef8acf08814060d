"""Serving a WSGI application (PEP 3333) from an ASGI server.

Theory of operation. A WSGI application blocks, so each of its requests runs from beginning to end in one thread of the
pool, iteration and `close()` included: what it opens in the thread (a database connection, say) stays in the thread.
The loop and the thread meet at two places, both of which make the quicker side wait:

    request   loop: receive() -> thread: wsgi.input, one message at a time, when the application reads
    response  thread: Outbox.put, blocks once AHEAD bytes wait -> loop: Outbox.get -> send()

A client that leaves is noticed while the response goes out (http/lifeline.py): the thread's next `put` raises, the
iteration ends and the iterable is closed. Slow clients hold threads, which is why mounts may only borrow some of them
(Threads.lend).
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ketch.http.headers import RawHeaders, encode_headers
from ketch.http.lifeline import Lifeline
from ketch.http.problems import ContentTooLarge, ServiceUnavailable
from ketch.http.request import ClientDisconnect
from ketch.http.response import BODILESS
from ketch.inject.threads import Threads, ThreadsBusy
from ketch.serving.wsgi_environ import CONNECTION_HEADERS, Errors, Input, environ_of

if TYPE_CHECKING:
    from ketch.http.connection import Message, Receive, Send

AHEAD = 262_144
"""Bytes of a response that a thread may be ahead of its client."""


class WSGIMount:
    """A WSGI application as an ASGI one; it runs in the threads of the Ketch application that serves it, if one does.

    `body_limit` bounds a request's body in bytes (413); by default that is left to the application.
    """

    def __init__(self, app: Callable[..., Any], *, body_limit: int | None = None) -> None:
        self.app = app
        self.body_limit = body_limit
        self._threads: Threads | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """One request. Raises what the application raised; RuntimeError for WebSockets and lifespan."""
        if scope["type"] != "http":
            raise RuntimeError(f"a WSGI application serves requests, not {scope['type']}")
        call = _Call(self.app, scope, receive, self.body_limit)
        try:
            await call.run(self._threads_of(scope), send)
        except ThreadsBusy:
            raise ServiceUnavailable("The server is busy.", headers={"retry-after": "1"}) from None

    def _threads_of(self, scope: Any) -> Threads:
        runtime = getattr(scope.get("app"), "runtime", None)
        threads = getattr(runtime, "threads", None)
        if isinstance(threads, Threads):
            return threads
        if self._threads is None:
            self._threads = Threads()
        return self._threads


class ClientLeft(ConnectionResetError):
    """Raised in the thread where it would send to a client that has gone."""


class Outbox:
    """From the thread to the loop: the pieces of a body."""

    def __init__(self) -> None:
        self.ended = False
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self.left = False
        self._room = threading.Condition()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def put(self, piece: bytes) -> None:
        """In the thread. Waits for room; raises ClientLeft if nobody wants it any more."""
        with self._room:
            while self._size >= AHEAD and not self.left:
                self._room.wait()
            if self.left:
                raise ClientLeft("the client has left")
            self._pieces.append(piece)
            self._size += len(piece)
        self._wake()

    def end(self) -> None:
        """In the thread: that was the last one."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop was closed while we worked
            self.leave()

    async def get(self) -> bytes | None:
        """On the loop: everything that waits, in one piece; None after the end."""
        while True:
            with self._room:
                if self._pieces:
                    piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
                    self._pieces.clear()
                    self._size = 0
                    self._room.notify()
                    return piece
            if self.ended:
                return None
            self._news.clear()
            await self._news.wait()

    @property
    def drained(self) -> bool:
        """Whether nothing waits and nothing will come."""
        return self.ended and not self._pieces

    def leave(self) -> None:
        """Nobody listens any more."""
        with self._room:
            self.left = True
            self._room.notify()


class _Call:
    """One request of a WSGI application: `run` on the loop, `_work` and what it calls in a thread."""

    def __init__(self, app: Callable[..., Any], scope: Any, receive: Receive, limit: int | None) -> None:
        self.app = app
        self.receive = receive  # where Lifeline puts itself in between, and Input looks it up
        self.outbox = Outbox()
        self.input = Input(self._next_message, limit)
        self.errors = Errors()
        self.environ = environ_of(scope, self.input, self.errors)
        self.limit = limit
        self.head = scope["method"] == "HEAD"
        self.status = 0
        self.headers: RawHeaders = []
        self.entered = False  # a thread has taken it up
        self.begun = False  # the head can no longer be changed
        self.complete = False  # the last piece has been put into the outbox

    # --- on the loop --------------------------------------------------------------------------------------------------

    async def _next_message(self) -> Message:
        return await self.receive()

    async def run(self, threads: Threads, send: Send) -> None:
        """Serve it. Raises what the application raised, ThreadsBusy, ContentTooLarge."""
        self._check_length()
        job = asyncio.create_task(threads.lend(self._work))
        job.add_done_callback(lambda _: self.outbox.end())
        try:
            piece = await self.outbox.get()
            if self.input.refused:
                raise _too_large(self.limit)
            if self.status:  # else it failed before it said anything
                async with Lifeline(self, send) as line:  # type: ignore[arg-type]  # all it needs is `receive`
                    await self._respond(line, piece)
        finally:
            self.outbox.leave()
            self.input.leave()
            if not self.entered:
                job.cancel()
            await _end_of(job)
        error = job.exception()
        if error is not None and self.input.deserted:
            raise ClientDisconnect from error  # whatever the application made of it
        if error is not None and not isinstance(error, ClientLeft):
            raise error

    def _check_length(self) -> None:
        length = self.environ.get("CONTENT_LENGTH", "")
        if self.limit is not None and length.isdecimal() and int(length[:20]) > self.limit:
            raise _too_large(self.limit)

    async def _respond(self, line: Lifeline, piece: bytes | None) -> None:
        """Send what comes. A body that breaks off is left without an end: the edge does what is to be done then."""
        if piece is None and not self.complete:
            return
        await line.send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        while piece is not None:
            last = self.complete and self.outbox.drained
            await line.send({"type": "http.response.body", "body": piece, "more_body": not last})
            if last:
                return
            piece = await self.outbox.get()
        if self.complete:
            await line.send({"type": "http.response.body", "body": b"", "more_body": False})

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        self.entered = True
        if self.outbox.left:
            return
        try:
            result = self.app(self.environ, self.start_response)
            try:
                self._iterate(result)
                self.complete = True
                self.outbox.end()  # the client need not wait for what `close` does
            finally:
                close = getattr(result, "close", None)
                if close is not None:
                    close()
        finally:
            self.errors.flush()

    def _iterate(self, result: Any) -> None:
        if isinstance(result, list | tuple) and len(result) < 2 and not self.begun:
            self._add_length(sum(map(len, result)))
        for piece in result:
            self.write(piece)
            if self.begun and not self._has_body:
                break  # nobody will see it
        if not self.status:
            raise RuntimeError("the WSGI application did not call start_response")

    @property
    def _has_body(self) -> bool:
        return not self.head and self.status not in BODILESS

    def _add_length(self, length: int) -> None:
        if self.status and self.status not in BODILESS and all(name != b"content-length" for name, _ in self.headers):
            self.headers.append((b"content-length", b"%d" % length))

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
        """PEP 3333. Raises AssertionError when called twice without `exc_info`, ValueError for what cannot be sent."""
        if exc_info:
            try:
                if self.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no circle through the traceback
        elif self.status:
            raise AssertionError("start_response was called a second time, without exc_info")
        code, space, _ = status.partition(" ")
        if len(code) != 3 or not code.isdecimal() or not space or int(code) < 200:
            raise ValueError(f"{status!r} is not a status: three digits, a space and a phrase")
        encoded = [pair for pair in encode_headers(headers) if pair[0] not in CONNECTION_HEADERS]
        self.status, self.headers = int(code), encoded
        return self.write

    def write(self, piece: bytes) -> None:
        """The next piece of the body. Raises ClientLeft if the client has gone."""
        if not isinstance(piece, bytes):
            raise TypeError(f"a WSGI application answers with bytes, not {type(piece).__name__}")
        if not self.status:
            raise RuntimeError("the WSGI application did not call start_response before its body")
        if piece:
            self.begun = True
            if self._has_body:
                self.outbox.put(piece)


def _too_large(limit: int | None) -> ContentTooLarge:
    return ContentTooLarge(f"The body is larger than {limit} bytes.")


async def _end_of(job: asyncio.Task[Any]) -> None:
    """Wait for the thread, whatever happens: nothing may run beside what is cleaned up after it."""
    interrupted: BaseException | None = None
    while not job.done():
        try:
            await asyncio.wait([job])
        except asyncio.CancelledError as error:
            interrupted = error
    if not job.cancelled():
        job.exception()  # seen, whatever is told
    if interrupted is not None:
        raise interrupted
