"""Every code block of README.md and the guide runs. The rules are in `tests/docs/blocks.py`."""

from __future__ import annotations

import itertools
import linecache
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.docs.blocks import Block, blocks_of, pages
from tests.support.modules import modules_put_back

ROOT = Path(__file__).resolve().parent.parent.parent
NOT_RUN = {"pip", "cd", "uvicorn", "granian", "hypercorn", "gunicorn", "./dev", "git", "uv", "export", "source"}
RUN = {"ketch", "python", "curl", "cat", "pytest"}
ADDOPTS = "-p no:schemathesis -p no:cacheprovider"  # a plugin of ours that readers do not have takes seconds to import
ASSIGNMENT = re.compile(r"[A-Z_]+=")  # `KETCH_ENV=dev ketch check` is a ketch command
serial = itertools.count()


def with_code() -> list[Path]:
    return [path for path in pages(ROOT) if any(block.checked for block in blocks_of(path.read_text("utf-8")))]


@pytest.mark.parametrize("page", with_code(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_of_the_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with modules_put_back(tmp_path), environment_put_back(), without_django():
        runner = Page(page, tmp_path)
        for block in blocks_of(page.read_text("utf-8")):
            if block.checked:
                runner.run(block)
        runner.run_test_files()


@contextmanager
def environment_put_back() -> Iterator[None]:
    environment = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(environment)


@contextmanager
def without_django() -> Iterator[None]:
    """Django is configured once per process: each page has one of its own."""
    forget_django()
    try:
        yield
    finally:
        forget_django()


def forget_django() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "django"]:
        del sys.modules[name]


class Page:
    """A page being run: its directory, and the module that `continues` continues."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path, self.folder = path, folder
        self.module: types.ModuleType | None = None
        self.test_files: list[Path] = []
        self.message = ""

    def run(self, block: Block) -> None:
        """Run one block; a failure names the page and the line."""
        where = f"{self.path.relative_to(ROOT)}:{block.line}"
        try:
            if "message" in block.marks:
                assert matches(block.text, self.message), f"the message is\n{self.message}"
            elif "file" in block.marks:
                self.write(block)
            elif block.language == "console":
                self.converse(block)
            else:
                self.execute(block, block.text)
        except AssertionError as exc:
            exc.__context__ = None  # what led to the words is noise beside them
            raise type(exc)(f"{where}: {exc}") from None
        except Exception as exc:
            exc.add_note(f"in the code block at {where}")
            raise

    def write(self, block: Block) -> None:
        """Put the block where it says; a Python file is imported as the program would import it."""
        name = block.marks["file"]
        path = self.folder / name
        assert path.resolve().is_relative_to(self.folder.resolve()), f"{name} is outside the page's directory"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, "utf-8")
        if path.suffix != ".py":
            return
        if path.name.startswith("test_") or path.name == "conftest.py":
            self.test_files.append(path)
        else:
            dotted = name.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
            for loaded in [module for module in sys.modules if module.split(".")[0] == dotted.split(".")[0]]:
                del sys.modules[loaded]
            self.execute(block, f"import {dotted}\napp = getattr({dotted}, 'app', None)\n")

    def execute(self, block: Block, source: str) -> None:
        """Run Python, start the application it leaves, and compare with `raises`."""
        expected = block.marks.get("raises")
        if expected is None:
            self._execute(block, source)
            return
        try:
            self._execute(block, source)
        except Exception as exc:
            self.message = str(exc)
            assert expected in f"{type(exc).__name__}: {exc}", f"failed with {exc!r}, not with {expected}"
        else:
            raise AssertionError(f"should have failed with {expected}")

    def _execute(self, block: Block, source: str) -> None:
        if self.module is None or "continues" not in block.marks:
            self.module = types.ModuleType(f"page_{self.path.stem.replace('-', '_')}_{next(serial)}")
            # Where annotations are strings, libraries look their names up in the module's namespace.
            sys.modules[self.module.__name__] = self.module
        namespace = self.module.__dict__
        before = namespace.get("app")
        if "setup" in block.marks:
            exec(compile(block.marks["setup"], f"{self.path}:setup", "exec", dont_inherit=True), namespace)
        file = f"<{self.path.relative_to(ROOT)}:{block.line}>"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        namespace["__file__"] = str(self.folder / "app.py")
        exec(compile(source, file, "exec", dont_inherit=True), namespace)
        tests = [value for name, value in list(namespace.items()) if name.startswith("test_") and callable(value)]
        for test in tests:
            assert test.__code__.co_argcount == 0, f"{test.__name__} wants fixtures; give the block a file name"
            namespace.pop(test.__name__)()
        app = namespace.get("app")
        if app is not None and (app is not before or "raises" in block.marks) and "no start" not in block.marks:
            start(app)

    def run_test_files(self) -> None:
        """Run the page's own tests as a reader would."""
        if not any(path.name.startswith("test_") for path in self.test_files):
            return
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
            cwd=self.folder,
            env=environ(self.folder),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (
            f"the tests of {self.path.name} failed:\n{done.stdout[-4000:]}{done.stderr[-2000:]}"
        )

    def converse(self, block: Block) -> None:
        """Type the commands of a console block and compare what they print."""
        if "serve" not in block.marks:
            self._converse(block.text, "127.0.0.1:8000")
            return
        with served(self.folder, block.marks["serve"]) as address:
            self._converse(block.text, address)

    def _converse(self, text: str, address: str) -> None:
        for command, expected in conversations(text):
            words = [word for word in shlex.split(command) if not ASSIGNMENT.match(word)][:1]
            if not words or words[0] in NOT_RUN:
                continue
            assert words[0] in RUN, f"no rule for the command {words[0]!r} in a console block"
            if words[0] == "curl" and shutil.which("curl") is None:
                continue
            real = command.replace("127.0.0.1:8000", address).replace("localhost:8000", address)
            done = subprocess.run(
                ["sh", "-c", real],
                cwd=self.folder,
                env=environ(self.folder),
                capture_output=True,
                text=True,
                timeout=60,
                stdin=subprocess.DEVNULL,
            )
            printed = (done.stdout + ("" if words[0] == "curl" else done.stderr)).replace(address, "127.0.0.1:8000")
            assert matches(expected, printed), f"$ {command}\nprinted\n{printed}\ninstead of\n{expected}"


def start(app: object) -> None:
    """Start and stop an application of ours; other frameworks' applications are only built."""
    import ketch

    if isinstance(app, ketch.App):
        from ketch.testing import TestClient

        with TestClient(app):
            pass


def environ(folder: Path) -> dict[str, str]:
    """A reader's environment: `ketch` and `python` are the ones under test, the page's directory is importable, and
    nothing says that this is a test."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KETCH_")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {
        **plain,
        "PATH": path,
        "PYTHONPATH": str(folder),
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "PYTEST_ADDOPTS": ADDOPTS,
    }


def conversations(text: str) -> list[tuple[str, str]]:
    """(command, expected output) pairs; a command goes on after a backslash at a line's end."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if found and found[-1][0].endswith("\\"):
            found[-1] = (found[-1][0][:-1].rstrip() + " " + line.removeprefix("> ").lstrip(), "")
        elif line.startswith("$ "):
            found.append((line[2:], ""))
        elif found:
            found[-1] = (found[-1][0], found[-1][1] + line + "\n")
    return found


def matches(expected: str, printed: str) -> bool:
    """True if nothing was expected, or the printed text is the expected one with `...` standing for anything."""
    if not expected.strip():
        return True
    pattern = ""
    for line in expected.strip().splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*".join(re.escape(part) for part in line.rstrip().split("...")) + r"[ \t]*\n"
    tidy = "".join(line.rstrip() + "\n" for line in printed.strip().splitlines())
    return re.fullmatch(pattern, tidy) is not None


@contextmanager
def served(folder: Path, target: str) -> Iterator[str]:
    """`ketch run` on a free port, until the block is done; one worker, since examples keep things in memory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "ketch", "run", target, "--port", str(port), "--workers", "1"]
    log = (folder / "server.log").open("w+")
    server = subprocess.Popen(
        command, cwd=folder, env=environ(folder), stdout=log, stderr=log, stdin=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                log.seek(0)
                assert server.poll() is None, f"{shlex.join(command)} stopped:\n{log.read()}"
                assert time.monotonic() < deadline, f"{shlex.join(command)} does not answer"
                time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)
        log.close()
