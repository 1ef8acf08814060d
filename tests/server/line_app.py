"""Applications for the tests of connections: one of Ketch, and one that speaks ASGI by hand and often badly."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from ketch import (
    App,
    BackgroundTasks,
    Depends,
    FileResponse,
    HTTPException,
    PlainTextResponse,
    Request,
    StreamingResponse,
)

WORD: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="none")


class Log(list[str]):
    """What has happened, in order."""


def make_app(log: Log, folder: Path | None = None) -> App:
    """`/echo` and `/slow/echo` answer with their body; the others do what they are called."""
    app = App()
    _plain(app, log)
    _streams(app, log)
    _lives(app, log)
    if folder is not None:

        @app.get("/file/{name}")
        async def file(name: str) -> FileResponse:
            return FileResponse(folder / name)

    return app


def _plain(app: App, log: Log) -> None:
    @app.get("/word/{word}")
    async def word(word: str) -> str:
        log.append(word)
        return word

    @app.get("/slow/{word}")
    async def slow(word: str) -> str:
        await asyncio.sleep(0.002)
        return word

    @app.get("/thread/{word}")
    def thread(word: str) -> str:
        return word

    @app.post("/echo")
    async def echo(request: Request) -> bytes:
        return await request.body()

    @app.post("/slow/echo")
    async def slow_echo(request: Request) -> bytes:
        body = await request.body()
        await asyncio.sleep(0.002)
        return body

    @app.post("/unread")
    async def unread() -> str:
        return "not read"

    @app.post("/unread/slow")
    async def unread_slow() -> str:
        await asyncio.sleep(0.2)
        return "not read"

    @app.post("/refused")
    async def refused() -> str:
        raise HTTPException(403, "no")

    @app.get("/size/{size}")
    async def size(size: int) -> bytes:
        return b"x" * size

    @app.get("/closing")
    async def closing(request: Request) -> Any:
        return PlainTextResponse("bye", headers={"connection": "close"})


def _streams(app: App, log: Log) -> None:
    @app.get("/stream/{count}")
    async def stream(count: int) -> StreamingResponse:
        async def made() -> AsyncIterator[bytes]:
            for n in range(count):
                yield b"%06d\n" % n
                await asyncio.sleep(0)

        return StreamingResponse(made(), media_type="text/plain")

    @app.get("/breaks/{count}")
    async def breaks(count: int) -> StreamingResponse:
        async def made() -> AsyncIterator[bytes]:
            for _ in range(count):
                yield b"piece"
            raise RuntimeError("a stream breaks")

        return StreamingResponse(made())

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def made() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 16_384
                    log.append("piece")
                    await asyncio.sleep(0)
            finally:
                log.append("stream left")

        return StreamingResponse(made())

    @app.get("/waits")
    async def waits() -> StreamingResponse:
        async def made() -> AsyncIterator[bytes]:
            try:
                yield b"one"
                log.append("stream waits")
                await asyncio.sleep(60)
            finally:
                log.append("stream left")

        return StreamingResponse(made())

    @app.post("/count")
    async def count(request: Request) -> dict[str, int]:
        size = 0
        async for piece in request.stream(limit=1_000_000_000):
            size += len(piece)
        return {"size": size}

    @app.post("/count/slowly")
    async def count_slowly(request: Request) -> dict[str, int]:
        size = 0
        async for piece in request.stream(limit=1_000_000_000):
            log.append("piece")
            size += len(piece)
            await asyncio.sleep(0.01)
        return {"size": size}


def _lives(app: App, log: Log) -> None:
    @app.get("/hang")
    @app.post("/hang")
    async def hang(request: Request) -> str:
        log.append(f"{request.method} begins")
        try:
            await asyncio.sleep(1)
        except asyncio.CancelledError:
            log.append(f"{request.method} cancelled")
            raise
        log.append(f"{request.method} ends")
        return "late"

    @app.post("/stop", cancel_on_disconnect=True)
    async def stop() -> str:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            log.append("stop cancelled")
            raise
        return "late"

    @app.get("/background/{word}")
    async def background(word: str, tasks: BackgroundTasks) -> str:
        async def later() -> None:
            await asyncio.sleep(0.5)
            log.append(f"{word} later")

        tasks.add_task(later)
        return word

    async def held() -> AsyncIterator[str]:
        yield "held"
        await asyncio.sleep(0.3)
        log.append("released")

    @app.get("/held")
    async def use_held(held: Annotated[str, Depends(held, scope="request")]) -> str:
        return held

    @app.get("/task")
    async def task() -> dict[str, Any]:
        import anyio

        before, current = WORD.get(), asyncio.current_task()
        WORD.set("set")
        timed_out = False
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(5)
        except TimeoutError:
            timed_out = True
        with anyio.move_on_after(0.01) as scope:
            await anyio.sleep(5)
        async with anyio.create_task_group() as group:
            group.start_soon(anyio.sleep, 0)
        same = current is not None and asyncio.current_task() is current
        return {"before": before, "same": same, "timed_out": timed_out, "moved_on": scope.cancelled_caught}

    @app.get("/boom")
    async def boom() -> str:
        raise ValueError("a handler breaks")


class ByHand:
    """An ASGI application: the path's first segment says which method answers."""

    def __init__(self, log: Log) -> None:
        self.log = log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise RuntimeError("no lifespan here")
        await getattr(self, scope["path"].split("/")[1])(scope, receive, send)

    async def echo(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            assert message["type"] == "http.request"
            body, more = body + message["body"], message["more_body"]
        await start(send, (b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.body", "body": body})

    async def word(self, scope: Any, receive: Any, send: Any) -> None:
        await start(send)
        await send({"type": "http.response.body", "body": scope["path"].split("/")[2].encode()})

    async def slow(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.002)
        await self.word(scope, receive, send)

    async def after(self, scope: Any, receive: Any, send: Any) -> None:
        """Goes on after its answer, as background tasks of other frameworks do; `/after/boom` then raises."""
        await self.word(scope, receive, send)
        self.log.append("answered")
        await asyncio.sleep(0.3)
        if scope["path"].endswith("boom"):
            raise RuntimeError("after the answer")
        self.log.append("after")

    async def unread(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers first, then asks for the body."""
        await self.word(scope, receive, send)
        while (message := await receive())["type"] != "http.disconnect":
            self.log.append(f"body {len(message['body'])}")
        self.log.append("disconnected")

    async def closing(self, scope: Any, receive: Any, send: Any) -> None:
        await start(send, (b"Connection", b"Close"))
        await send({"type": "http.response.body", "body": b"bye"})

    async def silent(self, scope: Any, receive: Any, send: Any) -> None:
        """Returns without an answer."""

    async def raises(self, scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("before the answer")

    async def begun(self, scope: Any, receive: Any, send: Any) -> None:
        """Raises in the middle of its answer."""
        await start(send)
        await send({"type": "http.response.body", "body": b"x" * 100, "more_body": True})
        raise RuntimeError("in the middle")

    async def unfinished(self, scope: Any, receive: Any, send: Any) -> None:
        await start(send)
        await send({"type": "http.response.body", "body": b"x", "more_body": True})

    async def states(self, scope: Any, receive: Any, send: Any) -> None:
        """`/states/10/7`: a Content-Length of 10 and 7 bytes; `/states/10/7/two` in two pieces."""
        _, _, stated, size, *two = scope["path"].split("/")
        await start(send, (b"content-length", stated.encode()))
        body = b"x" * int(size)
        if two:
            await send({"type": "http.response.body", "body": body[:2], "more_body": True})
            body = body[2:]
        await send({"type": "http.response.body", "body": body})

    async def trailers(self, scope: Any, receive: Any, send: Any) -> None:
        message = {"type": "http.response.start", "status": 200, "headers": [(b"trailer", b"x-sum")]}
        await send({**message, "trailers": True})
        await send({"type": "http.response.body", "body": b"abc", "more_body": True})
        await send({"type": "http.response.body", "body": b"def"})
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"6")]})

    async def header(self, scope: Any, receive: Any, send: Any) -> None:
        """A header that would be two."""
        await start(send, (b"x-a", b"b\r\nx-evil: yes"))
        await send({"type": "http.response.body", "body": b"x"})

    async def twice(self, scope: Any, receive: Any, send: Any) -> None:
        await start(send)
        await start(send)

    async def more(self, scope: Any, receive: Any, send: Any) -> None:
        """Sends after the end."""
        await self.word(scope, receive, send)
        try:
            await send({"type": "http.response.body", "body": b"more"})
        except RuntimeError:
            self.log.append("refused")

    async def status(self, scope: Any, receive: Any, send: Any) -> None:
        """`/status/204`, with a length and a body all the same."""
        code = int(scope["path"].split("/")[2])
        await send({"type": "http.response.start", "status": code, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"body"})

    async def framed(self, scope: Any, receive: Any, send: Any) -> None:
        """Frames by itself, which is not its business."""
        await start(send, (b"Transfer-Encoding", b"chunked"), (b"Connection", b"keep-alive, x-a"))
        await send({"type": "http.response.body", "body": b"abc"})


async def start(send: Any, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(headers)})
