"""The client drives any ASGI application: here Starlette's and FastAPI's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from ketch.testing import TestClient, WebSocketDenied

events: list[str] = []


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
    events.append("up")
    yield {"from": "lifespan"}
    events.append("down")


async def upload(request: Request) -> Response:
    sizes = [len(piece) async for piece in request.stream()]
    return JSONResponse({"size": sum(sizes), "from": request.state["from"]})


async def ticks(request: Request) -> Response:
    async def endless() -> AsyncIterator[str]:
        for number in range(1_000_000):
            yield f"{number}\n"
            await asyncio.sleep(0.001)

    return StreamingResponse(endless())


async def later(request: Request) -> Response:
    async def work() -> None:
        await asyncio.sleep(0.01)
        events.append("background")

    return Response("ok", background=BackgroundTask(work))


async def bad(request: Request) -> Response:
    raise ValueError("boom")


async def echo(websocket: WebSocket) -> None:
    if "refuse" in websocket.query_params:
        await websocket.send_denial_response(JSONResponse({"detail": "no"}, 401))
        return
    await websocket.accept()
    try:
        while True:
            await websocket.send_json({"got": await websocket.receive_json()})
    except WebSocketDisconnect:
        events.append("left")


app = Starlette(
    routes=[
        Route("/upload", upload, methods=["POST"]),
        Route("/ticks", ticks),
        Route("/later", later),
        Route("/bad", bad),
        WebSocketRoute("/ws", echo),
    ],
    lifespan=lifespan,
)


def test_starlette() -> None:
    events.clear()
    with TestClient(app) as client:
        answer = client.post("/upload", content=iter([b"x" * 1000] * 200)).json()
        assert answer == {"size": 200_000, "from": "lifespan"}
        with client.stream("GET", "/ticks") as response:
            lines = response.iter_lines()
            assert [next(lines) for _ in range(3)] == ["0", "1", "2"]
        assert client.get("/later").text == "ok"
        with pytest.raises(ValueError, match="boom"):
            client.get("/bad")
        with client.websocket_connect("/ws") as ws:
            ws.send_json([1])
            assert ws.receive_json() == {"got": [1]}
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws?refuse"):
            pass
        assert caught.value.response.json() == {"detail": "no"}
    assert events == ["up", "background", "left", "down"]


def test_starlettes_500() -> None:
    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.get("/bad")
    assert (response.status_code, response.text) == (500, "Internal Server Error")


def test_fastapi_threads_and_dependencies() -> None:
    fastapi = pytest.importorskip("fastapi")
    api = fastapi.FastAPI()

    def number() -> AsyncIterator[int]:
        yield 3  # type: ignore[misc]

    @api.get("/n")
    def read(n: int = fastapi.Depends(number)) -> dict[str, int]:
        return {"n": n}

    with TestClient(api) as client:
        assert [client.get("/n").json() for _ in range(3)] == [{"n": 3}] * 3
        assert client.get("/missing").status_code == 404
