"""A queue inside one event loop that can be closed from either end.

`asyncio.Queue` has no such thing before Python 3.13, and closing is the point here: when the application ends, whoever
waits for its next message must wake; when the test goes away, an application blocked on back-pressure must wake too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """At most `size` items wait; `put` then waits for room. One reader at a time."""

    def __init__(self, size: int) -> None:
        self._items: deque[T] = deque()
        self._size = size
        self._closed = False
        self._filled = asyncio.Event()
        self._room = asyncio.Event()

    async def put(self, item: T) -> None:
        """Waits for room. After `close` the item is dropped."""
        while len(self._items) >= self._size and not self._closed:
            self._room.clear()
            await self._room.wait()
        self.put_now(item)

    def put_now(self, item: T) -> None:
        """Without waiting, whatever the size."""
        if not self._closed:
            self._items.append(item)
            self._filled.set()

    async def get(self) -> T | None:
        """The next item; None once the mailbox is closed and empty."""
        while not self._items:
            if self._closed:
                return None
            self._filled.clear()
            await self._filled.wait()
        self._room.set()
        return self._items.popleft()

    def close(self) -> None:
        """Nothing comes in any more; what is inside may still be read. May be called twice."""
        self._closed = True
        self._filled.set()
        self._room.set()
