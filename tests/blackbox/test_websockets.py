"""WebSockets, on the servers that have them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.blackbox.servers import Running

pytestmark = pytest.mark.serial


@pytest.fixture
def sockets(up: Running) -> Running:
    if not up.server.websockets:
        pytest.skip(f"{up.server.name} has no WebSockets here")
    return up


def opened(up: Running, path: str, **options: Any) -> ClientConnection:
    connection: ClientConnection = connect(f"ws://127.0.0.1:{up.port}{path}", proxy=None, **options)
    return connection


def test_text_and_close(sockets: Running) -> None:
    with opened(sockets, "/ws/echo", subprotocols=["v1", "v2"]) as ws:
        assert ws.subprotocol == "v2"
        for text in ("hi", "ü€𝄞", "x" * 100_000, ""):
            ws.send(text)
            assert ws.recv() == text
        ws.send("bye")
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv()
        assert caught.value.rcvd
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (4001, "as you wish")


def test_a_client_that_leaves(sockets: Running) -> None:
    with opened(sockets, "/ws/echo") as ws:
        ws.send("x")
        ws.recv()
    sockets.wait_for("ws/echo", "ws/echo left")


def test_bytes(sockets: Running) -> None:
    with opened(sockets, "/ws/bytes") as ws:
        ws.send(b"\x00\xff" * 50_000)
        assert ws.recv() == b"\xff\x00" * 50_000


def test_typed_messages(sockets: Running) -> None:
    with opened(sockets, "/ws/orders") as ws:
        order = {"customer": "Ada", "items": [{"sku": "a", "qty": 1}], "price": None}
        ws.send(json.dumps(order))
        assert json.loads(ws.recv()) == order
        ws.send('{"customer": ""}')
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv()
        assert caught.value.rcvd
        assert caught.value.rcvd.code == 1007


def test_a_message_that_is_too_large(sockets: Running) -> None:
    with opened(sockets, "/ws/echo") as ws:
        ws.send("x" * 1_048_577)
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv()
        assert caught.value.rcvd
        assert caught.value.rcvd.code == 1009


def test_a_handler_that_fails(sockets: Running) -> None:
    with opened(sockets, "/ws/boom") as ws:
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv()
        assert caught.value.rcvd
        assert caught.value.rcvd.code == 1011
    assert "boom in a WebSocket" in sockets.told()


@pytest.mark.parametrize(("path", "status"), [("/ws/denied", 401), ("/ws/nowhere", 404)])
def test_denied(sockets: Running, path: str, status: int) -> None:
    with pytest.raises(InvalidStatus) as caught, opened(sockets, path):
        pass
    assert caught.value.response.status_code in (status, 403)  # 403 where a server has no denial responses


def test_the_origin_rule(sockets: Running) -> None:
    foreign = {"additional_headers": {"Cookie": "a=1"}, "origin": "https://evil.example"}
    with pytest.raises(InvalidStatus) as caught, opened(sockets, "/ws/echo", **foreign):
        pass
    assert caught.value.response.status_code == 403
    with opened(sockets, "/ws/echo", origin=sockets.url) as ws:
        ws.send("x")
        assert ws.recv() == "x"
