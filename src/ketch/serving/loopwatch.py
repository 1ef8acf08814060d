"""In `dev`: who holds the event loop. While one handler works without awaiting, nothing else is served.

A thread asks the loop for a sign of life, again and again. When none comes within the threshold, it looks at the stack
that the loop's thread is in at that moment, which shows the line that holds it; when the loop is free again, it logs
how long that took and where. It says nothing when it has itself been asleep (a laptop that was closed, a machine that
is busy), nor while somebody stands in a debugger, nor when no line of the project is on the stack.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from ketch.kernel.tracebacks import own_lines

if TYPE_CHECKING:
    from types import FrameType

THRESHOLD = 0.1
"""Seconds without a sign of life from which a warning is logged."""

_PAUSE = 0.02  # between two questions: the error of the measured time
_DEBUGGERS = ("bdb.py", "pdb.py", "pydevd.py")


class LoopWatch:
    """Watches the running loop from a daemon thread until `stop`. Make it on the loop's own thread."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        import asyncio

        self.threshold = threshold
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._answer = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ketch-loopwatch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No more questions. Safe to call again."""
        self._stopped.set()
        self._answer.set()

    def _watch(self) -> None:
        while not self._stopped.wait(_PAUSE):
            asked = time.monotonic()
            self._answer.clear()
            try:
                self._loop.call_soon_threadsafe(self._answer.set)
            except RuntimeError:  # the loop is closed
                return
            if self._answer.wait(self.threshold):
                continue
            late = time.monotonic() - asked - self.threshold
            stack = self._stack() if late < self.threshold else []
            while not self._answer.wait(1):
                if self._loop.is_closed():
                    return
            if stack and not self._stopped.is_set():
                self._tell(stack, time.monotonic() - asked)

    def _stack(self) -> list[str]:
        """The project's lines that the loop is in now, with the route's printed function in front."""
        frame = sys._current_frames().get(self._loop_thread)
        if frame is None or _debugged(frame):
            return []
        lines = own_lines(frame)
        label = _label(frame)
        return [label, *lines] if lines else []

    def _tell(self, stack: list[str], seconds: float) -> None:
        from logging import getLogger

        label, *lines = stack
        where = "\n".join(f"  {line}" for line in lines)
        getLogger("ketch.loop").warning(
            "%s held the event loop for %d ms; nothing else was served meanwhile.\n%s\n"
            "Await something that is made for it, or write the handler as a plain def: it then runs in a thread.",
            label,
            round(seconds * 1000),
            where,
        )


def _label(frame: FrameType | None) -> str:
    """The printed function on the stack, which is named after its route; else what runs on the loop."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith("<") and " -> " in name:
            return name[1:-1]
        frame = frame.f_back
    return "Something"


def _debugged(frame: Any) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.endswith(_DEBUGGERS):
            return True
        frame = frame.f_back
    return False
