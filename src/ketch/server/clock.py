"""One slow clock for all connections of a process: the Date header, and deadlines.

PERF: a timer per request would cost more than parsing the request. So a connection notes when its phase began, with
the time of the last tick, and twice a second one sweep asks every connection whether it has been there too long. A
limit is kept to within a tick, always on the early side.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time
from typing import Any

from ketch.http.dates import http_date

TICK = 0.5
"""Seconds between two sweeps."""


class Clock:
    """`now` is the loop's time at the last tick, `date` the Date header's line for this second."""

    __slots__ = ("_handle", "_loop", "_sweep", "date", "now", "second")

    def __init__(self, sweep: Callable[[float], None]) -> None:
        self._sweep = sweep
        self._handle: Any = None
        self._loop: Any = None
        self.now = 0.0
        self.second = 0
        self.date = b""

    def start(self, loop: Any) -> None:
        """Tick in `loop` until `stop`."""
        self._loop = loop
        self._tick()

    def stop(self) -> None:
        """No more ticks."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _tick(self) -> None:
        self._handle = self._loop.call_later(TICK, self._tick)
        self.now = self._loop.time()
        second = int(time())
        if second != self.second:
            self.second = second
            self.date = b"date: %s\r\n" % http_date(second).encode("ascii")
        self._sweep(self.now)
