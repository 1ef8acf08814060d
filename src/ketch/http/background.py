"""Work to do after the response has gone out. Only recorded here; serving runs it, and logs what fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ParamSpec

P = ParamSpec("P")

Task = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class BackgroundTask:
    """One call to make later. A `def` runs in a thread, an `async def` on the loop."""

    __slots__ = ("args", "func", "kwargs")

    def __init__(self, func: Callable[P, Any], *args: P.args, **kwargs: P.kwargs) -> None:
        _check(func)
        self.func: Callable[..., Any] = func
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs

    @property
    def tasks(self) -> list[Task]:
        """Itself, in the shape that `BackgroundTasks.tasks` has."""
        return [(self.func, self.args, self.kwargs)]


class BackgroundTasks:
    """Calls to make one after the other: `tasks.add_task(send_mail, order_id)`."""

    __slots__ = ("tasks",)

    def __init__(self, tasks: Iterable[BackgroundTask] = ()) -> None:
        self.tasks: list[Task] = [(task.func, task.args, task.kwargs) for task in tasks]

    def add_task(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        """Call `func(*args, **kwargs)` after the response; what it asks for beyond these is injected.

        Raises TypeError if `func` is not callable.
        """
        _check(func)
        self.tasks.append((func, args, kwargs))


def _check(func: object) -> None:
    if not callable(func):
        raise TypeError(f"a background task is a callable, not {type(func).__name__}: give `f, x` and not `f(x)`")
