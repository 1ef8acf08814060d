"""SQLite as production sets it up."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from ketch.data import insert, text
from ketch.data.backend import Use
from tests.data.ships import Ship, opened


@pytest.mark.parametrize(
    ("pragma", "value"),
    [
        ("journal_mode", "wal"),
        ("synchronous", 1),
        ("foreign_keys", 1),
        ("busy_timeout", 5_000),
        ("mmap_size", 134_217_728),
        ("journal_size_limit", 67_108_864),
    ],
)
@pytest.mark.parametrize("use", list(Use))
def test_every_connection_has_the_settings(sqlite_url: str, pragma: str, value: object, use: Use) -> None:
    async def run() -> None:
        async with opened(sqlite_url) as database:
            async with database.engines.asynchronous(use).connect() as connection:
                assert (await connection.execute(text(f"PRAGMA {pragma}"))).scalar() == value

            def in_thread() -> None:
                with database.engines.synchronous(use).connect() as connection:
                    assert connection.execute(text(f"PRAGMA {pragma}")).scalar() == value

            await asyncio.to_thread(in_thread)

    asyncio.run(run())


def test_ten_writers_lose_no_update(sqlite_url: str) -> None:
    async def writer(database: object) -> None:
        for _ in range(40):
            async with database.sessions() as session:  # type: ignore[attr-defined]
                ship = await session.get_one(Ship, 1)
                await asyncio.sleep(0)
                ship.length += 1

    async def run() -> None:
        async with opened(sqlite_url) as database:
            async with database.sessions() as session:
                session.add(Ship(name="Ada", length=1))
            await asyncio.gather(*(writer(database) for _ in range(10)))
            async with database.sessions(read_only=True) as session:
                assert (await session.get_one(Ship, 1)).length == 401

    asyncio.run(run())


def test_a_reader_does_not_wait_for_a_writer(sqlite_url: str) -> None:
    async def run() -> None:
        async with opened(sqlite_url) as database, database.sessions() as writing:
            writing.add(Ship(name="Ada"))
            await writing.flush()
            async with asyncio.timeout(2), database.sessions(read_only=True) as reading:
                assert await reading.get(Ship, 1) is None

    asyncio.run(run())


def test_a_read_only_connection_cannot_write_by_sql_either(sqlite_url: str) -> None:
    async def run() -> None:
        async with opened(sqlite_url) as database:
            with pytest.raises(OperationalError, match="readonly"):
                async with database.sessions(read_only=True) as session:
                    await session.execute(insert(Ship).values(name="Ada"))

    asyncio.run(run())


def test_another_process_and_ours_take_turns(sqlite_url: str, tmp_path: Path) -> None:
    other = (
        "import sqlite3, sys, time\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('BEGIN IMMEDIATE'); print('locked', flush=True); time.sleep(0.5)\n"
        "c.execute(\"INSERT INTO ship (name, length, home_port) VALUES ('Other', 1, 'Rye')\"); c.execute('COMMIT')\n"
    )

    async def run() -> None:
        async with opened(sqlite_url) as database:
            command = [sys.executable, "-c", other, str(tmp_path / "ships.db")]
            process = await asyncio.to_thread(subprocess.Popen, command, stdout=subprocess.PIPE)
            assert process.stdout is not None
            await asyncio.to_thread(process.stdout.readline)
            async with database.sessions() as session:
                session.add(Ship(name="Ours"))
            assert await asyncio.to_thread(process.wait) == 0
            async with database.sessions(read_only=True) as session:
                assert {(await session.get_one(Ship, key)).name for key in (1, 2)} == {"Other", "Ours"}

    asyncio.run(run())
