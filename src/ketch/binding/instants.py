"""Datetimes within a decoded value, put into UTC by a walk that visits only the places where the type has one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from ketch.binding.text import aware, naive
from ketch.kernel.shapes import DictShape, ListShape, RecordShape, ScalarShape, Shape, TupleShape, UnionShape, parts

Finish = Callable[[Any], Any]


def finisher(shape: Shape) -> Finish | None:
    """A function that puts the datetimes within a decoded value into UTC, or None where there can be none."""
    if not any(isinstance(part, ScalarShape) and part.type is datetime for part in parts(shape)):
        return None
    return _finish(shape, {})


def _finish(shape: Shape, seen: dict[Any, Any]) -> Finish | None:
    match shape:
        case ScalarShape(type=kind) if kind is datetime:
            return naive if shape.constraints.tz is False else aware
        case ListShape(item=item, type=kind):
            each = _finish(item, seen)
            return None if each is None else _finish_list(each, kind)
        case TupleShape(items=items):
            steps = [_finish(item, seen) for item in items]
            return None if not any(steps) else lambda v: tuple(s(x) if s else x for s, x in zip(steps, v, strict=True))
        case DictShape(key=key, value=item):
            return _finish_mapping(_finish(key, seen), _finish(item, seen))
        case UnionShape(members=members):
            return _finish_union(members, seen)
        case RecordShape(kind=kind) if kind != "pydantic":
            return _finish_record(shape, seen)
    return None


def _finish_list(each: Finish, kind: type) -> Finish:
    return lambda value: kind(map(each, value))


def _finish_mapping(key: Finish | None, each: Finish | None) -> Finish | None:
    if key is None:
        return None if each is None else lambda value: {k: each(v) for k, v in value.items()}
    return lambda value: {key(k): each(v) if each is not None else v for k, v in value.items()}


def _finish_union(members: tuple[Shape, ...], seen: dict[Any, Any]) -> Finish | None:
    steps: list[tuple[Any, Finish]] = []
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


def _finish_record(record: RecordShape, seen: dict[Any, Any]) -> Finish | None:
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
                    _force_setattr(value, name, after)
            return value

    seen[key] = finish
    return finish


def _force_setattr(value: Any, name: str, new: Any) -> None:
    """Set an attribute of a value that was just made, frozen or not."""
    if isinstance(value, msgspec.Struct):
        msgspec.structs.force_setattr(value, name, new)
    else:
        object.__setattr__(value, name, new)
