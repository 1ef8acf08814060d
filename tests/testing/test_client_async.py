"""AsyncTestClient: the same exchanges in the test's own event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from ketch.testing import AsyncTestClient
from tests.testing import asgi_apps
from tests.testing.asgi_apps import App, Receive, Scope, Send, respond, show, whole_body


def test_requests_in_the_same_loop() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def here(scope: Scope, receive: Receive, send: Send) -> None:
            assert asyncio.get_running_loop() is loop
            await respond(send, await whole_body(receive))

        async with AsyncTestClient(App(index=here, show=show)) as client:
            assert (await client.post("/", content=b"x" * 100_000)).content == b"x" * 100_000
            shown = (await client.get("/show?a=1")).json()
            assert (shown["query"], shown["state"]) == ("a=1", {"number": 7})

    asyncio.run(main())


def test_a_body_from_an_async_iterator() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0)
        yield b"b"

    async def bad() -> AsyncIterator[bytes]:
        yield b"a"
        raise LookupError("mine")

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, await whole_body(receive))

    async def main() -> None:
        async with AsyncTestClient(App(index=echo)) as client:
            assert (await client.post("/", content=pieces())).content == b"ab"
            with pytest.raises(LookupError, match="mine"):
                await client.post("/", content=bad())

    asyncio.run(main())


def test_streams_arrive_in_pieces_and_close_early() -> None:
    ended: list[str] = []
    gate = asyncio.Event()

    async def ticker(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one\n", "more_body": True})
        await gate.wait()
        await send({"type": "http.response.body", "body": b"two\n", "more_body": True})
        ended.append((await receive())["type"])

    async def main() -> None:
        async with AsyncTestClient(App(index=ticker)) as client, client.stream("GET", "/") as response:
            arriving = response.aiter_lines()
            assert await anext(arriving) == "one"
            gate.set()
            assert await anext(arriving) == "two"
            assert ended == []
        assert ended == ["http.disconnect"]

    asyncio.run(main())


def test_exceptions_and_timeouts() -> None:
    async def main() -> None:
        app = App(boom=asgi_apps.boom, midway=asgi_apps.boom_midway, forever=asgi_apps.forever)
        async with AsyncTestClient(app, timeout=0.1) as client:
            for path in ("/boom", "/midway"):
                with pytest.raises(ValueError, match="boom"):
                    await client.get(path)
            with pytest.raises(TimeoutError, match="response's head, GET /forever"):
                await client.get("/forever")
        async with AsyncTestClient(app, raise_server_exceptions=False) as client:
            assert (await client.get("/boom")).status_code == 500
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.get("/midway")

    asyncio.run(main())


def test_cancelling_the_test_cancels_the_application() -> None:
    ended: list[str] = []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("slow")

    async def main() -> None:
        async with AsyncTestClient(App(index=slow)) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.get("/")
            assert ended == ["slow"]

    asyncio.run(main())
