"""Which member of a union, and which key of a mapping, a plain value can mean."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from ketch.binding.error_types import FAILED
from ketch.binding.interpret_text import BY_MSGSPEC
from ketch.kernel.shapes import EnumShape, LiteralShape, OpaqueShape, RecordShape, ScalarShape, Shape


def is_unset(shape: Shape) -> bool:
    """msgspec's UnsetType: a field's "was not sent", which nobody can send."""
    return isinstance(shape, OpaqueShape) and shape.type is msgspec.UnsetType


def candidates(members: list[Shape], value: Any) -> list[Shape]:
    """The members that could be meant, in the order in which they are tried.

    A tag names its member. A number is read by what takes integers first, then by the others in their order, a float
    before a Decimal: so `1` for `float | int` is the integer, and `1.5` for `Decimal | float` the float.
    """
    tagged = [member for member in members if isinstance(member, RecordShape) and member.tag is not None]
    if len(tagged) > 1:
        members = [m for m in members if not any(m is one for one in tagged) or _has_tag(m, value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return sorted(members, key=_rank)
    return members


def _rank(shape: Shape) -> int:
    if _takes_integers(shape):
        return 0
    number = shape.type if isinstance(shape, ScalarShape) else None
    return 2 if number is float else 3 if number is Decimal else 1


def _takes_integers(shape: Shape) -> bool:
    match shape:
        case ScalarShape(type=kind):
            return kind is int
        case LiteralShape(values=values):
            return any(type(one) is int for one in values)
        case EnumShape(type=kind):
            return any(isinstance(member.value, int) for member in kind)
    return False


def _has_tag(shape: Shape, value: Any) -> bool:
    tag = tag_in(shape, value) if isinstance(shape, RecordShape) else FAILED
    return type(tag) is type(getattr(shape, "tag", None)) and tag == getattr(shape, "tag", None)


def tag_in(record: RecordShape, value: Any) -> Any:
    if record.array_like:
        return value[0] if isinstance(value, list | tuple) and value else FAILED
    return value.get(record.tag_field, FAILED) if isinstance(value, dict) else FAILED


def converted_key(shape: Shape, key: str) -> Any:
    """A member's name as the key type of its mapping, or FAILED."""
    kind = Literal[shape.values] if isinstance(shape, LiteralShape) else getattr(shape, "type", None)
    if kind is str:
        return key
    try:
        return next(iter(msgspec.convert({key: None}, dict[kind, None], str_keys=True)))  # type: ignore[valid-type]
    except (ValueError, TypeError):
        return FAILED


def key_error(shape: Shape) -> str:
    """The error of a name that is no such key."""
    if isinstance(shape, ScalarShape):
        own = {int: "int_parsing", float: "float_parsing", bool: "bool_parsing", Decimal: "decimal_parsing"}
        own[bytes] = "bytes_invalid_encoding"
        return own.get(shape.type) or f"{BY_MSGSPEC[shape.type]}_parsing"
    return {EnumShape: "enum", LiteralShape: "literal_error"}.get(type(shape), "value_error")
