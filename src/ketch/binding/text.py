"""From text to values, for the printed functions: the grammar in plan.py, as quick as plain Python can.

Everything here raises ValueError for text that does not convert; the interpreter says why.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

from ketch.kernel.shapes import (
    EnumShape,
    LiteralShape,
    NoneShape,
    ScalarShape,
    Shape,
    UnionShape,
)

Converter = Callable[[str], Any]

_INT = re.compile(r"-?[0-9]{1,4300}\Z").match
_FLOAT = re.compile(r"-?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z").match
_BOOLEANS = {
    **dict.fromkeys(("1", "true", "on", "yes", "t", "y"), True),
    **dict.fromkeys(("0", "false", "off", "no", "f", "n"), False),
}


def to_int(text: str) -> int:
    """`-?[0-9]+`, nothing else that int() would take (underscores, spaces, other scripts' digits)."""
    if text.isdigit() and text.isascii():
        return int(text)  # PERF: a fifth of the time of the regular expression; int() itself refuses 4,301 digits
    if _INT(text) is None:
        raise ValueError(text)
    return int(text)


def to_float(text: str) -> float:
    """A finite decimal number."""
    if _FLOAT(text) is None:
        raise ValueError(text)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def to_bool(text: str) -> bool:
    """true on yes 1 t y, false off no 0 f n, in any case."""
    try:
        return _BOOLEANS[text if text in _BOOLEANS else text.lower()]
    except KeyError:
        raise ValueError(text) from None


def to_decimal(text: str) -> Decimal:
    """The grammar of a float, kept exactly."""
    if len(text) > 4300 or _FLOAT(text) is None:
        raise ValueError(text)
    return Decimal(text)


def to_str(text: str) -> str:
    """As it is."""
    return text


def aware(value: datetime) -> datetime:
    """In UTC. Raises ValueError for a naive one."""
    if value.tzinfo is None:
        raise ValueError("a time zone is missing")
    return value if value.tzinfo is UTC else value.astimezone(UTC)


def naive(value: datetime) -> datetime:
    """As it is. Raises ValueError for an aware one."""
    if value.tzinfo is not None:
        raise ValueError("a time zone is not wanted")
    return value


def zoned(value: time, wanted: bool) -> time:
    """As it is. Raises ValueError for a time of the other kind, aware or naive."""
    if (value.tzinfo is not None) is not wanted:
        raise ValueError("a time zone is missing, or not wanted")
    return value


_SIMPLE: dict[type, Converter] = {str: to_str, int: to_int, float: to_float, bool: to_bool, Decimal: to_decimal}
_MINUTES = re.compile(r"\d\d:\d\d\Z", re.ASCII).match  # all that a browser's time input sends
_LOCAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?\Z", re.ASCII).match


def converter(shape: Shape, timezone_name: str | None = None) -> Converter:
    """The function that reads one text as `shape`, constraints included. `timezone_name` is given for forms only.

    Raises TypeError for a shape that text cannot say.
    """
    plain = _plain(shape, timezone_name)
    tests = checks(shape)
    if not tests:
        return plain

    def checked(text: str) -> Any:
        value = plain(text)
        for test in tests:
            if not test(value):
                raise ValueError(text)
        return value

    return checked


def _plain(shape: Shape, timezone_name: str | None) -> Converter:
    match shape:
        case ScalarShape(type=kind) if kind in _SIMPLE:
            return _SIMPLE[kind]
        case ScalarShape(type=kind) if kind is datetime:
            return _datetime(shape, timezone_name)
        case ScalarShape(type=kind) if kind is time and (shape.constraints.tz is not None or timezone_name is not None):
            return _time(shape.constraints.tz, timezone_name is not None)
        case ScalarShape(type=kind):
            return _by_msgspec(kind)
        case EnumShape(type=kind):
            return _choice([(member.value, member) for member in kind])
        case LiteralShape(values=values):
            return _choice([(value, value) for value in values])
        case UnionShape(members=members):
            return _first([converter(m, timezone_name) for m in members if not isinstance(m, NoneShape)])
    raise TypeError(f"{shape.annotation} cannot be read from text")


def _by_msgspec(kind: Any) -> Converter:
    def convert(text: str) -> Any:
        return msgspec.convert(text, kind, strict=False)

    return convert


def _time(aware_wanted: bool | None, in_form: bool) -> Converter:
    def convert(text: str) -> time:
        whole = f"{text}:00" if in_form and _MINUTES(text) else text
        value = msgspec.convert(whole, time, strict=False)
        return value if aware_wanted is None else zoned(value, aware_wanted)

    return convert


def _datetime(shape: Shape, timezone_name: str | None) -> Converter:
    if shape.constraints.tz is False:
        if timezone_name is not None:
            return lambda text: (
                datetime.fromisoformat(text) if _LOCAL(text) else naive(msgspec.convert(text, datetime, strict=False))
            )
        return lambda text: naive(msgspec.convert(text, datetime, strict=False))
    if timezone_name is None:
        return lambda text: aware(msgspec.convert(text, datetime, strict=False))
    zone = zone_of(timezone_name)

    def convert(text: str) -> datetime:
        if _LOCAL(text):
            return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
        value = msgspec.convert(text, datetime, strict=False)
        return aware(value.replace(tzinfo=zone) if value.tzinfo is None else value)

    return convert


def zone_of(name: str) -> Any:
    """The time zone called `name`. Raises ZoneInfoNotFoundError (a KeyError) or ValueError if there is none."""
    if name == "UTC":
        return UTC
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def _choice(pairs: list[tuple[Any, Any]]) -> Converter:
    exact: dict[str, Any] = {}
    for value, member in pairs:
        if isinstance(value, str):
            exact.setdefault(value, member)
    others = [(type(value), value, member) for value, member in pairs if not isinstance(value, str)]

    def convert(text: str) -> Any:
        if text in exact:
            return exact[text]
        for kind, value, member in others:
            try:
                if kind in _SIMPLE and _SIMPLE[kind](text) == value:
                    return member
            except ValueError:
                continue
        raise ValueError(text)

    return convert


def _first(converters: list[Converter]) -> Converter:
    if len(converters) == 1:
        return converters[0]

    def convert(text: str) -> Any:
        for one in converters:
            try:
                return one(text)
            except ValueError:
                continue
        raise ValueError(text)

    return convert


def checks(shape: Shape) -> list[Callable[[Any], bool]]:
    """One test for each constraint of a scalar or list."""
    return [_CHECKS[name](bound) for name, bound in shape.constraints.items() if name in _CHECKS]


def _matches(pattern: str) -> Callable[[Any], bool]:
    search = re.compile(pattern).search
    return lambda value: search(value) is not None


def multiple_of(value: Any, step: Any) -> bool:
    """Exact for int and Decimal; for floats within rounding, as 0.3 is a multiple of 0.1 to everybody but a float."""
    if isinstance(value, float) or isinstance(step, float):
        quotient = float(value) / float(step)
        return math.isfinite(quotient) and abs(quotient - round(quotient)) < 1e-9 * max(1.0, abs(quotient))
    return bool(value % step == 0)


_CHECKS: dict[str, Callable[[Any], Callable[[Any], bool]]] = {
    "gt": lambda bound: lambda value: value > bound,
    "ge": lambda bound: lambda value: value >= bound,
    "lt": lambda bound: lambda value: value < bound,
    "le": lambda bound: lambda value: value <= bound,
    "multiple_of": lambda bound: lambda value: multiple_of(value, bound),
    "min_length": lambda bound: lambda value: len(value) >= bound,
    "max_length": lambda bound: lambda value: len(value) <= bound,
    "pattern": _matches,
}
