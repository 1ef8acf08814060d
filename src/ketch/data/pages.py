"""Pages by key: `?limit=50&cursor=...`, as quick for the last page as for the first, and stable while rows come and go.

A page starts after a row, not after a number of rows: `WHERE (name, id) > (:name, :id) ORDER BY name, id LIMIT 50`.
The order is that of the statement, completed by the primary key so that no two rows are equal. A cursor holds the
values of the order's keys in the row at the page's edge (cursor.py); it is opaque to clients, and not a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from sqlalchemy import Case, ColumnElement, Select, and_, case, false, inspect, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import UnaryExpression

from ketch.binding.sources import Query
from ketch.data.cursor import Cursor, decode, encode

T = TypeVar("T")
R = TypeVar("R")

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class Page(msgspec.Struct, Generic[T]):
    """Some of many: `next` and `previous` are cursors for the neighbouring pages, or null at the ends."""

    items: list[T]
    next: str | None = None
    previous: str | None = None

    def map(self, function: Callable[[T], R]) -> Page[R]:
        """The same page with every item put through a function: `page.map(shown)`."""
        return Page(items=[function(item) for item in self.items], next=self.next, previous=self.previous)


class PageParameters(msgspec.Struct, kw_only=True):
    """How much, and from where."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT, description=f"Rows on a page, at most {MAX_LIMIT}.")] = (
        DEFAULT_LIMIT
    )
    cursor: Annotated[
        str | None, msgspec.Meta(max_length=2_000, description="`next` or `previous` of another page.")
    ] = None


PageQuery = Annotated[PageParameters, Query()]
"""The type of a parameter that reads `limit` and `cursor` from the query."""


@dataclass(frozen=True, slots=True)
class Key:
    """One term of the order. `nullable` ones are preceded by a term that puts nulls last on every engine."""

    expression: ColumnElement[Any]
    descending: bool = False
    nullable: bool = False

    @property
    def ordered(self) -> ColumnElement[Any]:
        return self.expression.desc() if self.descending else self.expression.asc()

    def reversed(self) -> Key:
        return Key(self.expression, not self.descending, self.nullable)

    def after(self, value: Any) -> ColumnElement[bool]:
        condition: ColumnElement[bool] = self.expression < value if self.descending else self.expression > value
        return condition

    def from_(self, value: Any) -> ColumnElement[bool]:
        condition: ColumnElement[bool] = self.expression <= value if self.descending else self.expression >= value
        return condition


async def paginate(session: AsyncSession, rows: Select[T], page: PageParameters) -> Page[T]:
    """One page of a statement that selects one entity or column, in the statement's order.

    Raises ValidationProblem (422) for a cursor that is not one of this statement's.
    """
    keys = keys_of(rows)
    cursor = decode(page.cursor, [(key.expression.type, key.nullable) for key in keys]) if page.cursor else None
    items = await _fetch(session, rows, keys, page.limit, cursor)
    if cursor is not None and cursor.backwards and not items:
        # Everything before has been deleted meanwhile: the first page is what there is.
        cursor, items = None, await _fetch(session, rows, keys, page.limit, None)
    more = len(items) > page.limit
    items = items[: page.limit]
    backwards = cursor is not None and cursor.backwards
    if backwards:
        items.reverse()
    behind = more if backwards else cursor is not None
    ahead = backwards or more
    return Page(
        items=[row[0] for row in items],
        next=encode(Cursor(tuple(items[-1][1:]))) if ahead and items else None,
        previous=encode(Cursor(tuple(items[0][1:]), backwards=True)) if behind and items else None,
    )


async def _fetch(
    session: AsyncSession, rows: Select[T], keys: list[Key], limit: int, cursor: Cursor | None
) -> list[Any]:
    """One row more than the limit, so that it is known whether there are more; each with the values of its keys."""
    directed = [key.reversed() for key in keys] if cursor is not None and cursor.backwards else keys
    statement: Select[Any] = rows.add_columns(*(key.expression for key in keys))
    statement = statement.order_by(None).order_by(*(key.ordered for key in directed)).limit(limit + 1)
    if cursor is not None:
        statement = statement.where(beyond(directed, cursor.values))
    return list((await session.execute(statement)).all())


def beyond(keys: list[Key], values: tuple[Any, ...]) -> ColumnElement[bool]:
    """`(a, b) > (:a, :b)`, spelt out: row comparison knows neither mixed directions nor nulls."""
    choices = []
    equal: list[ColumnElement[bool]] = []
    for key, value in zip(keys, values, strict=True):
        if value is None:  # the term before it says "is null" already
            continue
        choices.append(and_(*equal, key.after(value)))
        equal.append(key.expression == value)
    condition = or_(false(), *choices)
    # The first term again, alone and inclusive: with it an index on the first key can be entered at the right place.
    return and_(keys[0].from_(values[0]), condition) if values[0] is not None else condition


def keys_of(rows: Select[T]) -> list[Key]:
    """The keys of a statement's order, nulls and ties settled."""
    keys: list[Key] = []
    for clause in rows._order_by_clauses:
        key = _key(clause)
        if key.nullable:
            keys.append(Key(case((key.expression.is_(None), 1), else_=0)))
        keys.append(key)
    present = [key.expression for key in keys]
    for column in _primary_key(rows):
        if not any(column is expression or column.compare(expression) for expression in present):
            keys.append(Key(column))
    return keys


def _key(clause: Any) -> Key:
    descending = False
    while isinstance(clause, UnaryExpression) and clause.modifier is not None:
        if clause.modifier is operators.desc_op:
            descending = True
        elif clause.modifier is not operators.asc_op:
            raise TypeError("paginate puts nulls last by itself: order_by() without nulls_first() and nulls_last()")
        clause = clause.element
    return Key(clause, descending, _nullable(clause))


def _nullable(expression: ColumnElement[Any]) -> bool:
    """Unknown counts as nullable, except for CASE, whose author said what else."""
    if isinstance(expression, Case):
        return False
    return bool(getattr(expression, "nullable", True))


def _primary_key(rows: Select[Any]) -> list[ColumnElement[Any]]:
    described = rows.column_descriptions[0]
    entity = described.get("entity")
    if entity is None:
        raise TypeError("paginate needs a statement that selects a model: select(Product)")
    mapper: Mapper[Any] = inspect(entity).mapper
    return [getattr(entity, mapper.get_property_by_column(column).key) for column in mapper.primary_key]
