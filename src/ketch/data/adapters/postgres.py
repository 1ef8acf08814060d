"""PostgreSQL through asyncpg; `def` handlers through psycopg 3 or pg8000, whichever is installed."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError

from ketch.data.backend import Broken, Driver, Use, Violation, unstorable

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BROKEN: dict[str, Broken] = {
    "23505": "unique",
    "23P01": "unique",  # an exclusion constraint
    "23503": "foreign_key",
    "23502": "not_null",
    "23514": "check",
    "40001": "busy",  # serialization failure
    "40P01": "busy",  # deadlock
    "55P03": "busy",  # lock not available
}
_KEY = re.compile(r"^Key \((.+?)\)=\(")


class Postgres:
    """`postgresql://user:password@host:5432/database` (`postgres://` is understood too)."""

    schemes: tuple[str, ...] = ("postgresql", "postgres")
    drivers: tuple[Driver, ...] = (Driver("postgresql+asyncpg", "asyncpg", 'pip install "ketch[postgres]"'),)
    sync_drivers: tuple[Driver, ...] = (
        Driver("postgresql+psycopg", "psycopg", 'pip install "psycopg[binary]"'),
        Driver("postgresql+pg8000", "pg8000", "pip install pg8000"),
    )

    def adapt(self, url: URL, driver: Driver) -> URL:
        url = url.set(drivername=driver.name)
        mode = url.query.get("sslmode")
        if mode is not None and driver.module == "asyncpg":  # libpq's word; asyncpg calls it ssl
            url = url.difference_update_query(["sslmode"]).update_query_dict({"ssl": mode})
        return url

    def pool(self, use: Use) -> str:
        return "all"

    def engine_options(self, use: Use) -> dict[str, Any]:
        return {"pool_size": 10, "max_overflow": 20, "pool_pre_ping": True, "pool_recycle": 1_800}

    def prepare(self, engine: Engine, use: Use) -> None:
        event.listen(engine, "handle_error", unstorable)

    def execution_options(self, use: Use) -> dict[str, Any]:
        return {"postgresql_readonly": True} if use is Use.READ else {}

    def violation(self, error: DBAPIError) -> Violation | None:
        told = _driver_error(error)
        state = str(getattr(told, "sqlstate", None) or getattr(error.orig, "sqlstate", None) or "")
        broken = _BROKEN.get(state) or ("value" if state.startswith("22") or _is_refused(told) else None)
        if broken is None:
            return None
        facts = getattr(told, "diag", told)  # psycopg keeps them apart
        detail = str(getattr(facts, "detail", None) or getattr(facts, "message_detail", None) or "")
        if broken == "foreign_key" and "is still referenced" in detail:
            broken = "referenced"
        column = getattr(facts, "column_name", None)
        key = _KEY.match(detail)
        columns = (column,) if column else tuple(key[1].split(", ")) if key else ()
        return Violation(broken, getattr(facts, "table_name", None), columns, getattr(facts, "constraint_name", None))


def _driver_error(error: DBAPIError) -> BaseException | None:
    """asyncpg's error stands behind SQLAlchemy's adapter; psycopg's is the original itself."""
    return getattr(error.orig, "__cause__", None) or error.orig


def _is_refused(error: BaseException | None) -> bool:
    """asyncpg refuses some values before it sends them: an int that is too large for its column."""
    return type(error).__module__.startswith("asyncpg") and type(error).__name__ == "DataError"
