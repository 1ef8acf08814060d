"""A WebSocket's application side: ASGI's messages, in the order that ASGI allows.

`receive` gives what the wire has put here, `send` hands over to the wire; `wire.py` is the other side.
https://asgi.readthedocs.io/en/latest/specs/www.html#websocket
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from ketch.app.application import App

from . import answer
from .request import make_scope
from .wire import Phase

if TYPE_CHECKING:
    from ketch.http.connection import Scope

    from .wire import WebSocketConnection

_MESSAGES = 16  # messages that wait for the application before the client does
_SIZE = 65_536  # and how much they hold together; one message more may wait
_TURN = 64  # sends in a row before others get a turn, for an application that never waits for anything
_FORBIDDEN = frozenset({b"connection", b"transfer-encoding", b"keep-alive", b"upgrade", b"date"})
_NO_BODY = frozenset({204, 304})


class Conversation:
    """One run of the application."""

    __slots__ = (
        "_began",
        "_connected",
        "_ended",
        "_held",
        "_queue",
        "_response",
        "_scope",
        "_sends",
        "_started",
        "_waiter",
        "_wire",
        "limit",
        "task",
    )

    def __init__(self, wire: WebSocketConnection, connection: Any, head: Any) -> None:
        self._wire = wire
        self._scope = _scope_of(connection, head, wire)
        self.limit = _limit_of(wire)
        self.task: asyncio.Task[None] | None = None
        self._began = wire.loop.time()
        self._connected = False
        self._ended: tuple[int, str] | None = None  # code and reason of the disconnect
        self._queue: deque[str | bytes] = deque()
        self._held = 0  # how much it holds
        self._waiter: asyncio.Future[None] | None = None
        self._response: tuple[int, Any] | None = None  # status and headers of a denial whose body has not begun
        self._started = False  # something of a denial has been written
        self._sends = 0

    def start(self) -> None:
        """Run the application in a task as a request's: with a context of its own, at once where Python can (3.12)."""
        server = self._wire.server
        app = server.app.runtime.edge if isinstance(server.app, App) else server.app
        self.task = server.shared.task(self._run(app))
        if self.task is not None:
            self.task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self.task = None
        self._wire.leave()

    async def _run(self, app: Any) -> None:
        try:
            await app(self._scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._wire.abort()
            raise
        except Exception as error:
            self._failed(error)
        else:
            self._returned()

    def _failed(self, error: Exception) -> None:
        from logging import getLogger

        wire = self._wire
        if isinstance(error, ConnectionError) and self._ended is not None:
            return  # it went on sending to a client that has left
        path = self._scope["raw_path"].decode("ascii", "backslashreplace")
        getLogger("ketch").error("WEBSOCKET %s failed", path, exc_info=error)
        if wire.phase is Phase.HANDSHAKE and not self._started:
            self._deny(500, "Internal Server Error")
        elif wire.phase is Phase.HANDSHAKE:
            wire.abort()
        else:
            wire.close(1011, "internal error")

    def _returned(self) -> None:
        if self._wire.phase is Phase.HANDSHAKE:
            self._failed(RuntimeError("the application returned without an answer to the handshake"))
        else:
            self._wire.close(1000)

    def note(self, status: int, size: int) -> None:
        """A line for the access log: how the handshake was answered."""
        log = self._wire.server.access_log
        if log is not None:
            client, scope = self._scope["client"], self._scope
            name = client[0] if client else "unix"
            log.answer(name, "GET", scope["raw_path"], status, size, self._wire.loop.time() - self._began)

    # --- receive ------------------------------------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether the client has to wait for the application."""
        return self._held >= _SIZE or len(self._queue) >= _MESSAGES

    @property
    def is_behind(self) -> bool:
        """Whether there are messages that the application has not taken yet."""
        return bool(self._queue)

    def put(self, message: str | bytes) -> None:
        """From the wire: a message."""
        self._queue.append(message)
        self._held += len(message)
        self._look()

    def disconnected(self, code: int, reason: str) -> None:
        """From the wire: nothing more comes. What is said first counts."""
        if self._ended is None:
            self._ended = (code, reason)
            self._look()

    def _look(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def receive(self) -> dict[str, Any]:
        """ASGI's receive."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        while not self._queue:
            if self._ended is not None:
                code, reason = self._ended
                return {"type": "websocket.disconnect", "code": code, "reason": reason}
            if self._wire.last is not None:
                self._wire.settle()
            else:
                await self._more()
        was_full = self.is_full
        message = self._queue.popleft()
        self._held -= len(message)
        if was_full and not self.is_full:
            self._wire.pump()
        if isinstance(message, str):
            return {"type": "websocket.receive", "text": message}
        return {"type": "websocket.receive", "bytes": message}

    async def _more(self) -> None:
        if self._waiter is not None:
            raise RuntimeError("receive() is called by one task at a time")
        self._waiter = self._wire.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # --- send ---------------------------------------------------------------------------------------------------------

    async def send(self, message: dict[str, Any]) -> None:
        """ASGI's send. Raises ConnectionResetError once the connection is over, RuntimeError out of order."""
        kind, wire = message["type"], self._wire
        if kind == "websocket.close" and wire.phase not in (Phase.HANDSHAKE, Phase.OPEN):
            return  # both sides close at once
        if wire.phase is not Phase.OPEN and wire.phase is not Phase.HANDSHAKE:
            raise ConnectionResetError("the WebSocket is closed")
        if wire.phase is Phase.HANDSHAKE:
            await self._answer(kind, message)
        elif kind == "websocket.send":
            await self._send(message)
        elif kind == "websocket.close":
            code = message.get("code")
            wire.close(1000 if code is None else code, message.get("reason") or "")
        else:
            raise RuntimeError(f"{kind} cannot be sent when the WebSocket is open")

    async def _send(self, message: dict[str, Any]) -> None:
        wire = self._wire
        if wire.is_blocked:
            await wire.drained()
            if wire.phase is not Phase.OPEN:
                raise ConnectionResetError("the WebSocket is closed")
        text = message.get("text")
        data = message.get("bytes") if text is None else text
        if data is None:
            raise RuntimeError("websocket.send needs text or bytes")
        wire.message(data)
        self._sends += 1
        if self._sends % _TURN == 0:
            await asyncio.sleep(0)

    # --- the answer to the handshake ----------------------------------------------------------------------------------

    async def _answer(self, kind: str, message: dict[str, Any]) -> None:
        if kind == "websocket.http.response.body" and (self._response is not None or self._started):
            await self._denial_body(message)
        elif self._response is not None or self._started:
            raise RuntimeError(f"{kind} cannot be sent within the response that denies the handshake")
        elif kind == "websocket.accept":
            self._wire.accept(message.get("subprotocol"), message.get("headers") or ())
        elif kind == "websocket.close":
            self._deny(403, "Forbidden")
        elif kind == "websocket.http.response.start":
            answer.status_line(message["status"])
            self._response = message["status"], message.get("headers") or ()
        else:
            raise RuntimeError(f"{kind} cannot be sent before websocket.accept")

    def _deny(self, status: int, text: str) -> None:
        self._started = True
        response = answer.problem(status, text, self._wire.shared.date)
        self.note(status, len(response) - response.index(answer.CRLF * 2) - 4)
        self._wire.write(response)
        self._denied()

    async def _denial_body(self, message: dict[str, Any]) -> None:
        body, more = bytes(message.get("body") or b""), bool(message.get("more_body"))
        head, self._response = self._response, None
        if head is not None:
            self.note(head[0], len(body))
            body = self._denial_head(*head, None if more else len(body)) + body
            self._started = True
        self._wire.write(body)
        if not more:
            self._denied()
        elif self._wire.is_blocked:
            await self._wire.drained()

    def _denial_head(self, status: int, headers: Any, size: int | None) -> bytes:
        """Without a size the body ends where the connection does (RFC 9112, 6.3)."""
        kept = [(name.lower(), value) for name, value in headers if name.lower() not in _FORBIDDEN]
        if size is not None and status not in _NO_BODY and all(name != b"content-length" for name, _ in kept):
            kept.append((b"content-length", b"%d" % size))
        lines = answer.header_lines(kept)
        return b"".join((answer.status_line(status), self._wire.shared.date, lines, answer.CLOSE, answer.CRLF))

    def _denied(self) -> None:
        self.disconnected(1006, "")
        self._wire.hang_up()


def _scope_of(connection: Any, head: Any, wire: WebSocketConnection) -> Scope:
    scope = make_scope(head, connection)
    del scope["method"]
    scope["type"] = "websocket"
    scope["scheme"] = "wss" if scope["scheme"] in ("https", "wss") else "ws"
    scope["subprotocols"] = wire.handshake.subprotocols if wire.handshake is not None else []
    scope["extensions"] = {"websocket.http.response": {}}
    return scope


def _limit_of(wire: WebSocketConnection) -> int:
    """Bytes of a message: the application's limit, or less if the server's settings say so."""
    own: int = wire.server.shared.limits.websocket_message
    ours: int | None = wire.settings.ws_max_message
    return own if ours is None else min(own, ours)
