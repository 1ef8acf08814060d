"""How a WebSocket ends when something goes wrong around its handler, or when the client is quicker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest

from ketch import App, Depends, Forbidden, JSONResponse, Request, WebSocket
from ketch.testing import TestClient
from ketch.testing.client import WebSocketDenied

Sent = list[dict[str, Any]]
HEAD = {"path": "/ws", "raw_path": b"/ws", "query_string": b"", "headers": [], "root_path": "", "scheme": "ws"}


def quiet() -> App:
    return App(openapi_url=None, docs_url=None)


def denial(app: App, path: str = "/ws") -> Any:
    """The response that the handshake gets instead of a connection."""
    with TestClient(app, raise_server_exceptions=False) as client:
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect(path):
            pass
    return denied.value.response


def talk(app: App, *messages: dict[str, Any], refuse_after: int | None = None) -> Sent:
    """What the application sends to a client that says this and leaves; its side breaks after so many messages."""
    waiting, sent = [{"type": "websocket.connect"}, *messages], Sent()

    async def receive() -> dict[str, Any]:
        return waiting.pop(0) if waiting else {"type": "websocket.disconnect", "code": 1006, "reason": ""}

    async def send(message: Any) -> None:
        if refuse_after is not None and len(sent) >= refuse_after:
            raise OSError("gone")
        sent.append(dict(message))

    async def main() -> None:
        await app({"type": "websocket", "subprotocols": [], "extensions": {}, **HEAD}, receive, send)
        await app.runtime.stop()

    asyncio.run(main())
    return sent


# --- before it is accepted --------------------------------------------------------------------------------------------


def test_a_middleware_that_returns_no_response() -> None:
    app = quiet()

    @app.middleware("http")
    async def forgetful(request: Request, call_next: Any) -> Any:
        await call_next(request)

    @app.websocket("/ws")
    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()

    assert denial(app).status_code == 500


def test_a_failure_before_accept_is_the_exception_handlers_to_answer() -> None:
    app = quiet()

    @app.exception_handler(KeyError)
    async def sorry(request: Any, exc: KeyError) -> JSONResponse:
        if exc.args[0] == "twice":
            raise ValueError("the handler fails, too")
        return JSONResponse({"sorry": exc.args[0]}, 418)

    @app.websocket("/ws/{how}")
    async def chat(websocket: WebSocket, how: str) -> None:
        raise KeyError(how)

    response = denial(app, "/ws/once")
    assert (response.status_code, response.json()) == (418, {"sorry": "once"})
    assert denial(app, "/ws/twice").status_code == 500


async def fails_to_close() -> AsyncIterator[int]:
    try:
        yield 1
    finally:
        raise KeyError("in the clean-up")


async def nobody() -> None:
    raise Forbidden


def test_clean_up_that_fails_after_a_guard_has_denied() -> None:
    """What it became of is told: the failure, not the 403."""
    app = quiet()

    @app.websocket("/ws", dependencies=[Depends(fails_to_close), Depends(nobody)])
    async def chat(websocket: WebSocket) -> None: ...

    assert denial(app).status_code == 500


def test_clean_up_that_fails_after_a_middleware_has_denied() -> None:
    app = quiet()

    @app.middleware("http")
    async def strict(request: Request, call_next: Any) -> Any:
        await call_next(request)
        return JSONResponse({"no": "entry"}, 403)

    @app.websocket("/ws", dependencies=[Depends(fails_to_close)])
    async def chat(websocket: WebSocket) -> None: ...

    @app.websocket("/plain")
    async def plain(websocket: WebSocket) -> None: ...

    assert denial(app).status_code == 500
    assert denial(app, "/plain").json() == {"no": "entry"}


# --- a client that has left -------------------------------------------------------------------------------------------


def chatting(**how: Any) -> App:
    app = quiet()

    @app.websocket("/ws")
    async def chat(websocket: WebSocket) -> None:
        if how.get("early"):
            raise how["early"]
        await websocket.accept()
        await websocket.receive_text()
        await websocket.send_text("welcome")
        raise how["late"]

    return app


HELLO = {"type": "websocket.receive", "text": "hello"}


def test_nobody_is_there_to_be_denied(caplog: pytest.LogCaptureFixture) -> None:
    assert talk(chatting(early=Forbidden()), refuse_after=0) == []
    assert caplog.records == []


def test_nobody_is_there_to_be_told_of_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    """The failure itself is logged; that its close could not be sent is no further news."""
    sent = talk(chatting(late=ZeroDivisionError("a bug")), HELLO, refuse_after=2)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.send"]
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


def test_sending_to_a_client_that_has_left_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    sent = talk(chatting(late=ZeroDivisionError("never reached")), HELLO, refuse_after=1)
    assert [message["type"] for message in sent] == ["websocket.accept"]
    assert caplog.records == []


def test_an_error_of_the_connection_after_the_client_has_left_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    app, log = quiet(), list[str]()

    async def unit() -> AsyncIterator[int]:
        try:
            yield 1
        except OSError:
            log.append("rolled back")
            raise

    @app.websocket("/ws")
    async def chat(websocket: WebSocket, one: Annotated[int, Depends(unit)]) -> None:
        await websocket.accept()
        async for _ in websocket.iter_text():
            pass
        raise OSError("a socket of our own that was bound to it")

    assert [message["type"] for message in talk(app, HELLO)] == ["websocket.accept"]
    assert log == ["rolled back"] and caplog.records == []


@pytest.mark.parametrize(("status", "code"), [(403, 1008), (503, 1011)])
@pytest.mark.parametrize("closed", [False, True])
def test_a_middleware_that_accepts_and_then_denies(status: int, code: int, closed: bool) -> None:
    """There is no response any more; the connection is closed, and once only."""
    app = quiet()

    @app.middleware("http")
    async def odd(request: Any, call_next: Any) -> Any:
        await request.accept()
        if closed:
            await request.close(4000)
        return JSONResponse({"no": "entry"}, status)

    @app.websocket("/ws")
    async def chat(websocket: WebSocket) -> None: ...

    sent = talk(app)
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    assert sent[1]["code"] == (4000 if closed else code)
