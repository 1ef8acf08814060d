"""What every connection of a process looks at for every request, in one object that compiles to a C structure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ketch.http.limits import Limits
from ketch.server.counters import Counters
from ketch.server.head import HeadLimits

_MOST_POSTED = 262_144
"""Bytes that wait for the end of a turn; a transport that takes no more has to be able to say so."""


def _nobody(asked: Any) -> Any:
    raise RuntimeError("the server has not started")


class Shared:
    """Written by the server and its clock, read by connections.

    now, date: the loop's time at the last tick, and the Date header's line for this second
    answer: a request to the coroutine that answers it; task: a coroutine to the task that runs it
    most_headers, most_header_size, most_url: the application's limits, beside those of the server in `head_limits`
    max_body: bytes of any body; -1 without a limit of the server's
    """

    __slots__ = (
        "access_log",
        "answer",
        "counters",
        "date",
        "draining",
        "draining_since",
        "head_limits",
        "limits",
        "loop",
        "max_body",
        "most_header_size",
        "most_headers",
        "most_url",
        "now",
        "outbox",
        "posted",
        "task",
    )

    def __init__(self, counters: Counters, limits: Limits, head_limits: HeadLimits, max_body: int | None) -> None:
        self.loop: Any = None
        self.now = 0.0
        self.date = b""
        self.counters = counters
        self.head_limits = head_limits
        self.limits: Limits = limits
        self.max_body = -1 if max_body is None else max_body
        self.draining = False
        self.draining_since = 0.0
        self.access_log: Any = None
        self.answer: Callable[[Any], Any] = _nobody
        self.task: Callable[[Any], Any] = _nobody
        self.outbox: list[tuple[Any, bytes]] = []
        self.posted = 0
        self.most_headers = self.most_header_size = self.most_url = 0
        self.obey(limits)

    def post(self, transport: Any, data: bytes) -> None:
        """Write at the end of this turn of the event loop.

        PERF: answers that go out one after another find their client awake; one by one, each wakes it up, which costs
        the sender more than the sending (12 % of a request with 64 connections).
        """
        if not self.outbox:
            self.loop.call_soon(self.flush)
        self.outbox.append((transport, data))
        self.posted += len(data)
        if self.posted > _MOST_POSTED:
            self.flush()

    def flush(self) -> None:
        """Write what was posted: before anything is written directly, and before a line ends."""
        if not self.outbox:
            return
        outbox = self.outbox
        self.outbox = []
        self.posted = 0
        for transport, data in outbox:
            if not transport.is_closing():
                transport.write(data)

    def obey(self, limits: Limits) -> None:
        """The limits of the application that is served."""
        self.limits = limits
        self.most_headers = limits.headers
        self.most_header_size = limits.header_size
        self.most_url = limits.url
