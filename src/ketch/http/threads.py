"""Blocking work off the event loop, in one function.

Cancellation waits for the thread: work that has begun cannot be stopped, and whatever cleans up after it (closing the
file it writes to, ending the generator it advances) must not run beside it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Runner(Protocol):
    """What runs a blocking call: `in_thread`, or an application's own bounded pool."""

    def __call__(self, function: Callable[..., T], /, *args: Any) -> Awaitable[T]: ...


async def in_thread(function: Callable[..., T], /, *args: Any) -> T:
    """Call `function(*args)` in the loop's default executor, with the caller's context variables."""
    from asyncio import CancelledError, get_running_loop, wait

    future = get_running_loop().run_in_executor(None, copy_context().run, function, *args)
    interrupted: BaseException | None = None
    while not future.done():
        try:
            await wait([future])
        except CancelledError as error:
            interrupted = error
    if interrupted is not None:
        if not future.cancelled():
            future.exception()  # seen: the interruption is what is told
        raise interrupted
    return future.result()


def runner_of(request: object) -> Runner:
    """The pool that runs an application's own blocking code: `request.runtime.threads`, where there is one."""
    threads: Runner | None = getattr(getattr(request, "runtime", None), "threads", None)
    return in_thread if threads is None else threads
