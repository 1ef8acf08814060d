"""uvicorn behind `ketch dev` and `ketch run`, until the native server stands here.

Everything that is specific to a server is in this file. `served` is what uvicorn's worker processes import.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from socket import socket
from typing import Any

NAME = "uvicorn"
INSTALL = 'pip install "ketch[standard]"'

STARTUP_FAILED = 3
"""uvicorn's exit code when the application's start failed; its reason has been logged by then."""

_ARRIVAL = 0.1
"""Seconds in which a request arrives on a connection that has just been accepted."""
_GRACE = 0.2
"""Seconds that requests on their way have when a file is saved."""
_CLEANING = 0.5
"""Seconds for the clean-up of those that were cancelled."""

_WORKER_APP = "KETCH_WORKER_APP"
_WORKER_ACCESS_LOG = "KETCH_WORKER_ACCESS_LOG"


def is_installed() -> bool:
    """Whether there is a server at all."""
    return find_spec("uvicorn") is not None


def preload() -> None:
    """Import what serving needs, before there is an application to serve."""
    import uvicorn

    config = uvicorn.Config(_nothing, log_config=None)
    config.load()
    config.get_loop_factory()


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    """Stands in for an application."""


class DevServer:
    """One application on an open socket. `stop` may be called from any thread."""

    def __init__(self, app: Any, ready: Callable[[], None], *, lifespan: bool = True) -> None:
        import uvicorn

        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on" if lifespan else "off",
        )
        self._server = _quick_server(config, ready)
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)

    def run(self, listener: socket) -> bool:
        """Serve until `stop` or a signal. False if the application's start failed."""
        try:
            self._server.run([listener])
        except SystemExit as error:
            if error.code == STARTUP_FAILED:
                return False
            raise
        return True

    def stop(self) -> None:
        """End soon: no new connections, a moment for requests, none for streams."""
        self._server.end()


def _quick_server(config: Any, ready: Callable[[], None]) -> Any:
    """uvicorn's Server for somebody who waits: it says when it serves, and ends as soon as it can.

    uvicorn looks every 100 ms whether it should end, and several times that on its way out; a reload is to take less.
    """
    import asyncio

    import uvicorn

    class QuickServer(uvicorn.Server):
        bell: asyncio.Event | None = None
        loop: asyncio.AbstractEventLoop | None = None

        async def startup(self, sockets: list[socket] | None = None) -> None:
            self.loop, self.bell = asyncio.get_running_loop(), asyncio.Event()
            await super().startup(sockets)
            if self.started:
                ready()

        def end(self) -> None:
            self.should_exit = True
            if self.loop is not None and self.bell is not None and not self.loop.is_closed():
                self.loop.call_soon_threadsafe(self.bell.set)

        def handle_exit(self, sig: int, frame: Any) -> None:
            super().handle_exit(sig, frame)
            self._captured_signals.clear()  # uvicorn would raise it again at the end
            self.end()

        async def main_loop(self) -> None:
            while not await self.on_tick(0):  # it keeps the Date header
                try:
                    await asyncio.wait_for(self.bell.wait(), 1)  # type: ignore[union-attr]
                except TimeoutError:
                    continue

        async def shutdown(self, sockets: list[socket] | None = None) -> None:
            for closing in (*self.servers, *(sockets or ())):
                closing.close()
            until = time.monotonic() + _ARRIVAL
            while time.monotonic() < until and any(map(_is_fresh, self.server_state.connections)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            for connection in list(self.server_state.connections):
                connection.shutdown()
            if self.server_state.tasks:
                await asyncio.wait(list(self.server_state.tasks), timeout=_GRACE)
            for task in list(self.server_state.tasks):
                task.cancel("the server reloads")
            if self.server_state.tasks:
                await asyncio.wait(list(self.server_state.tasks), timeout=_CLEANING)
            if not self.force_exit:
                await self.lifespan.shutdown()

    return QuickServer(config)


def _is_fresh(connection: Any) -> bool:
    """Whether no request has arrived on it yet."""
    return getattr(connection, "cycle", connection) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """How to serve: an address or a Unix socket, processes, whose X-Forwarded-* headers count, seconds to finish in."""

    host: str = "127.0.0.1"
    port: int = 8000
    uds: str | None = None
    workers: int = 1
    forwarded_allow_ips: str | None = None
    root_path: str = ""
    grace: int = 30
    access_log: bool = False


def serve(app: Any, target: str, how: Production) -> int:
    """Serve `app` in production until a signal; `target` names it for further processes. Returns the exit code."""
    import uvicorn

    words = _words(how)
    if how.workers > 1:
        os.environ[_WORKER_APP] = target
        os.environ[_WORKER_ACCESS_LOG] = "1" if how.access_log else ""
        return _exit_code(lambda: uvicorn.run(f"{__name__}:served", factory=True, workers=how.workers, **words))
    return _exit_code(lambda: uvicorn.run(around(app, how.access_log), **words))


def _words(how: Production) -> dict[str, Any]:
    address: dict[str, Any] = {"uds": how.uds} if how.uds else {"host": how.host, "port": how.port}
    return {
        **address,
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "root_path": how.root_path,
        "proxy_headers": how.forwarded_allow_ips is not None,
        "forwarded_allow_ips": how.forwarded_allow_ips,
        "timeout_graceful_shutdown": how.grace,
    }


def _exit_code(serve: Callable[[], None]) -> int:
    try:
        serve()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except KeyboardInterrupt:
        return 0
    return 0


def around(app: Any, access_log: bool) -> Any:
    """The application with a line per request, if that is wanted."""
    if not access_log:
        return app
    from ketch.cli.edge import Edge

    return Edge(app)


def served() -> Any:
    """The application in one of several processes: found again, logging set up again."""
    from ketch.app.discovery import discover
    from ketch.app.logs import setup_logging
    from ketch.app.mode import mode

    setup_logging(mode())
    return around(discover(os.environ[_WORKER_APP]), bool(os.environ.get(_WORKER_ACCESS_LOG)))


__all__: Sequence[str] = ["INSTALL", "NAME", "DevServer", "Production", "is_installed", "preload", "serve", "served"]
