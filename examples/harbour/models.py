"""The tables: airports, photos of them, and a log of every change."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import event

from ketch.data import ForeignKey, Mapped, Model, String, mapped_column


def now() -> datetime:
    return datetime.now(UTC)


class Airport(Model):
    """A place to land. Its key is the ICAO code, as pilots know it: EGLL."""

    icao: Mapped[str] = mapped_column(String(4), primary_key=True)
    iata: Mapped[str | None] = mapped_column(String(3), unique=True)
    name: Mapped[str] = mapped_column(String(100), index=True)
    city: Mapped[str] = mapped_column(String(100), default="")
    region: Mapped[str] = mapped_column(String(100), default="")
    country: Mapped[str] = mapped_column(String(2), index=True)
    elevation: Mapped[int] = mapped_column(index=True)
    latitude: Mapped[float]
    longitude: Mapped[float]
    timezone: Mapped[str] = mapped_column(String(64))
    changed_at: Mapped[datetime] = mapped_column(default=now, onupdate=now, read_only=True)
    words: Mapped[str] = mapped_column(String(400), default="", private=True)
    """What the search looks at."""


class Photo(Model):
    """An uploaded picture. Its file has a random name; what the client called it is only shown."""

    icao: Mapped[str] = mapped_column(ForeignKey("airport.icao", ondelete="CASCADE"), index=True)
    file: Mapped[str] = mapped_column(String(64), private=True)
    media_type: Mapped[str] = mapped_column(String(32))
    size: Mapped[int]
    caption: Mapped[str] = mapped_column(String(200), default="")
    uploaded_at: Mapped[datetime] = mapped_column(default=now)


class Change(Model):
    """One line of the board. Written in the same transaction as what it tells, so the two never disagree."""

    happened_at: Mapped[datetime] = mapped_column(default=now)
    kind: Mapped[str] = mapped_column(String(10))
    icao: Mapped[str] = mapped_column(String(4))
    name: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(String(200))


def fold(text: str) -> str:
    """Text as the search compares it: `Zürich Kloten` is `zurich kloten`, `Tromsø` is `tromso`."""
    if text.isascii():
        return text.casefold()
    text = text.translate(_PLAIN)
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()


_PLAIN = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ı": "i", "æ": "ae", "œ": "oe"})


def searchable(airport: Airport | dict[str, Any]) -> str:
    """The words by which an airport is found."""
    get = airport.get if isinstance(airport, dict) else lambda name: getattr(airport, name)
    parts = [get(name) or "" for name in ("iata", "icao", "name", "city", "region", "country")]
    return fold(" ".join(parts))[:400]


@event.listens_for(Airport, "before_insert")
@event.listens_for(Airport, "before_update")
def _keep_words(_mapper: Any, _connection: Any, airport: Airport) -> None:
    airport.words = searchable(airport)
