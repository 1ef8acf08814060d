"""The tables that these tests use, apart from every other test's, and a database opened on an engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import MetaData

from ketch.data import CheckConstraint, Database, ForeignKey, Mapped, Model, String, UniqueConstraint, mapped_column
from ketch.data.backend import Use
from ketch.data.model import NAMING


class Fleet(Model):
    """Everything below lives in metadata of its own."""

    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING)


class Ship(Fleet):
    name: Mapped[str] = mapped_column(String(20), unique=True)
    berth: Mapped[str | None] = mapped_column(String(10))
    length: Mapped[int] = mapped_column(CheckConstraint("length > 0"), default=10)
    seen_at: Mapped[datetime | None]
    home: Mapped[str] = mapped_column("home_port", String(20), default="Ystad")

    __table_args__ = (UniqueConstraint("home_port", "berth"),)


class CrewMember(Fleet):
    code: Mapped[str] = mapped_column(String(4), primary_key=True)
    ship_id: Mapped[int] = mapped_column(ForeignKey("ship.id"))


@asynccontextmanager
async def opened(url: str, **options: Any) -> AsyncIterator[Database]:
    """A database with these tables, empty; they are gone afterwards."""
    database = Database(url, create_tables=True, metadata=Fleet.metadata, **options)
    await database.open()
    try:
        yield database
    finally:
        async with database.engines.asynchronous(Use.WRITE).begin() as connection:
            await connection.run_sync(Fleet.metadata.drop_all)
        await database.close()
