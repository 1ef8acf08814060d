"""The `Database` extension: the application's database, its sessions, and what its errors mean to clients."""

from __future__ import annotations

import logging
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, orm
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

from ketch.data.address import Address, choose, hide_password
from ketch.data.backend import Use
from ketch.data.engines import Engines
from ketch.data.model import Model
from ketch.data.session import (
    Session,
    Sessions,
    SyncSession,
    has_changes,
    new_session,
    new_sync_session,
    unit_of_work,
)
from ketch.data.violations import problem_of
from ketch.http.connection import HTTPConnection
from ketch.http.problems import NotFound
from ketch.inject.scope import Scope
from ketch.kernel.errors import SetupError

logger = logging.getLogger("ketch.data")

UNIT = "ketch.data unit of work"
"""Under this key a request's scope remembers its Session."""
OUTSIDE: Any = None
"""Where there is no request."""


class Database:
    """Provides `Session`, `SyncSession` and `Sessions` over one database: `App(extensions=[Database()])`.

    `url` is `sqlite:///app.db` unless given; the environment's DATABASE_URL wins over it, and with KETCH_ENV=test
    neither is touched (TEST_DATABASE_URL, or a fresh temporary file). `echo` logs every statement. Missing tables are
    created at start in tests, and in dev for SQLite, while there are no migrations; `create_tables` says otherwise.
    """

    name = "database"

    def __init__(
        self,
        url: str | None = None,
        *,
        echo: bool = False,
        create_tables: bool | None = None,
        metadata: MetaData = Model.metadata,
    ) -> None:
        self.metadata = metadata
        self.sessions = Sessions(self._new, self._new_sync)
        self._configured = url
        self._echo = echo
        self._create_tables = create_tables
        self._address: Address | None = None
        self._engines: Engines | None = None

    # --- what an extension has ----------------------------------------------------------------------------------------

    def setup(self, declare: Any) -> None:
        """Called once by the application while it is put together."""
        declare.provide(Database, value=self)
        declare.provide(Sessions, value=self.sessions)
        on_loop = {"def": SyncSession, "websocket": Sessions}
        declare.provide(Session, factory=self.open_session, instead=on_loop)
        declare.provide(AsyncSession, factory=_as_async_session, instead=on_loop)
        declare.provide(SyncSession, factory=self.open_sync_session, instead={"websocket": Sessions})
        declare.provide(orm.Session, factory=_as_orm_session, instead={"websocket": Sessions})
        declare.on_result(_flushes)
        declare.exception_handler(NoResultFound, self._nothing_found)
        declare.exception_handler(DBAPIError, self._refused)
        declare.exception_handler(PoolTimeout, self._refused)

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """Open at start, so that a wrong address is found then; close at the end."""
        await self.open()
        try:
            yield
        finally:
            await self.close()

    def describe(self) -> dict[str, str]:
        """What the start-up lines and `ketch check` show."""
        address = self.address
        return {"url": address.shown, "from": address.source}

    # --- opening and closing ------------------------------------------------------------------------------------------

    @property
    def address(self) -> Address:
        """Which database this is now. Decided when first asked, and again after `close`."""
        if self._address is None:
            self._address = choose(self._configured, _mode())
        return self._address

    @property
    def engines(self) -> Engines:
        """The SQLAlchemy engines behind the sessions."""
        if self._engines is None:
            self._engines = Engines(self.address.url, echo=self._echo)
        return self._engines

    async def open(self) -> None:
        """Say which database it is and create what is missing."""
        self._announce()
        engine = self.engines.asynchronous(Use.WRITE)
        missing = _missing_folder(self.engines.url)
        if missing is not None:
            raise unreachable(self.address, FileNotFoundError(f"there is no folder {missing}"))
        try:
            await (await engine.connect()).close()
        except (DBAPIError, OSError) as error:
            await self.engines.close()
            raise unreachable(self.address, error) from error
        if self._may_create_tables():
            async with engine.begin() as connection:
                await connection.run_sync(self.metadata.create_all)

    async def close(self) -> None:
        """Close every connection; delete the file if it was a temporary one."""
        engines, self._engines = self._engines, None
        address, self._address = self._address, None
        if engines is not None:
            await engines.close()
        if address is not None and address.temporary is not None:
            shutil.rmtree(address.temporary, ignore_errors=True)

    def _announce(self) -> None:
        address = self.address
        overruled = address.source == "DATABASE_URL" and self._configured is not None
        loud = overruled and _mode() == "dev"
        logger.log(
            logging.WARNING if loud else logging.INFO,
            "database %s (from %s%s)",
            address.shown,
            address.source,
            ", which wins over the code" if overruled else "",
        )

    def _may_create_tables(self) -> bool:
        if self._create_tables is not None:
            return self._create_tables
        if _migrations_exist():
            return False
        return _mode() == "test" or (_mode() == "dev" and "sqlite" in self.engines.backend.schemes)

    # --- units of work ------------------------------------------------------------------------------------------------

    def _new(self, use: Use) -> Session:
        return new_session(self.engines.asynchronous(use), use)

    def _new_sync(self, use: Use) -> SyncSession:
        return new_sync_session(self.engines.synchronous(use), use)

    async def open_session(self, scope: Scope, request: HTTPConnection = OUTSIDE) -> AsyncIterator[Session]:
        """One unit of work: what a handler that asks for `Session` gets."""
        use = Use.LAZY if _only_reads(request) else Use.WRITE
        async with unit_of_work(self._new(use)) as session:
            scope.remember(UNIT, session)
            scope.on_stream(lambda: self._before_stream(session))
            yield session

    async def _before_stream(self, session: Session) -> None:
        """A streamed result keeps its session: what it wrote is committed first, then it only reads."""
        await session.commit()
        session.sync_session.read_only = True
        session.sync_session.bind = self.engines.asynchronous(Use.READ).sync_engine

    def open_sync_session(self) -> Iterator[SyncSession]:
        """The same in a thread."""
        with self.sessions.sync() as session:
            yield session

    # --- errors -------------------------------------------------------------------------------------------------------

    async def _nothing_found(self, request: object, error: NoResultFound) -> Any:
        raise NotFound("There is nothing with this key.") from error

    async def _refused(self, request: object, error: Exception) -> Any:
        problem = problem_of(error, self.engines.backend, self.metadata)
        if problem is None:
            raise error
        raise problem from error


def _missing_folder(url: URL) -> Path | None:
    """The folder that a SQLite file would stand in, if it is not there: SQLite's own words do not say so."""
    if not url.drivername.startswith("sqlite") or not url.database or url.database.startswith("file:"):
        return None
    folder = Path(url.database).absolute().parent
    return None if folder.is_dir() else folder


def unreachable(address: Address, error: Exception) -> SetupError:
    """The database does not answer, in the words of its driver."""
    words = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    return SetupError(
        "KETCH-DATA-004",
        f"The database {address.shown} cannot be opened.",
        why=f"{hide_password(words[0])} (the address comes from {address.source})",
        fix="Is the server running, and are host, port, user, password and the database's name right?"
        if not address.url.startswith("sqlite")
        else "Make the folder, or name another; and may this user write there?",
    )


def _only_reads(request: HTTPConnection | None) -> bool:
    """GET and HEAD should not wait for the writers' lock; if they write after all, they take it then."""
    return request is not None and request.scope.get("method") in ("GET", "HEAD")


def _flushes(_result: object, nodes: Iterable[Any]) -> Any:
    """`SyncSession.before_result` for handlers on the event loop."""
    return flush_unit if any(node.provider.key is Session for node in nodes) else None


async def flush_unit(result: Any, _request: object, scope: Scope) -> Any:
    session = (scope.cache or {}).get(UNIT)
    if session is not None and has_changes(session.sync_session):
        await session.flush()
    return result


async def _as_async_session(session: Session) -> AsyncSession:
    """The same object under SQLAlchemy's own name."""
    return session


def _as_orm_session(session: SyncSession) -> orm.Session:
    return session


def _mode() -> str:
    from ketch.app import mode

    return mode()


def _migrations_exist() -> bool:
    """True if this project has migration scripts: from then on they make the tables, and nothing else does."""
    return any(Path("migrations").glob("**/[!_]*.py"))
