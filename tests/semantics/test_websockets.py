"""WebSockets: guards, the Origin rule, failures, typed messages."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ketch import App, BackgroundTasks, Field, HTTPException, JSONResponse, Request, SetupError, Struct, WebSocket
from ketch.http.limits import Limits
from ketch.http.websocket import WebSocketDisconnect, WebSocketException
from ketch.testing import TestClient
from ketch.testing.client import WebSocketDenied


class Move(Struct):
    x: int
    y: int


def quiet(**options: Any) -> App:
    return App(openapi_url=None, docs_url=None, **options)


def denial(client: TestClient, path: str, **options: Any) -> WebSocketDenied:
    with pytest.raises(WebSocketDenied) as denied:
        with client.websocket_connect(path, **options):
            pass
    return denied.value


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"cookie": "a=b", "origin": "https://evil.example"}, False),
        ({"cookie": "a=b", "origin": "null"}, False),
        ({"cookie": "a=b", "origin": "http://testserver.evil.example"}, False),
        ({"cookie": "a=b", "origin": "http://testserver"}, True),
        ({"cookie": "a=b", "origin": "https://TESTSERVER"}, True),
        ({"cookie": "a=b"}, True),
        ({"origin": "https://evil.example"}, True),
    ],
)
def test_the_origin_rule(headers: dict[str, str], allowed: bool) -> None:
    """A WebSocket handshake with any Cookie and a foreign Origin is 403; without Origin it passes."""
    app = quiet()

    @app.websocket("/ws")
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    with TestClient(app) as client:
        if allowed:
            with client.websocket_connect("/ws", headers=headers) as ws:
                assert ws.receive_text() == "hello"
        else:
            assert denial(client, "/ws", headers=headers).response.status_code == 403


def test_guards_deny() -> None:
    """a returned Response denies it; guards run before the handler"""
    app, log = quiet(), list[str]()

    @app.exception_handler(KeyError)
    async def known(request: Request, exc: KeyError) -> JSONResponse:
        return JSONResponse({"key": str(exc.args[0])}, 418)

    def guard(how: str = "") -> None:
        match how:
            case "http":
                raise HTTPException(401, detail="who?", headers={"WWW-Authenticate": "Basic"})
            case "close":
                raise WebSocketException(4001, "no")
            case "mine":
                raise KeyError("k")
            case "crash":
                raise ZeroDivisionError()

    @app.websocket("/ws", dependencies=[guard])
    async def chat(websocket: WebSocket, n: int = 0) -> None:
        log.append("handler")
        await websocket.accept()

    with TestClient(app, raise_server_exceptions=False) as client:
        refused = denial(client, "/ws?how=http").response
        assert (refused.status_code, refused.json()["detail"]) == (401, "who?")
        assert refused.headers["www-authenticate"] == "Basic"
        closed = denial(client, "/ws?how=close")
        assert (closed.response.status_code, closed.code, closed.reason) == (403, 4001, "no")
        assert denial(client, "/ws?how=mine").response.json() == {"key": "k"}
        assert denial(client, "/ws?how=crash").response.status_code == 500
        assert log == []
        invalid = denial(client, "/ws?n=x").response
        assert (invalid.status_code, invalid.json()["errors"][0]["loc"]) == (422, ["query", "n"])
        long = denial(client, f"/ws?n={'1' * 9000}").response
        assert long.status_code == 414


def test_failures_after_the_handshake(caplog: pytest.LogCaptureFixture) -> None:
    """logs the traceback on every path, WebSocket and background included"""
    app, log = quiet(), list[str]()

    @app.websocket("/ws/{how}")
    async def chat(websocket: WebSocket, how: str, tasks: BackgroundTasks) -> None:
        tasks.add_task(log.append, f"background {how}")
        if how == "silent":
            return
        await websocket.accept()
        match how:
            case "crash":
                raise ZeroDivisionError("a bug")
            case "http":
                raise HTTPException(409, detail="no")
            case "close":
                raise WebSocketException(4002, "mine")
            case "odd-code":
                raise WebSocketException(1005)
            case "self":
                await websocket.close(4003, "by itself")

    def code(path: str) -> tuple[int, str]:
        with pytest.raises(WebSocketDisconnect) as gone:
            with client.websocket_connect(path) as ws:
                ws.receive_text()
        return gone.value.code, gone.value.reason

    with TestClient(app, raise_server_exceptions=False) as client:
        assert code("/ws/well") == (1000, "")
        assert code("/ws/crash") == (1011, "internal error")
        assert code("/ws/http") == (1008, "no")
        assert code("/ws/close") == (4002, "mine")
        assert code("/ws/odd-code")[0] == 1011
        assert code("/ws/self") == (4003, "by itself")
        assert denial(client, "/ws/silent").response.status_code == 403
    assert "WS /ws/{how} failed" in caplog.text and "a bug" in caplog.text
    assert log == [f"background {how}" for how in ("well", "crash", "http", "close", "odd-code", "self", "silent")]


def test_typed_messages_tell_every_problem() -> None:
    """WebSockets with typed messages (`receive_json(T)`)"""
    app = quiet()

    @app.websocket("/ws")
    async def play(websocket: WebSocket) -> None:
        await websocket.accept()
        async for move in websocket.iter_json(Move):
            await websocket.send_json([type(move).__name__, move.x + move.y])

    with TestClient(app) as client:
        with client.websocket_connect("/ws") as ws:
            ws.send_json({"x": 1, "y": 2})
            assert ws.receive_json() == ["Move", 3]
            ws.send_json({"x": "1"})
            with pytest.raises(WebSocketDisconnect) as gone:
                ws.receive_json()
    assert gone.value.code == 1007


def test_the_message_limit() -> None:
    """WebSocket message (limits are on by default)"""
    app = quiet(limits=Limits(websocket_message=10))

    @app.websocket("/ws")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text)

    with TestClient(app) as client:
        with client.websocket_connect("/ws") as ws:
            ws.send_text("x" * 10)
            assert ws.receive_text() == "x" * 10
            ws.send_text("x" * 11)
            with pytest.raises(WebSocketDisconnect) as gone:
                ws.receive_text()
    assert gone.value.code == 1009


def test_a_structured_parameter_of_a_websocket_is_a_setup_error() -> None:
    """structured data type: JSON body (a WebSocket has none)"""
    app = quiet()

    @app.websocket("/ws")
    async def chat(websocket: WebSocket, move: Move) -> None: ...

    with pytest.raises(SetupError, match="KETCH-BIND-005"):
        _ = app.runtime


def test_a_server_that_cancels_a_websocket_closes_what_is_open() -> None:
    """clean-up on success, error, cancellation and disconnect"""
    log: list[str] = []
    app = quiet()

    async def opened() -> Any:
        try:
            yield 1
        except BaseException as error:
            log.append(type(error).__name__)
            raise

    app.provide(Move, opened, scope="request")

    @app.websocket("/ws")
    async def chat(websocket: WebSocket, move: Move) -> None:
        await websocket.accept()
        await asyncio.sleep(60)

    async def main() -> None:
        async def receive() -> Any:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            log.append(message["type"])

        head = {"path": "/ws", "raw_path": b"/ws", "query_string": b"", "headers": [], "root_path": "", "scheme": "ws"}
        task = asyncio.ensure_future(app({"type": "websocket", "subprotocols": [], **head}, receive, send))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert log == ["websocket.accept", "CancelledError"]


def test_field_is_exported() -> None:
    """`ketch`: everything an application file needs"""
    assert Field(ge=1) is not None


def test_a_websocket_in_an_ordinary_handler_is_a_setup_error() -> None:
    """framework type (`Request`, `WebSocket`, ...)"""
    app = quiet()

    @app.get("/")
    async def show(websocket: WebSocket) -> None: ...

    with pytest.raises(SetupError, match="An ordinary request is no WebSocket"):
        _ = app.runtime
