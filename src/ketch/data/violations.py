"""What the client hears when the database refuses: 409 for duplicates and broken references, 422 for bad values.

The adapters say which rule was broken as far as their drivers tell; what is missing (the columns behind the name of a
constraint, the attribute behind a column) is looked up in the declared tables. Values are never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, MetaData, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ketch.data.backend import Backend, Violation, target_of
from ketch.data.model import Model
from ketch.http.problems import (
    Conflict,
    ErrorDetail,
    HTTPException,
    ServiceUnavailable,
    UnprocessableContent,
    ValidationProblem,
)

RETRY_SECONDS = "1"

_CONFLICT = {
    "unique": "Another one has this {names} already.",
    "foreign_key": "What {names} refers to does not exist.",
    "referenced": "It is still referred to.",
}
_INVALID = {
    "not_null": "{names} is required.",
    "check": "{names} breaks the rule {rule}.",
    "value": "{names} is outside of what can be stored.",
}
_ERROR_TYPE = {
    "unique": "unique",
    "foreign_key": "foreign_key",
    "not_null": "missing",
    "check": "check",
    "value": "value_error",
}


def problem_of(error: Exception, backend: Backend, metadata: MetaData) -> HTTPException | None:
    """The answer to a database error; None where the client has no part in it, which makes it a 500."""
    if isinstance(error, PoolTimeout):
        return _busy()
    if not isinstance(error, DBAPIError):
        return None
    unstorable = isinstance(error.orig, (OverflowError, UnicodeEncodeError))
    violation = Violation("value") if unstorable else backend.violation(error)
    if violation is None:
        return None
    if violation.broken == "busy":
        return _busy()
    return _told(violation, _fields(violation, metadata, target_of(error.statement)[1]))


def _busy() -> HTTPException:
    return ServiceUnavailable("The database is busy; try again.", headers={"Retry-After": RETRY_SECONDS})


def _told(violation: Violation, fields: tuple[str, ...]) -> HTTPException:
    names = " and ".join(fields)
    if violation.broken in _CONFLICT:
        sentence = _CONFLICT[violation.broken].format(names=names or "value")
        if violation.broken == "referenced" or not fields:
            return Conflict(sentence, code=violation.broken)
        return Conflict(sentence, code=violation.broken, errors=list(_details(violation, fields, sentence)))
    sentence = _INVALID[violation.broken].format(names=names or "A value", rule=violation.constraint)
    if not fields:
        return UnprocessableContent(sentence)
    return ValidationProblem(_details(violation, fields, sentence), sentence)


def _details(violation: Violation, fields: Iterable[str], sentence: str) -> Iterator[ErrorDetail]:
    for field in fields:
        yield {"loc": ["body", field], "msg": sentence, "type": _ERROR_TYPE[violation.broken]}


def _fields(violation: Violation, metadata: MetaData, statement_table: str) -> tuple[str, ...]:
    """The attributes that a violation is about, in the order of the constraint."""
    name = violation.table or statement_table
    tables = [metadata.tables[name]] if name in metadata.tables else list(metadata.tables.values())
    if violation.columns:
        return tuple(_attribute(tables[0] if len(tables) == 1 else None, column) for column in violation.columns)
    for table in tables:
        columns = _columns_of(table, violation)
        if columns:
            return tuple(_attribute(table, column) for column in columns)
    return ()


def _columns_of(table: Table, violation: Violation) -> tuple[str, ...]:
    """The columns behind the name of a constraint; the only foreign key's, where an engine tells nothing at all."""
    named: list[Any] = [*table.constraints, *table.indexes]
    for rule in named:
        if violation.constraint and rule.name == violation.constraint:
            return _check_columns(table, rule) if isinstance(rule, CheckConstraint) else tuple(rule.columns.keys())
    if violation.constraint == "PRIMARY":  # MySQL's name for every primary key
        return tuple(table.primary_key.columns.keys())
    keys = [rule for rule in table.constraints if isinstance(rule, ForeignKeyConstraint)]
    if violation.broken == "foreign_key" and violation.constraint is None and len(keys) == 1:
        return tuple(keys[0].column_keys)
    return ()


def _check_columns(table: Table, rule: CheckConstraint) -> tuple[str, ...]:
    """A check written as text does not know its columns: they are the words that are columns' names."""
    words = set(re.findall(r"\w+", str(rule.sqltext)))
    return tuple(column.name for column in table.columns if column.name in words)


def _attribute(table: Table | None, column: str) -> str:
    """What the model calls a column: the name that clients know."""
    for mapper in Model.registry.mappers:
        if table is not None and mapper.local_table is table and column in table.columns:
            return str(mapper.get_property_by_column(table.columns[column]).key)
    return column
