from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import InvalidRequestError

from ketch.data import func, select
from ketch.data.session import to_the_end
from tests.data.ships import Ship, opened


async def count(database: object) -> int:
    async with database.sessions(read_only=True) as session:  # type: ignore[attr-defined]
        return int(await session.scalar(select(func.count()).select_from(Ship)) or 0)


def test_a_unit_of_work_commits_when_it_succeeds_and_not_otherwise(url: str) -> None:
    async def run() -> None:
        async with opened(url) as database:
            async with database.sessions() as session:
                session.add(Ship(name="Ada"))
            assert await count(database) == 1
            with pytest.raises(KeyError):
                async with database.sessions() as session:
                    session.add(Ship(name="Bea"))
                    await session.flush()
                    raise KeyError
            assert await count(database) == 1

    asyncio.run(run())


def test_what_the_database_makes_is_there_after_a_flush(url: str) -> None:
    async def run() -> None:
        async with opened(url) as database, database.sessions() as session:
            ship = Ship(name="Ada", seen_at=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC))
            session.add(ship)
            await session.flush()
            assert ship.id == 1
            await session.refresh(ship)
            assert ship.seen_at == datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

    asyncio.run(run())


def test_rows_can_be_read_after_commit(url: str) -> None:
    async def run() -> None:
        async with opened(url) as database:
            async with database.sessions() as session:
                ship = Ship(name="Ada")
                session.add(ship)
            assert (ship.id, ship.name) == (1, "Ada")

    asyncio.run(run())


def test_a_session_that_has_ended_says_what_to_do(url: str) -> None:
    async def run() -> None:
        async with opened(url) as database:
            async with database.sessions() as session:
                pass
            with pytest.raises(InvalidRequestError, match="sessions: Sessions"):
                await session.get(Ship, 1)

    asyncio.run(run())


def test_a_read_only_session_refuses_to_flush(url: str) -> None:
    async def run() -> None:
        async with opened(url) as database:
            with pytest.raises(InvalidRequestError, match="read-only"):
                async with database.sessions(read_only=True) as session:
                    session.add(Ship(name="Ada"))
                    await session.flush()
            assert await count(database) == 0

    asyncio.run(run())


@pytest.mark.parametrize("moment", ["working", "committing"])
def test_a_cancelled_unit_of_work_leaves_nothing_half_done(url: str, moment: str) -> None:
    async def work(database: object, began: asyncio.Event) -> None:
        async with database.sessions() as session:  # type: ignore[attr-defined]
            session.add(Ship(name="Ada"))
            await session.flush()
            began.set()
            if moment == "working":
                await asyncio.sleep(60)

    async def run() -> None:
        async with opened(url) as database:
            for _ in range(5):
                began = asyncio.Event()
                task = asyncio.create_task(work(database, began))
                await began.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                expected = 0 if moment == "working" else 1
                assert await count(database) == expected
                if expected:
                    break
            async with database.sessions() as session:  # the connection is whole, and the lock is free
                session.add(Ship(name="Bea"))

    asyncio.run(run())


def test_cancelling_waits_for_what_must_not_be_torn() -> None:
    done = []

    async def slow() -> None:
        await asyncio.sleep(0.05)
        done.append(True)

    async def run() -> None:
        task = asyncio.create_task(to_the_end(slow()))
        await asyncio.sleep(0.01)
        task.cancel()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done

    asyncio.run(run())


def test_what_must_not_be_torn_hands_on_its_result_and_its_error() -> None:
    async def seven() -> int:
        return 7

    async def fail() -> None:
        raise KeyError("no")

    assert asyncio.run(to_the_end(seven())) == 7
    with pytest.raises(KeyError):
        asyncio.run(to_the_end(fail()))


def test_sync_sessions_work_in_threads(sqlite_url: str) -> None:
    async def run() -> None:
        async with opened(sqlite_url) as database:

            def write() -> None:
                with database.sessions.sync() as session:
                    session.add(Ship(name="Ada"))

            def fail() -> None:
                with database.sessions.sync() as session:
                    session.add(Ship(name="Bea"))
                    session.flush()
                    raise KeyError

            await asyncio.to_thread(write)
            with pytest.raises(KeyError):
                await asyncio.to_thread(fail)
            assert await count(database) == 1

    asyncio.run(run())
