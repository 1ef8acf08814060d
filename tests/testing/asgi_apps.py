"""Small ASGI applications, written by hand, that the tests of the test client drive."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class App:
    """Routes by path; records its lifespan."""

    def __init__(self, **handlers: Handler) -> None:
        self.handlers = handlers
        self.events: list[str] = []
        self.seen: list[Scope] = []
        self.fail_start: BaseException | None = None
        self.fail_stop: BaseException | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
            return
        self.seen.append(scope)
        await self.handlers[scope["path"].strip("/").split("/")[0] or "index"](scope, receive, send)

    async def lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "lifespan.startup"
        if self.fail_start:
            await send({"type": "lifespan.startup.failed", "message": str(self.fail_start)})
            raise self.fail_start
        scope["state"]["number"] = 7
        self.events.append("up")
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        self.events.append("down")
        if self.fail_stop:
            raise self.fail_stop
        await send({"type": "lifespan.shutdown.complete"})


async def respond(
    send: Send, body: bytes = b"", status: int = 200, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers or []})
    await send({"type": "http.response.body", "body": body})


async def whole_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request", message
        body += message["body"]
        more = message["more_body"]
    return body


async def show(scope: Scope, receive: Receive, send: Send) -> None:
    """The scope and the body, as JSON."""
    shown = {key: scope[key] for key in ("method", "path", "scheme", "root_path", "client", "server", "state")}
    shown["raw_path"] = scope["raw_path"].decode("latin-1")
    shown["query"] = scope["query_string"].decode("latin-1")
    shown["headers"] = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
    shown["body"] = (await whole_body(receive)).decode("latin-1")
    shown["extensions"] = sorted(scope["extensions"])
    await respond(send, json.dumps(shown).encode())


async def boom(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("boom")


async def boom_after_500(scope: Scope, receive: Receive, send: Send) -> None:
    """Ketch's own edge: a 500 first, then the exception if the client asked for it."""
    await respond(send, b"sorry", 500)
    if "ketch.raise" in scope["extensions"]:
        raise ValueError("boom")


async def boom_midway(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})
    raise ValueError("boom")


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    return None


async def half(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"half", "more_body": True})


async def forever(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(3600)
