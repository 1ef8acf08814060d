"""MySQL and MariaDB through asyncmy; `def` handlers through PyMySQL or mysqlclient, whichever is installed."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Engine
from sqlalchemy.exc import DBAPIError

from ketch.data.backend import Broken, Driver, Use, Violation, unstorable

# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html, https://mariadb.com/kb/en/mariadb-error-code-reference/
_BROKEN: dict[int, Broken] = {
    1062: "unique",
    1586: "unique",
    1451: "referenced",
    1452: "foreign_key",
    1048: "not_null",
    1364: "not_null",
    3819: "check",
    4025: "check",  # MariaDB's
    1264: "value",  # out of range
    1292: "value",  # truncated or wrong value
    1366: "value",  # wrong string or number
    1406: "value",  # too long
    1205: "busy",  # lock wait timeout
    1213: "busy",  # deadlock
}
_UNIQUE_KEY = re.compile(r"for key '(?:[^'.]+\.)?([^']+)'")
_FOREIGN_KEY = re.compile(r"CONSTRAINT `([^`]+)` FOREIGN KEY \(([^)]+)\)")
_FAILING_TABLE = re.compile(r"fails \(`[^`]+`\.`([^`]+)`")
_COLUMN = re.compile(r"(?:Column|Field|column) '([^']+)'|column `[^`]+`\.`[^`]+`\.`([^`]+)`")
_CHECK = re.compile(r"CONSTRAINT `([^`]+)` failed|constraint '([^']+)' is violated")


class MySQL:
    """`mysql://user:password@host:3306/database`, for MariaDB too (`mariadb://` is understood)."""

    schemes: tuple[str, ...] = ("mysql", "mariadb")
    drivers: tuple[Driver, ...] = (Driver("mysql+asyncmy", "asyncmy", 'pip install "ketch[mysql]"'),)
    sync_drivers: tuple[Driver, ...] = (
        Driver("mysql+pymysql", "pymysql", "pip install PyMySQL"),
        Driver("mysql+mysqldb", "MySQLdb", "pip install mysqlclient"),
    )

    def adapt(self, url: URL, driver: Driver) -> URL:
        url = url.set(drivername=driver.name)
        return url if "charset" in url.query else url.update_query_dict({"charset": "utf8mb4"})

    def pool(self, use: Use) -> str:
        return "all"

    def engine_options(self, use: Use) -> dict[str, Any]:
        # The server closes a connection that was idle for wait_timeout (8 hours, often less behind a proxy).
        return {"pool_size": 10, "max_overflow": 20, "pool_pre_ping": True, "pool_recycle": 1_800}

    def prepare(self, engine: Engine, use: Use) -> None:
        event.listen(engine, "handle_error", unstorable)

    def execution_options(self, use: Use) -> dict[str, Any]:
        return {}

    def violation(self, error: DBAPIError) -> Violation | None:
        args: tuple[Any, ...] = getattr(error.orig, "args", ())
        if len(args) < 2 or not isinstance(args[0], int) or args[0] not in _BROKEN:
            return None
        broken, text = _BROKEN[args[0]], str(args[1])
        if broken == "unique":
            key = _UNIQUE_KEY.search(text)
            return Violation(broken, constraint=key[1] if key else None)
        if broken in ("foreign_key", "referenced"):
            key, table = _FOREIGN_KEY.search(text), _FAILING_TABLE.search(text)
            columns = tuple(name.strip(" `") for name in key[2].split(",")) if key else ()
            return Violation(broken, table[1] if table else None, columns, key[1] if key else None)
        if broken == "check":
            name = _CHECK.search(text)
            return Violation(broken, constraint=(name[1] or name[2]) if name else None)
        column = _COLUMN.search(text)
        return Violation(broken, columns=((column[1] or column[2]),) if column else ())
