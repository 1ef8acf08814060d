"""Accepting in the place of a worker that has gone, until the next one serves.

Where every worker's slot has sockets of its own, the kernel goes on handing connections to a slot in which nobody
serves: they would wait for the new worker's start, and in a crash loop for seconds. So each worker holds the sockets of
all slots, and the supervisor says which of them are orphans. Closing what listens here closes no queue: the supervisor
holds every socket open, until a slot is given up; then everybody accepts what is left in it for a moment first.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from ketch.server.server import Server
from ketch.server.settings import ServerSettings
from ketch.server.tls import make_context

_LEFT = 0.5  # seconds in which connections may still arrive at a slot that is given up


class Orphans:
    """The other slots of this process. `accept_for`, `forget` and `leave` may be called from any thread."""

    def __init__(self, slots: Sequence[Sequence[socket.socket]], own: int, settings: ServerSettings) -> None:
        self._slots = {number: list(sockets) for number, sockets in enumerate(slots) if number != own}
        self._settings = settings
        self._wanted: list[int] = []
        self._accepting: dict[int, list[asyncio.Server]] = {}
        self._lock = asyncio.Lock()
        self._server: Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._left = False

    def begin(self, server: Server) -> None:
        """The loop runs, and this is its server."""
        self._server = server
        self._do(self._follow)

    def accept_for(self, slots: list[int]) -> None:
        """Accept from these slots and no others."""
        self._wanted = slots
        self._do(self._follow)

    def forget(self, slot: int) -> None:
        """This slot is given up."""
        self._do(lambda: self._forget(slot))

    def leave(self) -> None:
        """Accept nothing more, and hold nothing: others are to see that nobody is there."""
        self._left, self._wanted = True, []
        self._do(self._follow)

    def _do(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        server = self._server
        if server is not None:
            with suppress(RuntimeError):  # the loop is closed: this process is about to end
                server.loop.call_soon_threadsafe(self._start, work)

    def _start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = asyncio.get_running_loop().create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self) -> None:
        async with self._lock:
            for slot in [slot for slot in self._accepting if slot not in self._wanted]:
                self._stop(slot)
            for slot in self._wanted:
                await self._accept(slot)
            if self._left:
                self._close(*self._slots)

    async def _forget(self, slot: int) -> None:
        async with self._lock:
            await self._accept(slot)
            await asyncio.sleep(_LEFT)
            self._stop(slot)
            self._close(slot)

    async def _accept(self, slot: int) -> None:
        if self._left or slot in self._accepting:
            return
        assert self._server is not None
        make: Callable[[], Any] = self._server.connection
        words: dict[str, Any] = {"backlog": self._settings.backlog, "ssl": make_context(self._settings)}
        loop = asyncio.get_running_loop()
        sockets = self._slots.get(slot, [])
        self._accepting[slot] = [await loop.create_server(make, sock=one.dup(), **words) for one in sockets]

    def _stop(self, slot: int) -> None:
        for listener in self._accepting.pop(slot, []):
            listener.close()

    def _close(self, *slots: int) -> None:
        for slot in list(slots):
            for one in self._slots.pop(slot, []):
                one.close()
