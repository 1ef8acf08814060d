"""Cursors: the values of a row's sort keys as an opaque word, and back again, trusting nothing.

A cursor is not signed: whoever forges one only chooses values to compare with, which a filter lets them do as well.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy.types import TypeDecorator, TypeEngine

from ketch.http.problems import ValidationProblem

MAX_INTEGER = 2**63


@dataclass(frozen=True, slots=True)
class Cursor:
    """`values` of the keys at a page's edge; `backwards` if the page before it is meant."""

    values: tuple[Any, ...]
    backwards: bool = False


def encode(cursor: Cursor) -> str:
    """The word for a URL: letters, digits, - and _."""
    text = msgspec.json.encode([int(cursor.backwards), *cursor.values])
    return urlsafe_b64encode(text).rstrip(b"=").decode()


def decode(word: str, kinds: Sequence[tuple[TypeEngine[Any], bool]]) -> Cursor:
    """The cursor for keys of these types (with True for those that may be null).

    Raises ValidationProblem (422) for anything that `encode` did not make.
    """
    try:
        text = urlsafe_b64decode(word.encode("ascii") + b"=" * (-len(word) % 4))
        backwards, *values = msgspec.json.decode(text, type=list[Any])
        if backwards not in (0, 1) or len(values) != len(kinds):
            raise ValueError
        return Cursor(tuple(map(_value, values, kinds)), backwards == 1)
    except (msgspec.MsgspecError, ValueError, TypeError, NotImplementedError, RecursionError):
        raise ValidationProblem(
            [{"loc": ["query", "cursor"], "msg": "Not a cursor of this list.", "type": "value_error", "input": word}]
        ) from None


def _value(value: Any, kind: tuple[TypeEngine[Any], bool]) -> Any:
    """A JSON value as the type that the key's column compares with."""
    type_, nullable = kind
    if value is None and nullable:
        return None
    converted = msgspec.convert(value, _python_type(type_), strict=True)
    if isinstance(converted, int) and not -MAX_INTEGER <= converted < MAX_INTEGER:
        raise ValueError
    if isinstance(converted, str) and "\0" in converted:
        raise ValueError
    return converted


def _python_type(type_: TypeEngine[Any]) -> Any:
    """What the values of a column are in Python; scalars where a column's type does not say."""
    python_type: Any = type_.python_type
    if python_type is object and isinstance(type_, TypeDecorator):
        python_type = type_.impl_instance.python_type
    return str | int | float | bool if python_type is object else python_type
