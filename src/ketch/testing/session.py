"""One WebSocket to an ASGI application, seen from the client.

`AsyncWebSocketSession` is the whole behaviour, inside one event loop; `WebSocketSession` is the same object driven from
a thread, one line a method. Frames do not exist here: ASGI speaks in messages.
Source: ASGI specification, WebSocket 2.5.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar, overload

import msgspec

from ketch.http.websocket import WebSocketDisconnect
from ketch.testing.exchange import ASGIApp, ClientGone, Message, RawHeaders, Scope, tells_of_leaving
from ketch.testing.mailbox import Mailbox
from ketch.testing.waiting import GRACE, failure, put_away, settled, within

T = TypeVar("T")

UNREAD = 1_000
"""Messages that may wait unread before the application has to wait, as a network's buffers would make it."""

ABNORMAL = 1006
"""RFC 6455, 7.4.1: the connection ended without a close frame."""


class Refusal(Protocol):
    """Makes the exception for a handshake that was answered with an HTTP response instead of 101."""

    def __call__(self, status: int, headers: RawHeaders, body: bytes, code: int, reason: str) -> Exception: ...


class Call(Protocol):
    """Runs a coroutine in the loop and waits for it, `seconds` at most (the client's time-out if None)."""

    def __call__(self, make: Callable[[], Coroutine[Any, Any, Any]], seconds: float | None) -> Any: ...


class AsyncWebSocketSession:
    """`async with client.websocket_connect("/ws") as ws:` opens it, leaving the block closes it (code 1000).

    Every `receive` raises WebSocketDisconnect when the application closes, TimeoutError when nothing comes in time
    (`timeout` in seconds, the client's if None), and what the application raised.
    """

    accepted_subprotocol: str | None = None
    """The sub-protocol the application chose."""

    def __init__(
        self,
        app: ASGIApp,
        scope: Scope,
        *,
        raises: bool,
        seconds: float,
        refusal: Refusal,
        accepted: Callable[[RawHeaders], object],
    ) -> None:
        self.scope = scope
        self.headers: RawHeaders = []
        self._app = app
        self._raises = raises
        self._seconds = seconds
        self._refusal = refusal
        self._accepted = accepted
        self._where = f"WebSocket {scope['path']}"
        self._to_app: Mailbox[Message] = Mailbox(UNREAD)
        self._from_app: Mailbox[Message] = Mailbox(UNREAD)
        self._gone = False
        self._app_closed = False
        self._task: asyncio.Task[None] | None = None

    # -- opening and closing

    async def __aenter__(self) -> Self:
        if self._task is not None:
            raise RuntimeError("a WebSocket session opens once; connect again for another")
        self._task = asyncio.get_running_loop().create_task(self._run())
        self._to_app.put_now({"type": "websocket.connect"})
        try:
            message = await self._next("the handshake's answer", None)
            if message is None:
                await self._refused_by_failure()
            elif message["type"] == "websocket.accept":
                self.accepted_subprotocol = message.get("subprotocol")
                self.headers = list(message.get("headers", ()))
                self._accepted(self.headers)
            elif message["type"] == "websocket.close":
                code, reason = message.get("code", 1000), message.get("reason") or ""
                raise self._refusal(403, [], b"", code, reason)
            else:
                raise await self._denial(message)
        except BaseException:
            await self._leave(ABNORMAL, "")
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
        failed = await self._leave(1000, "")
        if failed is not None and failed is not error and self._raises:
            raise failed

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye: the application receives `websocket.disconnect`. Does nothing on a closed connection."""
        self._disconnect(code, reason)

    async def drop(self) -> None:
        """End without a goodbye, as a broken network does; nothing the application raises is told."""
        await self._leave(ABNORMAL, "")

    # -- sending

    async def send(self, message: Message) -> None:
        """An ASGI message as it is, for tests of odd ones."""
        if self._gone:
            raise RuntimeError(f"the {self._where} is closed")
        self._to_app.put_now(message)
        await asyncio.sleep(0)

    async def send_text(self, data: str) -> None:
        await self.send({"type": "websocket.receive", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        await self.send({"type": "websocket.receive", "bytes": data})

    async def send_json(self, data: object, mode: Literal["text", "binary"] = "text") -> None:
        """Anything msgspec encodes: dicts and lists, Structs, dataclasses, dates."""
        encoded = msgspec.json.encode(data)
        await (self.send_bytes(encoded) if mode == "binary" else self.send_text(encoded.decode()))

    # -- receiving

    async def receive(self, *, timeout: float | None = None) -> Message:
        """The application's next ASGI message."""
        message = await self._next("the next message", timeout)
        if message is None:
            await self._ended()
            raise WebSocketDisconnect(ABNORMAL, "the application returned without closing")
        if message["type"] == "websocket.close":
            code, reason = message.get("code", 1000), message.get("reason") or ""
            self._disconnect(code, reason)
            raise WebSocketDisconnect(code, reason)
        return message

    async def receive_text(self, *, timeout: float | None = None) -> str:
        """The next message, which must be text (TypeError otherwise)."""
        text: str | None = (await self._data(timeout)).get("text")
        if text is None:
            raise TypeError(f"the application sent bytes, not text ({self._where})")
        return text

    async def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """The next message, which must be binary (TypeError otherwise)."""
        data: bytes | None = (await self._data(timeout)).get("bytes")
        if data is None:
            raise TypeError(f"the application sent text, not bytes ({self._where})")
        return data

    @overload
    async def receive_json(self, type: type[T], *, timeout: float | None = None) -> T: ...
    @overload
    async def receive_json(self, type: Any = Any, *, timeout: float | None = None) -> Any: ...
    async def receive_json(self, type: Any = Any, *, timeout: float | None = None) -> Any:
        """The next message, text or binary, decoded as JSON and, if `type` is given, into that type."""
        message = await self._data(timeout)
        data = message.get("text")
        return msgspec.json.decode(message["bytes"] if data is None else data, type=type)

    # -- within

    async def _data(self, timeout: float | None) -> Message:
        message = await self.receive(timeout=timeout)
        if message["type"] != "websocket.send":
            raise RuntimeError(f"unexpected ASGI message {message['type']!r}, {self._where}")
        return message

    async def _next(self, what: str, timeout: float | None) -> Message | None:
        seconds = self._seconds if timeout is None else timeout
        return await within(seconds, self._from_app.get(), f"{what}, {self._where}", self._task)

    async def _ended(self) -> None:
        """Raise what the application raised, if the test wants that."""
        assert self._task is not None
        await settled(self._task, GRACE)
        error = failure(self._task) if self._task.done() else None
        if error is None:
            return
        if self._raises or not isinstance(error, Exception):
            raise error
        raise WebSocketDisconnect(1011, "")

    async def _refused_by_failure(self) -> None:
        """The application ended before it answered the handshake: a server says 500."""
        assert self._task is not None
        await settled(self._task, GRACE)
        error = failure(self._task) if self._task.done() else None
        if error is not None and (self._raises or not isinstance(error, Exception)):
            raise error
        raise self._refusal(500, [], b"", ABNORMAL, "")

    async def _denial(self, start: Message) -> Exception:
        """Collect `websocket.http.response.*`: the ASGI extension for a response of one's own to a handshake."""
        if start["type"] != "websocket.http.response.start":
            return RuntimeError(f"unexpected ASGI message {start['type']!r} during the handshake, {self._where}")
        body: list[bytes] = []
        more = True
        while more:
            message = await self._next("the rest of the denial response", None)
            if message is None:
                await self._ended()
                return RuntimeError(f"the application returned without completing its denial response, {self._where}")
            body.append(message.get("body", b""))
            more = message.get("more_body", False)
        return self._refusal(start["status"], list(start.get("headers", ())), b"".join(body), ABNORMAL, "")

    def _disconnect(self, code: int, reason: str) -> None:
        if not self._gone:
            self._gone = True
            self._to_app.put_now({"type": "websocket.disconnect", "code": code, "reason": reason})

    async def _leave(self, code: int, reason: str) -> BaseException | None:
        """See the application end, cancelling it after a grace; what it raised, unless that tells of our leaving."""
        self._disconnect(code, reason)
        if self._task is None:
            return None
        self._from_app.close()
        if not await settled(self._task, GRACE):
            await put_away(self._task, f"the application ({self._where})")
        error = failure(self._task)
        return None if error is None or tells_of_leaving(error) else error

    async def _run(self) -> None:
        try:
            await self._app(self.scope, self._receive, self._send)
        finally:
            self._from_app.close()

    async def _receive(self) -> Message:
        message = await self._to_app.get()
        return {"type": "websocket.disconnect", "code": ABNORMAL} if message is None else message

    async def _send(self, message: Message) -> None:
        if self._gone and message["type"] == "websocket.close":
            return
        if self._gone:
            raise ClientGone(f"the client has gone away, {self._where}")
        if self._app_closed:
            raise RuntimeError(f"{message['type']} was sent after websocket.close, {self._where}")
        if message["type"] == "websocket.send" and (message.get("text") is None) is (message.get("bytes") is None):
            raise ValueError(f"websocket.send carries either text or bytes, {self._where}")
        self._app_closed = message["type"] == "websocket.close"
        await self._from_app.put(message)


class WebSocketSession:
    """`with client.websocket_connect("/ws") as ws:`; the methods of `AsyncWebSocketSession` without `await`."""

    def __init__(
        self,
        open_session: Callable[[], AsyncWebSocketSession],
        call: Call,
    ) -> None:
        self._open_session = open_session
        self._call = call
        self._session: AsyncWebSocketSession | None = None

    def __enter__(self) -> Self:
        self._session = self._call(self._opened, None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._call(partial(self._opened_session.__aexit__, kind, error, traceback), None)

    async def _opened(self) -> AsyncWebSocketSession:
        return await self._open_session().__aenter__()

    @property
    def _opened_session(self) -> AsyncWebSocketSession:
        if self._session is None:
            raise RuntimeError("open the WebSocket first: `with client.websocket_connect(...) as ws:`")
        return self._session

    @property
    def accepted_subprotocol(self) -> str | None:
        """The sub-protocol the application chose."""
        return self._opened_session.accepted_subprotocol

    @property
    def headers(self) -> RawHeaders:
        """The headers the application sent with its acceptance."""
        return self._opened_session.headers

    @property
    def scope(self) -> Scope:
        """The ASGI scope the application was called with."""
        return self._opened_session.scope

    def send(self, message: Message) -> None:
        """An ASGI message as it is, for tests of odd ones."""
        self._call(partial(self._opened_session.send, message), None)

    def send_text(self, data: str) -> None:
        self._call(partial(self._opened_session.send_text, data), None)

    def send_bytes(self, data: bytes) -> None:
        self._call(partial(self._opened_session.send_bytes, data), None)

    def send_json(self, data: object, mode: Literal["text", "binary"] = "text") -> None:
        """Anything msgspec encodes: dicts and lists, Structs, dataclasses, dates."""
        self._call(partial(self._opened_session.send_json, data, mode), None)

    def receive(self, *, timeout: float | None = None) -> Message:
        """The application's next ASGI message."""
        message: Message = self._call(partial(self._opened_session.receive, timeout=timeout), timeout)
        return message

    def receive_text(self, *, timeout: float | None = None) -> str:
        """The next message, which must be text (TypeError otherwise)."""
        text: str = self._call(partial(self._opened_session.receive_text, timeout=timeout), timeout)
        return text

    def receive_bytes(self, *, timeout: float | None = None) -> bytes:
        """The next message, which must be binary (TypeError otherwise)."""
        data: bytes = self._call(partial(self._opened_session.receive_bytes, timeout=timeout), timeout)
        return data

    @overload
    def receive_json(self, type: type[T], *, timeout: float | None = None) -> T: ...
    @overload
    def receive_json(self, type: Any = Any, *, timeout: float | None = None) -> Any: ...
    def receive_json(self, type: Any = Any, *, timeout: float | None = None) -> Any:
        """The next message, text or binary, decoded as JSON and, if `type` is given, into that type."""
        return self._call(partial(self._opened_session.receive_json, type, timeout=timeout), timeout)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye: the application receives `websocket.disconnect`. Does nothing on a closed connection."""
        self._call(partial(self._opened_session.close, code, reason), None)
