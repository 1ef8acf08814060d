"""WebSockets: frames and handshakes that are none, messages that are too large or not what was asked for."""

from __future__ import annotations

import json
import os
import socket
import struct
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.hostile.conftest import Sea, head

pytestmark = pytest.mark.serial

HANDSHAKE = (
    b"Host: x",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def opened(sea: Sea, path: str, **options: Any) -> ClientConnection:
    connection: ClientConnection = connect(f"ws://127.0.0.1:{sea.up.port}{path}", proxy=None, max_size=None, **options)
    return connection


def code_after(sea: Sea, path: str, *messages: str | bytes) -> int:
    """The code of the close frame that answers the last of these messages."""
    with opened(sea, path) as ws:
        for message in messages:
            ws.send(message)
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                ws.recv(timeout=10)
        assert caught.value.rcvd is not None
        return caught.value.rcvd.code


def upgrade(path: str, *lines: str | bytes) -> bytes:
    return head("GET", path, (*HANDSHAKE, *lines)).replace(b"Connection: close", b"Connection: Upgrade")


def raw_code(sea: Sea, path: str, frames: bytes) -> int | None:
    """The same for raw bytes; None if the server just closes the line, or waits for more."""
    with socket.create_connection(("127.0.0.1", sea.up.port), timeout=2) as line:
        line.sendall(upgrade(path))
        received = b""
        while b"\r\n\r\n" not in received:
            received += line.recv(65_536)
        assert b" 101 " in received
        received = received.partition(b"\r\n\r\n")[2]
        try:
            line.sendall(frames)
            while (code := close_code(received)) is None and (piece := line.recv(65_536)):
                received += piece
        except OSError:
            return close_code(received)
        return code


def close_code(received: bytes) -> int | None:
    """The code of a close frame among the frames received."""
    while len(received) > 3:
        opcode, size, skip = received[0] & 15, received[1] & 127, 2
        if size == 126:
            size, skip = int(struct.unpack("!H", received[2:4])[0]), 4
        if opcode == 8:
            return int(struct.unpack("!H", received[skip : skip + 2])[0])
        received = received[skip + size :]
    return None


def frame(
    opcode: int, content: bytes, *, fin: bool = True, mask: bool = True, reserved: int = 0, size: int | None = None
) -> bytes:
    length = len(content) if size is None else size
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    top = 0x80 if mask else 0
    if length < 126:
        start = struct.pack("!BB", first, top | length)
    elif length < 65_536:
        start = struct.pack("!BBH", first, top | 126, length)
    else:
        start = struct.pack("!BBQ", first, top | 127, length)
    return start + (b"\0\0\0\0" if mask else b"") + content


FRAMES = {
    "text that is not UTF-8": (frame(1, b"\xff\xfe"), {1007}),
    "a surrogate": (frame(1, b"\xed\xa0\x80"), {1007}),
    "text cut in a character": (frame(1, b"\xe2\x82", fin=True), {1007}),
    "not masked": (frame(1, b"x", mask=False), {1002}),
    "reserved bits": (frame(1, b"x", reserved=7), {1002}),
    "an unknown opcode": (frame(3, b"x"), {1002}),
    "a continuation of nothing": (frame(0, b"x"), {1002}),
    "a text inside a text": (frame(1, b"x", fin=False) + frame(1, b"y"), {1002}),
    "a large ping": (frame(9, b"x" * 126), {1002}),
    "a ping in pieces": (frame(9, b"x", fin=False), {1002}),
    "a close of one byte": (frame(8, b"x"), {1002}),
    "a close with a forbidden code": (frame(8, struct.pack("!H", 1005)), {1002}),
    "a close with a wild code": (frame(8, struct.pack("!H", 65_535)), {1002}),
    "a close with a reason that is no text": (frame(8, struct.pack("!H", 1000) + b"\xff"), {1002, 1007}),
    "a length without end": (frame(2, b"", size=2**62), {1002, 1009}),
    "a length with the top bit": (b"\x82\xff" + b"\xff" * 8 + b"\0\0\0\0", {1002, 1009}),
    "a thousand empty pieces, too large": (
        frame(1, b"", fin=False) + frame(0, b"", fin=False) * 1_000 + frame(0, b"x" * 1_048_577),
        {1009},
    ),
    "a thousand pieces, too large": (
        frame(1, b"x" * 1_100, fin=False) + frame(0, b"x" * 1_100, fin=False) * 1_000 + frame(0, b""),
        {1009},
    ),
}


@pytest.mark.parametrize(("frames", "codes"), FRAMES.values(), ids=FRAMES)
def test_frames(each_sea: Sea, frames: bytes, codes: set[int]) -> None:
    """The server's own library judges frames; it says so in the close frame, or drops the line."""
    assert raw_code(each_sea, "/ws/text", frames) in {*codes, None}


@pytest.mark.parametrize("path", ["/ws/text", "/ws/json", "/ws/typed"])
def test_a_message_that_is_too_large(each_sea: Sea, path: str) -> None:
    assert code_after(each_sea, path, '"' + "x" * 1_048_575 + '"') == 1009
    assert code_after(each_sea, path, '"' + "ä" * 600_000 + '"') == 1009


def test_exactly_the_limit(each_sea: Sea) -> None:
    with opened(each_sea, "/ws/text") as ws:
        ws.send("x" * 1_048_576)
        assert ws.recv(timeout=10) == "1048576"


@pytest.mark.parametrize(
    "message",
    [
        "",
        "nonsense",
        '{"whole": NaN}',
        '{"real": 1e999, "whole": x}',
        '{"free": "\\ud800"}',
        "[" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        b"\xff",
        b"\x00" * 1_000,
        b'{"free": "\xed\xa0\x80"}',
        "{}{}",
        " " * 1_000_000,
    ],
)
@pytest.mark.parametrize("path", ["/ws/json", "/ws/typed"])
def test_messages_that_are_not_json(sea: Sea, path: str, message: str | bytes) -> None:
    assert code_after(sea, path, message) == 1007


@pytest.mark.parametrize(
    "value",
    [
        "[]",
        "5",
        '{"whole": "1"}',
        '{"whole": ' + "9" * 500_000 + "}",
        '{"real": 1e999}',
        '{"many": [' + '"x",' * 90_000 + "1]}",
    ],
)
def test_messages_of_the_wrong_type(sea: Sea, value: str) -> None:
    assert code_after(sea, "/ws/typed", value) == 1007


def test_the_wrong_kind_of_frame(sea: Sea) -> None:
    assert code_after(sea, "/ws/text", b"bytes") == 1003


def test_messages_that_are_good(sea: Sea) -> None:
    with opened(sea, "/ws/typed") as ws:
        for value in ({"whole": 5}, {"free": "\u0000\u2028\U0010ffff"}, {"many": list(range(50_000))}):
            ws.send(json.dumps(value))
            told = json.loads(ws.recv(timeout=10))
            assert {name: told[name] for name in value} == value


def test_pings(sea: Sea) -> None:
    with opened(sea, "/ws/text") as ws:
        waiting = [ws.ping(os.urandom(8)) for _ in range(1_000)]
        assert all(pong.wait(10) for pong in waiting)
        ws.send("x")
        assert ws.recv(timeout=10) == "1"


@pytest.mark.parametrize(
    "lines",
    [
        (b"Host: x", "Upgrade: websocket"),
        (b"Host: x", "Upgrade: websocket", "Sec-WebSocket-Version: 99", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
        (b"Host: x", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: short"),
        (b"Host: x", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + "x" * 5_000),
        (*HANDSHAKE, *(f"X-{n}: 1" for n in range(500))),
        (*HANDSHAKE, "X: " + "x" * 70_000),
    ],
)
@pytest.mark.parametrize("path", ["/ws/text", "/ws/nowhere", "/health", "/ws/%FF"])
def test_handshakes(each_sea: Sea, path: str, lines: tuple[str | bytes, ...]) -> None:
    raw = head("GET", path, lines).replace(b"Connection: close", b"Connection: Upgrade")
    answer = each_sea.ask(raw, end=True)
    lenient = each_sea.up.server.name == "h11" and path == "/ws/text" and b"Key" in raw and b"99" not in raw
    assert answer.status == 0 or 400 <= answer.status < 500 or (answer.status == 101 and lenient)


@pytest.mark.parametrize("offered", ["x" * 1_000, "a\x01b", "\xff", ",,,,", '"', "a b"])
def test_sub_protocols(each_sea: Sea, offered: str) -> None:
    if offered == "\xff" and each_sea.up.server.name == "h11":
        pytest.skip("uvicorn's wsproto side never forgets the connection, and then cannot stop")
    answer = each_sea.ask(upgrade("/ws/typed", f"Sec-WebSocket-Protocol: {offered}"), end=True)
    assert answer.status in (0, 101, 400, 403)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "https://x:99999", "\xff", "x" * 5_000])
def test_foreign_origins(each_sea: Sea, origin: str) -> None:
    answer = each_sea.ask(upgrade("/ws/text", "Cookie: a=1", f"Origin: {origin}"))
    assert answer.status in (400, 403)


def test_a_host_that_is_none(sea: Sea) -> None:
    with pytest.raises(InvalidStatus) as caught:
        opened(sea, "/ws/text", additional_headers={"Cookie": "a=1"}, origin="http://a b")
    assert caught.value.response.status_code in (400, 403)
