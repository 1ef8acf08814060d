"""One request of a WSGI server, answered by an ASGI application in another thread's event loop.

Only the server's thread may touch what the server gave it, so the loop sends it on errands:

    receive()  -> Read    the thread reads the next piece of the request's body
    send()     -> Begin   the thread calls start_response, once the first piece of the body is there
               -> Piece   the thread's iterable yields it; the loop waits until the next one is asked for
               -> End     the iterable is exhausted; Failed: it raises

The thread asks for errands while the server asks it for the response, so a server that does not go on reading holds up
the application. The iterable's `close` is all that tells of a client who has left.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, NamedTuple

from ketch.http.headers import RawHeaders
from ketch.http.status import phrase
from ketch.serving.wsgi_environ import CONNECTION_HEADERS
from ketch.serving.wsgi_scope import scope_of

_PIECE = 65_536
_GRACE = 1.0  # seconds that an application gets to end by itself after its client has left


class Read(NamedTuple):
    """Read the next piece of the request's body."""


class Begin(NamedTuple):
    """Call start_response."""

    status: int
    headers: RawHeaders


class Piece(NamedTuple):
    """Yield this; `last` if nothing follows."""

    body: bytes
    last: bool


class Failed(NamedTuple):
    """There is nothing (more) to answer; `raised`: the server is to be told of it."""

    error: BaseException
    raised: bool


class Exchange:
    """`respond` belongs to the server's thread; `run`, `receive` and `send` to the loop."""

    task: asyncio.Task[None] | None = None

    def __init__(self, environ: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        self._environ = environ
        self._loop = loop
        self._errands: SimpleQueue[Any] = SimpleQueue()
        # The thread's
        self._input = environ["wsgi.input"]
        length = environ.get("CONTENT_LENGTH") or ""
        self._unread: int | None = int(length) if length.isdecimal() and len(length) < 20 else 0
        if not length and environ.get("wsgi.input_terminated"):
            self._unread = None  # the stream itself ends with the body
        self._input_error: BaseException | None = None
        self._cut_short = False
        # The loop's
        self._reading: asyncio.Future[tuple[bytes, bool] | None] | None = None
        self._body_read = False
        self._start: Begin | None = None
        self._begun = self._complete = self._left = False
        self._taken: asyncio.Future[None] | None = None
        self._over = asyncio.Event()

    # --- on the loop --------------------------------------------------------------------------------------------------

    async def run(self, app: Any, state: dict[str, Any]) -> None:
        """Call the application and see that the thread gets an end."""
        scope = scope_of(self._environ)
        scope["state"] = dict(state)
        error: BaseException | None = None
        try:
            await app(scope, self.receive, self.send)
        except asyncio.CancelledError as cancelled:
            error = cancelled
        except Exception as raised:
            error = raised
            if self._complete or not self._begun:  # else the server is told, and logs it
                _log("the application failed", raised)
        finally:
            self._over.set()
        if not self._complete:
            what = "in the middle of" if self._begun else "without"
            self.fail(error or RuntimeError(f"the application returned {what} a response"))

    def fail(self, error: BaseException, raised: bool = False) -> None:
        """Nothing more will come."""
        if not isinstance(error, Exception):  # a cancelled task must not look like a cancelled thread
            error = RuntimeError(f"the request was broken off: {error!r}")
        self._errands.put(Failed(error, raised))

    async def receive(self) -> dict[str, Any]:
        """ASGI's receive. A wait that is given up loses nothing: the next one gets what was read."""
        if not self._body_read and not self._complete and not self._left:
            if self._reading is None:
                self._reading = self._loop.create_future()
                self._errands.put(Read())
            read = await asyncio.shield(self._reading)
            self._reading = None
            if read is not None:
                piece, more = read
                self._body_read = not more
                return {"type": "http.request", "body": piece, "more_body": more}
            self._left = True
        if not self._left:
            await self._over.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """ASGI's send. Raises OSError once the client has left, RuntimeError for a message out of order."""
        if self._left:
            raise ConnectionResetError("the client has left")
        kind = message["type"]
        if kind == "http.response.start" and self._start is None:
            self._start = Begin(message["status"], list(message.get("headers", ())))
        elif kind == "http.response.body" and self._start is not None and not self._complete:
            await self._send_body(message.get("body", b""), not message.get("more_body", False))
        else:
            raise RuntimeError(f"{kind} is not to be sent now")

    async def _send_body(self, body: bytes, last: bool) -> None:
        if not body and not last:
            return  # nothing that a WSGI server would pass on
        if not self._begun:
            self._begun = True
            self._errands.put(self._start)
        if last:
            self._complete = True
            self._over.set()
            self._errands.put(Piece(body, True))
            return
        self._taken = self._loop.create_future()
        self._errands.put(Piece(body, False))
        await self._taken

    def _leave(self) -> None:
        self._left = True
        self._over.set()
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(None)
        if self._taken is not None and not self._taken.done():
            self._taken.set_exception(ConnectionResetError("the client has left"))
            self._taken.exception()  # seen, even if nobody waits any more
        if self.task is not None:
            self._loop.call_later(_GRACE, self.task.cancel)

    # --- in the server's thread ---------------------------------------------------------------------------------------

    def respond(self, start_response: Callable[..., Any]) -> Iterator[bytes]:
        """Wait for the head of the response; what is returned yields its body. Raises what the server is to be told."""
        try:
            errand = self.next_errand()
        except BaseException:
            self.leave()
            raise
        if isinstance(errand, Failed):
            return self._refuse(errand, start_response)
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in errand.headers
            if name.lower() not in CONNECTION_HEADERS
        ]
        start_response(f"{errand.status} {phrase(errand.status) or 'Unknown'}", headers)
        return _Body(self)

    def _refuse(self, errand: Failed, start_response: Callable[..., Any]) -> Iterator[bytes]:
        if self._input_error is not None:
            raise self._input_error  # the server knows best how to answer what it could not read
        if errand.raised:
            raise errand.error
        status = 400 if self._cut_short else 500  # the body ended early: it is for nobody, or for who sent half of it
        body = phrase(status).encode()
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        try:
            raise errand.error
        except BaseException:
            start_response(f"{status} {phrase(status)}", headers, sys.exc_info())
        return iter([body])

    def next_errand(self) -> Any:
        """The next one that concerns the response; reading is done on the way."""
        while isinstance(errand := self._errands.get(), Read):
            self._call(self._deliver, self._read())
        return errand

    def _read(self) -> tuple[bytes, bool] | None:
        """(a piece, does more follow?), or None if the client has left."""
        wanted = _PIECE if self._unread is None else min(self._unread, _PIECE)
        try:
            piece: bytes = self._input.read(wanted) if wanted else b""
        except Exception as error:
            self._input_error = error
            return None
        if self._unread is None:
            return piece, bool(piece)
        self._unread -= len(piece)
        self._cut_short = bool(wanted) and not piece
        return None if self._cut_short else (piece, self._unread > 0)

    def _deliver(self, read: tuple[bytes, bool] | None) -> None:
        if self._reading is not None and not self._reading.done():
            self._reading.set_result(read)

    def taken(self) -> None:
        """The server asks for the next piece, so it has sent the one before."""
        self._call(self._let_go)

    def _let_go(self) -> None:
        if self._taken is not None and not self._taken.done():
            self._taken.set_result(None)

    def leave(self) -> None:
        """The server will not ask for more."""
        self._call(self._leave)

    def _call(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(function, *args)
        except RuntimeError:  # the process is ending, the loop has been closed
            self._errands.put(Failed(ConnectionResetError("the server is stopping"), True))


class _Body:
    """The iterable for the server."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._asked = self._ended = False

    def __iter__(self) -> _Body:
        return self

    def __next__(self) -> bytes:
        if self._ended:
            raise StopIteration
        if self._asked:
            self._exchange.taken()
        self._asked = True
        errand = self._exchange.next_errand()
        if isinstance(errand, Failed):
            self._ended = True
            raise errand.error
        self._ended = errand.last
        if not errand.body:
            raise StopIteration
        body: bytes = errand.body
        return body

    def close(self) -> None:
        """PEP 3333: called by the server on every path."""
        if not self._ended:
            self._ended = True
            self._exchange.leave()


def _log(text: str, error: BaseException) -> None:
    from logging import getLogger

    getLogger("ketch").error(text, exc_info=error)
