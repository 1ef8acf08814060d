from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import MetaData
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DataError

from ketch.data import Database, ExactDecimal, Mapped, Model, UTCDateTime, mapped_column, select
from ketch.data.backend import Use
from ketch.data.model import NAMING


class Purse(Model):
    __abstract__ = False
    metadata = MetaData(naming_convention=NAMING)
    anything: Mapped[Decimal | None]
    money: Mapped[Decimal | None] = mapped_column(ExactDecimal(12, 2))


async def kept(url: str, **values: Decimal) -> Purse:
    """A row that was written and read again, found by its value."""
    database = Database(url, create_tables=True, metadata=Purse.metadata)
    await database.open()
    try:
        async with database.sessions() as session:
            session.add(Purse(**values))
        name, value = next(iter(values.items()))
        async with database.sessions(read_only=True) as session:
            column = getattr(Purse, name)
            return (await session.scalars(select(Purse).where(column == value, column + 0 <= value))).one()
    finally:
        async with database.engines.asynchronous(Use.WRITE).begin() as connection:
            await connection.run_sync(Purse.metadata.drop_all)
        await database.close()


@pytest.mark.parametrize(
    "text", ["0", "3.50", "-0.1", "0.30", "12", "100", "9999999999999.99", "0.000000000001", "1E+3"]
)
def test_decimals_come_back_as_they_went_in(url: str, text: str) -> None:
    purse = asyncio.run(kept(url, anything=Decimal(text)))
    assert purse.anything == Decimal(text)
    assert "E+" not in str(purse.anything)


@pytest.mark.parametrize(("text", "shown"), [("3.5", "3.50"), ("0", "0.00"), ("1234567890.10", "1234567890.10")])
def test_a_scale_keeps_its_zeros(url: str, text: str, shown: str) -> None:
    assert str(asyncio.run(kept(url, money=Decimal(text))).money) == shown


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "0.001", "1E+400", "1E-400", "1E+999999"])
def test_what_cannot_be_kept_is_refused_and_never_rounded(url: str, text: str) -> None:
    with pytest.raises(DataError):
        asyncio.run(kept(url, money=Decimal(text)))


def test_sqlite_refuses_more_digits_than_it_keeps(sqlite_url: str) -> None:
    with pytest.raises(DataError, match="15 digits"):
        asyncio.run(kept(sqlite_url, anything=Decimal("1234567890.1234567")))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=2))
def test_a_float_keeps_fifteen_digits_exactly(value: Decimal) -> None:
    kind, dialect = ExactDecimal(), sqlite.dialect()
    bound = kind.process_bind_param(value, dialect)
    assert bound is not None
    assert kind.process_result_value(float(bound), dialect) == value


def test_columns_are_wide_enough_everywhere() -> None:
    shown = {
        name: str(ExactDecimal().load_dialect_impl(dialect.dialect()).compile(dialect.dialect()))
        for name, dialect in {"mysql": mysql, "postgresql": postgresql, "sqlite": sqlite}.items()
    }
    assert shown == {"mysql": "NUMERIC(38, 12)", "postgresql": "NUMERIC", "sqlite": "NUMERIC"}


def test_datetimes_are_utc_and_aware() -> None:
    from sqlalchemy.dialects import sqlite

    kind, dialect = UTCDateTime(), sqlite.dialect()
    east = datetime(2026, 1, 2, 12, tzinfo=timezone(timedelta(hours=2)))
    stored = kind.process_bind_param(east, dialect)
    assert stored == datetime(2026, 1, 2, 10)  # noqa: DTZ001 (what a column without zones holds)
    assert kind.process_result_value(stored, dialect) == datetime(2026, 1, 2, 10, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        kind.process_bind_param(datetime(2026, 1, 2), dialect)  # noqa: DTZ001
