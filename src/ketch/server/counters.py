"""What a process counts of itself on the hot path; metrics.py makes a page of it."""

from __future__ import annotations


class Counters:
    """The numbers of this process. `answers[n]` counts responses with a status of nxx."""

    __slots__ = (
        "answers",
        "bad_requests",
        "body_timeouts",
        "connections",
        "header_timeouts",
        "idle_timeouts",
        "in_flight",
        "open_connections",
        "open_websockets",
        "received",
        "refused",
        "requests",
        "sent",
        "websockets",
        "write_timeouts",
    )

    def __init__(self) -> None:
        self.connections = self.refused = self.requests = self.bad_requests = 0
        self.received = self.sent = 0
        self.answers = [0] * 10
        self.header_timeouts = self.body_timeouts = self.write_timeouts = self.idle_timeouts = 0
        self.websockets = self.open_connections = self.in_flight = self.open_websockets = 0
