"""The data room: models, sessions, pages. `from ketch.data import Database, Model, Session, mapped_column`.

SQLAlchemy stands behind it and is not hidden: what applications need of it every day is exported here under its own
name, and everything else of it works.

    address        which database: code, environment, tests      engines     SQLAlchemy engines, made when first used
    database       the extension                                 backend     what differs between engines (adapters/)
    session        units of work                                 violations  database errors as 409 and 422
    model, types   Model, mapped_column; dates and decimals      pages       pages by key; cursor
"""

# ruff: noqa: E402 (a missing library is told before it is imported)
from __future__ import annotations

import importlib.util

from ketch.app.rooms import missing_extra
from ketch.kernel.origin import outside

for _module in ("sqlalchemy", "greenlet"):
    if importlib.util.find_spec(_module) is None:
        raise missing_extra(_module, "ketch.data", outside("ketch"))

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    Date,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    Select,
    SmallInteger,
    String,
    Text,
    Time,
    UniqueConstraint,
    Uuid,
    and_,
    case,
    delete,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError, NoResultFound
from sqlalchemy.orm import Mapped, aliased, column_property, declared_attr, joinedload, relationship, selectinload

from ketch.data.database import Database
from ketch.data.model import ColumnRules, Model, mapped_column, rules_of
from ketch.data.pages import Page, PageParameters, PageQuery, paginate
from ketch.data.session import Session, Sessions, SyncSession
from ketch.data.types import ExactDecimal, UTCDateTime

__all__ = [
    "JSON",
    "BigInteger",
    "Boolean",
    "CheckConstraint",
    "ColumnElement",
    "ColumnRules",
    "Database",
    "Date",
    "DateTime",
    "Enum",
    "ExactDecimal",
    "Float",
    "ForeignKey",
    "ForeignKeyConstraint",
    "Index",
    "Integer",
    "IntegrityError",
    "Interval",
    "LargeBinary",
    "Mapped",
    "Model",
    "NoResultFound",
    "Numeric",
    "Page",
    "PageParameters",
    "PageQuery",
    "Select",
    "Session",
    "Sessions",
    "SmallInteger",
    "String",
    "SyncSession",
    "Text",
    "Time",
    "UTCDateTime",
    "UniqueConstraint",
    "Uuid",
    "aliased",
    "and_",
    "case",
    "column_property",
    "declared_attr",
    "delete",
    "exists",
    "func",
    "insert",
    "joinedload",
    "literal",
    "mapped_column",
    "not_",
    "or_",
    "paginate",
    "relationship",
    "rules_of",
    "select",
    "selectinload",
    "text",
    "update",
]
