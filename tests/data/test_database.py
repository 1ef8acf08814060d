"""The extension in an application: what handlers get, when work is committed, what clients hear."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession

from ketch import App, BackgroundTasks, JSONResponse, NotFound, Struct
from ketch.data import Database, IntegrityError, Page, PageQuery, Session, Sessions, SyncSession, func, paginate, select
from ketch.testing import TestClient
from tests.data.ships import Fleet, Ship


class NewShip(Struct):
    name: str
    length: int = 10


class ShipOut(Struct):
    id: int
    name: str


def shipyard() -> App:
    app = App(extensions=[Database(metadata=Fleet.metadata)])

    @app.post("/ships", status_code=201)
    async def build(new: NewShip, session: Session) -> ShipOut:
        ship = Ship(name=new.name, length=new.length)
        session.add(ship)
        return ship  # type: ignore[return-value]

    @app.get("/ships")
    async def every(page: PageQuery, session: Session) -> Page[ShipOut]:
        ships = await paginate(session, select(Ship).order_by(Ship.name), page)
        return ships  # type: ignore[return-value]

    @app.get("/ships/{key}")
    async def one(key: int, session: Session) -> ShipOut:
        ship = await session.get_one(Ship, key)
        return ship  # type: ignore[return-value]

    @app.post("/sync/ships", status_code=201)
    def build_in_thread(new: NewShip, session: SyncSession) -> ShipOut:
        ship = Ship(name=new.name)
        session.add(ship)
        return ship  # type: ignore[return-value]

    @app.get("/sync/ships/{key}")
    def one_in_thread(key: int, session: orm.Session) -> ShipOut:
        return session.get_one(Ship, key)  # type: ignore[return-value]

    @app.get("/count")
    async def count(sessions: Sessions) -> int:
        async with sessions(read_only=True) as session:
            return await session.scalar(select(func.count()).select_from(Ship)) or 0

    @app.post("/failing")
    async def failing(session: Session) -> None:
        session.add(Ship(name="lost"))
        await session.flush()
        raise NotFound("never mind")

    @app.post("/returned", status_code=201)
    async def returned(session: Session) -> JSONResponse:
        session.add(Ship(name="kept"))
        return JSONResponse({"told": "returned responses commit"}, 418)

    @app.post("/same")
    async def same(ours: Session, theirs: AsyncSession) -> bool:
        return ours is theirs

    @app.get("/stream")
    async def stream(session: Session) -> AsyncIterator[ShipOut]:
        for ship in (await session.scalars(select(Ship).order_by(Ship.id))).all():
            yield ship  # type: ignore[misc]

    @app.get("/visit")
    async def visit(session: Session) -> int:
        session.add(Ship(name="written by a GET"))
        await session.flush()
        return await session.scalar(select(func.count()).select_from(Ship)) or 0

    @app.post("/later")
    async def later(session: Session, tasks: BackgroundTasks) -> None:
        session.add(Ship(name="seen later"))
        tasks.add_task(look, "seen later")

    return app


looked: list[str | None] = []


async def look(name: str, session: Session) -> None:
    looked.append(await session.scalar(select(Ship.name).where(Ship.name == name)))


def test_create_read_and_list() -> None:
    with TestClient(shipyard()) as client:
        assert client.post("/ships", json={"name": "Ada"}).json() == {"id": 1, "name": "Ada"}
        assert client.get("/ships/1").json() == {"id": 1, "name": "Ada"}
        assert client.get("/ships").json() == {
            "items": [{"id": 1, "name": "Ada"}],
            "next": None,
            "previous": None,
        }


def test_each_test_has_an_empty_database_and_never_the_configured_one(tmp_path: Path) -> None:
    configured = tmp_path / "production.db"
    app = App(extensions=[Database(f"sqlite:///{configured}", metadata=Fleet.metadata)])
    with TestClient(app):
        pass
    assert not configured.exists()
    for _ in range(2):
        with TestClient(shipyard()) as client:
            assert client.post("/ships", json={"name": "Ada"}).status_code == 201


def test_finding_nothing_is_404() -> None:
    with TestClient(shipyard()) as client:
        assert client.get("/ships/7").status_code == 404
        assert client.get("/sync/ships/7").status_code == 404


def test_a_duplicate_is_409_and_names_its_field() -> None:
    with TestClient(shipyard()) as client:
        for path in ("/ships", "/sync/ships"):
            client.post(path, json={"name": "Ada"})
            refused = client.post(path, json={"name": "Ada"})
            assert refused.status_code == 409
            assert refused.json()["errors"][0]["loc"] == ["body", "name"]
            assert refused.headers["content-type"] == "application/problem+json"
        assert client.get("/count").json() == 1


def test_bad_values_are_422() -> None:
    with TestClient(shipyard()) as client:
        assert client.post("/ships", json={"name": "Ada", "length": -1}).json()["errors"][0]["loc"] == [
            "body",
            "length",
        ]
        assert client.get(f"/ships/{2**70}").status_code == 422
        assert client.get("/ships?cursor=nonsense").json()["errors"][0]["loc"] == ["query", "cursor"]
        assert client.get("/ships?limit=0").status_code == 422
        assert client.get("/ships?limit=201").status_code == 422


def test_an_exception_rolls_back_and_a_returned_response_commits() -> None:
    with TestClient(shipyard()) as client:
        assert client.post("/failing").status_code == 404
        assert client.get("/count").json() == 0
        assert client.post("/returned").status_code == 418
        assert client.get("/count").json() == 1


def test_threads_share_the_database() -> None:
    with TestClient(shipyard()) as client:
        key = client.post("/sync/ships", json={"name": "Ada"}).json()["id"]
        assert client.get(f"/ships/{key}").json() == client.get(f"/sync/ships/{key}").json()


def test_sqlalchemys_own_type_is_the_same_session() -> None:
    with TestClient(shipyard()) as client:
        assert client.post("/same").json() is True


def test_a_get_may_write() -> None:
    with TestClient(shipyard()) as client:
        assert client.get("/visit").json() == 1
        assert client.get("/count").json() == 1


def test_a_get_whose_reading_is_out_of_date_may_try_again() -> None:
    app = shipyard()

    @app.get("/late")
    async def late(session: Session, sessions: Sessions) -> None:
        seen = await session.scalar(select(func.count()).select_from(Ship))
        async with sessions() as other:
            other.add(Ship(name="meanwhile"))
        session.add(Ship(name=f"after {seen}"))

    with TestClient(app) as client:
        answer = client.get("/late")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert client.get("/count").json() == 1


def test_a_stream_reads_while_it_goes_out() -> None:
    with TestClient(shipyard()) as client:
        for name in ("Ada", "Bea"):
            client.post("/ships", json={"name": name})
        lines = client.get("/stream").text.splitlines()
        assert lines == ['{"id":1,"name":"Ada"}', '{"id":2,"name":"Bea"}']


def test_background_tasks_see_what_was_committed() -> None:
    looked.clear()
    with TestClient(shipyard()) as client:
        client.post("/later")
    assert looked == ["seen later"]


def test_the_applications_own_handler_wins() -> None:
    app = shipyard()

    @app.exception_handler(IntegrityError)
    async def mine(request: object, error: IntegrityError) -> JSONResponse:
        return JSONResponse({"mine": True}, 400)

    with TestClient(app) as client:
        client.post("/ships", json={"name": "Ada"})
        assert client.post("/ships", json={"name": "Ada"}).json() == {"mine": True}


def test_a_mistake_of_ours_is_a_500() -> None:
    app = shipyard()

    @app.get("/broken")
    async def broken(session: Session) -> int:
        from ketch.data import text

        return await session.scalar(text("SELEKT 1")) or 0

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/broken").status_code == 500


def test_the_container_outside_a_request() -> None:
    async def run() -> None:
        app = shipyard()
        await app.runtime.start()
        try:
            async with app.scope() as scope:
                session: Session = await scope.get(Session)
                session.add(Ship(name="Ada"))
            async with app.scope() as scope:
                sessions: Sessions = await scope.get(Sessions)
                async with sessions(read_only=True) as reading:
                    assert (await reading.get_one(Ship, 1)).name == "Ada"
        finally:
            await app.runtime.stop()

    import os

    os.environ["KETCH_ENV"] = "test"
    try:
        asyncio.run(run())
    finally:
        del os.environ["KETCH_ENV"]


def test_the_start_says_which_database_with_its_password_hidden(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'env.db'}?password=s3cret")
    database = Database("sqlite:///code.db", metadata=Fleet.metadata)
    with caplog.at_level(logging.INFO, "ketch.data"):
        database._announce()
    assert "env.db" in caplog.text
    assert "DATABASE_URL" in caplog.text
    assert "s3cret" not in caplog.text
    assert "s3cret" not in str(database.describe())


@pytest.mark.parametrize(
    ("mode", "migrations", "created"),
    [("dev", False, True), ("dev", True, False), ("production", False, False), ("test", False, True)],
)
def test_tables_are_created_only_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, migrations: bool, created: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KETCH_ENV", mode)
    if migrations:
        (tmp_path / "migrations").mkdir()
        (tmp_path / "migrations" / "0001_first.py").write_text("")

    async def run() -> bool:
        from sqlalchemy import inspect

        from ketch.data.backend import Use

        database = Database("sqlite:///app.db", metadata=Fleet.metadata)
        await database.open()
        try:
            async with database.engines.asynchronous(Use.READ).connect() as connection:
                return await connection.run_sync(lambda sync: inspect(sync).has_table("ship"))
        finally:
            await database.close()

    assert asyncio.run(run()) is created
