"""`ketch run` as people run it, in processes of its own, with clients that notice every request that is lost."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.cli.running import environ, eventually

APP = """\
import asyncio
import os
import time

from ketch import App

VERSION = "one"
app = App(title="Shop")


@app.get("/")
async def home() -> dict[str, object]:
    return {"pid": os.getpid(), "version": VERSION}


@app.get("/slow")
async def slow(seconds: float = 1.0) -> dict[str, object]:
    await asyncio.sleep(seconds)
    return {"pid": os.getpid(), "version": VERSION}


@app.get("/stuck")
async def stuck() -> None:
    time.sleep(60)


@app.get("/die")
async def die() -> None:
    os._exit(5)
"""


class Shop:
    """A running server: what it logged, its processes, and ways to ask it."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def messages(self) -> list[str]:
        """What was logged, without what is no JSON."""
        found = []
        for line in list(self.lines):
            with suppress(ValueError):
                found.append(str(json.loads(line).get("message", "")))
        return found

    def wait_for(self, text: str, times: int = 1, seconds: float = 30) -> None:
        eventually(lambda: self.text.count(text) >= times, seconds, lambda: f"no {text!r} in:\n{self.text}")

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def workers(self) -> list[int]:
        """The processes below it, dead ones left out."""
        found = subprocess.run(
            ["ps", "-o", "pid=,stat=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        ).stdout
        rows = [line.split() for line in found.splitlines()]
        return [int(pid) for pid, state in rows if not state.startswith("Z")]

    def connect(self, timeout: float = 30) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def get(self, path: str = "/") -> Any:
        """The JSON answer, on a connection of its own."""
        return asked(self.connect(), path)

    def pids(self, rounds: int = 40) -> set[int]:
        """Who answers."""
        return {self.get()["pid"] for _ in range(rounds)}


def asked(connection: http.client.HTTPConnection, path: str = "/") -> Any:
    """The JSON answer of a GET; the connection is closed."""
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.status == 200, response.status
        return json.loads(response.read())
    finally:
        connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def ketch_run(
    folder: Path,
    *arguments: str,
    app: str = APP,
    env: Mapping[str, str] | None = None,
    prefix: tuple[str, ...] = (),
    pass_fds: tuple[int, ...] = (),
    address: bool = True,
    until: str = "serving app:app on",
) -> Iterator[Shop]:
    """`ketch run` in `folder` while the block lasts; it serves when the block begins."""
    (folder / "app.py").write_text(app)
    port = free_port()
    where = ("--port", str(port)) if address else ()
    command = [*prefix, sys.executable, "-m", "ketch", "run", *where, *arguments]
    process = subprocess.Popen(
        command, cwd=folder, env=environ(env), stderr=subprocess.PIPE, text=True, pass_fds=pass_fds
    )
    shop = Shop(process, port)
    try:
        shop.wait_for(until)
        yield shop
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


class Load:
    """Clients that ask one thing after another until the block ends, on connections kept alive as long as may be.

    `lost` counts requests that were sent and not answered with 200; `pids` who answered.
    """

    def __init__(self, shop: Shop, clients: int = 4, path: str = "/", most: int | None = None) -> None:
        self.shop, self.path, self.most = shop, path, most
        self.pids: Counter[int] = Counter()
        self.lost: list[str] = []
        self.told_to_close = 0
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    @property
    def answered(self) -> int:
        return sum(self.pids.values())

    def wait_until_done(self, seconds: float = 300) -> None:
        eventually(lambda: self.most is not None and self.answered + len(self.lost) >= self.most, seconds)

    def _run(self) -> None:
        connection = self.shop.connect()
        while not self._over.is_set():
            try:
                connection.request("GET", self.path)
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    raise http.client.HTTPException(str(response.status))
                closing = response.getheader("connection") == "close"
                with self._lock:
                    self.pids[json.loads(body)["pid"]] += 1
                    self.told_to_close += closing
                if closing:
                    connection.close()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                with self._lock:
                    self.lost.append(repr(error))
            if self.most is not None and self.answered + len(self.lost) >= self.most:
                return
        connection.close()


def in_background(call: Callable[[], Any], count: int) -> list[Any]:
    """A list that fills with what `call` returns or raises, called in this many threads at once."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(call())
        except Exception as error:
            results.append(error)

    for _ in range(count):
        threading.Thread(target=run, daemon=True).start()
    return results


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return " Z " not in Path(f"/proc/{pid}/stat").read_text() if Path(f"/proc/{pid}/stat").exists() else False


def wait_some(seconds: float) -> None:
    """Let something happen that says nothing when it has."""
    time.sleep(seconds)
