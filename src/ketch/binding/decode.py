"""JSON bodies to typed values, decided once per type.

msgspec decodes what it can by itself (`native`); what it cannot (constraints in other libraries' words, aliases from
`Field`, unions of untagged records) is decoded to plain values first and built from them by a tree of small
functions. Datetimes are put into UTC afterwards by a walk that visits only the places where the type has one.

All of it raises ValueError (msgspec's errors are ValueErrors) or TypeError for bad input; the interpreter explains.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, time
from decimal import Decimal
from typing import Any

import msgspec

from ketch.binding.text import aware, checks, naive, zoned
from ketch.kernel.families import complete_model
from ketch.kernel.shapes import (
    AnyShape,
    DictShape,
    EnumShape,
    FieldShape,
    ListShape,
    LiteralShape,
    NoneShape,
    OpaqueShape,
    RecordShape,
    ScalarShape,
    Shape,
    TupleShape,
    UnionShape,
)

Build = Callable[[Any], Any]
Decode = Callable[[bytes], Any]


def json_decoder(shape: Shape) -> Decode:
    """Bytes to a value of `shape`. Raises TypeError if nothing can decode such a type."""
    if isinstance(shape, RecordShape) and shape.kind == "pydantic":
        strict, validate = msgspec.json.Decoder().decode, _pydantic(shape).validate_json
        # pydantic's own reader takes NaN, Infinity and 1e999.
        return lambda raw: (strict(raw), validate(raw))[1]
    if is_native(shape):
        finish = finisher(shape)
        decode = msgspec.json.Decoder(
            shape.annotation if shape.annotation is not None else Any, dec_hook=dec_hook
        ).decode
        if finish is None:
            return decode
        return lambda raw: finish(decode(raw))
    loose, build = msgspec.json.Decoder().decode, builder(shape)
    return lambda raw: build(loose(raw))


def value_builder(shape: Shape) -> Build:
    """Plain values (from another codec) to a value of `shape`."""
    if is_native(shape) and not (isinstance(shape, RecordShape) and shape.kind == "pydantic"):
        annotation, finish = shape.annotation, finisher(shape)
        if finish is None:
            return lambda value: msgspec.convert(value, annotation, dec_hook=dec_hook)
        return lambda value: finish(msgspec.convert(value, annotation, dec_hook=dec_hook))
    return builder(shape)


def dec_hook(kind: Any, value: Any) -> Any:
    """msgspec asks here for types it does not know: pydantic's."""
    if hasattr(kind, "__pydantic_validator__") or hasattr(kind, "__pydantic_fields__"):
        return adapter_of(kind).validate_python(value)
    raise NotImplementedError(f"{kind} cannot be decoded")


_adapters: dict[Any, Any] = {}


def adapter_of(kind: Any) -> Any:
    if kind not in _adapters:
        from pydantic import TypeAdapter

        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def _pydantic(shape: RecordShape) -> Any:
    complete_model(shape.annotation)
    return adapter_of(shape.annotation)


# --- native or not ----------------------------------------------------------------------------------------------------


def is_native(shape: Shape) -> bool:
    """True if msgspec decodes `shape` with the meaning that Ketch gives it (datetimes apart)."""
    try:
        if not all(_native_here(part) for part in parts(shape)):
            return False
        msgspec.json.Decoder(shape.annotation if shape.annotation is not None else Any, dec_hook=dec_hook)
    except (TypeError, NameError):
        return False
    return True


def _native_here(shape: Shape) -> bool:
    if shape.foreign:
        return False
    if isinstance(shape, UnionShape):
        if any(isinstance(m, ListShape | TupleShape | DictShape) for m in shape.members) and any(
            m.constraints for m in shape.members
        ):
            # msgspec 0.22 corrupts memory on `tuple[int, int] | Annotated[float, gt]` and
            # `list | Annotated[str, pattern]`.
            return False
        # With a plain text alternative msgspec's choice of member is its own; dates are the plain case.
        texts = [m for m in shape.members if isinstance(m, ScalarShape) and m.type not in (int, float, bool)]
        return len(texts) < 2 and not any(isinstance(m, RecordShape) and m.kind == "pydantic" for m in shape.members)
    if isinstance(shape, ScalarShape):
        return shape.type is not datetime or shape.constraints.tz is not False
    if isinstance(shape, RecordShape) and shape.kind != "pydantic":
        return _made_as_written(shape) and all(_msgspec_alias(shape, item) for item in shape.fields)
    return not isinstance(shape, OpaqueShape)


def _made_as_written(record: RecordShape) -> bool:
    """msgspec fills dataclasses and attrs classes itself: `init=False` fields from the client, converters left out."""
    if record.kind == "dataclass":
        made = record.type.__dataclass_params__.init
        return bool(made and all(item.init for item in dataclasses.fields(record.type)))
    if record.kind == "attrs":
        return all(item.init and item.converter is None for item in record.type.__attrs_attrs__)
    return True


def _msgspec_alias(record: RecordShape, item: FieldShape) -> bool:
    if item.alias == item.name:
        return True
    if record.kind != "struct":
        return False
    names = dict(zip(record.type.__struct_fields__, record.type.__struct_encode_fields__, strict=True))
    return bool(names[item.name] == item.alias)


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


# --- datetimes into UTC -----------------------------------------------------------------------------------------------


def finisher(shape: Shape) -> Build | None:
    """A function that puts the datetimes within a decoded value into UTC, or None where there can be none."""
    if not any(isinstance(part, ScalarShape) and part.type is datetime for part in parts(shape)):
        return None
    return _finish(shape, {})


def _finish(shape: Shape, seen: dict[Any, Any]) -> Build | None:
    match shape:
        case ScalarShape(type=kind) if kind is datetime:
            return naive if shape.constraints.tz is False else aware
        case ListShape(item=item, type=kind):
            each = _finish(item, seen)
            return None if each is None else _finish_list(each, kind)
        case TupleShape(items=items):
            steps = [_finish(item, seen) for item in items]
            return None if not any(steps) else lambda v: tuple(s(x) if s else x for s, x in zip(steps, v, strict=True))
        case DictShape(value=item):
            inner = _finish(item, seen)
            return None if inner is None else lambda value: {k: inner(v) for k, v in value.items()}
        case UnionShape(members=members):
            return _finish_union(members, seen)
        case RecordShape(kind=kind) if kind != "pydantic":
            return _finish_record(shape, seen)
    return None


def _finish_list(each: Build, kind: type) -> Build:
    return lambda value: kind(map(each, value))


def _finish_union(members: tuple[Shape, ...], seen: dict[Any, Any]) -> Build | None:
    steps: list[tuple[Any, Build]] = []
    for member in members:
        step = _finish(member, seen)
        if step is None:
            continue
        kind: Any = datetime if isinstance(member, ScalarShape) else getattr(member, "type", dict)
        kind = dict if isinstance(member, RecordShape) and member.kind == "typeddict" else kind
        steps.append((kind, step))
    if not steps:
        return None

    def finish(value: Any) -> Any:
        for kind, step in steps:
            if isinstance(value, kind):
                return step(value)
        return value

    return finish


def _finish_record(record: RecordShape, seen: dict[Any, Any]) -> Build | None:
    key = (record.type, record.arguments)
    if key in seen:
        return lambda value: seen[key](value) if seen[key] is not None else value
    seen[key] = None
    steps = [(item.name, step) for item in record.fields if (step := _finish(item.shape, seen)) is not None]
    if not steps:
        return None
    if record.kind == "typeddict":

        def finish(value: Any) -> Any:
            for name, step in steps:
                if name in value:
                    value[name] = step(value[name])
            return value

    elif record.kind == "namedtuple":

        def finish(value: Any) -> Any:
            return value._replace(**{name: step(getattr(value, name)) for name, step in steps})

    else:

        def finish(value: Any) -> Any:
            for name, step in steps:
                before = getattr(value, name)
                after = step(before)
                if after is not before:
                    force_setattr(value, name, after)
            return value

    seen[key] = finish
    return finish


def force_setattr(value: Any, name: str, new: Any) -> None:
    """Set an attribute of a value that was just made, frozen or not."""
    if isinstance(value, msgspec.Struct):
        msgspec.structs.force_setattr(value, name, new)
    else:
        object.__setattr__(value, name, new)


# --- building from plain values ---------------------------------------------------------------------------------------


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
    annotation = dict[key.annotation, Any]  # type: ignore[name-defined]
    return lambda value: {k: each(v) for k, v in msgspec.convert(value, annotation, str_keys=True).items()}


def _union(shape: UnionShape, seen: dict[Any, Build]) -> Build:
    if shape.tag_field is not None:
        field, by_tag = shape.tag_field, {tag: builder(record, seen) for tag, record in shape.tags}
        nullable, kind = shape.nullable, type(shape.tags[0][0])

        def tagged(value: Any) -> Any:
            if value is None and nullable:
                return None
            tag = _expect(value, dict)[field]
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
        adapter = _pydantic(record)
        return lambda value: adapter.validate_python(value)
    key = (record.type, record.arguments)
    if key in seen:
        return lambda value: seen[key](value)
    seen[key] = lambda value: build(value)
    fields = [(item, builder(item.shape, seen)) for item in record.fields]
    make = constructor(record)
    known = {item.alias for item in record.fields} | ({record.tag_field} if record.tag_field else set())

    def build(value: Any) -> Any:
        source: dict[str, Any] = _expect(value, dict)
        tag = source.get(record.tag_field, record.tag) if record.tag_field is not None else None
        if type(tag) is not type(record.tag) or tag != record.tag:
            raise ValueError("wrong tag")
        if record.forbid_unknown and not source.keys() <= known:
            raise ValueError("unknown member")
        made = {}
        for item, one in fields:
            if item.alias in source:
                made[item.name] = one(source[item.alias])
            elif item.required:
                raise KeyError(item.alias)
        return make(made)

    seen[key] = build
    return build


def constructor(record: RecordShape) -> Callable[[dict[str, Any]], Any]:
    """Field values by name to a record; absent ones take their defaults."""
    kind = record.type
    if record.kind == "typeddict":
        return lambda made: made
    if record.kind == "attrs":
        names = {a.name: getattr(a, "alias", None) or a.name.lstrip("_") for a in kind.__attrs_attrs__}
        return lambda made: kind(**{names[name]: value for name, value in made.items()})
    return lambda made: kind(**made)


__all__ = ["builder", "constructor", "dec_hook", "finisher", "is_native", "json_decoder", "parts", "value_builder"]
