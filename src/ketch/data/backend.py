"""What differs between database engines, as a small interface. One file per engine stands in `adapters/`."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sqlalchemy.engine import URL, Engine, ExceptionContext
from sqlalchemy.exc import DataError, DBAPIError

Broken = Literal["unique", "foreign_key", "referenced", "not_null", "check", "value", "busy"]


class Use(enum.Enum):
    """What a session is opened for. Only SQLite needs to know beforehand: it has one lock for all writers."""

    WRITE = "write"  # takes the lock of writers when it begins: read-modify-write cannot lose an update
    LAZY = "lazy"  # reads; takes the lock only if something is written after all
    READ = "read"  # may not write


@dataclass(frozen=True, slots=True)
class Violation:
    """Which rule a statement broke. Only what the driver told is filled in; `columns` are the table's names."""

    broken: Broken
    table: str | None = None
    columns: tuple[str, ...] = ()
    constraint: str | None = None


@dataclass(frozen=True, slots=True)
class Driver:
    """A driver as SQLAlchemy names it, the module it needs, and the line that installs it."""

    name: str
    module: str
    install: str


class Backend(Protocol):
    """One database engine. `schemes` are the first parts of the URLs that it answers to."""

    schemes: tuple[str, ...]
    drivers: tuple[Driver, ...]
    sync_drivers: tuple[Driver, ...]

    def adapt(self, url: URL, driver: Driver) -> URL:
        """The URL this driver understands."""
        ...

    def pool(self, use: Use) -> str:
        """The name of the connection pool for this use: uses of one name share their connections."""
        ...

    def engine_options(self, use: Use) -> dict[str, Any]:
        """Keywords for SQLAlchemy's create_engine."""
        ...

    def prepare(self, engine: Engine, use: Use) -> None:
        """Attach the listeners that a new engine needs."""
        ...

    def execution_options(self, use: Use) -> dict[str, Any]:
        """Options for the connections of this use; empty where the pool itself makes the difference."""
        ...

    def violation(self, error: DBAPIError) -> Violation | None:
        """What a database error means, or None where it is nobody's input."""
        ...


_TARGET = re.compile(
    r"""\s*(INSERT|UPDATE|DELETE)\b(?:\s+OR\s+\w+)?(?:\s+(?:INTO|FROM))?\s+["`]?(\w+)["`]?""", re.IGNORECASE
)


def target_of(statement: str | None) -> tuple[str, str]:
    """("INSERT", "airport"): what a statement does and to which table; empty where that cannot be read."""
    match = _TARGET.match(statement or "")
    return (match[1].upper(), match[2]) if match else ("", "")


def unstorable(context: ExceptionContext) -> None:
    """Drivers raise Python's own errors for what they cannot send: 2**64, or a lone surrogate. Make them DataErrors."""
    error = context.original_exception
    if isinstance(error, (OverflowError, UnicodeEncodeError)):
        raise DataError(context.statement, context.parameters, error) from error
