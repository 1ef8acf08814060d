"""The opening handshake (RFC 6455, 4.2), and what an application may answer it with."""

from __future__ import annotations

import json
import logging
import socket
import sys
from collections.abc import Iterator

import pytest

from tests.server.socket_app import SocketApp
from tests.support.frames import ACCEPT, BINARY, CLOSE, DEFLATE, KEY, TEXT, Line, closing, frame, handshake, opened
from tests.support.native import Native, native

pytestmark = pytest.mark.serial

APP = SocketApp()


@pytest.fixture(scope="module")
def sea() -> Iterator[Native]:
    with native(APP) as running:
        yield running


@pytest.fixture
def line(sea: Native) -> Iterator[Line]:
    fresh = Line(sea.port)
    yield fresh
    fresh.close()


def test_the_example_of_the_rfc(line: Line) -> None:
    assert line.ask(handshake("/chosen", "Sec-WebSocket-Protocol: chat, superchat", "Origin: http://test")) == 101
    assert line.head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert line.header("upgrade") == "websocket"
    assert line.header("connection") == "Upgrade"
    assert line.header("sec-websocket-accept") == ACCEPT.decode()
    assert line.header("sec-websocket-protocol") == "superchat"
    assert line.header("x-sea") == "calm"
    assert line.header("content-length") is None
    assert line.header("sec-websocket-extensions") is None


def test_without_an_offer_nothing_is_chosen(line: Line) -> None:
    assert line.ask(handshake("/chosen")) == 101
    assert line.header("sec-websocket-protocol") is None


def test_the_scope(sea: Native, line: Line) -> None:
    APP.scopes.clear()
    offered = ("Sec-WebSocket-Protocol: a,b", "Sec-WebSocket-Protocol: c", "X-Depth: 7")
    assert line.ask(handshake("/echo/caf%C3%A9%2Fx?q=1", *offered)) == 101
    scope = APP.scopes[0]
    assert scope["type"] == "websocket"
    assert scope["asgi"]["version"] == "3.0"
    assert (scope["http_version"], scope["scheme"]) == ("1.1", "ws")
    assert (scope["path"], scope["raw_path"]) == ("/echo/café/x", b"/echo/caf%C3%A9%2Fx")
    assert (scope["query_string"], scope["root_path"]) == (b"q=1", "")
    assert scope["subprotocols"] == ["a", "b", "c"]
    assert (b"x-depth", b"7") in scope["headers"]
    assert scope["client"] == line.socket.getsockname()
    assert scope["server"] == ("127.0.0.1", sea.port)
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert "method" not in scope


def test_frames_may_come_with_the_handshake(line: Line) -> None:
    assert line.ask(handshake() + frame(TEXT, b"in haste") + closing(1000)) == 101
    assert line.read_frame()[:2] == (TEXT, b"in haste")
    assert line.read_frame().code == 1000


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (handshake(leave_out="Sec-WebSocket-Key"), 400),
        (handshake("/", "Sec-WebSocket-Key: "), 400),
        (handshake("/", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), 400),  # 15 bytes
        (handshake("/", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZSE="), 400),  # 17
        (handshake("/", "Sec-WebSocket-Key: not base64, not at all=="), 400),
        (handshake("/", f"Sec-WebSocket-Key: {KEY}", f"Sec-WebSocket-Key: {KEY}"), 400),
        (handshake(leave_out="Sec-WebSocket-Version"), 400),
        (handshake("/", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13"), 400),
        (handshake("/", "Sec-WebSocket-Version: 8"), 426),
        (handshake("/", "Sec-WebSocket-Version: 13, 8"), 426),
        (handshake("/", "Sec-WebSocket-Version: thirteen"), 426),
        (handshake(leave_out="Host"), 400),
        (handshake(line="POST / HTTP/1.1"), 400),
        (handshake("/", "Content-Length: 5") + b"hello", 400),
        (handshake("/", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
        (handshake("/", "Sec-WebSocket-Protocol: a, a"), 400),
        (handshake("/", "Sec-WebSocket-Protocol: a b"), 400),
        (handshake("/", "Sec-WebSocket-Extensions: per message deflate"), 400),
        (handshake("/", 'Sec-WebSocket-Extensions: x; y="open'), 400),
    ],
)
def test_a_handshake_that_is_none(line: Line, request_bytes: bytes, status: int) -> None:
    assert line.ask(request_bytes) == status
    assert line.header("connection") == "close"
    if status == 426:
        assert line.header("sec-websocket-version") == "13"
        assert line.header("upgrade") == "websocket"
    told = line.rest()
    assert len(told) == int(line.header("content-length") or 0)
    assert json.loads(told)["status"] == status


@pytest.mark.parametrize("name", ["Upgrade: WebSocket", "Connection: keep-alive, UPGRADE", "Upgrade: wEbSoCkEt"])
def test_names_are_compared_without_case(line: Line, name: str) -> None:
    assert line.ask(handshake("/", name)) == 101


@pytest.mark.parametrize("missing", ["Upgrade", "Connection"])
def test_a_request_that_does_not_ask_is_an_ordinary_one(line: Line, missing: str) -> None:
    assert line.ask(handshake(leave_out=missing)) != 101


def test_http_1_0_gets_no_websocket(line: Line) -> None:
    assert line.ask(handshake(line="GET / HTTP/1.0")) != 101


# --- what the application answers -------------------------------------------------------------------------------------


def test_close_denies(line: Line) -> None:
    assert line.ask(handshake("/deny")) == 403
    assert line.header("date") is not None
    assert len(line.rest()) == int(line.header("content-length") or 0)


def test_a_response_denies(line: Line) -> None:
    assert line.ask(handshake("/respond_at_once")) == 401
    assert (line.header("content-length"), line.header("connection")) == ("4", "close")
    assert line.rest() == b"who?"


def test_a_response_in_pieces_ends_with_the_line(line: Line) -> None:
    assert line.ask(handshake("/respond")) == 429
    assert (line.header("content-type"), line.header("connection")) == ("text/plain", "close")
    assert line.header("content-length") is None
    assert line.rest() == b"not now"


def test_half_a_response_is_cut(line: Line) -> None:
    line.send(handshake("/half_response"))
    assert line.rest().startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("path", ["/raises_early", "/silent", "/bad_header", "/bad_subprotocol"])
def test_an_application_that_fails_before_it_answers(line: Line, path: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "ketch"):
        assert line.ask(handshake(path)) == 500
        assert b"leak" not in line.rest()
    assert f"WEBSOCKET {path} failed" in caplog.text


def test_without_the_library_a_handshake_is_answered_501(
    sea: Native, line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "wsproto.extensions", None)
    monkeypatch.delitem(sys.modules, "ketch.server.adapters.wsproto", raising=False)
    import ketch.server.adapters as adapters

    monkeypatch.delattr(adapters, "wsproto", raising=False)
    with caplog.at_level(logging.ERROR, "ketch"):
        assert line.ask(handshake()) == 501
        line.rest()
    assert "KETCH-EXT-002" in caplog.text
    assert 'pip install "ketch[server]"' in caplog.text


# --- permessage-deflate is negotiated (RFC 7692, 7.1) -----------------------------------------------------------------

PLAIN = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate", PLAIN),
        ("permessage-deflate; client_max_window_bits", PLAIN),
        ("permessage-deflate; client_max_window_bits=10", PLAIN),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", PLAIN),
        ("permessage-deflate; server_max_window_bits=10", PLAIN + "; server_max_window_bits=10"),
        ('permessage-deflate;server_max_window_bits = "15"', PLAIN + "; server_max_window_bits=15"),
        ("x-unknown; a=b, permessage-deflate", PLAIN),
        (", ,permessage-deflate,", PLAIN),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate", PLAIN),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=09", None),
        ("permessage-deflate; client_max_window_bits=7", None),
        ("permessage-deflate; client_no_context_takeover=1", None),
        ("permessage-deflate; unknown", None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits", None),
        ("x-webkit-deflate-frame", None),
    ],
)
def test_offers_of_compression(line: Line, offer: str, answer: str | None) -> None:
    assert line.ask(handshake("/", f"Sec-WebSocket-Extensions: {offer}")) == 101
    assert line.header("sec-websocket-extensions") == answer
    line.send_frame(BINARY, b"it works either way")
    assert line.read_frame().payload == b"it works either way"


def test_compression_can_be_turned_off() -> None:
    with native(SocketApp(), ws_compression=False) as sea, opened(sea.port, "/", DEFLATE) as line:
        assert line.header("sec-websocket-extensions") is None
        line.send_frame(TEXT, b"compressed?", reserved=4)
        assert line.read_frame()[0] == CLOSE


def test_the_connection_before_it_may_have_been_used(sea: Native, line: Line) -> None:
    """A handshake as a second request on its connection, both sent at once."""
    line.send(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" + handshake() + frame(TEXT, b"second"))
    assert line.ask(b"") == 200
    assert line.received.startswith(b"plain") or line._more()
    line.received = line.received.removeprefix(b"plain")
    assert line.ask(b"") == 101
    assert line.read_frame().payload == b"second"


def test_a_client_that_leaves_before_it_is_accepted() -> None:
    app = SocketApp()
    with native(app) as sea:
        line = Line(sea.port)
        line.send(handshake("/late"))
        wait_until(lambda: app.hold is not None)
        line.reset()
        wait_until(lambda: all(wire.phase.name == "GONE" for wire in sea.server.connections))
        assert app.hold is not None
        sea.server.loop.call_soon_threadsafe(app.hold.set)
        wait_until(lambda: not sea.server.connections)
        assert isinstance(app.errors[0], OSError)


def test_what_comes_before_it_is_accepted_is_bounded() -> None:
    app = SocketApp()
    with native(app) as sea:
        line = Line(sea.port, timeout=0.5)
        line.send(handshake("/late"))
        sent = 0
        with pytest.raises(TimeoutError):
            while True:
                sent += line.socket.send(b"\x00" * 65_536)
        assert app.hold is not None
        waiting = sum(len(wire._early) for wire in sea.server.connections)
        assert waiting <= 65_536 + 262_144  # one read more
        line.close()


def wait_until(is_so: object, seconds: float = 10) -> None:
    import time

    deadline = time.monotonic() + seconds
    while not is_so():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def test_unix_sockets_have_no_client_address(tmp_path: object) -> None:
    app = SocketApp()
    running = Native(app)
    running.listener.close()
    running.listener = socket.socket(socket.AF_UNIX)
    path = f"{tmp_path}/sea.sock"
    running.listener.bind(path)
    running.listener.listen()
    running.start()
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(path)
            line.sendall(handshake())
            assert line.recv(65_536).startswith(b"HTTP/1.1 101")
            assert app.scopes[0]["client"] is None
    finally:
        running.stop(now=True)
