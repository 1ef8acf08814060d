"""The one bounded thread pool in which `def` handlers and `def` dependencies run.

It has a name, a size and a queue with an end: when all threads are busy and the queue is full, the call is refused
with a clear error instead of waiting for ever (a hidden unbounded pool is how nested sync dependencies deadlock).

PERF: own threads on a SimpleQueue instead of ThreadPoolExecutor; a hop then needs no lock, condition or second future.

Cancellation waits for the thread: work that has begun cannot be stopped, and what cleans up after it must not run
beside it.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class ThreadsBusy(Exception):
    """Every thread is working and the queue is full; serving answers 503 with Retry-After."""


class _Hop:
    """One call on its way through a thread and back."""

    __slots__ = ("args", "context", "done", "error", "function", "loop", "optional", "unwanted", "value", "waiter")

    def __init__(self, loop: Any, function: Callable[..., Any], args: tuple[Any, ...], optional: bool) -> None:
        self.loop = loop
        self.optional = optional
        self.function = function
        self.args = args
        self.context = contextvars.copy_context()
        self.waiter = loop.create_future()
        self.done = self.unwanted = False
        self.value: Any = None
        self.error: BaseException | None = None

    def work(self) -> None:
        if self.unwanted:
            return
        try:
            self.value = self.context.run(self.function, *self.args)
        except BaseException as error:
            self.error = error
        finally:
            self.args = ()  # an error among them has this frame in its traceback

    def arrive(self) -> None:
        """Back on the loop."""
        self.done = True
        if not self.waiter.done():
            self.waiter.set_result(None)


class Threads:
    """At most `size` threads and `queue` waiting calls. `await threads(f, *args)` runs f in a thread."""

    def __init__(self, size: int | None = None, queue: int = 1_000) -> None:
        self.size = size or min(32, (os.cpu_count() or 1) + 4)
        self.queue = queue
        self.busy = 0
        self._calls: SimpleQueue[_Hop | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.waiting = 0
        self._lent: Any = None

    async def __call__(self, function: Callable[..., T], *args: Any) -> T:
        """Run in a thread, with a copy of the caller's context variables. Raises ThreadsBusy when full."""
        if self.busy >= self.size + self.queue:
            raise ThreadsBusy(
                f"All {self.size} threads are busy and {self.queue} calls wait. "
                "Raise App(threads=...) or make the blocking work shorter."
            )
        return await self._hop(function, args, optional=True)

    async def surely(self, function: Callable[..., T], *args: Any) -> T:
        """The same, neither refused nor left out when its caller is cancelled: the clean-up of what was let in."""
        return await self._hop(function, args, optional=False)

    async def _hop(self, function: Callable[..., T], args: tuple[Any, ...], *, optional: bool) -> T:
        import asyncio

        hop = _Hop(asyncio.get_running_loop(), function, args, optional)
        self.busy += 1
        if self.busy > len(self._threads) < self.size:
            self._start()
        self._calls.put(hop)
        try:
            await _arrival(hop, asyncio.CancelledError)
        finally:
            self.busy -= 1
        if hop.error is not None:
            try:
                raise hop.error
            finally:
                hop.error = None  # else the error's own frame would hold it
        result: T = hop.value
        return result

    async def lend(self, function: Callable[..., T], *args: Any) -> T:
        """The same for work that may wait for a slow client: such calls together hold three quarters of the threads,
        so that they cannot stop the others. Raises ThreadsBusy when too many wait."""
        import asyncio

        if self._lent is None:
            self._lent = asyncio.Semaphore(max(1, self.size * 3 // 4))
        if self.waiting >= self.queue:
            raise ThreadsBusy(f"{self.waiting} calls wait for the threads that may be lent.")
        self.waiting += 1
        lent = self._lent
        try:
            await lent.acquire()
        finally:
            self.waiting -= 1
        try:
            return await self(function, *args)
        finally:
            lent.release()

    def _start(self) -> None:
        name = f"ketch-worker-{len(self._threads) + 1}"
        thread = threading.Thread(target=_serve, args=(self._calls,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """Let the threads end once their present work is done."""
        for _ in self._threads:
            self._calls.put(None)
        # A queue of its own for every start: what is left in this one is for the threads that end.
        self._calls, self._threads = SimpleQueue(), []
        self._lent = None  # it belongs to an event loop

    def abandon(self) -> None:
        """In a child process: the threads have stayed with the parent."""
        self._calls, self._threads = SimpleQueue(), []
        self._lent, self.busy, self.waiting = None, 0, 0


async def _arrival(hop: _Hop, cancelled: type[BaseException]) -> None:
    interrupted: BaseException | None = None
    while not hop.done:
        try:
            await hop.waiter
        except cancelled as error:
            interrupted = error
            hop.unwanted = hop.optional  # if it has not begun it need not
            hop.waiter = hop.loop.create_future()
    if interrupted is not None:
        hop.error = None
        raise interrupted


def _serve(calls: SimpleQueue[_Hop | None]) -> None:
    while (hop := calls.get()) is not None:
        hop.work()
        try:
            hop.loop.call_soon_threadsafe(hop.arrive)
        except RuntimeError:  # the loop was closed while we worked: nobody waits any more
            pass
        hop = None  # do not hold the request while waiting for the next call
