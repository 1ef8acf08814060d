"""From plain values to a value of a type: a tree of small functions that obeys every constraint, made once per type.

What fits no branch raises ValueError, TypeError or KeyError without words; the interpreter explains.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time
from decimal import Decimal
from typing import Any

import msgspec

from ketch.binding.instants import finisher
from ketch.binding.pydantic_types import record_adapter
from ketch.binding.text import aware, checks, naive, zoned
from ketch.kernel.shapes import (
    AnyShape,
    DictShape,
    EnumShape,
    FieldShape,
    ListShape,
    LiteralShape,
    NoneShape,
    RecordShape,
    ScalarShape,
    Shape,
    TupleShape,
    UnionShape,
)

Build = Callable[[Any], Any]


def builder(shape: Shape, seen: dict[Any, Build] | None = None) -> Build:
    """Plain values to a value of `shape`, by a tree of functions that obeys every constraint."""
    seen = {} if seen is None else seen
    build = _builder(shape, seen)
    tests = checks(shape)
    if not tests:
        return build

    def checked(value: Any) -> Any:
        built = build(value)
        for test in tests:
            if not test(built):
                raise ValueError("a constraint is not met")
        return built

    return checked


def _builder(shape: Shape, seen: dict[Any, Build]) -> Build:
    match shape:
        case AnyShape():
            return lambda value: value
        case ScalarShape(type=kind):
            return _scalar(shape, kind)
        case EnumShape(type=kind):
            return lambda value: msgspec.convert(value, kind)
        case LiteralShape() | NoneShape():
            return lambda value: msgspec.convert(value, _stripped(shape))
        case ListShape(item=item, type=kind):
            each = builder(item, seen)
            return lambda value: kind(map(each, _expect(value, list)))
        case TupleShape(items=items):
            builders = [builder(item, seen) for item in items]
            return lambda value: tuple(b(v) for b, v in zip(builders, _expect(value, list), strict=True))
        case DictShape(key=key, value=inner):
            return _mapping(key, builder(inner, seen))
        case UnionShape():
            return _union(shape, seen)
        case RecordShape():
            return _record(shape, seen)
    raise TypeError(f"{shape.annotation} cannot be read from a body")


def _stripped(shape: Shape) -> Any:
    return (
        None
        if isinstance(shape, NoneShape)
        else getattr(shape.annotation, "__origin__", shape.annotation)
        if hasattr(shape.annotation, "__metadata__")
        else shape.annotation
    )


def _scalar(shape: ScalarShape, kind: type) -> Build:
    if kind is datetime:
        put = naive if shape.constraints.tz is False else aware
        return lambda value: put(msgspec.convert(value, datetime))
    wanted = shape.constraints.tz
    if kind is time and wanted is not None:
        return lambda value: zoned(msgspec.convert(value, time), wanted)
    return lambda value: msgspec.convert(value, kind)


def _expect(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise TypeError(f"expected {kind.__name__}")
    return value


def _mapping(key: Shape, each: Build) -> Build:
    if isinstance(key, (AnyShape, ScalarShape)) and getattr(key, "type", str) is str and not key.constraints:
        return lambda value: {k: each(v) for k, v in _expect(value, dict).items()}
    annotation, put = dict[key.annotation, Any], finisher(key)  # type: ignore[name-defined]

    def build(value: Any) -> Any:
        found = msgspec.convert(value, annotation, str_keys=True).items()
        return {put(k): each(v) for k, v in found} if put is not None else {k: each(v) for k, v in found}

    return build


def _union(shape: UnionShape, seen: dict[Any, Build]) -> Build:
    if shape.tag_field is not None:
        field, by_tag = shape.tag_field, {tag: builder(record, seen) for tag, record in shape.tags}
        nullable, kind = shape.nullable, type(shape.tags[0][0])
        in_front = shape.tags[0][1].array_like

        def tagged(value: Any) -> Any:
            if value is None and nullable:
                return None
            tag = next(iter(_expect(value, list)), None) if in_front else _expect(value, dict)[field]
            if type(tag) is not kind:
                raise ValueError("wrong kind of tag")  # 1.0 and true are equal to the tag 1
            return by_tag[tag](value)

        return tagged
    if sum(isinstance(member, RecordShape) for member in shape.members) > 1:
        # Trying records in records is exponential; the interpreter remembers what it has tried.
        return _left_to_the_interpreter
    builders = [builder(member, seen) for member in shape.members]
    for_numbers = [builders[at] for at in sorted(range(len(builders)), key=lambda at: _number_rank(shape.members[at]))]

    def first(value: Any) -> Any:
        for build in for_numbers if type(value) in (int, float) else builders:
            try:
                return build(value)
            except (ValueError, TypeError, KeyError):
                continue
        raise ValueError("no member of the union fits")

    return first


def _left_to_the_interpreter(value: Any) -> Any:
    raise ValueError("the interpreter decides")


def _number_rank(shape: Shape) -> int:
    """A number is read by what takes integers first, a float before a Decimal last: `float | int` keeps integers."""
    if isinstance(shape, ScalarShape):
        return {int: 0, float: 2, Decimal: 3}.get(shape.type, 1)
    if isinstance(shape, EnumShape):
        return 0 if any(isinstance(member.value, int) for member in shape.type) else 1
    return 0 if isinstance(shape, LiteralShape) and any(type(one) is int for one in shape.values) else 1


def _record(record: RecordShape, seen: dict[Any, Build]) -> Build:
    if record.kind == "pydantic":
        adapter = record_adapter(record)
        return lambda value: adapter.validate_python(value)
    key = (record.type, record.arguments)
    if key in seen:
        return lambda value: seen[key](value)
    seen[key] = lambda value: build(value)
    fields = [(item, builder(item.shape, seen)) for item in record.fields]
    in_order = record.array_like or record.kind == "namedtuple"
    build = (_by_place if in_order else _by_name)(record, fields, constructor(record))
    seen[key] = build
    return build


Fields = list[tuple[FieldShape, Build]]
Make = Callable[[dict[str, Any]], Any]


def _by_name(record: RecordShape, fields: Fields, make: Make) -> Build:
    """A record that an object says."""
    known = {item.alias for item in record.fields} | ({record.tag_field} if record.tag_field else set())

    def build(value: Any) -> Any:
        source: dict[str, Any] = _expect(value, dict)
        tag = source.get(record.tag_field, record.tag) if record.tag_field is not None else None
        _require_tag(record, tag)
        if record.forbid_unknown and not source.keys() <= known:
            raise ValueError("unknown member")
        made = {}
        for item, one in fields:
            if item.alias in source:
                made[item.name] = one(source[item.alias])
            elif item.required:
                raise KeyError(item.alias)
        return make(made)

    return build


def _by_place(record: RecordShape, fields: Fields, make: Make) -> Build:
    """A record that an array says: a NamedTuple, or a Struct with `array_like`, whose tag comes first."""
    offset = int(record.tag_field is not None)
    closed = record.forbid_unknown or record.kind == "namedtuple"

    def build(value: Any) -> Any:
        items: list[Any] = _expect(value, list)
        if offset:
            _require_tag(record, items[0] if items else None)
        if closed and len(items) > len(fields) + offset:
            raise ValueError("too many items")
        made = {}
        for at, (item, one) in enumerate(fields, offset):
            if at < len(items):
                made[item.name] = one(items[at])
            elif item.required:
                raise KeyError(item.name)
        return make(made)

    return build


def _require_tag(record: RecordShape, tag: Any) -> None:
    if type(tag) is not type(record.tag) or tag != record.tag:
        raise ValueError("wrong tag")


def constructor(record: RecordShape) -> Callable[[dict[str, Any]], Any]:
    """Field values by name to a record; absent ones take their defaults."""
    kind = record.type
    if record.kind == "typeddict":
        return lambda made: made
    if record.kind == "attrs":
        names = {a.name: getattr(a, "alias", None) or a.name.lstrip("_") for a in kind.__attrs_attrs__}
        return lambda made: kind(**{names[name]: value for name, value in made.items()})
    return lambda made: kind(**made)
