"""Real servers in processes of their own, on free ports, while a block lasts."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Server:
    """Where it listens, which process it is, and what it wrote."""

    port: int
    pid: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        """The JSON answer of a GET."""
        with urllib.request.urlopen(self.url + path, timeout=60) as response:
            return json.loads(response.read())

    def words(self) -> str:
        """Everything it has logged."""
        return self.log.read_text("utf-8", "replace")


@contextmanager
def serving(application: str, folder: Path, *options: str, ready: str, **environ: str) -> Iterator[Server]:
    """`application` (`module:name`) served by uvicorn; `ready` is a path that answers once it has started."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    paths = os.pathsep.join([str(ROOT), str(ROOT / "examples"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "KETCH_ENV": "production", "TMPDIR": str(temporary), "PYTHONPATH": paths, **environ}
    command = [sys.executable, "-m", "uvicorn", application, "--port", str(port), "--no-access-log", *options]
    log = folder / "server.log"
    with log.open("wb") as words:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=words, stderr=words)
    server = Server(port, process.pid, log)
    try:
        _await_answer(server, process, ready)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_answer(server: Server, process: subprocess.Popen[bytes], ready: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server did not start:\n{server.words()[-4_000:]}")
        try:
            urllib.request.urlopen(server.url + ready, timeout=5).close()
            return
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer:\n{server.words()[-4_000:]}")
