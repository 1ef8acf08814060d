"""Running another ASGI application's lifespan inside our own (ASGI specification, Lifespan 2.0)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def running(app: Any, state: dict[str, Any] | None = None) -> AsyncIterator[dict[str, Any]]:
    """Within the block the application has started; it yields the state for its connections.

    One that knows no lifespan (it raises, returns or says something else) simply runs without, and so does None.
    Raises RuntimeError if it says that it cannot start.
    """
    state = {} if state is None else state
    if app is None:
        yield state
        return
    life = _Life(app, state)
    await life.start()
    try:
        yield state
    finally:
        await life.stop()


class _Life:
    """One application's lifespan, in a task of its own."""

    def __init__(self, app: Any, state: dict[str, Any]) -> None:
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._name = getattr(app, "__name__", type(app).__name__)
        self._started = False
        self._listened = False
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": state}
        self._task = asyncio.create_task(self._run(app, scope))

    async def _run(self, app: Any, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._outbox.put)
        finally:
            await self._outbox.put({"type": "over"})

    async def _receive(self) -> dict[str, Any]:
        self._listened = True
        return await self._inbox.get()

    async def start(self) -> None:
        """Raises RuntimeError if the application says that it has failed."""
        try:
            answer = await self._ask("lifespan.startup")
        except BaseException:
            await self._end(0)
            raise
        self._started = answer["type"] == "lifespan.startup.complete"
        if self._started:
            return
        # One that failed gets the time to raise its reason; one that took us for a request might wait for ever.
        error = await self._end(0.5)
        if answer["type"] == "lifespan.startup.failed":
            told = answer.get("message") or error or "it gave no reason"
            raise RuntimeError(f"the mounted application {self._name} did not start: {told}") from error
        if error is not None and self._listened:
            # By the specification it only does not support lifespan; but that is not what its author meant.
            _log("the mounted application %s failed at its start, and runs without a lifespan", self._name, error)

    async def stop(self) -> None:
        """Tell the application, and wait for it. What goes wrong is logged: the others have to stop too."""
        if not self._started:
            return
        answer = {"type": "over"} if self._task.done() else await self._ask("lifespan.shutdown")
        error = await self._end(10)
        if answer["type"] == "lifespan.shutdown.failed" or error is not None:
            told = f" ({answer['message']})" if answer.get("message") else ""
            _log(f"the mounted application %s did not stop well{told}", self._name, error)

    async def _ask(self, kind: str) -> dict[str, Any]:
        await self._inbox.put({"type": kind})
        return await self._outbox.get()

    async def _end(self, patience: float) -> BaseException | None:
        """Wait for the task, at most `patience` seconds, and say what it raised."""
        await asyncio.wait([self._task], timeout=patience)
        self._task.cancel()
        await asyncio.wait([self._task])
        return None if self._task.cancelled() else self._task.exception()


def _log(text: str, name: str, error: BaseException | None) -> None:
    from logging import getLogger

    getLogger("ketch").error(text, name, exc_info=error)
