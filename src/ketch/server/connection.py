"""One connection: bytes in, requests one after another, answers out in their order.

Theory of operation. `data_received` gives what has arrived to the parser. A whole head becomes a `ServedRequest` and a
task; the task runs at once, inside this call (Python 3.12 and newer), so a handler that never waits has written its
answer before `data_received` returns, and the event loop knows nothing of it. While a request is being answered, what
else arrives is kept for later (pipelining) and reading stops when that becomes much. A body that did not come with its
head goes through an `Incoming`; reading stops while its reader is behind.

Nothing here awaits: the coroutines stand in exchange.py. What may take only so long is a phase; the clock's sweep asks
each connection twice a second whether its phase has lasted too long.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ketch.http.response import BODILESS
from ketch.server.answer import CLOSE, CONTINUE, CRLF, STAY, header_lines, problem, status_line, whole
from ketch.server.chunked import BadBody, ChunkedBody
from ketch.server.head import BadHead, parse_head
from ketch.server.incoming import HIGH_WATER, Incoming
from ketch.server.request import ServedRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ketch.http.response import Response
    from ketch.server.head import Head
    from ketch.server.server import Server

# Phases: what a connection is waiting for.
HEAD, IDLE, ANSWER, LINGER = range(4)

LINGER_TIME = 2.0
"""Seconds in which a client may still read the last answer while it sends what nobody reads."""
_LINGER_BYTES = 1_048_576
_BIG = 65_536
"""Bytes of a body from which on joining it with its head costs more than two pieces."""


class Connection:
    """An asyncio protocol. Public for the coroutines that answer; everything else is the event loop's to call."""

    __slots__ = (
        "__weakref__",
        "_asked",
        "_continued",
        "_drain",
        "_gone",
        "_head",
        "_in_requests",
        "_paused_reading",
        "_pending",
        "_phase",
        "_rate_since",
        "_searched",
        "_shared",
        "_since",
        "_stalled",
        "_stalled_since",
        "_swallowed",
        "_was_paused",
        "began",
        "client",
        "close_soon",
        "incoming",
        "is_plain",
        "keep_alive",
        "lost",
        "own",
        "paused",
        "request",
        "sent",
        "server",
        "size",
        "transport",
    )

    def __init__(self, server: Server) -> None:
        self.server = server
        self._shared = server.shared
        self.transport: Any = None
        self.client: tuple[str, int] | None = None
        self.own: tuple[str, int | None] | None = None
        self.is_plain = True
        self.request: ServedRequest | None = None
        self.incoming: Incoming | None = None
        self.keep_alive = True
        self.close_soon = False
        self.lost = False
        self.paused = False  # the transport holds more than it should: writers wait
        self._pending: bytearray | None = None
        self._searched = 0
        self._asked = 0
        self._in_requests = False
        self._paused_reading = False
        self._was_paused = False
        self._phase = HEAD
        self._since = self._shared.now
        self._rate_since = 0.0
        self._stalled: Any = None
        self._stalled_since = 0.0
        self._swallowed = 0
        self._drain: Any = None
        self._gone: Any = None
        self._head: Head | None = None
        self._continued = False
        self.sent = 0  # the status of the answer, once it has begun
        self.size = 0  # bytes of its body
        self.began = 0.0

    # --- the event loop's side ----------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """A client is there."""
        self.transport = transport
        server = self.server
        peer = transport.get_extra_info("peername")
        own = transport.get_extra_info("sockname")
        self.client = (peer[0], peer[1]) if type(peer) is tuple else None
        self.own = (own[0], own[1]) if type(own) is tuple else (own or "", None)
        self.is_plain = transport.get_extra_info("ssl_object") is None
        self._shared.counters.connections += 1
        if not server.enter(self):
            self._shared.counters.refused += 1
            transport.write(problem(503, "The server has all the connections it may have.", self._shared.date))
            self._end()

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived."""
        self._shared.counters.received += len(data)
        if self.request is None and self._pending is None and self._phase != LINGER:
            self._requests(data, 0)
        else:
            self._more(data)

    def _more(self, data: bytes) -> None:
        """What arrives when there is something already: a part of a head or a body, or a request that has to wait."""
        if self._phase == LINGER:
            self._swallowed += len(data)
            if self._swallowed > _LINGER_BYTES:
                self.transport.abort()
            return
        incoming = self.incoming
        if self.request is not None:
            if incoming is not None and not incoming.done:
                start = self._feed(incoming, data)
                if start >= len(data):
                    return
                data = data[start:]
            self._keep(data)
            return
        pending = self._pending
        if pending is None:
            self._requests(data, 0)
            return
        pending += data
        # PERF: a head that dribbles in is parsed when its end is there, or when twice as much is; so a megabyte in
        # single bytes is still linear work.
        if b"\n" in data or len(pending) >= 2 * self._asked:
            self._pending = None
            self._requests(bytes(pending), 0)

    def _keep(self, data: bytes) -> None:
        """Keep it for when the request before it has been answered."""
        if self._pending is None:
            self._pending = bytearray(data)
            self._searched = 0
        else:
            self._pending += data
        if len(self._pending) > HIGH_WATER:
            self._pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more: as far as anybody can tell, it has left."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The client has gone, or we have closed."""
        self.lost = True
        self.server.leave(self)
        self._pending = None
        if self.incoming is not None:
            self.incoming.broken = True
            self.incoming.wake()
        for waiter in (self._drain, self._gone, self._stalled):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
        request = self.request
        if request is not None and request.task is not None:
            request.left()

    def pause_writing(self) -> None:
        """The transport holds as much as it should."""
        self.paused = True
        self._stalled_since = self._shared.now
        self._swallowed = self.transport.get_write_buffer_size()

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        self.paused = False
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)
        if self.request is None and self._pending is not None:
            self._later()

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered."""
        return self.request is not None

    # --- requests -----------------------------------------------------------------------------------------------------

    def _requests(self, data: bytes, start: int) -> None:
        """Answer what `data` holds from `start` on, one request after another, as far as that is possible now."""
        size = len(data)
        self._in_requests = True
        try:
            while start < size:
                head = parse_head(data, start, self._shared.head_limits, self._searched)
                if head is None:
                    self._wait_for_head(data, start)
                    return
                self._searched = 0
                start = self._begin(head, data)
                if self.request is not None or self.paused:  # its answer is on its way
                    if start < size:
                        self._keep(data[start:])
                    return
                if self._phase != IDLE:
                    return
            self._pending = None
        except BadHead as bad:
            self.refuse(bad.status, bad.reason)
        except BadBody as bad:
            self.refuse(bad.status, bad.reason)
        finally:
            self._in_requests = False

    def _wait_for_head(self, data: bytes, start: int) -> None:
        if self._phase == IDLE:
            self._phase = HEAD
            self._since = self._shared.now
        self._pending = bytearray(data[start:] if start else data)
        self._searched = self._asked = len(self._pending)

    def _begin(self, head: Head, data: bytes) -> int:
        """Start answering one request; where in `data` the next begins. Raises BadBody."""
        shared = self._shared
        shared.counters.requests += 1
        start = head.end
        self._phase = ANSWER
        if head.upgrade == b"websocket":
            from ketch.server.websocket import upgrade

            upgrade(self, head, data[start:])
            return len(data)
        request = ServedRequest(self, head, shared.limits)
        if head.length or head.chunked:
            start = self._take_body(request, head, data, start)
        self.request = request
        self._head = head
        self.keep_alive = head.keep_alive
        self.sent = self.size = 0
        self._continued = False
        if shared.access_log is not None:
            self.began = shared.loop.time()
        task = shared.task(shared.answer(request))
        if task is not None:
            request.task = task
        return start

    def _take_body(self, request: ServedRequest, head: Head, data: bytes, start: int) -> int:
        """What of the body has come with its head; the rest will go through an `Incoming`."""
        end = start + head.length
        most = self._shared.max_body
        if 0 <= most < head.length:
            raise BadBody(413, f"A body may have {most} bytes here.")
        if not head.chunked and end <= len(data):
            request.arrived = data[start:end]
            return end
        incoming = Incoming(self._shared.loop, head.length, ChunkedBody() if head.chunked else None, most)
        start = incoming.feed(data, start)
        request.incoming = self.incoming = incoming
        self._rate_since = self._shared.now
        return start

    def _feed(self, incoming: Incoming, data: bytes) -> int:
        try:
            start = incoming.feed(data, 0)
        except BadBody as bad:
            self.incoming = None
            incoming.broken = True
            self._bad_body(bad)
            incoming.wake()
            return len(data)
        if incoming.waiting > HIGH_WATER:
            self._pause_reading()
        return start

    def _bad_body(self, bad: BadBody) -> None:
        """In the middle of a request: its answer is ours, and whoever reads the body sees that the client has gone."""
        request = self.request
        if request is not None and not self.sent:
            self.refuse(bad.status, bad.reason)
            self.sent = bad.status
        else:
            self.transport.abort()

    def finished(self, request: ServedRequest) -> None:
        """The answer has been written, or given up: close, or go on with the next request. A second call is none."""
        if self.request is not request:
            return
        self._shared.counters.answers[self.sent // 100] += 1
        if self._shared.access_log is not None and self._head is not None:
            self.server.note(self, self._head)
        self.request = self._head = None
        incoming = self.incoming
        self.incoming = None
        if self._gone is not None:
            if not self._gone.done():
                self._gone.set_result(None)
            self._gone = None
        if self.lost or self._phase == LINGER:
            return
        if incoming is not None and not incoming.done:
            self._linger()
        elif not self.will_stay():
            self.transport.close()
        else:
            self._phase = IDLE
            self._since = self._shared.now
            if not self._in_requests:
                self._later()

    def _later(self) -> None:
        """Go on with what waits, outside the task whose request has just ended."""
        if self._pending is not None and not self.paused:
            self._shared.loop.call_soon(self._go_on)
        else:
            self._resume_reading()

    def _go_on(self) -> None:
        pending = self._pending
        if self.request is None and not self.lost and pending is not None and self._phase != LINGER:
            self._pending = None
            self._requests(bytes(pending), 0)
        if self.request is None:
            self._resume_reading()

    def will_stay(self) -> bool:
        """Whether the connection is used again after this answer."""
        if self.close_soon or self._shared.draining:
            self.keep_alive = False
        elif self.incoming is not None and not self.incoming.done:
            self.keep_alive = False  # what nobody has read stands between this answer and the next request
        return self.keep_alive

    def refuse(self, status: int, reason: str) -> None:
        """Answer for the server itself, and close: nobody knows where the next request would begin."""
        self._shared.counters.bad_requests += 1
        self.transport.write(problem(status, reason, self._shared.date))
        self._linger()

    def _linger(self) -> None:
        """Send the end, and take what still comes for a moment: closing at once would reset the connection, and the
        client might never read the answer (RFC 9112, section 9.6)."""
        self._phase = LINGER
        self._since = self._shared.now
        self._swallowed = 0
        self._pending = None
        self._resume_reading()
        if self.is_plain and self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self._end()

    def _end(self) -> None:
        self._phase = LINGER
        self.transport.close()

    # --- answers ------------------------------------------------------------------------------------------------------

    def respond(self, request: ServedRequest, response: Response) -> None:
        """Write a whole response."""
        head = self._head
        if self.lost or head is None:
            return
        status = response.status_code
        silent = head.method == "HEAD"
        if response._raw is None and self.will_stay() and head.version == 11 and status not in BODILESS:
            body = response.body
            self.size = 0 if silent else len(body)
            if self.size < _BIG:
                out = whole(response._base, status, body, self._shared.date, silent)
                self._shared.counters.sent += len(out)
                self.transport.write(out)
            else:
                self.put([whole(response._base, status, body, self._shared.date, True), body])
        else:
            status, headers, body = response.whole(request, head=silent)
            self.size = len(body)
            self.put([self._edited(head.version, status, headers), body])
        self.sent = status

    def _edited(self, version: int, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The head of a whole response whose headers somebody has edited."""
        kept = []
        dated = False
        for name, value in headers:
            if name == b"connection":
                self.keep_alive = self.keep_alive and b"close" not in value.lower()
            elif name != b"transfer-encoding":
                dated = dated or name == b"date"
                kept.append((name, value))
        date = b"" if dated else self._shared.date
        fate = (STAY if version == 10 else b"") if self.will_stay() else CLOSE
        return b"".join((status_line(status), header_lines(kept), date, fate, CRLF))

    def put(self, pieces: list[bytes]) -> None:
        """Hand pieces to the transport in one call."""
        self._shared.counters.sent += sum(map(len, pieces))
        if len(pieces) == 1:
            self.transport.write(pieces[0])
        elif sum(map(len, pieces)) < _BIG:
            self.transport.write(b"".join(pieces))
        else:
            self.transport.writelines(pieces)

    def is_large(self) -> bool:
        """Whether the application's limits on a head must be looked at: the server's own may be wider."""
        head, shared = self._head, self._shared
        return head is not None and (
            head.count > shared.most_headers
            or head.end > shared.most_header_size
            or len(head.raw_path) + len(head.query) > shared.most_url
        )

    def fail(self, request: ServedRequest, answer: bytes) -> None:
        """Write an answer that ends the connection."""
        if not self.lost:
            self.keep_alive = False
            self.sent = 500
            self.transport.write(answer)

    def give_up(self, request: ServedRequest) -> None:
        """There is no whole answer: the client sees that by the end of the connection."""
        if not self.lost:
            self._phase = LINGER
            self.transport.abort()

    async def drained(self) -> None:
        """Until the client has taken enough of what was written."""
        while self.paused and not self.lost:
            self._drain = self._shared.loop.create_future()
            try:
                await self._drain
            finally:
                self._drain = None

    async def emptied(self) -> None:
        """Until the transport holds nothing."""
        transport = self.transport
        transport.set_write_buffer_limits(0)
        try:
            if transport.get_write_buffer_size():
                self.paused = True
                await self.drained()
        finally:
            if not self.lost:
                transport.set_write_buffer_limits(self.server.settings.write_buffer)

    def progressed(self, size: int) -> None:
        """Somebody has sent bytes beside the transport."""
        self._shared.counters.sent += size
        self._stalled_since = self._shared.now

    def stalled(self, waiter: Any) -> None:
        """Somebody waits beside the transport until the client takes more; None: not any more."""
        self._stalled = waiter
        self._stalled_since = self._shared.now

    # --- the body's reader --------------------------------------------------------------------------------------------

    def expect_body(self) -> None:
        """Somebody is going to read: a client that waits for 100 (Continue) may send."""
        head = self._head
        if head is not None and head.expects_continue and not self._continued:
            self._continued = True
            if not self.sent and self.incoming is not None and not self.incoming.waiting:
                self.transport.write(CONTINUE)
                self._rate_since = self._shared.now

    def body_taken(self) -> None:
        """The reader has caught up."""
        self._resume_reading()

    async def until_gone(self, request: ServedRequest) -> None:
        """Until the client has left or the response is complete."""
        if self.lost or self.request is not request:
            return
        if self._gone is None:
            self._gone = self._shared.loop.create_future()
        await asyncio.shield(self._gone)

    def _pause_reading(self) -> None:
        if not self._paused_reading and not self.lost:
            self._paused_reading = self._was_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused_reading and not self.lost:
            self._paused_reading = False
            self.transport.resume_reading()

    # --- time ---------------------------------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """Close what has taken too long. `now` is the clock's; a limit is kept to within its next tick."""
        settings = self.server.settings
        phase = self._phase
        if phase == IDLE:
            if self._shared.draining or now - self._since > settings.keep_alive:
                self._idle_too_long(now)
        elif phase == HEAD:
            if self.server.late(now - self._since, settings.header_timeout):
                self._shared.counters.header_timeouts += 1
                self.refuse(408, "The request did not arrive in time.")
        elif phase == LINGER:
            if now - self._since > LINGER_TIME:
                self.transport.abort()
        elif self.incoming is not None and not self.incoming.done:
            self._check_rate(self.incoming, now)
        if self.paused or self._stalled is not None:
            self._check_stall(now)

    def _idle_too_long(self, now: float) -> None:
        if not self._shared.draining:
            self._shared.counters.idle_timeouts += 1
        elif now - max(self._since, self._shared.draining_since) < 1.0:
            return  # one more answer, with Connection: close
        self.transport.close()

    def _check_rate(self, incoming: Incoming, now: float) -> None:
        """A body that comes too slowly, measured over windows in which we were ready to read all the time."""
        settings = self.server.settings
        if settings.body_min_rate is None or self._paused_reading or not incoming.is_wanted:
            self._rate_since, incoming.fresh = now, 0
            return
        spent = now - self._rate_since
        if spent < settings.body_grace:
            return
        if incoming.fresh < settings.body_min_rate * spent:
            self._shared.counters.body_timeouts += 1
            self._bad_body(BadBody(408, "The body came too slowly."))
            incoming.broken = True
            incoming.wake()
        self._rate_since, incoming.fresh = now, 0

    def _check_stall(self, now: float) -> None:
        size = self.transport.get_write_buffer_size()
        if self._stalled is None and size < self._swallowed:  # the client takes something
            self._swallowed = size
            self._stalled_since = now
        elif self.server.late(now - self._stalled_since, self.server.settings.write_timeout):
            self._shared.counters.write_timeouts += 1
            self.transport.abort()
