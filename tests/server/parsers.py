"""Ways to read a request: our parser in each of its bodies, h11 and httptools.

`BODIES` are modules with `parse_head`. The scan of a head has two bodies; both are loaded from the source, so that they
are compared even where the installed module is the compiled one, which is the third.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import h11
import httptools

import ketch.server.head
from ketch.server.chunked import BadBody, ChunkedBody

SOURCE = Path(__file__).resolve().parents[2] / "src" / "ketch" / "server" / "head.py"


def _from_source(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


BY_PATTERN: Any = _from_source("head_by_pattern")
BY_LOOPS: Any = _from_source("head_by_loops")
BY_LOOPS.scan_by_pattern = BY_LOOPS.scan_by_loops
INSTALLED: Any = ketch.server.head

BODIES = {"pattern": BY_PATTERN, "loops": BY_LOOPS, "installed": INSTALLED}

# What a Head has.
FIELDS = ("method", "raw_path", "query", "version", "keep_alive", "length", "chunked")
FIELDS += ("expects_continue", "upgrade", "host", "count", "end")


class Refused(NamedTuple):
    status: int
    reason: str


def read_head(body: Any, data: bytes, start: int = 0, limits: Any = None) -> dict[str, Any] | Refused | None:
    """Everything a `Head` says, as values that can be compared; the refusal; or None while it is not whole."""
    try:
        head = body.parse_head(data, start, limits or body.HeadLimits())
    except body.BadHead as bad:
        return Refused(bad.status, bad.reason)
    if head is None:
        return None
    found = {name: getattr(head, name) for name in FIELDS}
    # `header` is asked before `headers`, which must not matter, and after.
    names = [line.partition(b":")[0].lower() for line in data[start : head.end].split(b"\r\n")[1:]]
    firsts = {name: head.header(name) for name in [*names, b"x-nobody"]}
    found["headers"] = head.headers()
    for name in names:
        if name:
            assert firsts[name] == head.header(name) == dict(reversed(head.headers())).get(name)
    return found


class Meaning(NamedTuple):
    """What readers of a message must agree on."""

    method: bytes
    target: bytes
    version: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    trailers: list[tuple[bytes, bytes]]


def ours(data: bytes) -> Meaning | None:
    """A whole message as we read it; None if it is refused or not whole."""
    try:
        head = INSTALLED.parse_head(data, 0, INSTALLED.HeadLimits())
        if head is None:
            return None
        body, trailers = data[head.end : head.end + head.length], []
        if head.chunked:
            chunks = ChunkedBody()
            pieces, _ = chunks.feed(data, head.end)
            if not chunks.done:
                return None
            body, trailers = b"".join(pieces), chunks.trailers
        elif len(body) < head.length:
            return None
    except (INSTALLED.BadHead, BadBody):
        return None
    target = head.raw_path + (b"?" + head.query if head.query else b"")
    return Meaning(head.method.encode(), target, f"1.{head.version % 10}", head.headers(), body, trailers)


def by_h11(data: bytes) -> Meaning | None:
    """The first message as h11 reads it; None if it is refused or not whole."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1_000_000)
    connection.receive_data(data)
    request, body = None, b""
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                version = request.http_version.decode()
                headers, trailers = list(request.headers), list(event.headers)
                return Meaning(request.method, request.target, version, headers, body, trailers)
            else:
                return None
    except h11.RemoteProtocolError:
        return None


class _Listener:
    """What httptools tells, which is every message in the data."""

    def __init__(self) -> None:
        self.target = self.body = b""
        self.method = b""
        self.version = ""
        self.headers: list[tuple[bytes, bytes]] = []
        self.trailers: list[tuple[bytes, bytes]] = []
        self.parser: Any = None
        self.in_body = self.whole = False

    def on_url(self, url: bytes) -> None:
        if not self.whole:
            self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.whole:
            (self.trailers if self.in_body else self.headers).append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        if not self.whole:
            self.method, self.version = self.parser.get_method(), self.parser.get_http_version()
            self.in_body = True

    def on_body(self, body: bytes) -> None:
        if not self.whole:
            self.body += body

    def on_message_complete(self) -> None:
        self.whole = True


def by_httptools(data: bytes) -> Meaning | None:
    """The first message as httptools reads it; None if it is refused or not whole."""
    heard = _Listener()
    heard.parser = httptools.HttpRequestParser(heard)
    try:
        heard.parser.feed_data(data)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError:  # perhaps in what follows the first message
        pass
    if not heard.whole:
        return None
    return Meaning(heard.method, heard.target, heard.version, heard.headers, heard.body, heard.trailers)
