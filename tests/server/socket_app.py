"""An ASGI application by hand for the WebSocket tests: the path says what it does."""

from __future__ import annotations

import asyncio
from typing import Any

from ketch.http.percent import unquote_bytes


class SocketApp:
    """`ends` holds the disconnects it was told, `held` an event that `/hold` waits for before it receives."""

    def __init__(self) -> None:
        self.ends: list[tuple[int, str]] = []
        self.messages: list[Any] = []
        self.scopes: list[Any] = []
        self.errors: list[BaseException] = []
        self.sent = 0
        self.hold: asyncio.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return await _lifespan(receive, send)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
            return await send({"type": "http.response.body", "body": b"plain"})
        self.scopes.append(scope)
        name = scope["path"].split("/")[1] or "echo"
        assert (await receive())["type"] == "websocket.connect"
        try:
            await getattr(self, name)(scope, receive, send)
        except BaseException as error:
            self.errors.append(error)
            raise

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while await self._back(receive, send):
            pass

    async def _back(self, receive: Any, send: Any) -> bool:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            self.ends.append((message["code"], message["reason"]))
            return False
        self.messages.append(message.get("text", message.get("bytes")))
        await send({**message, "type": "websocket.send"})
        return True

    async def chosen(self, scope: Any, receive: Any, send: Any) -> None:
        """The last of the sub-protocols, and headers."""
        last = scope["subprotocols"][-1] if scope["subprotocols"] else None
        headers = [(b"x-sea", b"calm"), (b"content-length", b"7")]
        await send({"type": "websocket.accept", "subprotocol": last, "headers": headers})
        await self._back(receive, send)

    async def close(self, scope: Any, receive: Any, send: Any) -> None:
        """`/close/4001/bye`"""
        await send({"type": "websocket.accept"})
        _, _, code, reason = unquote_bytes(scope["raw_path"]).decode().split("/", 3)
        await send({"type": "websocket.close", "code": int(code), "reason": reason})
        message = await receive()
        self.ends.append((message["code"], message["reason"]))

    async def returns(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    async def raises(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise RuntimeError("a leak below the waterline")

    async def raises_early(self, scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("a leak in the harbour")

    async def silent(self, scope: Any, receive: Any, send: Any) -> None:
        """Returns without an answer."""

    async def deny(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.close"})

    async def respond(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/plain"), (b"connection", b"keep-alive")]
        await send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
        for piece in (b"not ", b"now"):
            await send({"type": "websocket.http.response.body", "body": piece, "more_body": True})
        await send({"type": "websocket.http.response.body"})

    async def respond_at_once(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"who?"})

    async def half_response(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.http.response.start", "status": 200, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"half", "more_body": True})

    async def bad_header(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept", "headers": [(b"x-a", b"b\r\nx-c: d")]})

    async def bad_subprotocol(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept", "subprotocol": "never-offered"})

    async def held(self, scope: Any, receive: Any, send: Any) -> None:
        """Accepts, and receives nothing until somebody sets `hold`."""
        self.hold = asyncio.Event()
        await send({"type": "websocket.accept"})
        await self.hold.wait()
        while await self._back(receive, send):
            pass

    async def late(self, scope: Any, receive: Any, send: Any) -> None:
        """Accepts when somebody sets `hold`."""
        self.hold = asyncio.Event()
        await self.hold.wait()
        await send({"type": "websocket.accept"})
        while await self._back(receive, send):
            pass

    async def flood(self, scope: Any, receive: Any, send: Any) -> None:
        """Sends without end; `sent` counts the kibibytes."""
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "bytes": b"\xa5" * 1_024})
            self.sent += 1

    async def choir(self, scope: Any, receive: Any, send: Any) -> None:
        """Several tasks send at once."""
        await send({"type": "websocket.accept"})

        async def sing(voice: int) -> None:
            for _ in range(50):
                await send({"type": "websocket.send", "text": f"{voice}" * 8_192})

        await asyncio.gather(*(sing(voice) for voice in range(8)))
        await send({"type": "websocket.close", "code": 1000})

    async def big(self, scope: Any, receive: Any, send: Any) -> None:
        """`/big/100000`: one text of that length, which compresses well."""
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "sea " * (int(scope["path"].split("/")[2]) // 4)})
        await self._back(receive, send)


async def _lifespan(receive: Any, send: Any) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
