"""The board: every change of the catalogue as it happens, as server-sent events.

A change is a row of its own, written in the same transaction as what it tells. Streams read the rows after the last
one they sent; being woken only makes them quick. So nothing is lost when a browser comes back (`Last-Event-ID`), when
the server restarts, or when another process made the change.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import msgspec

from ketch import Field, Header, Query, Router, ServerSentEvent
from ketch.data import Session, Sessions, func, select

from .models import Airport, Change
from .schemas import ChangeKind, ChangeOut
from .settings import Settings

POLL_SECONDS = 2.0
BATCH = 100

board = Router(prefix="/api", tags=["board"])


class Bell:
    """Wakes the streams of this process."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    async def ring(self) -> None:
        for event in self._waiting:
            event.set()

    async def wait(self, seconds: float) -> None:
        """Until somebody rings, or that many seconds."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(event)


def record(session: Session, kind: ChangeKind, airport: Airport, text: str) -> None:
    """Write a line on the board, in the unit of work that makes the change."""
    session.add(Change(kind=kind, icao=airport.icao, name=airport.name, text=text[:200]))


def shown(change: Change) -> ChangeOut:
    return msgspec.convert(change, ChangeOut, from_attributes=True)


async def latest(session: Session, count: int) -> Sequence[Change]:
    """The newest lines, newest first."""
    return (await session.scalars(select(Change).order_by(Change.id.desc()).limit(count))).all()


EventId = Annotated[int, Field(ge=0, le=2**53)]


@board.get("/changes")
async def changes(
    sessions: Sessions,
    bell: Bell,
    settings: Settings,
    after: Annotated[EventId | None, Query(description="Start after this change; otherwise with the next one")] = None,
    last_event_id: Annotated[str, Header(max_length=20, description="What a browser saw before it reconnected")] = "",
) -> AsyncIterator[ServerSentEvent]:
    """The board as a stream of events; it goes on until you leave."""
    until = time.monotonic() + settings.harbour_stream_seconds
    seen = await starting_point(
        sessions, int(last_event_id) if last_event_id.isascii() and last_event_id.isdecimal() else after
    )
    while True:
        async with sessions(read_only=True) as session:
            rows = await session.scalars(select(Change).where(Change.id > seen).order_by(Change.id).limit(BATCH))
            news = [shown(change) for change in rows]
        for change in news:
            yield ServerSentEvent(change, event="change", id=change.id)
            seen = change.id
        if time.monotonic() >= until:
            return
        if not news:
            await bell.wait(min(POLL_SECONDS, until - time.monotonic()))


async def starting_point(sessions: Sessions, after: int | None) -> int:
    """The newest change, or the one that was seen last; never one that is still to come (from an older database)."""
    async with sessions(read_only=True) as session:
        newest = await session.scalar(select(func.max(Change.id))) or 0
    return newest if after is None else min(after, newest)
