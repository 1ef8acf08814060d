"""Waiting with an end: every wait of the test client goes through here, so that no test can hang for ever.

The error says what was awaited and where the application stood, since "timed out" alone helps nobody.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

DEFAULT_TIMEOUT = 30.0
"""Seconds that a test waits for any one thing."""

GRACE = 1.0
"""Seconds that an application gets to notice that its client went away, before it is cancelled."""


async def within(seconds: float, waiting: Awaitable[T], what: str, task: asyncio.Task[Any] | None = None) -> T:
    """Await `waiting` for at most `seconds`; `task` is the application's, for the message.

    Raises TimeoutError that names `what`. `waiting` must be a wait of ours (an event, a mailbox), never the
    application's own code: that may raise a TimeoutError with a meaning of its own.
    """
    try:
        async with asyncio.timeout(seconds):
            return await waiting
    except TimeoutError:
        raise TimeoutError(f"waited {seconds:g} s for {what}{_whereabouts(task)}") from None


async def settled(task: asyncio.Task[Any], seconds: float) -> bool:
    """Wait until the task is done, but not longer than `seconds`; raises nothing. True if it is done."""
    if not task.done():
        await asyncio.wait({task}, timeout=seconds)
    return task.done()


async def put_away(task: asyncio.Task[Any], what: str) -> None:
    """Cancel a task and see it end. Raises TimeoutError if it refuses to."""
    task.cancel()
    if not await settled(task, GRACE):
        raise TimeoutError(f"{what} was cancelled, but is still running after {GRACE:g} s{_whereabouts(task)}")


def failure(task: asyncio.Task[Any]) -> BaseException | None:
    """What a finished task raised; a cancelled one raised nothing."""
    return None if task.cancelled() else task.exception()


def _whereabouts(task: asyncio.Task[Any] | None) -> str:
    if task is None:
        return ""
    if task.done():
        return "; the application has returned"
    frame = _innermost(task.get_coro())
    return "" if frame is None else f"; the application is waiting in {spot(frame)}"


def _innermost(coroutine: Any) -> FrameType | None:
    """Follow the awaits of a suspended coroutine to the deepest Python frame: where it really stands."""
    frame: FrameType | None = None
    for _ in range(1000):  # a chain of awaits this long does not exist; a cycle must not hang us
        for kind in ("cr", "gi", "ag"):
            if (inner := getattr(coroutine, f"{kind}_frame", None)) is not None:
                frame = inner
                coroutine = getattr(coroutine, f"{kind}_await", None) or getattr(coroutine, f"{kind}_yieldfrom", None)
                break
        else:
            return frame
    return frame


def spot(frame: FrameType) -> str:
    """`show_order (app/orders.py:31)`"""
    return f"{frame.f_code.co_name} ({frame.f_code.co_filename}:{frame.f_lineno})"


def spot_of_thread(ident: int | None) -> str:
    """Where another thread is executing right now: names the line that blocks an event loop."""
    frame = sys._current_frames().get(ident or 0)
    return "" if frame is None else spot(frame)
