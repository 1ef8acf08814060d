"""The clients with what only a Ketch application has: overrides, exceptions through its edge, a mistaken start."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ketch import App, Depends, SetupError, WebSocket
from ketch.testing import AsyncTestClient, TestClient, WebSocketDenied


class Clock:
    def now(self) -> str:
        return "now"


class Stopped(Clock):
    def now(self) -> str:
        return "then"


def application() -> App:
    app = App()
    app.provide(Clock, Clock())

    @app.get("/time")
    async def time(clock: Clock) -> str:
        return clock.now()

    @app.get("/boom")
    def boom() -> str:
        raise ValueError("boom")

    @app.websocket("/boom")
    async def bang(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ValueError("bang")

    return app


def test_override() -> None:
    with TestClient(application()) as client:
        assert client.get("/time").text == "now"
        with client.override({Clock: Stopped()}):
            assert client.get("/time").text == "then"
        assert client.get("/time").text == "now"


def test_exceptions_come_through_the_edge() -> None:
    with TestClient(application()) as client:
        with pytest.raises(ValueError, match="boom"):
            client.get("/boom")
        with pytest.raises(ValueError, match="bang"), client.websocket_connect("/boom") as ws:
            ws.receive_text()
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/missing"):
            pass
        assert caught.value.response.status_code == 404
    with TestClient(application(), raise_server_exceptions=False) as client:
        assert client.get("/boom").status_code == 500


@pytest.mark.parametrize("lazily", [True, False])
def test_a_mistake_in_the_application_reaches_the_test(lazily: bool) -> None:
    app = App()

    @app.get("/{a}")
    async def mistaken(b: int = 0) -> str:
        return ""

    client = TestClient(app)
    with pytest.raises(SetupError, match='never uses "a"'):
        client.get("/x") if lazily else client.__enter__()


def test_the_async_client() -> None:
    opened: list[str] = []

    async def resource() -> AsyncIterator[str]:
        opened.append("open")
        yield "resource"
        opened.append("closed")

    app = application()

    @app.get("/resource")
    async def read(value: str = Depends(resource)) -> str:
        return value

    async def main() -> None:
        async with AsyncTestClient(app) as client:
            with client.override({Clock: Stopped()}):
                assert (await client.get("/time")).text == "then"
            assert (await client.get("/resource")).text == "resource"
            with pytest.raises(ValueError, match="boom"):
                await client.get("/boom")

    asyncio.run(main())
    assert opened == ["open", "closed"]


def test_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    from ketch.app.mode import mode

    monkeypatch.delenv("KETCH_ENV", raising=False)
    app: Any = application()
    TestClient(app)
    assert mode() == "test"
    assert os.environ["KETCH_ENV"] == "test"
