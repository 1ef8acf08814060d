"""WebSockets: Starlette's methods over ASGI's messages, with typed JSON and a limit on what one message may hold.

    CONNECTING --accept--> CONNECTED --close, or the client leaves--> DISCONNECTED
        \\--close or send_denial_response--> DISCONNECTED (the handshake is answered 403, or with that response)

Every call out of this order raises a RuntimeError that names the call to make. What the client does wrong is a
`WebSocketException`, which knows the code to close with; serving closes with it unless the handler catches it.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, overload

import msgspec

from .connection import HTTPConnection, Message, Receive, Scope, Send
from .headers import RawHeaders, encode_headers
from .json_size import check_json
from .limits import DEFAULT_LIMITS, Limits
from .problems import ContentTooLarge, HTTPException
from .response import encode_other
from .typed_json import decode_typed

if TYPE_CHECKING:
    from .problems import ErrorDetail
    from .response import Response

__all__ = [
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketException",
    "WebSocketState",
    "WebSocketValidationError",
]

T = TypeVar("T")

_LONGEST_REASON = 123  # bytes: a control frame holds 125, the code takes two (RFC 6455, 5.5)
_NOT_SENT = frozenset({1004, 1005, 1006, 1015})  # codes that describe what happened and never travel (7.4.1)


class WebSocketState(enum.Enum):
    """Where one side of the connection stands."""

    CONNECTING = 0
    CONNECTED = 1
    DISCONNECTED = 2
    RESPONSE = 3


class WebSocketDisconnect(Exception):
    """The connection is over: `code` (RFC 6455, 7.4) and `reason` say how."""

    def __init__(self, code: int = 1000, reason: str | None = None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason or ""


class WebSocketException(Exception):
    """Raise it to close the connection with `code` and `reason`; before `accept` it denies the handshake."""

    def __init__(self, code: int = 1008, reason: str | None = None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason or ""


class WebSocketValidationError(WebSocketException):
    """A message that is not what was asked for: `errors` as in a 422. Closes with 1007, or 1003 for the wrong frame."""

    def __init__(self, errors: list[ErrorDetail], *, code: int = 1007, reason: str | None = None) -> None:
        super().__init__(code, reason or (errors[0]["msg"] if errors else "invalid message"))
        self.errors = errors


class WebSocket(HTTPConnection):
    """One WebSocket, from handshake to close; headers, cookies, URL and state as on a request."""

    __slots__ = ("_receive", "_send", "application_state", "client_state", "decode")

    def __init__(self, scope: Scope, receive: Receive, send: Send, limits: Limits = DEFAULT_LIMITS) -> None:
        super().__init__(scope, self.receive_message, limits)  # `receive()` is Starlette's name for it
        self._receive = receive
        self._send = send
        self.decode: Callable[[bytes, Any], Awaitable[Any]] = _decode  # serving sets one that tells every error
        # What the middleware around the handshake wants to send with it, and the scope its guards opened.
        self.handshake_headers: list[tuple[bytes, bytes]] = []
        self.opened: Any = None
        self.client_state = WebSocketState.CONNECTING
        self.application_state = WebSocketState.CONNECTING

    @property
    def subprotocols(self) -> list[str]:
        """The sub-protocols that the client offers, in its order of preference."""
        return list(self.scope.get("subprotocols") or ())

    # The handshake

    async def accept(
        self,
        subprotocol: str | None = None,
        headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]] | None = None,
    ) -> None:
        """Complete the handshake. Raises ValueError for a sub-protocol that was not offered or a header that cannot be
        sent, RuntimeError when called twice or after `close`, WebSocketDisconnect if the client has left meanwhile.
        """
        if self.application_state is not WebSocketState.CONNECTING:
            raise RuntimeError(f"accept() is called once, first: this WebSocket is {self._where()}")
        if subprotocol is not None and subprotocol not in self.subprotocols:
            offered = ", ".join(self.subprotocols) or "none"
            raise ValueError(f"sub-protocol {subprotocol!r} was not offered by the client (it offers: {offered})")
        raw = [*self.handshake_headers, *_raw_headers(headers)]
        await self._await_connect()
        await self._transmit({"type": "websocket.accept", "subprotocol": subprotocol, "headers": raw})
        self.application_state = WebSocketState.CONNECTED

    async def _await_connect(self) -> None:
        if self.client_state is WebSocketState.CONNECTING:
            message = await self.receive_message()
            if message["type"] == "websocket.disconnect":
                self.application_state = WebSocketState.DISCONNECTED
                self._raise_disconnect(message)

    async def send_denial_response(self, response: Response) -> None:
        """Answer the handshake with an ordinary response instead of accepting it; plain 403 where the server cannot.

        Raises RuntimeError after `accept` or `close`.
        """
        if self.application_state is not WebSocketState.CONNECTING:
            raise RuntimeError(f"a response can only be sent before accept(): this WebSocket is {self._where()}")
        if "websocket.http.response" not in (self.scope.get("extensions") or ()):
            return await self.close(1008)
        await self._await_connect()
        self.application_state = WebSocketState.RESPONSE
        await response.send(self._send_denial, self)
        self.application_state = WebSocketState.DISCONNECTED

    async def _send_denial(self, message: Message) -> None:
        await self._send({**message, "type": f"websocket.{message['type']}"})

    # Messages as ASGI has them

    async def receive_message(self) -> Message:
        """The next ASGI message, also as `receive()`; keeps track of the client. RuntimeError after a disconnect."""
        if self.client_state is WebSocketState.DISCONNECTED:
            raise RuntimeError("the client has disconnected: leave the loop when WebSocketDisconnect is raised")
        message = await self._receive()
        kind = message["type"]
        if kind == "websocket.disconnect":
            self.client_state = WebSocketState.DISCONNECTED
        elif kind == "websocket.connect":
            self.client_state = WebSocketState.CONNECTED
        return message

    async def send(self, message: Message) -> None:
        """Send an ASGI message as it is; `send_text`, `send_bytes` and `send_json` make them."""
        kind = message["type"]
        if kind == "websocket.accept":
            return await self.accept(message.get("subprotocol"), message.get("headers"))
        if kind == "websocket.close":
            return await self.close(message.get("code", 1000), message.get("reason"))
        self._check_connected("send")
        await self._transmit(message)

    async def _transmit(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:
            self.application_state = self.client_state = WebSocketState.DISCONNECTED
            raise WebSocketDisconnect(1006) from None

    # Receiving

    async def receive_text(self) -> str:
        """The next message, which must be text. Raises WebSocketDisconnect, WebSocketValidationError for binary."""
        message = await self._receive_data()
        text = message.get("text")
        if text is None:
            raise _wrong_frame("text", "binary")
        return str(text)

    async def receive_bytes(self) -> bytes:
        """The next message, which must be binary. Raises WebSocketDisconnect, WebSocketValidationError for text."""
        message = await self._receive_data()
        data = message.get("bytes")
        if data is None:
            raise _wrong_frame("binary", "text")
        return bytes(data)

    @overload
    async def receive_json(self, type: type[T], *, mode: str | None = None) -> T: ...
    @overload
    async def receive_json(self, type: Any = None, *, mode: str | None = None) -> Any: ...
    async def receive_json(self, type: Any = None, *, mode: str | None = None) -> Any:
        """The next message, text or binary, read as JSON, and as a `type` if one is given: whatever msgspec or pydantic
        can build. `mode` "text" or "binary" insists on one kind of frame.

        Raises WebSocketDisconnect, and WebSocketValidationError for what is not JSON, nested too deep, or no `type`.
        """
        if mode not in (None, "text", "binary"):
            raise RuntimeError(f'mode is "text" or "binary", not {mode!r}')
        message = await self._receive_data()
        text = message.get("text")
        if mode is not None and (text is None) is (mode == "text"):
            raise _wrong_frame(mode, "binary" if mode == "text" else "text")
        raw = bytes(message["bytes"]) if text is None else text.encode("utf-8", "surrogatepass")
        return await self._read_json(raw, Any if type is None else type)

    async def _read_json(self, raw: bytes, type: Any) -> Any:
        try:
            check_json(raw, self.limits)
            return await self.decode(raw, type)
        except ContentTooLarge as error:
            raise WebSocketException(1009, error.detail) from None
        except HTTPException as error:
            if not error.errors:
                raise _not_json(error.detail or "The message is not valid JSON.") from None
            raise WebSocketValidationError(list(error.errors)) from None

    async def iter_text(self) -> AsyncIterator[str]:
        """Text messages until the client leaves."""
        try:
            while True:
                yield await self.receive_text()
        except WebSocketDisconnect:
            return

    async def iter_bytes(self) -> AsyncIterator[bytes]:
        """Binary messages until the client leaves."""
        try:
            while True:
                yield await self.receive_bytes()
        except WebSocketDisconnect:
            return

    @overload
    def iter_json(self, type: type[T]) -> AsyncIterator[T]: ...
    @overload
    def iter_json(self, type: Any = None) -> AsyncIterator[Any]: ...
    async def iter_json(self, type: Any = None) -> AsyncIterator[Any]:
        """JSON messages, each as a `type` if one is given, until the client leaves."""
        try:
            while True:
                yield await self.receive_json(type)
        except WebSocketDisconnect:
            return

    async def _receive_data(self) -> Message:
        self._check_connected("receive")
        message = await self.receive_message()
        if message["type"] == "websocket.disconnect":
            self._raise_disconnect(message)
        if _size(message, self.limits.websocket_message) > self.limits.websocket_message:
            reason = f"a message may hold {self.limits.websocket_message} bytes"
            await self.close(1009, reason)
            raise WebSocketDisconnect(1009, reason)
        return message

    # Sending

    async def send_text(self, data: str) -> None:
        """Send a text message. Raises WebSocketDisconnect if the client has gone, RuntimeError out of order."""
        self._check_connected("send")
        await self._transmit({"type": "websocket.send", "text": data})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message. Raises WebSocketDisconnect if the client has gone, RuntimeError out of order."""
        self._check_connected("send")
        await self._transmit({"type": "websocket.send", "bytes": data})

    async def send_json(self, data: Any, mode: str = "text") -> None:
        """Send anything structured as JSON, in a text message or, with `mode="binary"`, a binary one."""
        if mode not in ("text", "binary"):
            raise RuntimeError(f'mode is "text" or "binary", not {mode!r}')
        raw = msgspec.json.encode(data, enc_hook=encode_other)
        if mode == "text":
            await self.send_text(raw.decode("utf-8"))
        else:
            await self.send_bytes(raw)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close the connection, or deny the handshake if it was not accepted yet; nothing happens if the client has
        left.

        `reason` is cut to 123 bytes. Raises ValueError for a code that cannot be sent (RFC 6455, 7.4), RuntimeError
        when closed already.
        """
        if not (1000 <= code <= 1014 or 3000 <= code <= 4999) or code in _NOT_SENT:
            raise ValueError(
                f"{code} cannot be sent as a close code: 1000 to 1014 have fixed meanings, 3000 to 4999 are free"
            )
        if (
            self.application_state is WebSocketState.DISCONNECTED
            and self.client_state is not WebSocketState.DISCONNECTED
        ):
            raise RuntimeError("this WebSocket is closed already: call close() once")
        gone = self.client_state is WebSocketState.DISCONNECTED
        self.application_state = WebSocketState.DISCONNECTED
        if gone:
            return
        try:
            await self._transmit({"type": "websocket.close", "code": code, "reason": _short(reason or "")})
        except WebSocketDisconnect:
            return  # it has left by itself: closed is closed

    # Where we are

    def _check_connected(self, doing: str) -> None:
        state = self.application_state
        if state is WebSocketState.CONNECTED and not (
            doing == "send" and self.client_state is WebSocketState.DISCONNECTED
        ):
            return
        if state is WebSocketState.CONNECTING:
            raise RuntimeError(f"cannot {doing} before the handshake: call `await websocket.accept()` first")
        if self.client_state is WebSocketState.DISCONNECTED and doing == "send":
            raise WebSocketDisconnect(1006, "the client has disconnected")
        raise RuntimeError(f"cannot {doing}: this WebSocket is {self._where()}")

    def _where(self) -> str:
        return {
            WebSocketState.CONNECTING: "not accepted yet",
            WebSocketState.CONNECTED: "accepted already",
            WebSocketState.DISCONNECTED: "closed",
            WebSocketState.RESPONSE: "answered with a response",
        }[self.application_state]

    @staticmethod
    def _raise_disconnect(message: Message) -> NoReturn:
        raise WebSocketDisconnect(message.get("code") or 1005, message.get("reason"))


def _raw_headers(headers: Any) -> RawHeaders:
    """Checked byte pairs of text or byte headers."""
    if isinstance(headers, Mapping):
        return encode_headers(headers)
    return encode_headers([(_latin1(name), _latin1(value)) for name, value in headers or ()])


def _latin1(text: str | bytes) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else text


def _size(message: Message, limit: int) -> int:
    """Bytes of a message, exactly only where the answer depends on it."""
    text = message.get("text")
    if text is None:
        return len(message.get("bytes") or b"")
    if len(text) > limit or text.isascii() or len(text) * 4 <= limit:
        return len(text)
    return len(text.encode("utf-8", "surrogatepass"))


def _short(reason: str) -> str:
    raw = reason.encode("utf-8", "replace")
    return raw[:_LONGEST_REASON].decode("utf-8", "ignore")


def _wrong_frame(expected: str, got: str) -> WebSocketValidationError:
    msg = f"Expected a {expected} message, got a {got} one"
    return WebSocketValidationError([{"loc": ["body"], "msg": msg, "type": "frame_type"}], code=1003)


async def _decode(raw: bytes, kind: Any) -> Any:
    return decode_typed(raw, kind)


def _not_json(msg: str) -> WebSocketValidationError:
    return WebSocketValidationError([{"loc": ["body"], "msg": msg, "type": "json_invalid"}])
