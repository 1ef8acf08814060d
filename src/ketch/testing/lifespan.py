"""The life of an application under test: started before the first request, closed at the end.

Source: ASGI specification, Lifespan 2.0.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ketch.testing.exchange import ASGIApp, Message
from ketch.testing.mailbox import Mailbox
from ketch.testing.waiting import failure, put_away, within


class LifespanFailed(RuntimeError):
    """The application reported that it could not start or stop, and raised nothing that says why."""


class Lifespan:
    """One run of an application's lifespan, in its own task of the current event loop."""

    def __init__(self, app: ASGIApp, state: dict[str, Any], *, seconds: float) -> None:
        self._app = app
        self._seconds = seconds
        self._listened = False
        self._to_app: asyncio.Queue[str] = asyncio.Queue()
        self._from_app: Mailbox[Message] = Mailbox(4)
        scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.0"},
            "state": state,
            "extensions": {"ketch.raise": {}},
        }
        self._task: asyncio.Task[None] = asyncio.get_running_loop().create_task(self._run(scope))

    async def startup(self, *, optional: bool) -> bool:
        """False if the application has no lifespan, which is an error unless `optional`.

        By the specification an application says so by raising as soon as it is called; one that raises after it
        asked for the start-up event has failed to start, and that is always an error.
        """
        self._to_app.put_nowait("lifespan.startup")
        message = await self._answer("start-up")
        if message is not None and message["type"] == "lifespan.startup.complete":
            return True
        reason = await self._reason("start", message)
        if message is None and optional and not self._listened:
            return False
        raise reason

    async def shutdown(self) -> None:
        """Raises what the application raised; does nothing if it has already ended well."""
        if self._task.done():
            if (error := failure(self._task)) is not None:
                raise error
            return
        self._to_app.put_nowait("lifespan.shutdown")
        message = await self._answer("shutdown")
        if message is None or message["type"] != "lifespan.shutdown.complete" or await self._ended_badly():
            raise await self._reason("stop", message)

    async def _run(self, scope: dict[str, Any]) -> None:
        async def receive() -> Message:
            self._listened = True
            return {"type": await self._to_app.get()}

        try:
            await self._app(scope, receive, self._from_app.put)
        finally:
            self._from_app.close()

    async def _answer(self, which: str) -> Message | None:
        try:
            return await within(self._seconds, self._from_app.get(), f"the lifespan's {which}", self._task)
        except TimeoutError:
            await put_away(self._task, "the lifespan")
            raise

    async def _ended_badly(self) -> bool:
        await self._see_end()
        return failure(self._task) is not None

    async def _see_end(self) -> None:
        try:
            await within(self._seconds, asyncio.wait({self._task}), "the lifespan to return", self._task)
        except TimeoutError:
            await put_away(self._task, "the lifespan")
            raise

    async def _reason(self, verb: str, message: Message | None) -> BaseException:
        await self._see_end()
        error = failure(self._task)
        if error is not None:
            return error
        told = message.get("message", "") if message is not None else "it returned without an answer"
        return LifespanFailed(f"the application failed to {verb}: {told or 'it gave no reason'}")
