"""Units of work: a session that commits when its work succeeded, rolls back when it did not, and is always closed.

Committing, rolling back and closing are carried to their end even if the task around them is cancelled in the middle:
a commit that was begun has then either happened or not, and no connection is left half-way through a command.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import event, orm
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import InvalidRequestError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from ketch.data.backend import Use

T = TypeVar("T")

RETIRED = """This session has ended: its work is committed or rolled back.
In a background task or after the response, open a unit of work of your own:

    async def remind(sessions: Sessions) -> None:
        async with sessions() as session:
            ..."""

READ_ONLY = """This session is read-only, and there is something to write: {what}.
Open one that may write:  async with sessions() as session:"""


class SyncSession(orm.Session):
    """SQLAlchemy's `Session` as one unit of work, for `def` handlers, scripts and tests."""

    retired = False
    read_only = False

    def get_bind(self, *args: Any, **options: Any) -> Engine | Connection:
        if self.retired:
            raise InvalidRequestError(RETIRED)
        return super().get_bind(*args, **options)

    def before_result(self) -> None:
        """Before a handler's result is encoded: new rows get their keys, what the database refuses is refused now."""
        if has_changes(self):
            self.flush()


class Session(AsyncSession):
    """SQLAlchemy's `AsyncSession` as one unit of work.

    In a handler it is committed before the response goes out if the handler returned, and rolled back if it raised.
    `get_one()` finding nothing answers 404.
    """

    sync_session_class = SyncSession
    sync_session: SyncSession


@event.listens_for(SyncSession, "before_flush")
def _refuse_writes(session: SyncSession, _context: object, _instances: object) -> None:
    if session.read_only:
        changed = [*session.new, *session.deleted, *(row for row in session.dirty if session.is_modified(row))]
        if changed:
            raise InvalidRequestError(READ_ONLY.format(what=type(changed[0]).__name__))


def new_session(engine: AsyncEngine, use: Use) -> Session:
    """A session that is not a unit of work yet: whoever asks for it commits and closes it."""
    # expire_on_commit False: what a handler returns is encoded, and what a background task gets is read, after commit.
    session = Session(bind=engine, expire_on_commit=False)
    session.sync_session.read_only = use is Use.READ
    return session


def new_sync_session(engine: Engine, use: Use) -> SyncSession:
    """The same for threads."""
    session = SyncSession(bind=engine, expire_on_commit=False)
    session.read_only = use is Use.READ
    return session


@asynccontextmanager
async def unit_of_work(session: Session) -> AsyncIterator[Session]:
    """Yields the session; then commits, or rolls back if an exception came, and closes in any case."""
    try:
        yield session
        if session.sync_session.in_transaction() or has_changes(session.sync_session):
            await to_the_end(session.commit())
    except BaseException:
        if session.sync_session.in_transaction():
            await to_the_end(session.rollback())
        raise
    finally:
        await to_the_end(session.close())
        session.sync_session.retired = True


@contextmanager
def sync_unit_of_work(session: SyncSession) -> Iterator[SyncSession]:
    """The same for threads; `close` rolls back what was not committed."""
    try:
        yield session
        session.commit()
    finally:
        session.close()
        session.retired = True


def has_changes(session: SyncSession) -> bool:
    """True if a flush would send something."""
    return bool(session.new or session.dirty or session.deleted)


async def to_the_end(work: Awaitable[T]) -> T:
    """Await `work` in a task of its own; a cancellation waits until it is done and is raised then."""
    import asyncio

    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:
            break
    if cancelled is not None:
        task.exception()  # mark it as seen
        raise cancelled
    return task.result()


class Sessions:
    """Opens units of work where there is no request: WebSockets, event streams, background tasks, commands.

    `async with sessions() as session:` commits at the end of the block, or rolls back if it raised.
    `sessions(read_only=True)` never waits for a writer. `sessions.sync()` is the same for threads.
    """

    def __init__(self, open_async: Callable[[Use], Session], open_sync: Callable[[Use], SyncSession]) -> None:
        self._open_async = open_async
        self._open_sync = open_sync

    def __call__(self, *, read_only: bool = False) -> AbstractAsyncContextManager[Session]:
        return unit_of_work(self._open_async(_use(read_only)))

    def sync(self, *, read_only: bool = False) -> AbstractContextManager[SyncSession]:
        return sync_unit_of_work(self._open_sync(_use(read_only)))


def _use(read_only: bool) -> Use:
    return Use.READ if read_only else Use.WRITE
