"""`Model`, the declarative base, and `mapped_column` with the words Ketch adds to SQLAlchemy's."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, get_args

from sqlalchemy import CheckConstraint, Column, Integer, MetaData, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn
from sqlalchemy.orm import mapped_column as sqlalchemy_mapped_column
from sqlalchemy.orm.attributes import instance_state

from ketch.data.types import ExactDecimal, UTCDateTime

INFO = "ketch"
"""The key under which a column's `info` holds its ColumnRules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnRules:
    """What a column says to clients: who may read and write it, and which values are valid.

    `private` neither in nor out, `read_only` out only, `write_only` in only.
    """

    private: bool = False
    read_only: bool = False
    write_only: bool = False
    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    title: str | None = None
    description: str | None = None
    examples: tuple[Any, ...] | None = None


PLAIN = ColumnRules()
_WORDS = frozenset(ColumnRules.__dataclass_fields__)


def mapped_column(*arguments: Any, **options: Any) -> MappedColumn[Any]:
    """SQLAlchemy's `mapped_column`, which also takes the words of `ColumnRules`; they are kept in `Column.info`."""
    rules = {name: options.pop(name) for name in _WORDS.intersection(options)}
    if rules.get("examples") is not None:
        rules["examples"] = tuple(rules["examples"])
    if sum(bool(rules.get(name)) for name in ("private", "read_only", "write_only")) > 1:
        raise TypeError("mapped_column: private, read_only and write_only exclude each other")
    if rules:
        options["info"] = {**(options.get("info") or {}), INFO: ColumnRules(**rules)}
    column: MappedColumn[Any] = sqlalchemy_mapped_column(*arguments, **options)
    return column


def rules_of(column: Column[Any]) -> ColumnRules:
    """The rules a column was declared with; empty ones for a plain SQLAlchemy column."""
    rules = column.info.get(INFO, PLAIN)
    return rules if isinstance(rules, ColumnRules) else PLAIN


def _check_text(constraint: CheckConstraint, _table: Table) -> str:
    """A name for a check that has none, from its text: `price >= 0` is `price_ge_0`."""
    text = str(constraint.sqltext)
    for sign, word in ((">=", " ge "), ("<=", " le "), ("!=", " ne "), ("<>", " ne "), (">", " gt "), ("<", " lt ")):
        text = text.replace(sign, word)
    return re.sub(r"\W+", "_", text).strip("_").lower()[:32]


# Every constraint has a name, the same on every engine: migrations can drop it, and an error can be traced to it.
# Primary keys go without: MySQL ignores their names and warns each time.
NAMING: dict[str, Any] = {
    "check_text": _check_text,
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "ck": "ck_%(table_name)s_%(check_text)s",
}


class Model(DeclarativeBase):
    """The base of mapped classes: SQLAlchemy 2 declarative, with the usual decisions already taken.

    The table is named after the class in snake case; `id`, an integer, is the primary key unless the class declares
    one. Constraints have names. A `datetime` is aware and UTC, a `Decimal` exact. The constructor takes keywords.
    """

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UTCDateTime(),
        Decimal: ExactDecimal(),
        str: String().with_variant(String(255), "mysql", "mariadb"),  # which know no VARCHAR without a length
    }
    # Values that the database makes (server defaults) are there after a flush, without a second look.
    __mapper_args__: Any = {"eager_defaults": True}

    if TYPE_CHECKING:
        id: Mapped[Any]

    def __init_subclass__(cls, **options: Any) -> None:
        if not cls.__dict__.get("__abstract__", False) and "__table__" not in cls.__dict__:
            _complete(cls)
        super().__init_subclass__(**options)
        if isinstance(table := getattr(cls, "__table__", None), Table):
            _lift_checks(table)

    def __repr__(self) -> str:
        key = instance_state(self).identity
        shown = ", ".join(map(repr, key)) if key else "not saved"
        return f"<{type(self).__name__} {shown}>"


def _complete(cls: type[Model]) -> None:
    """Give a class that is about to be mapped its table name and, if it declares no primary key, its `id`."""
    parent_is_mapped = any("__mapper__" in base.__dict__ for base in cls.__mro__[1:])
    keyed = _declares_key(cls, own=parent_is_mapped)
    if parent_is_mapped and not keyed:
        return  # single-table inheritance: it lives in its parent's table
    if not any("__tablename__" in base.__dict__ for base in cls.__mro__ if "__mapper__" not in base.__dict__):
        cls.__tablename__ = snake_case(cls.__name__)
    if not keyed:
        cls.id = sqlalchemy_mapped_column(Integer(), primary_key=True, sort_order=-1_000)


def _declares_key(cls: type[Model], *, own: bool) -> bool:
    """True if the class, or what it inherits before being mapped, says what its primary key is."""
    classes = [cls] if own else [base for base in cls.__mro__ if base not in Model.__mro__]
    for base in classes:
        names, notes = vars(base), _annotations(base)
        if "id" in notes or "id" in names:
            return True
        if "primary_key" in (names.get("__mapper_args__") or ()):
            return True
        if any(_is_key(value) for value in names.values()):
            return True
        if any(_annotates_key(note, base) for note in notes.values()):
            return True
    return False


def _lift_checks(table: Table) -> None:
    """Checks written at a column become the table's: MariaDB takes no name for one at a column."""
    for column in table.columns:
        for check in [rule for rule in column.constraints if isinstance(rule, CheckConstraint)]:
            column.constraints.discard(check)
            table.append_constraint(check)


def _annotations(cls: type) -> dict[str, Any]:
    """A class's own annotations, unevaluated where they are not (or cannot be) evaluated yet."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF)
    return inspect.get_annotations(cls)


def _is_key(value: Any) -> bool:
    column = value.column if isinstance(value, MappedColumn) else value
    return isinstance(column, Column) and column.primary_key


def _annotates_key(note: Any, cls: type) -> bool:
    """`Mapped[intpk]` where `intpk = Annotated[int, mapped_column(primary_key=True)]`."""
    if isinstance(note, str):
        try:
            note = eval(note, vars(sys.modules[cls.__module__]))  # as SQLAlchemy itself reads annotations
        except Exception:  # a name that is not defined yet: a relation, never a key
            return False
    metadata = [item for part in get_args(note) for item in getattr(part, "__metadata__", ())]
    return any(_is_key(item) for item in metadata)


def snake_case(name: str) -> str:
    """`OrderItem` is `order_item`, `HTTPLog` is `http_log`."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return name.lower()
