"""An event loop in a thread of its own: how a test without `await` drives an asynchronous application.

The test's thread hands a coroutine over and blocks until its result is there. While it blocks it also runs *errands*:
small functions the loop asks it to run, such as taking the next piece of a request body from a generator of the test.
So a test's own code always runs in the test's own thread, and only while the test waits for the client.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from ketch.testing.waiting import GRACE, spot_of_thread

T = TypeVar("T")

MOST_WAITS = 8
"""A coroutine of the client's does not wait more often than this; the fence behind all others."""


class Errands:
    """What the loop asks the waiting thread to do."""

    def __init__(self) -> None:
        self._asked: queue.SimpleQueue[Future[Any] | Callable[[], None]] = queue.SimpleQueue()

    async def ask(self, function: Callable[[], T]) -> T:
        """From the loop: have `function` run by the thread that waits, and wait for its result."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def run() -> None:
            try:
                result = function()
            except BaseException as error:
                loop.call_soon_threadsafe(_answer, answer, None, error)
            else:
                loop.call_soon_threadsafe(_answer, answer, result, None)

        self._asked.put(run)
        return await answer

    def run_until(self, done: Future[T], seconds: float) -> bool:
        """From the thread: run errands until `done` is. False if that took longer than `seconds`."""
        done.add_done_callback(self._asked.put)
        deadline = time.monotonic() + seconds
        while True:
            try:
                asked = self._asked.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                return False
            if asked is done:
                return True
            if not isinstance(asked, Future):  # a Future here belongs to a wait that was given up
                asked()


async def pulled(chunks: Iterable[bytes], errands: Errands) -> AsyncIterator[bytes]:
    """The items of an ordinary iterable, each taken in the waiting thread when the application asks for it."""
    iterator: Iterator[bytes] = iter(chunks)
    while (chunk := await errands.ask(lambda: next(iterator, None))) is not None:
        yield chunk


def _answer(answer: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if answer.done():  # the one who asked was cancelled meanwhile
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)


class LoopThread:
    """One event loop, running in one daemon thread until `stop`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="ketch-test-loop", daemon=True)
        self._thread.start()

    def call(
        self, make: Callable[[], Coroutine[Any, Any, T]], seconds: float, what: str, errands: Errands | None = None
    ) -> T:
        """Run the coroutine that `make()` returns in the loop, with the caller's context variables; its result.

        The coroutine keeps the time itself, `seconds` for each of its waits. This side only sees to it that the loop
        still turns: if it does not, raises TimeoutError naming `what` and the line that blocks the loop's thread.
        """
        if self._stopping:
            raise RuntimeError("the test client is closed")
        done: Future[T] = Future()

        async def made() -> T:
            return await make()

        def begin() -> None:
            task = self._loop.create_task(made())
            task.add_done_callback(lambda task: _hand_over(task, done))

        self._loop.call_soon_threadsafe(begin, context=contextvars.copy_context())
        errands = errands or Errands()
        for _ in range(MOST_WAITS):
            if errands.run_until(done, seconds + GRACE):
                return done.result()
            if not self._turns():
                raise TimeoutError(f"waited {seconds:g} s for {what}; the event loop is blocked by {self.blocked_by()}")
        raise TimeoutError(f"waited {MOST_WAITS} times {seconds:g} s for {what}")

    def _turns(self) -> bool:
        turned = threading.Event()
        self._loop.call_soon_threadsafe(turned.set)
        return turned.wait(GRACE)

    @property
    def stopped(self) -> bool:
        return self._stopping

    def stop(self, seconds: float, first: Callable[[], Coroutine[Any, Any, Any]] | None = None) -> bool:
        """Await `first()`, cancel what still runs, close the loop, end the thread; False if it did not end in time."""

        async def last() -> None:
            try:
                if first is not None:
                    await first()
            finally:
                self._stopping = True
                self._loop.stop()

        def begin() -> None:
            self._last = self._loop.create_task(last())

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(begin)
        if threading.current_thread() is not self._thread:  # the garbage collector may run us there
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def blocked_by(self) -> str:
        """The line that the loop's thread is executing."""
        return spot_of_thread(self._thread.ident)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._stopping:
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt):
                # An application raised it. Its task holds the exception and hands it to the test; the loop goes on.
                continue
        try:
            self._clear()
        finally:
            self._loop.close()

    def _clear(self) -> None:
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=GRACE))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())


def _hand_over(task: asyncio.Task[T], done: Future[T]) -> None:
    if task.cancelled():
        done.set_exception(RuntimeError("the test client was stopped while a request was running"))
    elif (error := task.exception()) is not None:
        done.set_exception(error)
    else:
        done.set_result(task.result())
