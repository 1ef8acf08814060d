"""SQLite, set up for production: a write-ahead log, one writer at a time who never loses an update, many readers.

A transaction that will write begins with BEGIN IMMEDIATE: it waits for the writers' lock before it reads, so what it
read is still true when it writes. In one process the writers queue for a pool of one connection, first come, first
served; SQLite's own waiting (busy_timeout) is for other processes. Readers have connections of their own and are never
kept waiting, as the write-ahead log shows them the last committed state.
"""

from __future__ import annotations

import re
import sqlite3
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from ketch.data.backend import Driver, Use, Violation, target_of, unstorable

BUSY_MILLISECONDS = 5_000
MMAP_BYTES = 128 * 1024 * 1024
JOURNAL_BYTES = 64 * 1024 * 1024

# busy_timeout comes first: turning to WAL takes a lock itself.
PRAGMAS = (
    f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA mmap_size = {MMAP_BYTES}",
    f"PRAGMA journal_size_limit = {JOURNAL_BYTES}",
)

_BEGIN = {Use.WRITE: "BEGIN IMMEDIATE", Use.LAZY: "BEGIN DEFERRED", Use.READ: "BEGIN DEFERRED"}
_FAILED = re.compile(r"(UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: (.*))?$", re.DOTALL)


class SQLite:
    """`sqlite:///relative.db`, `sqlite:////absolute.db`."""

    schemes: tuple[str, ...] = ("sqlite",)
    drivers: tuple[Driver, ...] = (Driver("sqlite+aiosqlite", "aiosqlite", 'pip install "ketch[sql]"'),)
    sync_drivers: tuple[Driver, ...] = (Driver("sqlite+pysqlite", "sqlite3", 'pip install "ketch[sql]"'),)

    def adapt(self, url: URL, driver: Driver) -> URL:
        return url.set(drivername=driver.name)

    def pool(self, use: Use) -> str:
        return use.value

    def engine_options(self, use: Use) -> dict[str, Any]:
        # isolation_level None: the driver begins nothing by itself, `prepare` says how a transaction begins.
        connect = {"isolation_level": None, "check_same_thread": False}
        if use is Use.WRITE:
            return {"connect_args": connect, "pool_size": 1, "max_overflow": 0, "pool_timeout": 10}
        return {"connect_args": connect, "pool_size": 5, "max_overflow": 10}

    def prepare(self, engine: Engine, use: Use) -> None:
        begin = _BEGIN[use]

        @event.listens_for(engine, "connect")
        def connected(connection: Any, _record: object) -> None:
            cursor = connection.cursor()
            for pragma in PRAGMAS:
                cursor.execute(pragma)
            if use is Use.READ:
                cursor.execute("PRAGMA query_only = ON")
            cursor.close()

        @event.listens_for(engine, "begin")
        def begun(connection: Connection) -> None:
            connection.exec_driver_sql(begin)

        event.listen(engine, "handle_error", unstorable)

    def execution_options(self, use: Use) -> dict[str, Any]:
        return {}

    def violation(self, error: DBAPIError) -> Violation | None:
        text = str(error.orig)
        if _is_busy(error.orig):
            return Violation("busy")
        if match := _FAILED.search(text):
            return _constraint(match[1], match[2] or "", target_of(error.statement))
        return None


def _constraint(rule: str, names: str, statement: tuple[str, str]) -> Violation:
    verb, table = statement
    if rule == "CHECK":
        return Violation("check", table or None, constraint=names)
    if rule == "FOREIGN KEY":  # SQLite does not say which one
        return Violation("referenced" if verb == "DELETE" else "foreign_key", table or None)
    if names.startswith("index '"):  # a unique index over an expression
        return Violation("unique", table or None, constraint=names[7:-1])
    pairs = [name.strip().rpartition(".") for name in names.split(",")]
    columns = tuple(column for _, _, column in pairs)
    return Violation("unique" if rule == "UNIQUE" else "not_null", pairs[0][0] or table or None, columns)


def _is_busy(error: BaseException | None) -> bool:
    """Another process kept the lock longer than busy_timeout, or wrote between our read and our write."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
