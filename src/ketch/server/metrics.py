"""What the server counts of itself, and how many processes' counts become one page for Prometheus.

Theory of operation. On the hot path counting is `counters.requests += 1` on an ordinary object. Once a second, and at
its end, a process writes its numbers into its own row of a `Board`: anonymous shared memory that the supervisor made
and every worker inherited. Nobody else writes there, so there are no locks; a number is eight aligned bytes, so it is
never half of one. The first cell of a row says when its process last wrote: that is also how a hung worker is noticed.
When a process has gone its counts are added to row 0, so that counters never go down; its gauges go with it. A process
that is killed takes at most its last second of counts along.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
from collections.abc import Iterable
from typing import NamedTuple

from ketch.server.counters import Counters

COUNTER, GAUGE = "counter", "gauge"


class Number(NamedTuple):
    """One number of a process, and what Prometheus calls it; `label` tells apart those of one metric."""

    name: str
    kind: str
    metric: str
    help: str
    label: str = ""


_TIMEOUTS = "Connections closed because something took too long."
_ANSWERS = "Responses, by the first digit of their status."
NUMBERS: tuple[Number, ...] = (
    Number("connections", COUNTER, "connections_total", "Connections accepted."),
    Number("refused", COUNTER, "connections_refused_total", "Connections over max_connections."),
    Number("requests", COUNTER, "requests_total", "Requests whose head was read."),
    *(Number(f"answers_{n}xx", COUNTER, "responses_total", _ANSWERS, f'status="{n}xx"') for n in range(1, 6)),
    Number("bad_requests", COUNTER, "bad_requests_total", "Requests that were not HTTP or over a limit of the server."),
    Number("received", COUNTER, "received_bytes_total", "Bytes read from clients, below TLS's own."),
    Number("sent", COUNTER, "sent_bytes_total", "Bytes written to clients, below TLS's own."),
    Number("header_timeouts", COUNTER, "timeouts_total", _TIMEOUTS, 'kind="header"'),
    Number("body_timeouts", COUNTER, "timeouts_total", _TIMEOUTS, 'kind="body"'),
    Number("write_timeouts", COUNTER, "timeouts_total", _TIMEOUTS, 'kind="write"'),
    Number("idle_timeouts", COUNTER, "timeouts_total", _TIMEOUTS, 'kind="idle"'),
    Number("websockets", COUNTER, "websockets_total", "WebSockets accepted."),
    Number("open_connections", GAUGE, "connections", "Connections open now."),
    Number("in_flight", GAUGE, "requests_in_flight", "Requests being answered now."),
    Number("open_websockets", GAUGE, "websockets", "WebSockets open now."),
)

_CELL, _BEAT, _FIRST = 8, 0, 1
_WIDTH = _FIRST + len(NUMBERS)
_GONE = 0  # the row of those that have ended
ROWS = 1_024
"""Processes a board has room for: all workers twice over, for the moment in which one takes over from another."""


def numbers_of(counters: Counters) -> list[int]:
    """What a process has counted, in the order of NUMBERS."""
    found = []
    for number in NUMBERS:
        if number.name.startswith("answers_"):
            found.append(counters.answers[int(number.name[8])])
        else:
            found.append(getattr(counters, number.name))
    return found


class Board:
    """Rows of numbers in shared memory, one for each process. `descriptor` is what a child inherits."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._cells = memoryview(mmap.mmap(descriptor, ROWS * _WIDTH * _CELL)).cast("Q")
        self._taken: set[int] = set()
        self._lock = threading.Lock()  # the page for Prometheus is made in a thread

    @classmethod
    def create(cls) -> Board:
        """New, all zero. Raises OSError where there is no memory to be had."""
        descriptor = _anonymous()
        os.ftruncate(descriptor, ROWS * _WIDTH * _CELL)
        return cls(descriptor)

    def take(self) -> int:
        """A row for a new process. Raises OSError if all are taken."""
        for row in range(_GONE + 1, ROWS):
            if row not in self._taken:
                self._taken.add(row)
                return row
        raise OSError(f"There are {ROWS - 1} processes already.")

    def give_back(self, row: int) -> None:
        """Its process has ended: keep what it counted, forget what it held."""
        with self._lock:
            for at, number in enumerate(NUMBERS, _FIRST):
                if number.kind == COUNTER:
                    self._cells[_GONE * _WIDTH + at] += self._cells[row * _WIDTH + at]
            for at in range(_WIDTH):
                self._cells[row * _WIDTH + at] = 0
            self._taken.discard(row)

    def write(self, row: int, counters: Counters) -> None:
        """The numbers of the process that owns this row, and that it is alive."""
        start = row * _WIDTH
        for at, value in enumerate(numbers_of(counters), start + _FIRST):
            self._cells[at] = value
        self._cells[start + _BEAT] = time.monotonic_ns()

    def silence(self, row: int) -> float | None:
        """Seconds since the process last wrote; None if it never has."""
        beat = self._cells[row * _WIDTH + _BEAT]
        return (time.monotonic_ns() - beat) / 1e9 if beat else None

    def totals(self) -> list[int]:
        """The sums over all processes, in the order of NUMBERS."""
        with self._lock:
            rows = [_GONE, *self._taken]
            return [sum(self._cells[row * _WIDTH + at] for row in rows) for at in range(_FIRST, _WIDTH)]


def _anonymous() -> int:
    """A file without a name, which memory can be shared through."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("ketch-metrics")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def exposition(totals: Iterable[int], workers: int = 1, restarts: int = 0) -> bytes:
    """The page in Prometheus's text format, version 0.0.4; `totals` are in the order of NUMBERS."""
    lines: list[str] = []
    before = ""
    for number, value in zip(NUMBERS, totals, strict=True):
        name = f"ketch_server_{number.metric}"
        if name != before:
            lines += _heading(name, number.help, number.kind)
            before = name
        lines.append(f"{name}{{{number.label}}} {value}" if number.label else f"{name} {value}")
    lines += [*_heading("ketch_server_workers", "Processes that serve.", GAUGE), f"ketch_server_workers {workers}"]
    name = "ketch_server_worker_restarts_total"
    lines += [*_heading(name, "Processes replaced because they ended by themselves.", COUNTER), f"{name} {restarts}"]
    return ("\n".join(lines) + "\n").encode()


def _heading(name: str, help: str, kind: str) -> list[str]:
    return [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
