"""What is under way when the server is told to stop is finished, not cut off."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ketch import App, BackgroundTasks
from ketch.server.server import Server
from ketch.server.settings import ServerSettings

DONE: list[str] = []


def application() -> App:
    app = App()

    async def later(word: str) -> None:
        await asyncio.sleep(2.5)
        DONE.append(word)

    @app.get("/later")
    async def answer_first(tasks: BackgroundTasks) -> str:
        tasks.add_task(later, "background")
        return "answered"

    @app.get("/slow")
    async def slow() -> str:
        await asyncio.sleep(1)
        return "slow"

    return app


@contextmanager
def serving(settings: ServerSettings) -> Iterator[tuple[Server, int]]:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.setblocking(False)
    ready = threading.Event()
    server = Server(application(), settings, ready=ready.set)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    assert ready.wait(10)
    try:
        yield server, port
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()


def ask(port: int, path: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.sendall(f"GET {path} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return connection


def read(connection: socket.socket) -> bytes:
    got = b""
    while piece := connection.recv(65_536):
        got += piece
        if got.endswith((b"slow", b"answered")):
            break
    return got


def test_requests_and_background_tasks_end_before_the_server_does() -> None:
    DONE.clear()
    with serving(ServerSettings(grace=10)) as (server, port):
        first = ask(port, "/later")
        assert read(first).endswith(b"answered")
        second = ask(port, "/slow")
        time.sleep(0.2)
        server.stop()
        told = read(second)
        assert told.endswith(b"slow") and b"connection: close" in told
    assert DONE == ["background"]


def test_grace_ends() -> None:
    DONE.clear()
    with serving(ServerSettings(grace=0.3)) as (server, port):
        assert read(ask(port, "/later")).endswith(b"answered")
        began = time.monotonic()
        server.stop()
    assert time.monotonic() - began < 2.5
    assert DONE == []
