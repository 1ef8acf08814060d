"""A WebSocket client that knows nothing of the rules: every bit of a frame is the test's to choose (RFC 6455, 5.2)."""

from __future__ import annotations

import socket
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # for this key, in RFC 6455, 1.3
DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"


class Frame(NamedTuple):
    """A frame that came from the server; `reserved` holds RSV1 to 3 as 4, 2, 1."""

    opcode: int
    payload: bytes
    fin: bool
    reserved: int

    @property
    def code(self) -> int:
        """The code of a close frame; 1005 without one."""
        assert self.opcode == CLOSE, self
        return int(struct.unpack("!H", self.payload[:2])[0]) if self.payload else 1005

    @property
    def reason(self) -> str:
        """The reason of a close frame."""
        return self.payload[2:].decode()


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    width: int | None = None,
    claims: int | None = None,
) -> bytes:
    """The bytes of a frame. `width` (7, 16 or 64) forces the length's form, `claims` another length."""
    size = len(payload) if claims is None else claims
    if width is None:
        width = 7 if size < 126 else 16 if size < 65_536 else 64
    head = bytes([fin << 7 | reserved << 4 | opcode])
    mask = 0x80 if masked else 0
    if width == 7:
        head += bytes([mask | size])
    else:
        head += bytes([mask | (126 if width == 16 else 127)]) + struct.pack("!H" if width == 16 else "!Q", size)
    if not masked:
        return head + payload
    key = zlib.crc32(head + payload).to_bytes(4, "big")  # the same in every run: frames stand in the names of tests
    whole = (key * (len(payload) // 4 + 1))[: len(payload)]
    hidden = int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")
    return head + key + hidden.to_bytes(len(payload), "big")


def closing(code: int | None = None, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def deflated(data: bytes, *, final: bool = False) -> bytes:
    """A message's payload as permessage-deflate wants it (RFC 7692, 7.2.1)."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    if final:
        return compressor.compress(data) + compressor.flush() + b"\x00"
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(data: bytes, bits: int = 15) -> bytes:
    """What such a payload says."""
    return zlib.decompressobj(-bits).decompress(data + b"\x00\x00\xff\xff")


def handshake(path: str = "/", *headers: str, leave_out: str = "", line: str = "") -> bytes:
    """The bytes of a request for a WebSocket; `headers` replace those of the same name."""
    said = {
        "host": "Host: test",
        "upgrade": "Upgrade: websocket",
        "connection": "Connection: Upgrade",
        "sec-websocket-key": f"Sec-WebSocket-Key: {KEY}",
        "sec-websocket-version": "Sec-WebSocket-Version: 13",
    }
    said.pop(leave_out.lower(), None)
    own = {header.partition(":")[0].lower() for header in headers}
    lines = [line or f"GET {path} HTTP/1.1", *(text for name, text in said.items() if name not in own), *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Line:
    """One connection. After `open` the handshake is over; `head` is what answered it."""

    def __init__(self, port: int, *, timeout: float = 10, receive_buffer: int = 0) -> None:
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            # Segments as on a network: with the loopback's of 64 KiB the kernel would hold megabytes for each line, and
            # wait where a segment does not fit into the buffer.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1_400)
        self.socket.settimeout(timeout)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.head = b""

    def send(self, data: bytes) -> None:
        """As it is."""
        self.socket.sendall(data)

    def send_frame(self, opcode: int, payload: bytes = b"", **options: int | bool | None) -> None:
        """See `frame`."""
        self.send(frame(opcode, payload, **options))  # type: ignore[arg-type]

    def chop(self, data: bytes, size: int = 1) -> None:
        """In small pieces, each a write of its own."""
        for at in range(0, len(data), size):
            self.socket.sendall(data[at : at + size])

    def ask(self, request: bytes) -> int:
        """Send a request; the status of its answer, whose head is kept in `head`."""
        self.send(request)
        while b"\r\n\r\n" not in self.received:
            assert self._more(), f"the line was closed after {self.received!r}"
        self.head, _, self.received = self.received.partition(b"\r\n\r\n")
        return int(self.head.split(b" ", 2)[1])

    def header(self, name: str) -> str | None:
        """A header of the answer."""
        for text in self.head.decode("latin-1").split("\r\n")[1:]:
            found, _, value = text.partition(":")
            if found.lower() == name.lower():
                return value.strip()
        return None

    def _more(self) -> bool:
        try:
            piece = self.socket.recv(65_536)
        except ConnectionResetError:
            return False
        self.received += piece
        return bool(piece)

    def _take(self, size: int) -> bytes:
        while len(self.received) < size:
            if not self._more():
                raise EOFError(f"the line was closed after {self.received!r}")
        taken, self.received = self.received[:size], self.received[size:]
        return taken

    def read_frame(self) -> Frame:
        """The next frame. Raises EOFError if the line is closed before its end."""
        first, second = self._take(2)
        assert not second & 0x80, "a server never masks"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._take(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._take(8))
        return Frame(first & 15, self._take(size), bool(first & 0x80), first >> 4 & 7)

    def frames(self) -> Iterator[Frame]:
        """All frames until the close frame, which is the last."""
        while True:
            read = self.read_frame()
            yield read
            if read.opcode == CLOSE:
                return

    def rest(self) -> bytes:
        """Everything until the server closes the line."""
        while self._more():
            pass
        taken, self.received = self.received, b""
        return taken

    def is_closed(self) -> bool:
        """Whether the server closes the line without another word."""
        return self.rest() == b""

    def close(self) -> None:
        """Without a word."""
        self.socket.close()

    def reset(self) -> None:
        """Worse than that."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


@contextmanager
def opened(port: int, path: str = "/", *headers: str, receive_buffer: int = 0, timeout: float = 10) -> Iterator[Line]:
    """An accepted WebSocket."""
    line = Line(port, timeout=timeout, receive_buffer=receive_buffer)
    try:
        status = line.ask(handshake(path, *headers))
        assert status == 101, line.head
        yield line
    finally:
        line.close()


def fragments(opcode: int, pieces: Iterable[bytes], *, reserved: int = 0) -> bytes:
    """One message in several frames."""
    parts = list(pieces)
    last = len(parts) - 1
    return b"".join(
        frame(opcode if at == 0 else CONTINUATION, part, fin=at == last, reserved=reserved if at == 0 else 0)
        for at, part in enumerate(parts)
    )
