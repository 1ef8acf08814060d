"""A server over a real socket, asked with raw bytes. Whatever it is told, it answers with a clear 4xx and lives on."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.blackbox.servers import Running, Server, running

ARGUMENTS = ("uvicorn", "tests.hostile.application:app", "--port", "{port}", "--no-access-log")
SERVERS = (
    Server("ketch", ("tests.blackbox.native", "tests.hostile.application:app", "{port}")),
    Server("httptools", (*ARGUMENTS, "--http", "httptools", "--loop", "uvloop")),
    Server("h11", (*ARGUMENTS, "--http", "h11", "--loop", "asyncio", "--ws", "wsproto")),
)
PATIENCE = 10.0
"""Seconds that any answer may take here. How long the loop stands still is measured in tests/soak."""


@dataclass
class Answer:
    """A response as it came over the wire; status 0 if the server closed the connection without one."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key == name), None)

    def json(self) -> Any:
        """The body as strict JSON."""

        def refuse(constant: str) -> None:
            raise AssertionError(f"{constant} is not JSON")

        return json.loads(self.body.decode("utf-8"), parse_constant=refuse)


class Sea:
    """Sends raw requests to a running server."""

    def __init__(self, up: Running) -> None:
        self.up = up

    def ask(self, raw: bytes, *, end: bool = False) -> Answer:
        """The answer to these bytes. `end` closes our half of the connection after them."""
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", self.up.port), timeout=PATIENCE) as line:
            try:
                line.sendall(raw)
                if end:
                    line.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it has answered and closed before it had everything
            answer = read_answer(line)
        assert time.monotonic() - started < PATIENCE
        return answer

    def get(
        self, target: str | bytes, *headers: str | bytes, method: str = "GET", host: bytes = b"localhost"
    ) -> Answer:
        """A GET of a target as it stands, with header lines as they stand."""
        return self.ask(head(method, target, (b"Host: " + host, *headers)))

    def post(self, target: str, body: bytes, kind: str = "application/json", *headers: str) -> Answer:
        """A POST with a length."""
        lines = (f"Content-Type: {kind}", f"Content-Length: {len(body)}", *headers)
        return self.ask(head("POST", target, (b"Host: localhost", *lines)) + body)

    def post_chunked(self, target: str, body: bytes, kind: str = "application/json", piece: int = 65_536) -> Answer:
        """The same body without a length."""
        lines = (f"Content-Type: {kind}", "Transfer-Encoding: chunked")
        pieces = [body[i : i + piece] for i in range(0, len(body), piece)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in pieces)
        return self.ask(head("POST", target, (b"Host: localhost", *lines)) + chunks + b"0\r\n\r\n")

    def check_alive(self) -> None:
        """It answers an ordinary request, and has logged no failure."""
        answer = self.get("/health")
        assert (answer.status, answer.body) == (200, b'{"status":"ok"}')
        told = self.up.told()
        assert " failed\n" not in told, told[-3_000:]
        assert "Exception in ASGI application" not in told, told[-3_000:]


def head(method: str, target: str | bytes, lines: tuple[str | bytes, ...]) -> bytes:
    """The head of an HTTP/1.1 request, unchecked."""
    target = target.encode() if isinstance(target, str) else target
    encoded = [line.encode("latin-1") if isinstance(line, str) else line for line in lines]
    return b"\r\n".join([method.encode() + b" " + target + b" HTTP/1.1", *encoded, b"Connection: close", b"", b""])


def read_answer(line: socket.socket) -> Answer:
    """Read one response. The server closes after it, since we ask for that."""
    received = b""
    try:
        while piece := line.recv(262_144):
            received += piece
    except ConnectionResetError:
        pass
    top, _, body = received.partition(b"\r\n\r\n")
    if not top:
        return Answer()
    first, *lines = top.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    answer = Answer(int(first.split(" ")[1]), headers, body)
    if answer.header("transfer-encoding") == "chunked":
        answer.body = _unchunked(body)
    return answer


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        whole, body = whole + body[:count], body[count + 2 :]
    return whole


@pytest.fixture(scope="session")
def own() -> Iterator[Running]:
    """Our own server."""
    with running(SERVERS[0]) as up:
        yield up


@pytest.fixture(scope="session")
def first() -> Iterator[Running]:
    """Another's, for what does not depend on how heads are read."""
    with running(SERVERS[1]) as up:
        yield up


@pytest.fixture(scope="session")
def second() -> Iterator[Running]:
    """And one more."""
    with running(SERVERS[2]) as up:
        yield up


@pytest.fixture(params=["own", "first"], ids=["ketch", "httptools"])
def sea(request: pytest.FixtureRequest) -> Iterator[Sea]:
    """Ask it anything; afterwards it must be well."""
    sea = Sea(request.getfixturevalue(request.param))
    yield sea
    sea.check_alive()


@pytest.fixture(params=["own", "first", "second"], ids=[server.name for server in SERVERS])
def each_sea(request: pytest.FixtureRequest) -> Iterator[Sea]:
    """The same for every server, one after the other."""
    sea = Sea(request.getfixturevalue(request.param))
    yield sea
    sea.check_alive()
