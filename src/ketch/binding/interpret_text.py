"""What one text says: plan.py's grammar for path, query, headers, cookies and forms, with reasons for a refusal."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from ketch.binding.error_types import FAILED, MAX_TEXT, Enough, Loc, Problems, choices, counted
from ketch.binding.interpret_rules import obey
from ketch.binding.interpret_words import one_of
from ketch.kernel.shapes import (
    AnyShape,
    EnumShape,
    ListShape,
    LiteralShape,
    NoneShape,
    ScalarShape,
    Shape,
    TupleShape,
    UnionShape,
)

_INT = re.compile(r"-?[0-9]+").fullmatch
_NUMBER = re.compile(r"-?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?").fullmatch
# What a browser's inputs send where the seconds are 0.
_NO_SECONDS: dict[type, Callable[[str], Any]] = {
    datetime: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}").fullmatch,
    time: re.compile(r"[0-9]{2}:[0-9]{2}").fullmatch,
}
_TRUE = frozenset({"1", "true", "on", "yes", "t", "y"})
_FALSE = frozenset({"0", "false", "off", "no", "f", "n"})

BY_MSGSPEC: dict[type, str] = {
    UUID: "uuid",
    date: "date",
    datetime: "datetime",
    time: "time",
    timedelta: "time_delta",
}
"""Types that msgspec reads from text, and the first half of their errors' names."""


class TextReader:
    """Reads texts into `problems`. `zone` is given for forms: naive date-times are read in it."""

    __slots__ = ("problems", "zone")

    def __init__(self, problems: Problems, zone: tzinfo | None = None) -> None:
        self.problems = problems
        self.zone = zone

    def value(self, shape: Shape, text: str, loc: Loc) -> Any:
        """What `text` says as `shape`, or FAILED."""
        match shape:
            case ScalarShape(type=kind):
                made = self._scalar(kind, shape, text, loc)
            case EnumShape(type=kind):
                made = self._choice([(member.value, member) for member in kind], "enum", text, loc)
            case LiteralShape(values=values):
                made = self._choice([(value, value) for value in values], "literal_error", text, loc)
            case UnionShape():
                made = self._union(shape, text, loc)
            case AnyShape():
                made = text
            case _:
                made = self._by_msgspec(getattr(shape, "type", None), "value_error", text, loc)
        return made if made is FAILED else obey(shape.constraints, made, text, loc, self.problems)

    def values(self, shape: ListShape | TupleShape, texts: Sequence[str], loc: Loc) -> Any:
        """A list, set or tuple of several texts, or FAILED; the item's place is part of its `loc`."""
        before = len(self.problems)
        if isinstance(shape, TupleShape):
            if len(texts) != len(shape.items):
                return self._wrong_length(shape, texts, loc)
            made = tuple(
                self.value(item, text, (*loc, at))
                for at, (item, text) in enumerate(zip(shape.items, texts, strict=True))
            )
        else:
            made = shape.type(self.value(shape.item, text, (*loc, at)) for at, text in enumerate(texts))
        if len(self.problems) != before:
            return FAILED
        return obey(shape.constraints, made, list(texts), loc, self.problems)

    def _wrong_length(self, shape: TupleShape, texts: Sequence[str], loc: Loc) -> Any:
        kind = "too_short" if len(texts) < len(shape.items) else "too_long"
        return self.problems.add(kind, loc, list(texts), counted(len(shape.items), "item"))

    # --- scalars ------------------------------------------------------------------------------------------------------

    def _scalar(self, kind: type, shape: ScalarShape, text: str, loc: Loc) -> Any:
        if kind is str:
            return text
        if kind in BY_MSGSPEC:
            return self._time_or_id(kind, shape, text, loc)
        if kind is bytes:
            return self._by_msgspec(bytes, "bytes_invalid_encoding", text, loc)
        read = _GRAMMAR[kind]
        value = read(text)
        return self.problems.add(value, loc, text) if isinstance(value, str) else value

    def _by_msgspec(self, kind: Any, error: str, text: str, loc: Loc, whole: str = "") -> Any:
        try:
            return msgspec.convert(whole or text, kind, strict=False)
        except (ValueError, TypeError, ArithmeticError):
            return self.problems.add(error, loc, text, "Not understood")

    def _time_or_id(self, kind: type, shape: ScalarShape, text: str, loc: Loc) -> Any:
        short = self.zone is not None and kind in _NO_SECONDS and _NO_SECONDS[kind](text)
        whole = f"{text}:00" if short else text
        value = self._by_msgspec(kind, f"{BY_MSGSPEC[kind]}_parsing", text, loc, whole)
        return self._zoned(value, shape, text, loc) if kind in (datetime, time) else value

    def _zoned(self, value: Any, shape: ScalarShape, text: str, loc: Loc) -> Any:
        if value is FAILED:
            return value
        if (
            isinstance(value, datetime)
            and value.tzinfo is None
            and self.zone is not None
            and shape.constraints.tz is not False
        ):
            value = value.replace(tzinfo=self.zone)
        return with_zone(value, shape.constraints.tz, text, loc, self.problems)

    # --- one of several -----------------------------------------------------------------------------------------------

    def _choice(self, pairs: list[tuple[Any, Any]], error: str, text: str, loc: Loc) -> Any:
        for value, member in pairs:
            if isinstance(value, str) and value == text:
                return member
        for value, member in pairs:
            read = _GRAMMAR.get(type(value))
            if read is not None and _same(read(text), value):
                return member
        return self.problems.add(error, loc, text, choices([value for value, _ in pairs if value is not None]))

    def _union(self, shape: UnionShape, text: str, loc: Loc) -> Any:
        members = [member for member in shape.members if not isinstance(member, NoneShape)]
        if len(members) == 1:
            return self.value(members[0], text, loc)
        for member in members:
            try:
                return TextReader(Problems(limit=1), self.zone).value(member, text, loc)
            except Enough:
                continue
        return self.problems.add("union", loc, text, one_of(members))


def with_zone(value: datetime | time, tz: bool | None, given: Any, loc: Loc, problems: Problems) -> Any:
    """A datetime in UTC unless `tz` is False; a time as it is. FAILED if the zone is missing or not wanted."""
    aware = value.tzinfo is not None
    if tz is False:
        return problems.add("timezone_naive", loc, given) if aware else value
    if isinstance(value, time):
        return problems.add("timezone_aware", loc, given) if tz and not aware else value
    if not aware:
        return problems.add("timezone_aware", loc, given)
    try:
        return value.astimezone(UTC)
    except OverflowError:  # year 1 east of Greenwich, year 9999 west of it
        return problems.add("datetime_parsing", loc, given)


def _same(read: Any, value: Any) -> bool:
    """Whether a text that was read (or, as the name of an error, was not) is `value`."""
    return not isinstance(read, str) and bool(read == value)


# The functions below return the value, or the name of the error.


def _int(text: str) -> int | str:
    if _INT(text) is None:
        return "int_parsing"
    return int(text) if len(text.lstrip("-")) <= MAX_TEXT else "int_parsing_size"


def _float(text: str) -> float | str:
    if _NUMBER(text) is None:
        return "float_parsing"
    value = float(text)
    return value if math.isfinite(value) else "finite_number"


def _bool(text: str) -> bool | str:
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else "bool_parsing"


def _decimal(text: str) -> Decimal | str:
    if len(text) > MAX_TEXT or _NUMBER(text) is None:
        return "decimal_parsing"
    try:
        return Decimal(text)
    except ArithmeticError:  # an exponent of more than 18 digits
        return "decimal_parsing"


_GRAMMAR: dict[type, Callable[[str], Any]] = {int: _int, float: _float, bool: _bool, Decimal: _decimal}
