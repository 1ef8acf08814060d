"""What the database refuses is a 409 or a 422 that names the field, on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ketch.data import Session, select
from ketch.data.violations import problem_of
from ketch.http.problems import HTTPException, problem_document
from tests.data.ships import CrewMember, Fleet, Ship, opened


async def refused(url: str, act: Callable[[Session], Any]) -> HTTPException | None:
    async with opened(url) as database:
        async with database.sessions() as session:
            ship = Ship(name="Ada", berth="1")
            session.add(ship)
            await session.flush()
            session.add(CrewMember(code="CAPT", ship_id=ship.id))
        try:
            async with database.sessions() as session:
                await act(session)
        except Exception as error:
            return problem_of(error, database.engines.backend, Fleet.metadata)
        return None


async def duplicate(session: Session) -> None:
    session.add(Ship(name="Ada"))


async def duplicate_of_two(session: Session) -> None:
    session.add(Ship(name="Bea", berth="1"))


async def duplicate_key(session: Session) -> None:
    session.add(CrewMember(code="CAPT", ship_id=1))


async def broken_reference(session: Session) -> None:
    session.add(CrewMember(code="COOK", ship_id=99))


async def still_referenced(session: Session) -> None:
    await session.delete(await session.get_one(Ship, 1))


async def missing(session: Session) -> None:
    session.add(Ship(name=None))


async def broken_check(session: Session) -> None:
    session.add(Ship(name="Bea", length=-1))


@pytest.mark.parametrize(
    ("act", "status", "fields"),
    [
        (duplicate, 409, ["name"]),
        (duplicate_of_two, 409, ["home", "berth"]),
        (duplicate_key, 409, ["code"]),
        (broken_reference, 409, ["ship_id"]),
        (still_referenced, 409, []),
        (missing, 422, ["name"]),
        (broken_check, 422, ["length"]),
    ],
)
def test_the_answer_names_the_fields(url: str, act: Any, status: int, fields: list[str]) -> None:
    problem = asyncio.run(refused(url, act))
    assert problem is not None
    assert problem.status_code == status
    document = problem_document(problem)
    assert [error["loc"] for error in document.get("errors", [])] == [["body", field] for field in fields]
    assert "Ada" not in str(document)  # values are never repeated


async def huge_number(session: Session) -> None:
    await session.get(Ship, 2**70)


async def lone_surrogate(session: Session) -> None:
    (await session.scalars(select(Ship).where(Ship.name == "\ud800"))).all()


@pytest.mark.parametrize("act", [lone_surrogate])
def test_what_no_driver_can_send_is_422(url: str, act: Any) -> None:
    problem = asyncio.run(refused(url, act))
    assert problem is not None
    assert problem.status_code == 422


def test_a_number_beyond_64_bits_is_422_or_nothing_found(url: str) -> None:
    problem = asyncio.run(refused(url, huge_number))
    assert problem is None if url.startswith("mysql") else problem is not None and problem.status_code == 422


def test_a_mistake_in_sql_is_nobodys_input(url: str) -> None:
    async def nonsense(session: Session) -> None:
        from ketch.data import text

        await session.execute(text("SELEKT 1"))

    assert asyncio.run(refused(url, nonsense)) is None
