"""The harbour as a real server on a port of its own, with a temporary database."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2]


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[str]:
    """Its address, while the block lasts; `settings` are environment variables."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environ = {**os.environ, "KETCH_ENV": "test", "HARBOUR_FOLDER": str(folder), **settings}
    command = [sys.executable, "-m", "uvicorn", "harbour.app:app", "--port", str(port), "--log-level", "warning"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, env=environ, cwd=EXAMPLES, stdout=log, stderr=log)
    try:
        yield _answering(f"http://127.0.0.1:{port}", server)
    finally:
        server.terminate()
        server.wait(10)


def _answering(url: str, server: subprocess.Popen[bytes]) -> str:
    for _ in range(150):
        assert server.poll() is None, "the harbour did not start"
        try:
            urllib.request.urlopen(f"{url}/api/airports/EGLL", timeout=1).close()
            return url
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the harbour does not answer")
