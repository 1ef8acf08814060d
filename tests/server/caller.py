"""A client that says exactly the bytes it is given, and reads answers strictly, one after another."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """One response as it came."""

    status: int
    headers: dict[str, str]
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


class Ended(Exception):
    """The server has closed the connection before a whole answer."""


class Caller:
    """One connection."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.heard = b""

    def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.line.sendall(piece)

    def ask(self, raw: bytes, method: str = "") -> Answer:
        self.say(raw)
        return self.answer(method or raw.split(b" ", 1)[0].decode())

    def get(self, path: str, *lines: str, method: str = "GET") -> Answer:
        return self.ask(request(method, path, *lines))

    def answer(self, method: str = "GET") -> Answer:
        """The next one. Raises Ended."""
        while b"\r\n\r\n" not in self.heard:
            self._hear()
        top, _, self.heard = self.heard.partition(b"\r\n\r\n")
        first, *lines = top.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        answer = Answer(int(status), _fields(lines))
        if method != "HEAD" and answer.status not in (100, 204, 304):
            self._body(answer)
        return answer

    def _body(self, answer: Answer) -> None:
        if answer.headers.get("transfer-encoding") == "chunked":
            assert "content-length" not in answer.headers
            while size := int(self._line(), 16):
                answer.body += self._take(size)
                assert self._take(2) == b"\r\n"
            lines = []
            while line := self._line():
                lines.append(line)
            answer.trailers = _fields(lines)
        elif "content-length" in answer.headers:
            answer.body = self._take(int(answer.headers["content-length"]))
        else:
            answer.body = self.rest()

    def _line(self) -> str:
        while b"\r\n" not in self.heard:
            self._hear()
        line, _, self.heard = self.heard.partition(b"\r\n")
        return line.decode("latin-1")

    def _take(self, size: int) -> bytes:
        pieces, left = [self.heard[:size]], size - len(self.heard)
        self.heard = self.heard[size:]
        while left > 0:
            piece = self.line.recv(min(left, 1_048_576))
            if not piece:
                raise Ended
            pieces.append(piece)
            left -= len(piece)
        return b"".join(pieces)

    def _hear(self) -> None:
        try:
            piece = self.line.recv(65_536)
        except ConnectionResetError as error:
            raise Ended from error
        if not piece:
            raise Ended
        self.heard += piece

    def rest(self) -> bytes:
        """Everything until the server closes."""
        heard, self.heard = self.heard, b""
        try:
            while piece := self.line.recv(1_048_576):
                heard += piece
        except ConnectionResetError:
            pass
        return heard

    def is_quiet(self, seconds: float = 0.2) -> bool:
        """Whether nothing comes for a while, not even the end."""
        if self.heard:
            return False
        before = self.line.gettimeout()
        self.line.settimeout(seconds)
        try:
            self.heard += self.line.recv(65_536)
            return False
        except TimeoutError:
            return True
        finally:
            self.line.settimeout(before)


def _fields(lines: list[str]) -> dict[str, str]:
    pairs = [line.split(": ", 1) for line in lines]
    fields = {name.lower(): value for name, value in pairs}
    assert len(fields) == len(pairs), f"a header came twice: {lines}"
    return fields


def request(method: str, path: str, *lines: str, version: str = "1.1", body: bytes | None = None) -> bytes:
    """A request with a Host, and a Content-Length if there is a body."""
    if body is not None:
        lines = (*lines, f"Content-Length: {len(body)}")
    head = "\r\n".join((f"{method} {path} HTTP/{version}", "Host: sea", *lines, "", ""))
    return head.encode("latin-1") + (body or b"")


def chunked(path: str, *pieces: bytes, trailers: str = "") -> bytes:
    """A POST in chunks."""
    head = f"POST {path} HTTP/1.1\r\nHost: sea\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n" + trailers.encode() + b"\r\n"


@contextmanager
def calling(port: int, *, timeout: float = 20, receive_buffer: int = 0) -> Iterator[Caller]:
    """Connected to a port of this machine within the block. A small `receive_buffer` (bytes) makes a slow reader."""
    line = socket.socket()
    try:
        if receive_buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        line.settimeout(timeout)
        line.connect(("127.0.0.1", port))
        yield Caller(line)
    finally:
        line.close()
