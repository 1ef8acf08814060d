from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.data import Page, PageParameters, Select, case, paginate, select
from ketch.data.cursor import Cursor, decode, encode
from ketch.http.problems import ValidationProblem
from tests.data.ships import Ship, opened

MORNING = datetime(2026, 5, 1, 6, tzinfo=UTC)


def fleet() -> list[Ship]:
    """23 ships; lengths repeat, some berths and moments are null."""
    return [
        Ship(
            name=f"ship {number:02}",
            length=1 + number % 4,
            berth=None if number % 3 == 0 else f"b{number % 5}{number}",
            seen_at=None if number % 4 == 0 else MORNING + timedelta(minutes=number % 7),
        )
        for number in range(23)
    ]


ORDERS: dict[str, Callable[[], Select[Ship]]] = {
    "none": lambda: select(Ship),
    "name": lambda: select(Ship).order_by(Ship.name),
    "ties": lambda: select(Ship).order_by(Ship.length),
    "ties down": lambda: select(Ship).order_by(Ship.length.desc()),
    "mixed": lambda: select(Ship).order_by(Ship.length.desc(), Ship.name.asc()),
    "nulls": lambda: select(Ship).order_by(Ship.berth),
    "nulls down": lambda: select(Ship).order_by(Ship.berth.desc()),
    "moments": lambda: select(Ship).order_by(Ship.seen_at.desc(), Ship.length),
    "expression": lambda: select(Ship).order_by(case((Ship.length > 2, 0), else_=1), Ship.name.desc()),
    "filtered": lambda: select(Ship).where(Ship.length > 1).order_by(Ship.berth, Ship.id.desc()),
}


@pytest.mark.parametrize("order", ORDERS)
def test_walking_there_and_back_meets_every_row_once(url: str, order: str) -> None:
    async def run() -> None:
        async with opened(url) as database:
            async with database.sessions() as session:
                session.add_all(fleet())
            async with database.sessions(read_only=True) as session:
                rows = ORDERS[order]()
                whole = await paginate(session, rows, PageParameters(limit=100))
                assert (whole.next, whole.previous) == (None, None)
                expected = [ship.id for ship in whole.items]
                assert len(set(expected)) == len(expected) >= 17

                forwards, page = [], await paginate(session, rows, PageParameters(limit=5))
                assert page.previous is None
                forwards.append([ship.id for ship in page.items])
                while page.next:
                    page = await paginate(session, rows, PageParameters(limit=5, cursor=page.next))
                    forwards.append([ship.id for ship in page.items])
                assert [key for part in forwards for key in part] == expected

                backwards = [[ship.id for ship in page.items]]
                while page.previous:
                    page = await paginate(session, rows, PageParameters(limit=5, cursor=page.previous))
                    backwards.append([ship.id for ship in page.items])
                assert backwards[::-1] == forwards

    asyncio.run(run())


def test_a_page_is_stable_while_rows_come_and_go(sqlite_url: str) -> None:
    async def run() -> None:
        async with opened(sqlite_url) as database:
            async with database.sessions() as session:
                session.add_all(fleet())
            rows = select(Ship).order_by(Ship.name)
            async with database.sessions() as session:
                first = await paginate(session, rows, PageParameters(limit=5))
                session.add(Ship(name="aaa"))
                await session.delete(first.items[-1])
                await session.flush()
                second = await paginate(session, rows, PageParameters(limit=5, cursor=first.next))
                assert second.items[0].name == "ship 05"
                assert second.previous is not None

    asyncio.run(run())


def test_going_back_to_rows_that_are_gone_leads_to_the_first_page(sqlite_url: str) -> None:
    async def run() -> None:
        async with opened(sqlite_url) as database, database.sessions() as session:
            session.add_all(fleet())
            await session.flush()
            rows = select(Ship).order_by(Ship.name)
            first = await paginate(session, rows, PageParameters(limit=5))
            second = await paginate(session, rows, PageParameters(limit=5, cursor=first.next))
            for ship in first.items:
                await session.delete(ship)
            await session.flush()
            back = await paginate(session, rows, PageParameters(limit=5, cursor=second.previous))
            assert [ship.id for ship in back.items] == [ship.id for ship in second.items]
            assert back.previous is None

    asyncio.run(run())


def test_an_empty_list_is_one_empty_page(sqlite_url: str) -> None:
    async def run() -> None:
        async with opened(sqlite_url) as database, database.sessions() as session:
            assert await paginate(session, select(Ship), PageParameters()) == Page(items=[])

    asyncio.run(run())


def test_map_keeps_the_cursors() -> None:
    assert Page([1, 2], "n", "p").map(str) == Page(["1", "2"], "n", "p")


KINDS = [(Ship.name.type, False), (Ship.seen_at.type, True), (Ship.id.type, False)]


@given(
    st.text().filter(lambda text: "\0" not in text and text.isprintable()),
    st.none() | st.datetimes(timezones=st.just(UTC)),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
)
def test_a_cursor_is_read_as_it_was_written(name: str, seen: datetime | None, key: int, backwards: bool) -> None:
    cursor = Cursor((name, seen, key), backwards)
    assert decode(encode(cursor), KINDS) == cursor


@given(st.text(max_size=60) | st.text("ABCDEFabcdef0123456789-_=", max_size=60))
def test_whatever_is_no_cursor_is_422(word: str) -> None:
    try:
        decode(word, KINDS)
    except ValidationProblem as problem:
        assert problem.errors[0]["loc"] == ["query", "cursor"]


@pytest.mark.parametrize(
    "values",
    [
        ["a"],
        ["a", None, 1, 2],
        [1, None, 1],
        ["a", "yesterday", 1],
        ["a", None, 2**63],
        ["a", None, None],
        ["a", None, "1"],
        ["a\0", None, 1],
        [["a"], None, 1],
    ],
)
def test_a_forged_cursor_is_422(values: list[Any]) -> None:
    with pytest.raises(ValidationProblem):
        decode(encode(Cursor(tuple(values))), KINDS)


@pytest.mark.parametrize("word", ["", "é", "!!!!", "W10", "bnVsbA", "e30", "A" * 2_000, "Wz" * 900])
def test_noise_is_422(word: str) -> None:
    with pytest.raises(ValidationProblem):
        decode(word, KINDS)
