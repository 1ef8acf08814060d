"""Which files of a project have changed: told by the operating system where watchfiles is installed, else by looking.

Only directories that hold a project's own files are looked at: not version control, virtual environments, caches or
other packages' trees, so that a project with a hundred thousand foreign files is as quick as one without.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from threading import Event

SUFFIXES = (".py", ".toml")
NAMES = (".env",)
_IGNORED = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist", "site", "htmlcov"})
_POLL = 0.25  # seconds between two looks
_MOST = 4_000  # directories


def directories(roots: Iterable[str]) -> list[str]:
    """The roots and every directory below them that may hold files of the project."""
    found: dict[str, None] = {}
    for root in roots:
        for folder, below, files in os.walk(root):
            if "pyvenv.cfg" in files and folder != root:
                below[:] = []
                continue
            below[:] = [name for name in sorted(below) if name not in _IGNORED and not name.startswith(".")]
            found[folder] = None
            if len(found) >= _MOST:
                return list(found)
    return list(found)


def is_wanted(path: str) -> bool:
    """Whether a change of this file means that the application has changed."""
    name = os.path.basename(path)
    return name in NAMES or (name.endswith(SUFFIXES) and not name.startswith((".#", "#", "~")))


def changes(roots: list[str], stop: Event, polling: bool = False) -> Iterator[set[str]]:
    """Sets of changed files, each as soon as it is known, until `stop` is set."""
    if polling or find_spec("watchfiles") is None:
        yield from _by_looking(roots, stop)
    else:
        from ketch.cli.adapters.watchfiles import told

        yield from told(roots, stop)


def snapshot(roots: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Modification time and size of every wanted file."""
    found: dict[str, tuple[int, int]] = {}
    for folder in directories(roots):
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if is_wanted(entry.path):
                        status = entry.stat()
                        found[entry.path] = (status.st_mtime_ns, status.st_size)
        except OSError:  # it was there a moment ago
            continue
    return found


def _by_looking(roots: list[str], stop: Event) -> Iterator[set[str]]:
    before = snapshot(roots)
    pause = _POLL
    while not stop.wait(pause):
        started = time.monotonic()
        now = snapshot(roots)
        pause = max(_POLL, 4 * (time.monotonic() - started))  # a large project must not cost a whole processor
        changed = {path for path, _ in now.items() ^ before.items()}
        before = now
        if changed:
            yield changed
