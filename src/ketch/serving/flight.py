"""Requests on their way, and the cancelling of those whose client has gone.

A disconnect cancels GET and HEAD; other methods finish, unless the route says `cancel_on_disconnect=True`. ASGI tells
of a disconnect only to somebody who waits for it.

PERF: a watcher for every request would cost more than the request. So requests only enter a set; a sweep twice a
second starts a watcher for those that were there at the sweep before. Quick requests never meet it.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ketch.http.lifeline import Inbox

_SWEEP = 0.5  # seconds
_CANCELLED_METHODS = ("GET", "HEAD")


class Flight:
    """The requests being handled now, each with its task. `len(flight)` is their number."""

    __slots__ = ("_loop", "_old", "_sweeping", "_watched", "requests")

    def __init__(self) -> None:
        self.requests: dict[Any, Any] = {}
        self._old: set[Any] = set()
        self._watched: dict[Any, Any] = {}
        self._sweeping: Any = None
        self._loop: Any = None

    def __len__(self) -> int:
        return len(self.requests)

    def enter(self, request: Any) -> None:
        """A request begins; called in the task that handles it."""
        self.requests[request] = asyncio.current_task()
        if self._sweeping is None or self._loop.is_closed():
            self._loop = asyncio.get_running_loop()
            self._sweeping = self._loop.call_later(_SWEEP, self._sweep)

    def leave(self, request: Any) -> None:
        """Its response is ready to be sent, or it failed."""
        self.requests.pop(request, None)
        if self._watched:
            watcher = self._watched.pop(request, None)
            if watcher is not None:
                watcher.cancel()

    def _sweep(self) -> None:
        """Watch those that were here at the sweep before; stop sweeping when nobody is."""
        now = set(self.requests)
        for request in now & self._old:
            task = self.requests.get(request)
            # Another loop's requests (a second test client's) are not this loop's to watch.
            if request in self._watched or task is None or task.get_loop() is not self._loop:
                continue
            if may_cut_off(request):
                self._watched[request] = self._loop.create_task(self._watch(request, task))
        self._old = now
        self._sweeping = self._loop.call_later(_SWEEP, self._sweep) if now else None

    async def _watch(self, request: Any, task: Any) -> None:
        """Wait for the disconnect and cancel the task. What arrives of a body meanwhile is kept for its reader."""
        inbox = Inbox(request)
        try:
            await inbox.watch()
            cut_off(request, task)
        finally:
            inbox.stop()

    def stop(self) -> None:
        """No sweep outlives the application."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None

    def abandon(self) -> None:
        """In a child process: the requests have stayed with the parent."""
        for kept in (self.requests, self._watched):
            kept.clear()
        self._sweeping = None


def cut_off(request: Any, task: Any) -> None:
    """Cancel the task that handles a request whose client has gone."""
    request.cut_off = True
    task.cancel("the client has disconnected")


def was_cut_off(request: Any) -> bool:
    """Was it cancelled because its client has gone, and by nobody else? Then that ends in this task, which asks."""
    if not request.cut_off:
        return False
    task = asyncio.current_task()
    return task is None or task.uncancel() == 0


def may_cut_off(request: Any) -> bool:
    """Whether this request ends with its connection: GET, HEAD, and routes that say so."""
    route = request.route
    if route is None or request.is_reading:
        return False
    return bool(route.cancel) or request.method in _CANCELLED_METHODS
