"""A WebSocket's side of the wire (RFC 6455): frames, back-pressure, pings, the closing handshake, deadlines.

    HANDSHAKE --accept--> OPEN --our close--> CLOSING --their close--> ENDING --flushed--> GONE
        \\--deny-------------\\--their close, or a broken frame-----------/

`conversation.py` is the application's side. What arrives is handed over while the application keeps up; when it does
not, reading stops, so that the client has to wait. A close frame, or a broken one, takes effect when the application
has had the messages before it, or after a second. What is sent goes to the transport; when the client does not keep up,
`drained` makes the application wait, and after the write timeout the connection is cut.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from random import random
from typing import TYPE_CHECKING, Any

from .adapters.wsproto import BadFrame, Close, Frames, Ping
from .clock import TICK
from .unsent import Stall, unsent

if TYPE_CHECKING:
    from .conversation import Conversation
    from .handshake import Handshake

_EARLY = 65_536  # bytes that may arrive before the application accepts
_LAST_WORDS = 1.0  # seconds in which messages before a close frame may still be answered


class Phase(enum.Enum):
    """Where a connection stands; see the picture above."""

    HANDSHAKE = 0
    OPEN = 1
    CLOSING = 2
    ENDING = 3
    GONE = 4


class WebSocketConnection(asyncio.Protocol):
    """The protocol of one connection, from its handshake until it is gone."""

    __slots__ = (
        "_due",
        "_early",
        "_give_up",
        "_heard",
        "_left",
        "_patience",
        "_pinged",
        "_reading",
        "_stall",
        "_talked",
        "_unanswered",
        "_waiters",
        "frames",
        "going_away",
        "handshake",
        "last",
        "loop",
        "phase",
        "server",
        "settings",
        "shared",
        "talk",
        "transport",
    )

    talk: Conversation

    def __init__(self, connection: Any, handshake: Handshake, rest: bytes) -> None:
        self.server = connection.server
        self.settings = connection.server.settings
        self.shared = connection.server.shared
        self.loop = connection.server.loop
        self.transport: Any = connection.transport
        self.handshake: Handshake | None = handshake
        self.phase = Phase.HANDSHAKE
        self.going_away = False
        self.frames: Frames | None = None
        self.last: Close | BadFrame | None = None  # what will end the connection when the application has caught up
        self._early = rest
        self._reading = True
        if not self.transport.is_reading():  # requests before this one had filled the connection
            self.transport.resume_reading()
        self._waiters: deque[asyncio.Future[None]] | None = None  # sends that wait for a slow reader
        self._stall: Stall | None = None  # while the transport says that its buffer is full
        self._unanswered: bytes | None = None  # payload of a ping to answer when there is room again
        self._heard = self._pinged = 0.0  # when bytes last came; when we sent a ping, 0 once anything has come
        self._talked = 0.0  # when the last message came or went
        self._patience = self._due = 0.0  # silence before the next ping; before `_due` a sweep need not look
        self._give_up = self._left = 0.0  # when to stop waiting for the end, and what was not flushed when we began to
        if connection.paused:
            self.pause_writing()
        if len(rest) > _EARLY:
            self._read(False)

    # --- what comes ---------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """From the transport."""
        self._heard, self._pinged = self.shared.now, 0.0
        self.server.counters.received += len(data)
        if self.frames is not None and self.phase in _HEARING and self.last is None:
            self.frames.feed(data)
            self.pump()
        elif self.phase is Phase.HANDSHAKE:
            self._early += data
            if len(self._early) > _EARLY:
                self._read(False)

    def pump(self) -> None:
        """Hand over what has arrived while the application has room for it; it calls again when it has made some."""
        frames, talk = self.frames, self.talk
        while frames is not None and self.phase in _HEARING and self.last is None:
            if talk.is_full and self.phase is Phase.OPEN:
                self._read(False)
                return
            try:
                event: str | bytes | Ping | Close | BadFrame | None = frames.next()
            except BadFrame as error:
                event = error
            if event is None:
                break
            if isinstance(event, (Close, BadFrame)):
                self.last = event
                self._due = 0.0
                self._give_up = self.shared.now + _LAST_WORDS
                if not talk.is_behind:
                    self.settle()
            elif isinstance(event, Ping):
                self._answer(event.payload)
            elif self.phase is Phase.OPEN:  # after our close nobody listens
                self._talked = self._heard
                talk.put(event)
        self._read(True)

    def settle(self) -> None:
        """Do what the last frame asks for; the application has had the messages before it."""
        last, self.last = self.last, None
        if isinstance(last, Close):
            self._peer_closed(last)
        elif last is not None:
            self.fail(last.code, last.reason)

    def _read(self, wanted: bool) -> None:
        if wanted is self._reading or self.phase is Phase.GONE or self.transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._heard = self.shared.now  # while we did not listen nothing could be heard
            self.transport.resume_reading()
        else:
            self._pinged = 0.0
            self.transport.pause_reading()

    def _answer(self, payload: bytes) -> None:
        """A pong; for a client that reads too slowly only the last one (RFC 6455, 5.5.3)."""
        if self.phase is not Phase.OPEN:
            return
        if self._stall is not None:
            self._unanswered = payload
        elif self.frames is not None:
            self.write(self.frames.pong(payload))

    def _peer_closed(self, event: Close) -> None:
        if self.phase is Phase.OPEN and self.frames is not None:
            self.write(self.frames.close(None if event.code == 1005 else event.code))
            self.talk.disconnected(event.code, event.reason)
        self._end()
        self.transport.close()

    # --- what goes ----------------------------------------------------------------------------------------------------

    def accept(self, subprotocol: str | None, headers: Any) -> None:
        """Complete the handshake. Raises BadResponse for what cannot be sent."""
        if self.handshake is None:
            raise RuntimeError("the handshake is over")
        response = self.handshake.answer(subprotocol, headers)
        self.talk.note(101, 0)
        deflate = self.handshake.deflate
        bits = deflate.window_bits if deflate is not None else 0
        most = self.settings.ws_max_fragments
        self.frames = Frames(limit=self.talk.limit, fragments=most, window_bits=bits)
        self.handshake, self.phase = None, Phase.OPEN
        self._heard = self._talked = self.shared.now
        self._be_patient()
        self.server.counters.websockets += 1
        self.server.counters.open_websockets += 1
        self.write(response)
        early, self._early = self._early, b""
        if early:
            self.frames.feed(early)
        if self.going_away:
            self.go_away()
        else:
            self.pump()

    def hang_up(self) -> None:
        """Close the connection once everything has been written."""
        self._end()
        self.transport.close()

    def message(self, data: str | bytes) -> None:
        """Send a whole message. Raises UnicodeEncodeError for text that UTF-8 cannot hold."""
        if self.frames is not None:
            self._talked = self.shared.now
            self.write(self.frames.message(data))

    def write(self, data: bytes | bytearray) -> None:
        """To the transport, as it is."""
        self.server.counters.sent += len(data)
        self.transport.write(data)

    async def drained(self) -> None:
        """Return when the client has taken enough of what was sent, or the connection is over."""
        while self._stall is not None and self.phase in _SENDING:
            waiter: asyncio.Future[None] = self.loop.create_future()
            waiters = self._waiters
            if waiters is None:
                waiters = self._waiters = deque()
            waiters.append(waiter)
            try:
                await waiter
            finally:
                waiters.remove(waiter)

    @property
    def is_blocked(self) -> bool:
        """Whether a send should wait for `drained` first."""
        return self._stall is not None

    def pause_writing(self) -> None:
        """From the transport: its buffer is full."""
        self._due = 0.0
        self._stall = Stall(self.transport, self.loop.time())

    def resume_writing(self) -> None:
        """From the transport: there is room again."""
        self._stall = None
        if self._unanswered is not None:
            payload, self._unanswered = self._unanswered, None
            self._answer(payload)
        self._wake()

    def _wake(self) -> None:
        for waiter in self._waiters or ():
            if not waiter.done():
                waiter.set_result(None)

    # --- the end ------------------------------------------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Begin the closing handshake; the client has the close timeout to answer. Does nothing unless open."""
        if self.phase is not Phase.OPEN or self.frames is None:
            return
        self.write(self.frames.close(code, reason))
        self.phase = Phase.CLOSING
        self._wait_for_the_end()
        self.talk.disconnected(code, reason)
        if self.last is not None:
            self.settle()
        self.pump()

    def go_away(self) -> None:
        """The server stops: close with 1001, or as soon as the handshake is complete."""
        self.going_away = True
        self.close(1001)

    def fail(self, code: int, reason: str) -> None:
        """The client broke the protocol: say why, and listen to nothing more (RFC 6455, 7.1.7)."""
        if self.phase is Phase.OPEN and self.frames is not None:
            self.write(self.frames.close(code, reason))
            self.talk.disconnected(code, reason)
        self._end()
        # Closing a socket while bytes are unread resets the connection, and the client might never see why. So only
        # our half is closed; what still comes is thrown away until the client has closed its own.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def abort(self) -> None:
        """Cut the connection."""
        self.transport.abort()

    def _end(self) -> None:
        self.phase = Phase.ENDING
        self._wait_for_the_end()
        self._wake()

    def _wait_for_the_end(self) -> None:
        self._due = 0.0
        self._give_up = self.loop.time() + self.settings.ws_close_timeout
        self._left = unsent(self.transport)

    def eof_received(self) -> None:
        """From the transport, which closes itself now: half a WebSocket is none."""

    def connection_lost(self, error: Exception | None) -> None:
        """From the transport: it is over, by whatever way."""
        if self.frames is not None:
            self.server.counters.open_websockets -= 1
        self.phase = Phase.GONE
        self.frames = None
        self._early = b""
        self.talk.disconnected(1006, "")
        self._wake()
        self.leave()

    def leave(self) -> None:
        """Off the server's list, once the line is gone and the application has ended; a server waits for both."""
        if not self.is_busy:
            self.server.leave(self)

    @property
    def is_busy(self) -> bool:
        """Whether there is anything to wait for."""
        return self.phase is not Phase.GONE or self.talk.task is not None

    # --- deadlines ----------------------------------------------------------------------------------------------------

    def sweep(self, now: float) -> None:
        """From the clock, twice a second."""
        # PERF: most of ten thousand idle ones have nothing to do; to find that out anew takes ten times as long.
        if self.phase is Phase.GONE or (now < self._due and not self.shared.draining):
            return
        if self.shared.draining and not self.going_away:
            self.go_away()
        if self._stall is not None and self.server.late(self._stall.spent(now), self.settings.write_timeout):
            self.server.counters.write_timeouts += 1
            self.abort()
        elif self.phase is Phase.OPEN:
            if self.last is not None and now >= self._give_up:
                self.settle()
            else:
                self._keep_alive(now)
        elif self.phase in _ENDS and now >= self._give_up:
            left = unsent(self.transport)
            if left and left < self._left:  # slow, but on its way
                self._wait_for_the_end()
            else:
                self.abort()

    def _keep_alive(self, now: float) -> None:
        settings, late = self.settings, self.server.late
        if late(now - self._talked, settings.ws_idle_timeout):
            self.server.counters.idle_timeouts += 1
            self.close(1001, "no message for too long")
        elif self._pinged and late(now - self._pinged, settings.ws_ping_timeout):
            self.server.counters.idle_timeouts += 1
            self.fail(1011, "no answer to a ping")
        elif self._reading and self.frames is not None:
            if self._patience and not self._pinged and now - self._heard >= self._patience:
                # PERF: some time within the tick, so that hundreds do not follow each other and make everybody wait.
                self.loop.call_later(random() * TICK, self._send_ping)
                self._pinged = now
                self._be_patient()
            if self._stall is None and self.last is None:
                self._due = self._next_look(now)

    def _send_ping(self) -> None:
        if self._pinged and self.phase is Phase.OPEN and self.frames is not None:
            self.write(self.frames.ping())

    def _next_look(self, now: float) -> float:
        """When something may be due if nothing happens until then; a tick early, as everything that has a limit."""
        settings = self.settings
        due = self._heard + self._patience if self._patience else now + 3_600
        if self._pinged and settings.ws_ping_timeout is not None:
            due = min(now + self._patience, self._pinged + settings.ws_ping_timeout)
        if settings.ws_idle_timeout is not None:
            due = min(due, self._talked + settings.ws_idle_timeout)
        return due - TICK

    def _be_patient(self) -> None:
        """Somewhat less than allowed, so that connections which were opened together are not pinged together."""
        self._patience = (self.settings.ws_ping_interval or 0) * (0.5 + random() / 2)


_HEARING = frozenset({Phase.OPEN, Phase.CLOSING})
_SENDING = frozenset({Phase.HANDSHAKE, Phase.OPEN})
_ENDS = frozenset({Phase.CLOSING, Phase.ENDING})
