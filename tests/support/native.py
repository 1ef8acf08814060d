"""The native server in a thread, for tests that talk to it over real sockets."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ketch.server.server import Server
from ketch.server.settings import ServerSettings


class Native:
    """A server that listens on `port`."""

    def __init__(self, app: Any, **settings: Any) -> None:
        self._ready = threading.Event()
        self.server = Server(app, ServerSettings(**settings), ready=self._ready.set)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1_024)
        self.port: int = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
        self.outcome: Any = None

    def _run(self) -> None:
        if self.new_loop is None:
            self.outcome = self.server.run([self.listener])
        else:
            with asyncio.Runner(loop_factory=self.new_loop) as runner:
                self.outcome = runner.run(self.server.serve([self.listener]))

    def start(self) -> None:
        """Returns when it listens."""
        self.thread.start()
        assert self._ready.wait(20), f"the server did not start: {self.server.failure!r}"

    def stop(self, now: bool = False) -> None:
        """Returns when it has ended."""
        self.server.stop(now)
        self.thread.join(20)
        assert not self.thread.is_alive(), "the server did not stop"
        self.listener.close()


@contextmanager
def native(
    app: Any, *, new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None, **settings: Any
) -> Iterator[Native]:
    """Serving `app` within the block."""
    running = Native(app, **settings)
    running.new_loop = new_loop
    running.start()
    try:
        yield running
    finally:
        if running.thread.is_alive():
            running.stop(now=True)
