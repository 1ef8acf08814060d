"""While a body goes out: noticing that the client has gone, and stopping whoever makes the body for nobody.

    async with Lifeline(request, send) as line:
        await line.send({"type": "http.response.start", ...})
        ...                     # cancelled here, at whatever is awaited, as soon as the client is gone
    if line.gone: ...           # the block was left early; nothing was raised

The body is made in the task that entered the block, so context variables and clean-up stay in one task; the block
ends as `asyncio.timeout` does, and a cancellation from outside passes through. The request's messages are read by a
watcher meanwhile, which hands those of the body on: a generator may go on reading the request while it answers.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import Event, Task
    from types import TracebackType

    from .connection import HTTPConnection, Message, Send

_HELD = 2  # messages of an unread request body kept before the watcher waits for a reader
_PATIENCE = 10.0  # seconds it waits; then the body is given up, as a server that stopped reading sees nobody leave


class _Gone(Exception):
    """Sending failed because the client has gone."""


class Lifeline:
    """One body on its way out. `ping`, sent after `interval` seconds without a message, keeps idle connections open."""

    def __init__(self, request: HTTPConnection, send: Send, *, ping: bytes = b"", interval: float = 0.0) -> None:
        self.gone = False
        self._send = send
        self._ping = ping
        self._interval = interval
        self._inbox = Inbox(request)
        self._cut = False

    async def __aenter__(self) -> Lifeline:
        import asyncio

        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a streaming response is sent from an asyncio task")
        self._task: Task[Any] = task
        self._cancelling = task.cancelling()
        self._sending = asyncio.Lock()
        self._last = asyncio.get_running_loop().time()
        self._helpers = [asyncio.create_task(self._watch())]
        if self._ping and self._interval > 0:
            self._helpers.append(asyncio.create_task(self._keep_open()))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        import asyncio

        for helper in self._helpers:
            helper.cancel()
        self._inbox.stop()
        # Only what this line cut off ends quietly; `uncancel` tells whether somebody else wants the task to stop too.
        quiet = isinstance(error, _Gone)
        if self._cut:
            alone = self._task.uncancel() <= self._cancelling
            quiet = quiet or (alone and isinstance(error, asyncio.CancelledError))
        if quiet or error is None:
            await asyncio.wait(self._helpers)
        self._helpers.clear()  # their cancellations know this line: nothing but the collector would part them
        return quiet

    async def send(self, message: Message) -> None:
        """Send one message; waits while the client reads slowly."""
        import asyncio

        async with self._sending:
            if self.gone:
                raise _Gone
            try:
                await self._send(message)
            except OSError as error:
                self.gone = True
                raise _Gone from error
            self._last = asyncio.get_running_loop().time()

    def _cut_off(self) -> None:
        self.gone = self._cut = True
        self._task.cancel()

    async def _watch(self) -> None:
        await self._inbox.watch()
        self._cut_off()

    async def _keep_open(self) -> None:
        import asyncio

        clock = asyncio.get_running_loop().time
        while True:
            idle = clock() - self._last
            if idle < self._interval or self._sending.locked():
                await asyncio.sleep(max(self._interval - idle, 0.01))
                continue
            try:
                await self.send({"type": "http.response.body", "body": self._ping, "more_body": True})
            except _Gone:
                return self._cut_off()


class Inbox:
    """Stands in for `request.receive`, so that watching for the disconnect steals no piece of the body."""

    def __init__(self, request: HTTPConnection) -> None:
        from asyncio import Event

        self._receive = request.receive
        self._held: deque[Message] = deque()
        self._news: Event = Event()
        self._taken: Event = Event()
        self._gone = self._given_up = False
        self._watched = True
        request.receive = self.receive

    async def watch(self) -> None:
        """Return when the client has gone."""
        while True:
            try:
                message = await self._receive()
            except Exception:
                break  # a connection that cannot be asked any more is gone
            if message["type"] == "http.disconnect":
                break
            await self._keep(message)
        self._gone = True
        self._news.set()

    async def _keep(self, message: Message) -> None:
        import asyncio

        if self._given_up:
            return
        self._held.append(message)
        self._news.set()
        self._taken.clear()
        if len(self._held) < _HELD:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._taken.wait()
        except TimeoutError:
            self._given_up = True
            self._held.clear()

    def stop(self) -> None:
        """Nobody watches any more: readers ask the server themselves."""
        self._watched = False
        self._news.set()

    async def receive(self) -> Message:
        """What the request reads from while the body goes out, and afterwards."""
        while True:
            if self._given_up:
                raise RuntimeError("the request body was not read in time while the response was being sent")
            if self._held:
                self._taken.set()
                return self._held.popleft()
            if self._gone:
                return {"type": "http.disconnect"}
            if not self._watched:
                return await self._receive()
            self._news.clear()
            await self._news.wait()
