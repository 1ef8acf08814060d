"""A client's line: one TCP (or Unix) connection, without what is said on it.

Both directions can be held up: `pause_writing` and `resume_writing` come from the transport, whose buffer is full, and
`_pause_reading` stops a client that sends more than anybody reads. And a line ends in one of three ways:

close   what was written still goes out, as long as the client takes it
linger  the same, and what the client still sends is swallowed for a while: closing at once would reset the connection,
        and the client might never read the answer (RFC 9112, section 9.6)
cut     at once, which the client sees as an answer that is not whole

Each has its deadline, so that no client can keep a line that nobody needs.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ketch.server.incoming import HIGH_WATER
from ketch.server.unsent import Stall

if TYPE_CHECKING:
    from ketch.server.server import Server

LINGER_TIME = 5.0
"""Seconds in which a client may go on sending what nobody reads, after the last answer."""
SILENCE = 1.5
"""Seconds without a byte after which it has nothing more to send."""
SHORT = 1.0
"""Instead of LINGER_TIME for a client that has had its time."""
_LINGER_BYTES = 67_108_864
BIG = 65_536
"""Bytes from which on joining pieces costs more than handing over several."""


def forget(transport: Any) -> None:
    """Have the kernel throw away what a client does not take, or it keeps megabytes of it for minutes."""
    sock = transport.get_extra_info("socket")
    with suppress(OSError, AttributeError):
        line = socket.socket(fileno=os.dup(sock.fileno()))
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()


class Line:
    """The transport's side of a connection."""

    __slots__ = (
        "__weakref__",
        "_drain",
        "_ended",
        "_gone",
        "_patience",
        "_paused_reading",
        "_pending",
        "_searched",
        "_shared",
        "_since",
        "_stall",
        "_stalled",
        "_swallowed",
        "client",
        "ending",
        "is_plain",
        "lost",
        "own",
        "paused",
        "server",
        "transport",
    )

    def __init__(self, server: Server) -> None:
        self.server = server
        self._shared = server.shared
        self.transport: Any = None
        self.client: tuple[str, int] | None = None
        self.own: tuple[str, int | None] | None = None
        self.is_plain = True
        self.lost = False
        self.ending = False  # nothing more is read or written
        self.paused = False  # the transport holds more than it should: writers wait
        self._paused_reading = False
        self._since = self._shared.now  # when what the line waits for began
        self._ended = 0.0
        self._patience = LINGER_TIME
        self._swallowed = 0
        self._pending: bytearray | None = None  # what has come before its time
        self._searched = 0  # bytes of it in which no head has ended
        self._drain: Any = None
        self._gone: Any = None
        self._stalled: Any = None
        self._stall: Stall | None = None  # while the client should take what waits for it

    def open(self, transport: Any) -> None:
        """A client is there."""
        self.transport = transport
        peer = transport.get_extra_info("peername")
        own = transport.get_extra_info("sockname")
        self.client = (peer[0], peer[1]) if type(peer) is tuple else None
        self.own = (own[0], own[1]) if type(own) is tuple else (own or "", None)
        self.is_plain = transport.get_extra_info("ssl_object") is None

    @property
    def is_over(self) -> bool:
        """Whether nothing that is written now would reach anybody."""
        return self.lost or self.ending

    @property
    def is_holding(self) -> bool:
        """Whether the client has not yet taken all that was written."""
        return not self.lost and self.transport.get_write_buffer_size() > 0

    # --- writing ------------------------------------------------------------------------------------------------------

    def put(self, pieces: list[bytes]) -> None:
        """Hand pieces to the transport in one call."""
        self._shared.flush()
        self._shared.counters.sent += sum(map(len, pieces))
        if len(pieces) == 1:
            self.transport.write(pieces[0])
        elif sum(map(len, pieces)) < BIG:
            self.transport.write(b"".join(pieces))
        else:
            # Not `writelines`: asyncio's forgets to say that its buffer is full (3.12 and 3.13).
            for piece in pieces:
                self.transport.write(piece)

    def pause_writing(self) -> None:
        """The transport holds as much as it should."""
        self.paused = True
        self._watch()

    def resume_writing(self) -> None:
        """The client has taken most of it."""
        self.paused = False
        self._stall = None
        if self._drain is not None and not self._drain.done():
            self._drain.set_result(None)

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
                if not self.paused:
                    self.pause_writing()
                await self.drained()
        finally:
            if not self.lost:
                transport.set_write_buffer_limits(self.server.settings.write_buffer)

    def progressed(self, size: int) -> None:
        """Somebody has sent bytes beside the transport."""
        self._shared.counters.sent += size

    def stalled(self, waiter: Any) -> None:
        """Somebody waits beside the transport until the client takes more; None: not any more."""
        self._stalled = waiter
        if waiter is None:
            self._stall = None
        else:
            self._watch()

    # --- reading ------------------------------------------------------------------------------------------------------

    def _pause_reading(self) -> None:
        if not self._paused_reading and not self.lost:
            self._paused_reading = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused_reading and not self.lost:
            self._paused_reading = False
            self.transport.resume_reading()

    def _keep(self, data: bytes) -> None:
        """Keep it for when the request before it has been answered."""
        if self._pending is None:
            self._pending = bytearray(data)
            self._searched = 0
        else:
            self._pending += data
        if len(self._pending) > HIGH_WATER:
            self._pause_reading()

    def swallow(self, size: int) -> None:
        """Bytes that came after the end."""
        self._since = self._shared.now
        self._swallowed += size
        if self._swallowed > _LINGER_BYTES:
            self.transport.abort()

    # --- the end ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End when the client has taken what was written."""
        self._end()
        self.transport.close()

    def linger(self, patience: float = LINGER_TIME) -> None:
        """The same, and listen for so many seconds, to nothing."""
        self._end()
        self._patience = patience
        self._resume_reading()
        # TLS cannot be closed in one direction; there the client knows by the answer's length and `Connection: close`.
        if self.is_plain and self.transport.can_write_eof():
            self.transport.write_eof()

    def cut(self) -> None:
        """End at once."""
        self._shared.flush()
        self.ending = True
        self.transport.abort()

    def _end(self) -> None:
        self._shared.flush()
        self.ending = True
        self._since = self._ended = self._shared.now
        self._watch()

    def gone(self) -> None:
        """The transport has closed: nobody waits for it any more."""
        self.lost = True
        self._pending = None
        self.let_go()
        for waiter in (self._drain, self._stalled):
            if waiter is not None and not waiter.done():
                waiter.set_result(None)

    def let_go(self) -> None:
        """Whoever waits for the end of a request need not wait any more."""
        if self._gone is not None:
            if not self._gone.done():
                self._gone.set_result(None)
            self._gone = None

    async def until_let_go(self) -> None:
        """Until `let_go`."""
        if self._gone is None:
            self._gone = self._shared.loop.create_future()
        await asyncio.shield(self._gone)

    # --- time ---------------------------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Cut what takes too long to end, or to take what was written."""
        if self.ending:
            late = self.server.late
            if self.transport.get_write_buffer_size():
                self._since = self._ended = now
                self._check_stall(now)
            elif late(now - self._since, SILENCE) or late(now - self._ended, self._patience):
                self._stop_listening()
        elif self._stall is not None:
            self._check_stall(now)

    def _stop_listening(self) -> None:
        if self.is_plain or self.transport.is_closing():
            self.transport.abort()
        else:
            self.close()  # TLS says that it ends

    def _watch(self) -> None:
        self._stall = Stall(self.transport, self._shared.now)

    def _check_stall(self, now: float) -> None:
        if self._stall is None:
            self._watch()
        elif self.server.late(self._stall.spent(now), self.server.settings.write_timeout):
            self._shared.counters.write_timeouts += 1
            forget(self.transport)
            self.transport.abort()
