"""The servers that the black-box tests run against, each as its users start it: a process on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

ROOT = Path(__file__).parent.parent.parent
APPLICATION = "tests.blackbox.application"


@dataclass(frozen=True)
class Server:
    """How to start a server, and what it cannot do. `{port}` in the arguments is the port."""

    name: str
    arguments: tuple[str, ...]
    http2: bool = False
    websockets: bool = True
    early_answers: bool = True
    """Whether an answer may overtake the rest of its request's body without ending the connection."""


UVICORN = ("uvicorn", f"{APPLICATION}:app", "--port", "{port}", "--no-access-log")
HYPERCORN = ("hypercorn", f"{APPLICATION}:app", "-b", "127.0.0.1:{port}")
NATIVE = ("tests.blackbox.native", f"{APPLICATION}:app", "{port}")
SERVERS = (
    Server("ketch", NATIVE),
    Server("ketch-asgi", (*NATIVE, "asgi")),
    Server("uvicorn-h11-asyncio", (*UVICORN, "--http", "h11", "--loop", "asyncio", "--ws", "wsproto")),
    Server("uvicorn-httptools-uvloop", (*UVICORN, "--http", "httptools", "--loop", "uvloop", "--ws", "websockets")),
    Server("granian", ("granian", f"{APPLICATION}:app", "--interface", "asgi", "--port", "{port}")),
    Server("hypercorn", HYPERCORN),
    Server("hypercorn-http2", HYPERCORN, http2=True, websockets=False, early_answers=False),
    Server(
        "gunicorn",
        ("gunicorn", f"{APPLICATION}:wsgi", "-b", "127.0.0.1:{port}", "--threads", "8", "--no-control-socket"),
        websockets=False,
    ),
)


@dataclass
class Running:
    """A server that answers at `url`; `client` speaks its protocol."""

    server: Server
    port: int
    log: Path
    process: subprocess.Popen[bytes]
    client: httpx2.Client = field(init=False)

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{self.port}"
        self.client = self.alone()

    def alone(self) -> httpx2.Client:
        """A client with connections of its own, for what may end them: servers close where a body was not read."""
        return httpx2.Client(
            base_url=self.url,
            headers={"accept-encoding": "identity"},
            http1=not self.server.http2,
            http2=self.server.http2,
            timeout=20,
            trust_env=False,
        )

    def told(self) -> str:
        """What the server and the application have printed so far."""
        return self.log.read_text(errors="replace")

    def wait_for(self, about: str, *lines: str) -> list[str]:
        """The application's log about something, once it holds `lines`."""
        deadline = time.monotonic() + 10
        while True:
            log: list[str] = self.client.get("/log", params={"about": about}).json()
            if all(line in log for line in lines):
                return log
            assert time.monotonic() < deadline, f"{lines} never happened, but {log}"
            time.sleep(0.02)

    def raw(self, request: bytes, *, timeout: float = 10) -> bytes:
        """Everything that answers these bytes, until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as line:
            line.sendall(request)
            received = b""
            try:
                while piece := line.recv(65_536):
                    received += piece
            except ConnectionResetError:
                pass  # a server may close before it has read everything
            return received


def free_port() -> int:
    """A port that is free at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@contextmanager
def running(server: Server, *, environ: dict[str, str] | None = None) -> Iterator[Running]:
    """Within the block the server runs, and has answered once. It is told to stop at the end, and must."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.txt"
        command = [sys.executable, "-m", *(argument.format(port=port) for argument in server.arguments)]
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})},
            )
        up = Running(server, port, log, process)
        try:
            _wait_until_ready(up)
            yield up
        finally:
            up.client.close()
            _stop(up)


def _wait_until_ready(up: Running) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert up.process.poll() is None, f"{up.server.name} ended:\n{up.told()}"
        try:
            assert up.client.get("/health").status_code == 200
            return
        except httpx2.TransportError:
            assert time.monotonic() < deadline, f"{up.server.name} never answered:\n{up.told()}"
            time.sleep(0.05)


def _stop(up: Running) -> None:
    up.process.send_signal(signal.SIGTERM)
    try:
        up.process.wait(10)
    except subprocess.TimeoutExpired:
        up.process.kill()
        up.process.wait()
        raise AssertionError(f"{up.server.name} did not stop within 10 s:\n{up.told()[-2_000:]}") from None
