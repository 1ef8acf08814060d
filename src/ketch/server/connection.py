"""One connection: bytes in, requests one after another, answers out in their order.

Theory of operation. `data_received` gives what has arrived to the parser. A whole head becomes a `ServedRequest` and a
task; the task runs at once, inside this call (Python 3.12 and newer), so a handler that never waits has written its
answer before `data_received` returns, and the event loop knows nothing of it. While a request is being answered, what
else arrives is kept for later (pipelining) and reading stops when that becomes much. A body that did not come with its
head goes through an `Incoming`; reading stops while its reader is behind.

Nothing here awaits: the coroutines stand in exchange.py. What may take only so long is a phase; the clock's sweep asks
each connection twice a second whether its phase has lasted too long. The transport's side (back-pressure, the end of a
connection) is line.py's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketch.http.response import BODILESS
from ketch.server.answer import CONTINUE, asks_to_close, edited, fate, problem, whole
from ketch.server.chunked import BadBody, ChunkedBody
from ketch.server.head import BadHead, parse_head
from ketch.server.incoming import HIGH_WATER, Incoming
from ketch.server.line import BIG, LINGER_TIME, SHORT, Line
from ketch.server.request import ServedRequest

if TYPE_CHECKING:
    from ketch.http.response import Response
    from ketch.server.head import Head
    from ketch.server.server import Server

# Phases: what a connection is waiting for.
HEAD, IDLE, ANSWER = range(3)


class Connection(Line):
    """An asyncio protocol. Public for the coroutines that answer; everything else is the event loop's to call."""

    __slots__ = (
        "_asked",
        "_continued",
        "_head",
        "_in_requests",
        "_phase",
        "began",
        "incoming",
        "keep_alive",
        "request",
        "sent",
        "size",
    )

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.request: ServedRequest | None = None
        self.incoming: Incoming | None = None
        self.keep_alive = True
        self._asked = 0
        self._in_requests = False
        self._phase = HEAD
        self._head: Head | None = None
        self._continued = False
        self.sent = 0  # the status of the answer, once it has begun
        self.size = 0  # bytes of its body
        self.began = 0.0

    # --- the event loop's side ----------------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """A client is there."""
        self.open(transport)
        counters = self._shared.counters
        counters.connections += 1
        if not self.server.enter(self):
            counters.refused += 1
            self.put([problem(503, "The server has all the connections it may have.", self._shared.date)])
            if self in self.server.connections:  # somebody will see to its end
                self.linger()
            else:
                self.close()

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived."""
        self._shared.counters.received += len(data)
        if self.request is None and self._pending is None and not self.ending and not self.paused:
            self._requests(data, 0)
        else:
            self._more(data)

    def _more(self, data: bytes) -> None:
        """What arrives when there is something already: a part of a head or a body, or a request that has to wait."""
        if self.ending:
            self.swallow(len(data))
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
        if pending is None or self.paused:  # the client shall read its answers before it has more of them
            self._keep(data)
            return
        pending += data
        # PERF: a head that dribbles in is parsed when its end is there, or when twice as much is; so a megabyte in
        # single bytes is still linear work.
        if b"\n" in data or len(pending) >= 2 * self._asked:
            self._pending = None
            self._requests(bytes(pending), 0)

    def eof_received(self) -> bool:
        """The client sends no more: as far as anybody can tell, it has left."""
        self._shared.flush()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The client has gone, or we have closed."""
        self.gone()
        self.server.leave(self)
        self._pending = None
        if self.incoming is not None:
            self.incoming.give_up()
        request = self.request
        if request is not None and request.task is not None:
            request.left()

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        super().resume_writing()
        if self.request is None and not self.ending:
            self._later()

    @property
    def is_busy(self) -> bool:
        """Whether a request is being answered, or its answer is still on its way."""
        return self.request is not None or self.is_holding

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

            shared.flush()
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
        incoming = Incoming(self._shared, head.length, ChunkedBody() if head.chunked else None)
        start = incoming.feed(data, start)
        request.incoming = self.incoming = incoming
        return start

    def _feed(self, incoming: Incoming, data: bytes) -> int:
        try:
            start = incoming.feed(data, 0)
        except BadBody as bad:
            self._bad_body(bad)
            return len(data)
        if incoming.waiting > HIGH_WATER:
            self._pause_reading()
        return start

    def _bad_body(self, bad: BadBody) -> None:
        """In the middle of a request: its answer is ours, and whoever reads the body sees that the client has gone."""
        if self.sent:
            self.cut()
        else:
            self.refuse(bad.status, bad.reason)
            self.sent = bad.status
        if self.incoming is not None:
            self.incoming.give_up()

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
        self.let_go()
        if incoming is not None and not incoming.done:
            incoming.give_up()  # whoever goes on reading, after the answer, reads nothing more
            self._leave(linger=True)
        elif not self.will_stay():
            self._leave(linger=self._pending is not None)
        elif not self.is_over:
            self._phase = IDLE
            self._since = self._shared.now
            if not self._in_requests:
                self._later()

    def _leave(self, linger: bool) -> None:
        self._pending = None
        if self.is_over:
            return
        if linger:  # more has come than anybody will read
            self.linger()
        else:
            self.close()

    def _later(self) -> None:
        """Go on with what waits, outside the task whose request has just ended."""
        if self._pending is None:
            self._read_on()
        elif not self.paused:
            self._shared.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        pending = self._pending
        if self.request is None and pending is not None and not self.paused and not self.is_over:
            self._pending = None
            self._requests(bytes(pending), 0)
        self._read_on()

    def _read_on(self) -> None:
        if self.request is None and not self.paused:  # a client that does not read its answers need not ask for more
            self._resume_reading()

    def will_stay(self) -> bool:
        """Whether the connection is used again after this answer."""
        if self._shared.draining:
            self.keep_alive = False
        elif self.incoming is not None and not self.incoming.done:
            self.keep_alive = False  # what nobody has read stands between this answer and the next request
        return self.keep_alive

    def refuse(self, status: int, reason: str) -> None:
        """Answer for the server itself, and close: nobody knows where the next request would begin."""
        self._shared.counters.bad_requests += 1
        self.put([problem(status, reason, self._shared.date)])
        self._pending = None
        self.linger(SHORT if status == 408 else LINGER_TIME)

    # --- answers ------------------------------------------------------------------------------------------------------

    def respond(self, request: ServedRequest, response: Response) -> None:
        """Write a whole response."""
        head = self._head
        if self.lost or self.ending or head is None:
            return
        status = response.status_code
        silent = head.method == "HEAD"
        if response._raw is None and self.will_stay() and head.version == 11 and status not in BODILESS:
            body = response.body
            self.size = 0 if silent else len(body)
            if self.size < BIG:
                out = whole(response._base, status, body, self._shared.date, silent)
                self._shared.counters.sent += len(out)
                self._shared.post(self.transport, out)
            else:
                self.put([whole(response._base, status, body, self._shared.date, True), body])
        else:
            status, headers, body = response.whole(request, head=silent)
            self.size = len(body)
            self.keep_alive = self.will_stay() and not asks_to_close(headers)
            self.put([edited(status, headers, self._shared.date, fate(self.keep_alive, head.version)), body])
        self.sent = status

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
        if self.request is request and not self.is_over:
            self.keep_alive = False
            self.sent = 500
            self.put([answer])

    def give_up(self, request: ServedRequest) -> None:
        """There is no whole answer: the client sees that by the end of the connection.

        A request whose answer is complete is none of the connection's business any more.
        """
        if self.request is request and not self.is_over:
            self.cut()

    # --- the body's reader --------------------------------------------------------------------------------------------

    def expect_body(self) -> None:
        """Somebody is going to read: a client that waits for 100 (Continue) may send."""
        head = self._head
        if head is not None and head.expects_continue and not self._continued:
            self._continued = True
            if not self.sent and self.incoming is not None and not self.incoming.waiting:
                self.put([CONTINUE])
                self.incoming.start(self._shared.now)

    def body_taken(self) -> None:
        """The reader has caught up."""
        self._resume_reading()

    async def until_gone(self, request: ServedRequest) -> None:
        """Until the client has left or the response is complete."""
        if not self.lost and self.request is request:
            await self.until_let_go()

    # --- time ---------------------------------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """Close what has taken too long. `now` is the clock's; a limit is kept to within its next tick."""
        if not self.ending:
            settings = self.server.settings
            phase = self._phase
            if phase == IDLE:
                if self._shared.draining or now - self._since > settings.keep_alive:
                    self._idle_too_long(now)
            elif phase == HEAD:
                if self.server.late(now - self._since, settings.header_timeout):
                    self._shared.counters.header_timeouts += 1
                    self.refuse(408, "The request did not arrive in time.")
            elif self.incoming is not None and self.incoming.is_late(now, self._paused_reading, settings):
                self._shared.counters.body_timeouts += 1
                self._bad_body(BadBody(408, "The body came too slowly."))
        self.check(now)

    def _idle_too_long(self, now: float) -> None:
        if not self._shared.draining:
            self._shared.counters.idle_timeouts += 1
        elif now - max(self._since, self._shared.draining_since) < 1.0:
            return  # one more answer, with Connection: close
        self.close()
