"""What is remembered to save time has an end: a client that sends ever new words fills no memory, and is answered."""

from __future__ import annotations

import msgspec
import pytest

from ketch import App, JSONResponse, WebSocket
from ketch.http.limits import Limits
from ketch.http.websocket import WebSocketDisconnect
from ketch.testing import TestClient


def quiet(**options: object) -> App:
    return App(openapi_url=None, docs_url=None, **options)  # type: ignore[arg-type]


def test_ever_new_accept_headers() -> None:
    app = quiet()

    @app.get("/")
    async def show() -> dict[str, int]:
        return {"a": 1}

    with TestClient(app) as client:
        for number in range(520):
            answer = client.get("/", headers={"accept": f"application/msgpack;q=0.9, text/x-{number};q=0.1"})
            assert msgspec.msgpack.decode(answer.content) == {"a": 1}
        assert client.get("/", headers={"accept": "text/x-new"}).status_code == 406
        assert len(app.runtime.accepted) <= 512


def test_ever_new_header_names() -> None:
    from ketch.http import headers

    app = quiet()

    @app.get("/{number}")
    async def show(number: int) -> JSONResponse:
        return JSONResponse(number, headers={f"X-Made-{number}": str(number)})

    with TestClient(app) as client:
        for number in range(520):
            assert client.get(f"/{number}").headers[f"x-made-{number}"] == str(number)
    assert len(headers._names) <= 512


def test_a_message_of_too_many_values_closes_the_connection() -> None:
    app = quiet(limits=Limits(json_values=10))

    @app.websocket("/ws")
    async def play(websocket: WebSocket) -> None:
        await websocket.accept()
        async for numbers in websocket.iter_json(list[int]):
            await websocket.send_json(sum(numbers))

    with TestClient(app) as client, client.websocket_connect("/ws") as ws:
        ws.send_json([1] * 10)
        assert ws.receive_json() == 10
        ws.send_json([1] * 11)
        with pytest.raises(WebSocketDisconnect) as gone:
            ws.receive()
    assert gone.value.code == 1009
