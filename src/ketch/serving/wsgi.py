"""`app.wsgi`: an ASGI application for WSGI servers (PEP 3333), gunicorn for instance.

    wsgi = app.wsgi              # in main.py; then: gunicorn main:wsgi

Theory of operation. Each process has one event loop, in a thread of its own, started by the first request; the
applications' lifespans and all their requests run there. The server's threads are its hands: while a request lasts,
its thread waits for errands from the loop and runs them (wsgi_exchange.py).

Threads do not survive a fork, so a child process begins anew: the loop, and what was started in it, is forgotten.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from typing import Any

from ketch.serving.mount_lifespan import running
from ketch.serving.wsgi_exchange import Exchange
from ketch.serving.wsgi_mount import WSGIMount

__all__ = ["WSGIMount", "as_wsgi"]

WSGIApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_PATIENCE = 10.0  # seconds that what still runs gets when the process ends


def as_wsgi(app: Any) -> WSGIApplication:
    """`app`, any ASGI application, as a WSGI one. WebSockets do not exist there; everything else does.

    Its lifespan starts with the first request and stops when the process ends. What it raises before it answers
    becomes a 500; a failed start is raised to the server, and tried again with the next request.
    """

    def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        serving = _loop_of_process()
        exchange = Exchange(environ, serving.loop)
        serving.begin(app, exchange)
        return exchange.respond(start_response)

    return wsgi


class ServingLoop:
    """One event loop in a thread of its own, with the applications that have been started in it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._apps: dict[int, tuple[Any, asyncio.Task[dict[str, Any]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self._thread = threading.Thread(target=self._run, name="ketch-wsgi-loop", daemon=True)
        self._thread.start()
        _at_exit(self.stop)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.get_loop().run_forever()

    def begin(self, app: Any, exchange: Exchange) -> None:
        """Serve one request; called from any thread."""
        self.loop.call_soon_threadsafe(self._begin, app, exchange)

    def _begin(self, app: Any, exchange: Exchange) -> None:
        exchange.task = task = self.loop.create_task(self._serve(app, exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, app: Any, exchange: Exchange) -> None:
        try:
            state = await self._started(app)
        except BaseException as error:
            exchange.fail(error, raised=True)
            return
        await exchange.run(app, state)

    async def _started(self, app: Any) -> dict[str, Any]:
        """The state of an application's lifespan, which the first request starts and the others wait for."""
        if id(app) not in self._apps:
            self._apps[id(app)] = (app, self.loop.create_task(self._start(app)))
        return await asyncio.shield(self._apps[id(app)][1])

    async def _start(self, app: Any) -> dict[str, Any]:
        try:
            return await self._stack.enter_async_context(running(app))
        except BaseException:
            del self._apps[id(app)]  # the next request tries again
            raise

    def stop(self) -> None:
        """Let background tasks end, stop the applications, end the thread."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._stop(), self.loop).result(3 * _PATIENCE)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_PATIENCE)

    async def _stop(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_PATIENCE)
        for task in self._tasks:
            task.cancel()
        await self._stack.aclose()

    def abandon(self) -> None:
        """In a child process: what the parent had started is not running here."""
        for app, _ in self._apps.values():
            runtime = getattr(app, "_runtime", None)
            if runtime is not None:
                runtime.abandon()


def _at_exit(function: Callable[[], None]) -> None:
    """Call it when the process ends, before thread pools refuse the work of closing things, as they do at `atexit`."""
    import atexit
    import concurrent.futures.thread  # noqa: F401 (it registers itself; what comes later is called earlier)

    getattr(threading, "_register_atexit", atexit.register)(function)


class _Process:
    """What this process has."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.serving: ServingLoop | None = None


_process = _Process()


def _loop_of_process() -> ServingLoop:
    serving = _process.serving
    if serving is None:
        with _process.lock:
            serving = _process.serving
            if serving is None:
                serving = _process.serving = ServingLoop()
    return serving


def _after_fork() -> None:
    global _process
    before, _process = _process, _Process()
    if before.serving is not None:
        before.serving.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
