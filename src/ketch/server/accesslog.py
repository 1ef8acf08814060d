"""A line for each request, off the hot path.

Theory of operation. A line is made after the response has been written, from what is known anyway, and put into a list.
A thread writes what has gathered a few times a second, so a slow terminal or a full pipe never holds the event loop.
What cannot be written for long is dropped beyond a bound and counted, since memory is worth more than log lines. Writes
consist of whole lines and are no longer than PIPE_BUF, so lines of several processes on one pipe never mix.

The line goes where `setup_logging` sends everything, in the same two forms. An application that has arranged logging
for itself, or something of its own for the logger `ketch.access`, gets ordinary records there instead.
"""

from __future__ import annotations

import logging
import os
import select
import sys
import threading
import time
from collections import deque
from typing import Any, TextIO

from ketch.app.logs import ACCESS, DevFormatter, JSONFormatter
from ketch.http.request_id import request_id as current_id

_PAUSE = 0.2  # seconds in which lines gather
_ATOMIC = 4_096  # bytes: Linux's PIPE_BUF; POSIX guarantees 512, where lines of two processes might mix
_LONGEST = 1_024  # characters of a path or an id that are shown
_BOUND = 4_194_304  # bytes that wait at most

logger = logging.getLogger(ACCESS)


def open_access_log(pause: float = _PAUSE) -> AccessLog | None:
    """The log as this process's logging wants it, to be opened when the application has been loaded.

    None if its level leaves access lines out. `pause` is how long lines gather, in seconds; 0 writes each at once.
    """
    if not logger.isEnabledFor(logging.INFO):
        return None
    return AccessLog(_our_handler(), pause)


def _our_handler() -> logging.StreamHandler[TextIO] | None:
    """The only handler there is, if it is the one that `setup_logging` made."""
    root = logging.getLogger()
    parent = logging.getLogger("ketch")
    touched = logger.handlers or logger.filters or parent.handlers or not (logger.propagate and parent.propagate)
    if touched or len(root.handlers) != 1:
        return None
    only = root.handlers[0]
    if not isinstance(only, logging.StreamHandler) or only.filters:
        return None
    return only if isinstance(only.formatter, (JSONFormatter, DevFormatter)) else None


class AccessLog:
    """`answer` notes a request. Without a `handler` of ours, lines become records of the logger `ketch.access`."""

    def __init__(self, handler: logging.StreamHandler[TextIO] | None = None, pause: float = _PAUSE) -> None:
        self._stream = handler.stream if handler is not None else None
        formatter = handler.formatter if handler is not None else None
        self._dev = formatter if isinstance(formatter, DevFormatter) else None
        self._pause = pause
        self._lines: deque[bytes] = deque()
        self._noted = self._taken = 0  # bytes, each counted by one thread alone
        self._dropped = 0
        self._second, self._time = 0, ""
        self._bell = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def answer(
        self,
        client: str,
        method: str,
        path: bytes,
        status: int,
        sent: int,
        seconds: float,
        request_id: str | None = None,
    ) -> None:
        """One request: the client's address, the path as it was sent (without the query), bytes of the body sent.

        `status` 0 is a connection that ended without an answer, 101 an accepted WebSocket. The id is that of the
        context unless it is given.
        """
        told = _shown(path)
        words: dict[str, Any] = {
            "method": method,
            "path": told,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "bytes": sent,
            "client": client,
        }
        if identity := request_id or current_id.get():
            words["request_id"] = _plain(identity)
        spent = seconds * 1000
        text = f"{method} {told} {status or 'closed'} {spent:.{1 if spent < 10 else 0}f} ms"
        if self._stream is None:
            logger.info("%s", text, extra=words)
        elif self._dev is not None:
            record = logging.makeLogRecord({"name": ACCESS, "levelname": "INFO", "msg": text, **words})
            self._put(self._dev.format(record).encode("utf-8", "backslashreplace") + b"\n")
        else:
            self._put(self._as_json(text, words))

    def _as_json(self, text: str, words: dict[str, Any]) -> bytes:
        import msgspec

        now = time.time()
        second = int(now)
        if second != self._second:  # PERF: formatting the time costs as much as the rest of the line
            self._second, self._time = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        moment = f"{self._time}.{int((now - second) * 1000):03}Z"
        head = {"time": moment, "level": "info", "logger": ACCESS, "message": text}
        return msgspec.json.encode({**head, **words}) + b"\n"

    # --- writing ------------------------------------------------------------------------------------------------------

    def _put(self, line: bytes) -> None:
        if not self._pause:
            self._lines.append(line)
            self._noted += len(line)
            self._flush()
            return
        if self._noted - self._taken > _BOUND:
            self._dropped += 1
            return
        self._lines.append(line)
        self._noted += len(line)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ketch-access-log", daemon=True)
            self._thread.start()
        if len(self._lines) == 1:
            self._bell.set()

    def _run(self) -> None:
        while not self._closing:
            self._bell.wait()
            if not self._closing:
                time.sleep(self._pause)
            self._bell.clear()
            self._flush()

    def _flush(self) -> None:
        """Whole lines, as many at a time as are written in one piece. What cannot be written is nobody's fault here."""
        gathered: list[bytes] = []
        size = 0
        try:
            while self._lines:
                line = self._lines.popleft()
                self._taken += len(line)
                if gathered and size + len(line) > _ATOMIC:
                    self._out(b"".join(gathered))
                    gathered, size = [], 0
                gathered.append(line)
                size += len(line)
            if gathered:
                self._out(b"".join(gathered))
        except (OSError, ValueError):  # closed, or the disk is full
            while self._lines:
                self._taken += len(self._lines.popleft())
        dropped, self._dropped = self._dropped, 0
        if dropped:
            logging.getLogger("ketch").warning("%d access lines were dropped: they could not be written.", dropped)

    def _out(self, data: bytes) -> None:
        stream = self._stream if self._stream is not None else sys.stderr
        try:
            descriptor = stream.fileno()
        except (OSError, ValueError):  # somebody put an object in its place
            stream.write(data.decode("utf-8", "backslashreplace"))
            return
        stream.flush()
        while data:
            try:
                data = data[os.write(descriptor, data) :]
            except BlockingIOError:  # somebody made standard error non-blocking
                select.select([], [descriptor], [], 1)

    def close(self) -> None:
        """Write what is left. May be called again."""
        self._closing = True
        self._bell.set()
        if self._thread is not None:
            self._thread.join(2)
        self._flush()


def _shown(path: bytes) -> str:
    """Percent-encoded as it was sent, and cut: no character of it means anything to a terminal or a log's reader."""
    return _plain(path.partition(b"?")[0].decode("ascii", "backslashreplace"))


def _plain(text: str) -> str:
    """In one line, and cut."""
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return cut if cut.isprintable() else ascii(cut)[1:-1]
