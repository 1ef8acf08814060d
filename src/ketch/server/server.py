"""One process that serves one application on sockets that somebody else has opened.

    Server(app, ServerSettings()).run([listener])

A frozen Ketch application is called directly; anything else, and one with ASGI-style middleware around it, through
ASGI.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextvars import copy_context
from functools import partial
from logging import getLogger
from typing import TYPE_CHECKING, Any

from ketch.app.application import App
from ketch.http.limits import DEFAULT_LIMITS
from ketch.server.clock import TICK, Clock
from ketch.server.connection import Connection
from ketch.server.counters import Counters
from ketch.server.exchange import answer, relay
from ketch.server.head import HeadLimits
from ketch.server.settings import ServerSettings
from ketch.server.shared import Shared
from ketch.serving.asgi import Edge
from ketch.serving.mount_lifespan import running

if TYPE_CHECKING:
    from ketch.server.accesslog import AccessLog
    from ketch.server.head import Head

_UNSENT = 131_072
"""Bytes the kernel takes for a client before it can send them."""
_TOLD = 64
"""Connections too many that get the time to read why they are refused; further ones are closed at once."""
_LAST_ANSWER = 1.0
"""Seconds in which a connection that is kept alive may still get one answer while the server drains."""
_CLEANING = 2.0
"""Seconds for the clean-up of requests that were cancelled."""


class Server:
    """`run` serves until `stop`. `connections`, `counters` and `in_flight` say what is going on."""

    def __init__(
        self, app: Any, settings: ServerSettings | None = None, *, ready: Callable[[], None] | None = None
    ) -> None:
        self.app = app
        self.settings = settings or ServerSettings()
        self.ready = ready
        self.connections: set[Any] = set()
        self.counters = Counters()
        self.access_log: AccessLog | None = None
        self.failure: BaseException | None = None
        self.state: dict[str, Any] = {}
        most = self.settings
        self.shared = Shared(
            self.counters, DEFAULT_LIMITS, HeadLimits(most.max_head, most.max_headers, most.max_url), most.max_body
        )
        self.shared.task = self._run_eagerly if sys.version_info >= (3, 12) else self._run_soon
        self.loop: Any = None
        # For the task of each request. The current one may be that of the request before it on its connection, from
        # whose task reading went on.
        self.new_context = copy_context
        self._tasks: set[Any] = set()
        self._stopping: asyncio.Event | None = None
        self._now = False

    # --- what connections ask -----------------------------------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Requests being answered now."""
        return sum(1 for connection in self.connections if connection.is_busy)

    def enter(self, connection: Any) -> bool:
        """A connection begins; False if there are too many. `connections` may hold it for its end all the same."""
        most, size = self.settings.max_connections, len(self.connections)
        fits = most is None or size < most
        if fits or size < (most or 0) + _TOLD:
            self.connections.add(connection)
        return fits

    def leave(self, connection: Any) -> None:
        """A connection has ended."""
        self.connections.discard(connection)

    def _run_eagerly(self, coroutine: Any) -> Any:
        """A task that has begun; None if it has ended already, as what never waits has."""
        if sys.version_info >= (3, 12):
            task = asyncio.Task(coroutine, loop=self.loop, context=self.new_context(), eager_start=True)
            if not task.done():
                return self._remembered(task)
        return None

    def _run_soon(self, coroutine: Any) -> Any:
        return self._remembered(asyncio.Task(coroutine, loop=self.loop, context=self.new_context()))

    def _remembered(self, task: Any) -> Any:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    @staticmethod
    def late(spent: float, limit: float | None) -> bool:
        """Whether the next tick would be too late to say that this took too long."""
        return limit is not None and spent + TICK > limit

    def note(self, connection: Connection, head: Head) -> None:
        """A line for the access log."""
        if self.access_log is not None:
            seconds = self.loop.time() - connection.began
            name = connection.client[0] if connection.client else "unix"
            self.access_log.answer(name, head.method, head.raw_path, connection.sent, connection.size, seconds)

    # --- serving ------------------------------------------------------------------------------------------------------

    def run(self, sockets: Sequence[socket.socket]) -> bool:
        """Serve in a loop of its own (uvloop's where there is one). False if the application did not start."""
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(self.serve(sockets))

    async def serve(self, sockets: Sequence[socket.socket]) -> bool:
        """Serve in the running loop until `stop`. False if the application did not start; `failure` says why."""
        self.loop = self.shared.loop = asyncio.get_running_loop()
        self.shared.access_log = self.access_log
        self._stopping = asyncio.Event()
        async with contextlib.AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._application())
            except Exception as error:
                self.failure = error
                return False
            self.new_context = copy_context().copy
            clock = Clock(self.shared, self._sweep)
            clock.start()
            stack.callback(clock.stop)
            listeners = [await self._listen(each) for each in sockets]
            try:
                if self.ready is not None:
                    self.ready()
                await self._stopping.wait()
            finally:
                for listener in listeners:
                    listener.close()
                await self._drain()
        return True

    async def _listen(self, listener: socket.socket) -> Any:
        words: dict[str, Any] = {"backlog": self.settings.backlog}
        if self.settings.tls_cert is not None:
            from ketch.server.tls import make_context

            words["ssl"] = make_context(self.settings)
        if listener.family == socket.AF_UNIX:
            if sys.version_info >= (3, 13):  # the file belongs to whoever opened the socket
                words["cleanup_socket"] = False
            return await self.loop.create_unix_server(self.connection, sock=listener, **words)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # connections inherit it: else each may keep megabytes in the kernel
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        return await self.loop.create_server(self.connection, sock=listener, **words)

    def connection(self) -> Connection:
        """The protocol of a new connection."""
        return Connection(self)

    def stop(self, now: bool = False) -> None:
        """End: no new connections; requests on their way finish within `settings.grace` seconds, or not (`now`).

        May be called from any thread and from a signal handler, more than once.
        """
        self._now = self._now or now
        if self.loop is not None and not self.loop.is_closed() and self._stopping is not None:
            if now:  # first: once told to stop, the loop of another thread may be closed at any moment
                self.loop.call_soon_threadsafe(self._cancel_all)
            self.loop.call_soon_threadsafe(self._stopping.set)

    # --- the application ----------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _application(self) -> AsyncIterator[None]:
        """The application, started; how it is called is decided here."""
        app = self.app
        if not isinstance(app, App):
            async with running(app, self.state):
                self._serve_by_asgi(app)
                yield
            return
        runtime = app.runtime
        await runtime.start(self.state)
        try:
            self.shared.obey(runtime.limits)
            if type(runtime.edge) is Edge:
                edge = runtime.edge
                self._prepare()
                self.template["app"] = app
                self.shared.answer = partial(answer, edge)
            else:
                self._serve_by_asgi(runtime.edge)
            yield
        finally:
            await runtime.stop()

    def _serve_by_asgi(self, app: Any) -> None:
        self._prepare()
        self.shared.answer = partial(relay, app)

    def _prepare(self) -> None:
        settings = self.settings
        self.template: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "scheme": "https" if settings.tls_cert is not None else "http",
            "root_path": settings.root_path,
            "extensions": {"http.response.pathsend": {}, "http.response.trailers": {}},
        }

    # --- the end ------------------------------------------------------------------------------------------------------

    async def _drain(self) -> None:
        """Let requests and their background tasks finish; idle connections get a moment for one more answer, which
        says that it is the last."""
        shared = self.shared
        shared.draining, shared.draining_since = True, shared.now
        until = self.loop.time() + (0.0 if self._now else self.settings.grace)
        while (self.connections or self._tasks) and self.loop.time() < until and not self._now:
            over = self.loop.time() - shared.draining_since > _LAST_ANSWER + 2 * TICK
            if over and not self._tasks and not self.in_flight:  # in flight: also answers that are still being read
                break
            await asyncio.sleep(0.02)
        self._cancel_all()
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=_CLEANING)
        for connection in list(self.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel("the server stops")

    def _sweep(self, now: float) -> None:
        for connection in list(self.connections):
            try:
                connection.sweep(now)
            except Exception as error:  # the others still have to be looked at
                getLogger("ketch").error("a connection could not be closed", exc_info=error)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's loop, or None for asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
