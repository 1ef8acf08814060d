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
from ketch.server.shared import Shared

TICK = 0.5
"""Seconds between two sweeps."""


class Clock:
    """Keeps `shared.now` and `shared.date`, and calls `sweep(now)`, once a tick."""

    def __init__(self, shared: Shared, sweep: Callable[[float], None]) -> None:
        self._shared = shared
        self._sweep = sweep
        self._handle: Any = None
        self._second = 0

    def start(self) -> None:
        """Tick in `shared.loop` until `stop`."""
        self._tick()

    def stop(self) -> None:
        """No more ticks."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _tick(self) -> None:
        shared = self._shared
        self._handle = shared.loop.call_later(TICK, self._tick)
        shared.now = shared.loop.time()
        second = int(time())
        if second != self._second:
            self._second = second
            shared.date = b"date: %s\r\n" % http_date(second).encode("ascii")
        self._sweep(shared.now)
