"""What a rendered response still needs from the scope it was made in, and what of that scope outlives the response."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketch.binding.leaves import BACKGROUND, RESPONSE
from ketch.inject.provider import name_of
from ketch.inject.scope import close

if TYPE_CHECKING:
    from ketch.http.connection import HTTPConnection
    from ketch.http.response import Response
    from ketch.inject.scope import Scope


async def settle(response: Response, scope: Scope, request: HTTPConnection) -> None:
    """Inside the scope: what was injected is merged, and a stream keeps open what it reads from."""
    if scope.cache is not None:
        merge(scope, response)
    if not response.has_length:
        await _hold(scope, request)


def merge(scope: Scope, response: Response) -> None:
    """What the handler set on an injected Response, and the background tasks it asked for."""
    cache = scope.cache or {}
    injected = cache.get(RESPONSE)
    if injected is not None:
        response.merge(injected)
    tasks = cache.get(BACKGROUND)
    if tasks is not None and tasks.tasks:
        if response.background is not None and response.background is not tasks:
            tasks.tasks.extend(response.background.tasks)
        response.background = tasks


async def _hold(scope: Scope, request: HTTPConnection) -> None:
    """A stream reads from what the scope holds: commit now, close after the last byte."""
    for flush in scope.before_stream or ():
        await flush()
    scope.held = True
    exits, scope.exits = scope.exits, []
    if exits:
        request.add_closer(lambda: close(exits, request.broken or request.failure))


def close_after_sending(scope: Scope, request: HTTPConnection, error: BaseException | None) -> None:
    """Request scope, of a success or of an `error`: cleaned up after the last byte."""
    late, scope.late = scope.late, None
    if late:
        # In front, so that it is closed after what was opened later.
        request.closers = [lambda: close(late, error or request.broken or request.failure), *(request.closers or ())]


async def finish(request: HTTPConnection, background: Any) -> None:
    """After the last byte: close what request scope holds, then run background tasks. Failures are logged."""
    await _close_all(request)
    if background is None:
        return
    for function, args, kwargs in background.tasks:
        try:
            await request.runtime.container.run(function, args, kwargs)
        except Exception as error:
            log_failure(f"the background task {name_of(function)} of %s failed", request, error)


async def _close_all(request: HTTPConnection) -> None:
    """Last opened first, and all of it: failures are logged, a cancellation goes on afterwards."""
    closers, request.closers = request.closers, None
    interrupted: BaseException | None = None
    while closers:
        try:
            outcome = closers.pop()()
            if outcome is not None:
                await outcome
        except Exception as error:
            log_failure("clean-up after %s failed", request, error)
        except BaseException as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted


def log_failure(text: str, request: HTTPConnection, error: Exception) -> None:
    """What went wrong where nobody can be told; `text` has a place for the route."""
    from logging import getLogger

    label = getattr(request.route, "label", None) or request.scope["path"]
    getLogger("ketch").error(text, label, exc_info=error)
