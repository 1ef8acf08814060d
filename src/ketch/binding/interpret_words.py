"""What a shape is called in a message: `an integer`, `text or an object`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from ketch.binding.error_types import choices
from ketch.kernel.shapes import (
    DictShape,
    EnumShape,
    ListShape,
    LiteralShape,
    NoneShape,
    RecordShape,
    ScalarShape,
    Shape,
    TupleShape,
    UnionShape,
)

_SCALARS: dict[type, str] = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    bytes: "base64",
    Decimal: "a decimal number",
    UUID: "a UUID",
    date: "a date",
    datetime: "a date and time",
    time: "a time",
    timedelta: "a duration",
}


def described(shape: Shape) -> str:
    """What a client should send for `shape`, for the middle of a sentence."""
    match shape:
        case ScalarShape(type=kind):
            return _SCALARS[kind]
        case EnumShape(type=kind):
            return choices([member.value for member in kind])
        case LiteralShape(values=values):
            return choices(values)
        case NoneShape():
            return "null"
        case ListShape() | TupleShape():
            return "a list"
        case RecordShape(array_like=True) | RecordShape(kind="namedtuple"):
            return "a list"
        case DictShape() | RecordShape():
            return "an object"
        case UnionShape(members=members):
            return one_of(members)
    return "another value"


def one_of(members: Iterable[Shape]) -> str:
    """The same for several alternatives."""
    words = list(dict.fromkeys(described(member) for member in members))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
