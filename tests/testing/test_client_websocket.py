"""WebSockets through both clients."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from ketch.http.websocket import WebSocketDisconnect
from ketch.testing import AsyncTestClient, TestClient, WebSocketDenied
from tests.testing import asgi_apps
from tests.testing.asgi_apps import App, Receive, Scope, Send, respond, show


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts the second sub-protocol, echoes, closes with 4001 on "bye"; records what ended it."""
    assert (await receive())["type"] == "websocket.connect"
    offers = scope["subprotocols"]
    headers = [(b"set-cookie", b"ws=1"), (b"x-seen", b"yes")]
    await send({"type": "websocket.accept", "subprotocol": offers[1] if len(offers) > 1 else None, "headers": headers})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            scope["state"]["ends"].append((message["code"], message["reason"]))
            return
        if message.get("text") == "bye":
            await send({"type": "websocket.close", "code": 4001, "reason": "so long"})
            continue
        await send({"type": "websocket.send", **{k: v for k, v in message.items() if k != "type"}})


class Echoing(App):
    def __init__(self, **handlers: asgi_apps.Handler) -> None:
        super().__init__(ws=echo, **handlers)
        self.ends: list[tuple[int, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["ends"] = self.ends
        await super().__call__(scope, receive, send)


class Point(msgspec.Struct):
    x: int


def test_messages_there_and_back() -> None:
    app = Echoing()
    with TestClient(app) as client, client.websocket_connect("/ws?q=1") as ws:
        ws.send_text("é")
        assert ws.receive_text() == "é"
        ws.send_bytes(b"\xff")
        assert ws.receive_bytes() == b"\xff"
        ws.send_json({"x": 1})
        assert ws.receive_json() == {"x": 1}
        ws.send_json(Point(2), mode="binary")
        assert ws.receive_json(Point) == Point(2)
        ws.send_json([1])
        assert ws.receive() == {"type": "websocket.send", "text": "[1]"}
        assert ws.headers == [(b"set-cookie", b"ws=1"), (b"x-seen", b"yes")]
    assert app.ends == [(1000, "")]
    assert client.cookies["ws"] == "1"


def test_the_scope_of_a_handshake() -> None:
    app = Echoing()
    with TestClient(app, "https://shop.example", cookies={"id": "7"}) as client:
        with client.websocket_connect("/ws", ["one", "two"], headers={"Origin": "https://a.example"}) as ws:
            assert ws.accepted_subprotocol == "two"
            scope = ws.scope
    assert (scope["type"], scope["scheme"], scope["path"], scope["subprotocols"]) == (
        "websocket",
        "wss",
        "/ws",
        ["one", "two"],
    )
    headers = dict(scope["headers"])
    assert headers[b"origin"] == b"https://a.example"
    assert headers[b"cookie"] == b"id=7"
    assert headers[b"host"] == b"shop.example"
    assert headers[b"sec-websocket-version"] == b"13"
    assert headers[b"sec-websocket-protocol"] == b"one, two"
    assert headers[b"upgrade"] == b"websocket"


@pytest.mark.parametrize(("url", "scheme"), [("ws://other.example/ws", "ws"), ("wss://other.example/ws", "wss")])
def test_whole_urls(url: str, scheme: str) -> None:
    with TestClient(Echoing()) as client, client.websocket_connect(url) as ws:
        assert (ws.scope["scheme"], ws.scope["server"][0]) == (scheme, "other.example")


def test_the_test_closes() -> None:
    app = Echoing()
    with TestClient(app) as client, client.websocket_connect("/ws") as ws:
        ws.close(4000, "done")
        ws.close()
        with pytest.raises(RuntimeError, match="closed"):
            ws.send_text("x")
    assert app.ends == [(4000, "done")]


def test_the_server_closes() -> None:
    app = Echoing()
    with TestClient(app) as client, client.websocket_connect("/ws") as ws:
        ws.send_text("bye")
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive_text()
        assert (caught.value.code, caught.value.reason) == (4001, "so long")
    assert app.ends == [(4001, "so long")]


def test_the_wrong_kind_of_message() -> None:
    with TestClient(Echoing()) as client, client.websocket_connect("/ws") as ws:
        ws.send_text("x")
        with pytest.raises(TypeError, match="sent text, not bytes"):
            ws.receive_bytes()
        ws.send_bytes(b"x")
        with pytest.raises(TypeError, match="sent bytes, not text"):
            ws.receive_text()


def test_closing_before_accepting_is_a_403() -> None:
    async def deny(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 4003, "reason": "no"})

    with TestClient(App(index=deny)) as client:
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/"):
            pass
    assert isinstance(caught.value, WebSocketDisconnect)
    assert (caught.value.response.status_code, caught.value.code, caught.value.reason) == (403, 4003, "no")


def test_a_denial_response() -> None:
    async def deny(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        head = [(b"content-type", b"application/json"), (b"set-cookie", b"denied=1")]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": head})
        await send({"type": "websocket.http.response.body", "body": b'{"a":', "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"1}"})

    with TestClient(App(index=deny)) as client:
        with pytest.raises(WebSocketDenied, match="401 Unauthorized") as caught, client.websocket_connect("/"):
            pass
        assert caught.value.response.status_code == 401
        assert caught.value.response.json() == {"a": 1}
        assert client.cookies["denied"] == "1"


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_the_application_raises(when: str) -> None:
    async def bad(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if when == "after":
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "first"})
        raise ValueError("boom")

    with TestClient(App(index=bad)) as client:
        with pytest.raises(ValueError, match="boom"), client.websocket_connect("/") as ws:
            assert ws.receive_text() == "first"
            ws.receive_text()
        if when == "after":  # also if the test never listens
            with pytest.raises(ValueError, match="boom"), client.websocket_connect("/"):
                pass
    with TestClient(App(index=bad), raise_server_exceptions=False) as client:
        with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/") as ws:
            ws.receive_text()
            ws.receive_text()
        if when == "before":
            assert isinstance(caught.value, WebSocketDenied)
            assert caught.value.response.status_code == 500
        else:
            assert caught.value.code == 1011


def test_an_application_that_returns_without_closing() -> None:
    async def brief(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

    with TestClient(App(index=brief)) as client, client.websocket_connect("/") as ws:
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
        assert caught.value.code == 1006


def test_sending_after_the_client_left_is_an_os_error() -> None:
    raised: list[type[BaseException]] = []

    async def talk(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "text": "x"})
                await asyncio.sleep(0.01)
        except OSError as error:
            raised.append(type(error))
            raise

    with TestClient(App(index=talk)) as client, client.websocket_connect("/") as ws:
        assert ws.receive_text() == "x"
    assert len(raised) == 1


def test_an_endless_sender_waits_for_the_test() -> None:
    sent: list[int] = []

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            sent.append(1)
            await send({"type": "websocket.send", "text": "x"})

    with TestClient(App(index=flood)) as client, client.websocket_connect("/") as ws:
        ws.receive_text()
    assert len(sent) < 1100


def test_an_application_that_ignores_the_goodbye_is_cancelled() -> None:
    ended: list[str] = []

    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("deaf")

    with TestClient(App(index=deaf)) as client, client.websocket_connect("/"):
        pass
    assert ended == ["deaf"]


@pytest.mark.parametrize("message", [{}, {"text": "a", "bytes": b"a"}])
def test_a_message_is_text_or_bytes(message: dict[str, Any]) -> None:
    async def wrong(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", **message})

    with TestClient(App(index=wrong)) as client, pytest.raises(ValueError, match="either text or bytes"):
        with client.websocket_connect("/") as ws:
            ws.receive()


def test_nothing_hangs() -> None:
    async def mute(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if scope["path"] == "/accepting":
            await send({"type": "websocket.accept"})
        await receive()

    with TestClient(App(index=mute, accepting=mute), timeout=0.1) as client:
        with pytest.raises(TimeoutError, match="the handshake's answer, WebSocket /"):
            with client.websocket_connect("/"):
                pass
        with client.websocket_connect("/accepting") as ws:
            with pytest.raises(TimeoutError, match=r"waited 0\.1 s for the next message, WebSocket /accepting"):
                ws.receive_text()
            with pytest.raises(TimeoutError, match=r"waited 0\.01 s"):
                ws.receive_text(timeout=0.01)


def test_a_session_is_opened_by_with_only() -> None:
    client = TestClient(Echoing())
    ws = client.websocket_connect("/ws")
    with pytest.raises(RuntimeError, match="open the WebSocket first"):
        ws.send_text("x")
    client.close()


def test_several_at_once_with_requests_between() -> None:
    with TestClient(Echoing(show=show)) as client:
        with client.websocket_connect("/ws") as one, client.websocket_connect("/ws") as two:
            one.send_text("1")
            two.send_text("2")
            assert client.get("/show").status_code == 200
            assert (two.receive_text(), one.receive_text()) == ("2", "1")


def test_a_ws_scope_is_no_http_answer() -> None:
    with TestClient(App(index=lambda scope, receive, send: respond(send))) as client:
        with pytest.raises(RuntimeError, match=r"unexpected ASGI message 'http\.response\.start'"):
            with client.websocket_connect("/"):
                pass


def test_the_async_client() -> None:
    app = Echoing()

    async def main() -> None:
        async with AsyncTestClient(app) as client:
            async with client.websocket_connect("/ws", ["a", "b"]) as ws:
                assert ws.accepted_subprotocol == "b"
                await ws.send_json({"x": 3})
                assert await ws.receive_json(Point) == Point(3)
                await ws.send_bytes(b"1")
                assert await ws.receive_bytes() == b"1"
                await ws.send_text("bye")
                with pytest.raises(WebSocketDisconnect):
                    await ws.receive_text()
            with pytest.raises(RuntimeError, match="opens once"):
                await ws.__aenter__()

    asyncio.run(main())
    assert app.ends == [(4001, "so long")]
