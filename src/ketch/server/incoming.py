"""A request's body on its way in: pieces wait for the reader, and a reader that is slow stops the client.

Only bodies that did not come in one piece with their head pass here.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from ketch.server.chunked import BadBody, ChunkedBody

if TYPE_CHECKING:
    from ketch.server.settings import ServerSettings
    from ketch.server.shared import Shared

HIGH_WATER = 65_536
"""Bytes that may wait for their reader before the client is made to wait."""


class Incoming:
    """One body. `feed` is called by the connection, `next` by whoever reads."""

    __slots__ = (
        "_chunked",
        "_fresh",
        "_left",
        "_loop",
        "_most",
        "_pieces",
        "_since",
        "_size",
        "_waiter",
        "broken",
        "done",
        "waiting",
    )

    def __init__(self, shared: Shared, length: int, chunked: ChunkedBody | None) -> None:
        self._loop = shared.loop
        self._since = shared.now
        self._fresh = 0  # bytes that arrived since then
        self._chunked = chunked
        self._left = length
        self._most = shared.max_body
        self._size = 0
        self._pieces: deque[bytes] = deque()
        self._waiter: Any = None
        self.waiting = 0  # bytes not yet taken
        self.done = False
        self.broken = False

    def feed(self, data: bytes, start: int) -> int:
        """Take what belongs to the body; where the rest begins. Raises BadBody for chunks that are none."""
        if self._chunked is not None:
            pieces, end = self._chunked.feed(data, start)
            self.done = self._chunked.done
        else:
            end = min(len(data), start + self._left)
            pieces = [data[start:end]] if start or end < len(data) else [data]
            self._left -= end - start
            self.done = not self._left
        self._fresh += end - start
        self._size += sum(map(len, pieces))  # without what frames a chunk
        if 0 <= self._most < self._size:
            raise BadBody(413, f"A body may have {self._most} bytes here.")
        for piece in pieces:
            if piece:
                self._pieces.append(piece)
                self.waiting += len(piece)
        if self._pieces or self.done:
            self.wake()
        return end

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for more."""
        return self._waiter is not None

    def start(self, now: float) -> None:
        """The client's time begins."""
        self._since, self._fresh = now, 0

    def is_late(self, now: float, held_up: bool, settings: ServerSettings) -> bool:
        """Whether it comes too slowly, over windows in which somebody waited for it and we did not hold it up."""
        if self.done:
            return False
        if settings.body_min_rate is None or held_up or not self.is_wanted:
            self.start(now)
            return False
        spent = now - self._since
        if spent < settings.body_grace:
            return False
        late = self._fresh < settings.body_min_rate * spent
        self.start(now)
        return late

    def take(self) -> bytes:
        """All that has arrived."""
        pieces = self._pieces
        if not pieces:
            return b""
        taken = pieces.popleft() if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.waiting = 0
        return taken

    @property
    def is_exhausted(self) -> bool:
        """Whether the reader has had everything."""
        return self.done and not self._pieces

    async def wait(self) -> None:
        """Until there is something to take, the end, or `wake`."""
        if self._pieces or self.done or self.broken:
            return
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def give_up(self) -> None:
        """No more will come: whoever reads is told that the client has gone."""
        self.broken = True
        self.wake()

    def wake(self) -> None:
        """Whoever waits looks again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
