"""An annotation becomes a small data tree, once; this is the tree.

Binding, the interpreter of bad input, the API's document and the admin's forms all read it; none of them looks at
annotations again. The tree says what a value *is*; how it travels is somebody else's business. `annotations.py` builds
it, `families.py` knows the structured types, `constraints.py` what stands in `Annotated`.

Recursive types work because a record computes its fields when they are first asked for.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, TypeVar, dataclass_transform
from uuid import UUID

T = TypeVar("T")


class _Missing:
    """No default: distinct from None."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()

SCALARS: tuple[type, ...] = (str, int, float, bool, bytes, Decimal, UUID, date, datetime, time, timedelta)
CONSTRAINT_NAMES = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "tz")


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a value must obey, in msgspec's and pydantic's words. `tz`: True aware, False naive, None the house rule."""

    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    tz: bool | None = None

    def __bool__(self) -> bool:
        return self is not FREE and self != FREE

    def items(self) -> list[tuple[str, Any]]:
        """The constraints that are set, in a fixed order."""
        return [(n, getattr(self, n)) for n in CONSTRAINT_NAMES if getattr(self, n) is not None]


FREE = Constraints()


@dataclass(frozen=True, slots=True)
class Note:
    """What documentation shows about a value; it never changes what is accepted."""

    title: str | None = None
    description: str | None = None
    examples: tuple[Any, ...] | None = None
    deprecated: bool = False
    extra_json_schema: Any = None


PLAIN = Note()


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def _part(kind: type[T]) -> type[T]:
    """A frozen dataclass with keywords only, in the eyes of type checkers.

    PERF: what `frozen`, `eq` and `repr` would print for each of a dozen classes is half of what defining them costs at
    every import; equality stands in Shape once, and nobody writes to a shape.
    """
    return dataclass(slots=True, kw_only=True, eq=False, repr=False)(kind)


@_part
class Shape:
    """Base of the tree. `foreign` holds the constraints that came from others and that msgspec does not know."""

    annotation: Any = None
    constraints: Constraints = FREE
    foreign: Constraints = FREE
    note: Note = PLAIN

    def _compared(self) -> tuple[Any, ...]:
        own: Any = self  # a dataclass, which `_part` made of it
        return tuple(getattr(self, one.name) for one in fields(own) if one.compare)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and type(other) is type(self) and self._compared() == other._compared()

    def __hash__(self) -> int:
        return hash((type(self), self._compared()))

    def __repr__(self) -> str:
        own: Any = self
        shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(own) if one.repr)
        return f"{type(self).__name__}({', '.join(shown)})"


@_part
class AnyShape(Shape):
    """Any, object: whatever the format can say."""


@_part
class NoneShape(Shape):
    """None."""


@_part
class ScalarShape(Shape):
    """One of SCALARS."""

    type: type


@_part
class EnumShape(Shape):
    """An Enum class; values travel, not names."""

    type: type[enum.Enum]


@_part
class LiteralShape(Shape):
    """One of several fixed values (str, int, bool or None)."""

    values: tuple[Any, ...]


@_part
class ListShape(Shape):
    """Any number of items: `type` is list, set, frozenset or tuple (`tuple[T, ...]`)."""

    type: type
    item: Shape


@_part
class TupleShape(Shape):
    """A fixed number of items."""

    items: tuple[Shape, ...]


@_part
class DictShape(Shape):
    """A mapping; `type` is dict."""

    key: Shape
    value: Shape


@_part
class UnionShape(Shape):
    """One of several. With `tag_field`, `tags` names the member for each value of that field."""

    members: tuple[Shape, ...]
    tag_field: str | None = None
    tags: tuple[tuple[str | int, RecordShape], ...] = ()

    @property
    def nullable(self) -> bool:
        return any(isinstance(member, NoneShape) for member in self.members)


@dataclass(frozen=True, slots=True)
class FieldShape:
    """A field of a record: `alias` is its name on the wire."""

    name: str
    alias: str
    shape: Shape
    required: bool
    default: Any = MISSING
    default_factory: Any = None
    init: bool = True


@_part
class RecordShape(Shape):
    """A structured type, read by `reader`. `kind`: struct, dataclass, typeddict, namedtuple, attrs or pydantic."""

    type: Any
    kind: str
    name: str
    arguments: tuple[Any, ...] = ()
    forbid_unknown: bool = False
    tag_field: str | None = None
    tag: str | int | None = None
    array_like: bool = False
    reader: Callable[[RecordShape], Iterable[FieldShape]] = field(compare=False, repr=False)
    _cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def fields(self) -> tuple[FieldShape, ...]:
        """Computed when first asked for, so that a type may contain itself."""
        if "fields" not in self._cache:
            self._cache["fields"] = tuple(self.reader(self))
        result: tuple[FieldShape, ...] = self._cache["fields"]
        return result


@_part
class OpaqueShape(Shape):
    """A type this module knows nothing about."""

    type: Any


def is_structured(shape: Shape) -> bool:
    """True for what is a JSON body when nothing else is said: records, mappings, and lists or unions with them."""
    match shape:
        case RecordShape() | DictShape() | AnyShape():
            return True
        case ListShape():
            return is_structured(shape.item)
        case TupleShape():
            return any(is_structured(item) for item in shape.items)
        case UnionShape():
            return any(is_structured(member) for member in shape.members)
    return False


def is_scalar(shape: Shape) -> bool:
    """True for what one text value can say."""
    match shape:
        case ScalarShape() | EnumShape() | LiteralShape() | NoneShape():
            return True
        case UnionShape():
            return all(is_scalar(member) for member in shape.members)
    return False


def is_scalar_list(shape: Shape) -> bool:
    """True for a list, set or tuple of scalars (or None instead of it): a repeated query parameter."""
    return list_within(shape) is not None


def list_within(shape: Shape) -> ListShape | TupleShape | None:
    """The list or tuple of scalars in a shape that is one or is `one | None`."""
    if isinstance(shape, ListShape) and is_scalar(shape.item):
        return shape
    if isinstance(shape, TupleShape) and all(is_scalar(item) for item in shape.items):
        return shape
    if isinstance(shape, UnionShape):
        rest = [member for member in shape.members if not isinstance(member, NoneShape)]
        if len(rest) == 1:
            return list_within(rest[0])
    return None


def parts(shape: Shape, seen: set[Any] | None = None) -> list[Shape]:
    """The shape and everything inside it, each record once; pydantic's insides are pydantic's."""
    seen = set() if seen is None else seen
    found = [shape]
    match shape:
        case ListShape(item=item):
            found += parts(item, seen)
        case TupleShape(items=items):
            found += [p for item in items for p in parts(item, seen)]
        case DictShape(key=key, value=value):
            found += parts(key, seen) + parts(value, seen)
        case UnionShape(members=members):
            found += [p for member in members for p in parts(member, seen)]
        case RecordShape(kind=kind) if kind != "pydantic":
            key_ = (shape.type, shape.arguments)
            if key_ not in seen:
                seen.add(key_)
                found += [p for item in shape.fields for p in parts(item.shape, seen)]
    return found
