"""The `ketch` command as people run it: in a folder of its own, in a process of its own where that matters."""

from __future__ import annotations

import contextlib
import io
import linecache
import os
import re
import subprocess
import sys
import threading
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.modules import modules_put_back

APP = """\
from ketch import App

app = App(title="Shop")


@app.get("/orders/{order_id}")
async def show_order(order_id: int) -> dict[str, int]:
    return {"id": order_id}
"""


def environ(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without what would change the outcome."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("KETCH_") and k not in ("PORT", "HOST", "NO_COLOR")}
    # Bytecode is told from its source by size and second: two versions that a test writes at once look the same.
    return {**kept, "COLUMNS": "100", "PYTHONDONTWRITEBYTECODE": "1", **(more or {})}


Done = subprocess.CompletedProcess[str]


def ketch_process(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = "", python: tuple[str, ...] = ()
) -> Done:
    """Run one command to its end, in a process of its own."""
    command = [sys.executable, *python, "-m", "ketch", *arguments]
    return subprocess.run(command, cwd=cwd, env=environ(env), input=stdin, capture_output=True, text=True, timeout=60)


def ketch(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = "") -> Done:
    """The same in this process, which takes a tenth of the time; what it changes here is put back."""
    from ketch.cli import main

    out, err = io.StringIO(), io.StringIO()
    argv, standard_in = sys.argv, sys.stdin
    with _put_back(cwd), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        os.environ.clear()
        os.environ.update(environ(env))
        sys.argv, sys.stdin = ["ketch", *arguments], io.StringIO(stdin)
        try:
            code = main(list(arguments))
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 1
        except Exception:
            err.write(traceback.format_exc())
            code = 1
        finally:
            sys.argv, sys.stdin = argv, standard_in
    return Done(list(arguments), code, out.getvalue(), err.getvalue())


@contextmanager
def _put_back(cwd: Path) -> Iterator[None]:
    """Work in `cwd`; afterwards the environment, the import path and the project's modules are as before."""
    variables, path, before = dict(os.environ), list(sys.path), os.getcwd()
    os.chdir(cwd)
    linecache.checkcache()
    try:
        with modules_put_back(cwd):
            yield
    finally:
        os.chdir(before)
        sys.path[:] = path
        os.environ.clear()
        os.environ.update(variables)


class Running:
    """A server that was started; `text` is what it has said so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.url = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    @property
    def text(self) -> str:
        return "".join(self.lines)

    def wait_for(self, pattern: str, seconds: float = 30) -> re.Match[str]:
        """The first match in what it says."""
        found = eventually(lambda: re.search(pattern, self.text), seconds, lambda: f"no {pattern!r} in:\n{self.text}")
        assert found is not None
        return found

    def get(self, path: str = "/", headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Status and body."""
        request = urllib.request.Request(self.url + path, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


def eventually(look: Callable[[], Any], seconds: float = 30, otherwise: Callable[[], str] = lambda: "") -> Any:
    """What `look` returns once it is something; fails after `seconds`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s; {otherwise()}")


@contextmanager
def serving(
    *arguments: str, cwd: Path, env: Mapping[str, str] | None = None, until: str = r"(http://[\w.\[\]:]+:\d+)"
) -> Iterator[Running]:
    """A server for the block; `until` is what it says when it serves, the URL being the first group."""
    command = [sys.executable, "-m", "ketch", *arguments]
    process = subprocess.Popen(command, cwd=cwd, env=environ(env), stderr=subprocess.PIPE, text=True)
    running = Running(process)
    try:
        running.url = running.wait_for(until)[1]
        yield running
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


def project(folder: Path, files: Mapping[str, str]) -> Path:
    """Write these files."""
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    return folder
