"""JSON Schema of what one JSON value says: numbers, texts with a format, enumerations, and the constraints on them.

A `format` is given where the standard's word is true of every value (RFC 3339 asks a `time` for an offset, which
Python's usually lack, so a plain `time` has a pattern instead); patterns are written in the part of the language that
ECMA-262 and Python share. Sources: JSON Schema 2020-12 (Validation, section 7.3), the OpenAPI Format Registry.
"""

from __future__ import annotations

import enum
import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from ketch.kernel.shapes import FREE, MISSING, Constraints, ListShape, ScalarShape, Shape
from ketch.openapi.notes import class_description, jsonable

_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_OFFSET = r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_DAY = r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_DURATION = (
    r"^[+-]?P(?=[0-9T])([0-9]{1,9}D)?"
    r"(T(?=[0-9])([0-9]{1,9}H)?([0-9]{1,9}M)?([0-9]{1,9}(\.[0-9]{1,6})?S)?)?$"
)

_TEMPLATES: dict[type, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    bytes: {"type": "string", "format": "byte", "contentEncoding": "base64"},
    Decimal: {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,4})?$"},
    UUID: {"type": "string", "format": "uuid"},
    date: {"type": "string", "format": "date"},
    datetime: {"type": "string", "format": "date-time"},
    time: {"type": "string", "pattern": f"^{_CLOCK}{_OFFSET}?$"},
    timedelta: {"type": "string", "format": "duration", "pattern": _DURATION},
}
_NAIVE: dict[type, dict[str, Any]] = {
    datetime: {"type": "string", "format": "date-time-local", "pattern": f"^{_DAY}T{_CLOCK}$"},
    time: {"type": "string", "format": "time-local", "pattern": f"^{_CLOCK}$"},
}
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
}
_JSON_TYPES: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def scalar_schema(shape: ScalarShape) -> dict[str, Any]:
    """A fresh schema of a scalar with its constraints."""
    constraints, kind = shape.constraints, shape.type
    if constraints is FREE:
        return {**_TEMPLATES[kind]}
    schema = dict(_NAIVE.get(kind, _TEMPLATES[kind]) if constraints.tz is False else _TEMPLATES[kind])
    if kind is time and constraints.tz:
        return {"type": "string", "format": "time"}
    if kind in (int, float):
        schema.update(_bounds(constraints))
    elif kind is Decimal:
        schema["pattern"] = _decimal_pattern(constraints)
        schema.update(_bounds(constraints))
    elif kind is bytes:
        schema.update(sizes(constraints, "minLength", "maxLength", lambda n: 4 * ((n + 2) // 3)))
    elif kind is str:
        schema.update(sizes(constraints, "minLength", "maxLength"))
    if constraints.pattern is not None and kind is str:
        schema["pattern"] = portable_pattern(constraints.pattern)
    return schema


def _bounds(constraints: Constraints) -> dict[str, Any]:
    return {word: _number(value) for name, value in constraints.items() if (word := _BOUNDS.get(name))}


def _number(value: Any) -> Any:
    return (int(value) if value == value.to_integral_value() else float(value)) if isinstance(value, Decimal) else value


def sizes(constraints: Constraints, least: str, most: str, scale: Any = None) -> dict[str, int]:
    """`min_length` and `max_length` under the two words that the type has for them."""
    found = {least: constraints.min_length, most: constraints.max_length}
    return {word: scale(n) if scale else n for word, n in found.items() if n is not None}


def list_sizes(shape: ListShape) -> dict[str, Any]:
    """The keywords of a list's length, and of its items being unique."""
    words: dict[str, Any] = sizes(shape.constraints, "minItems", "maxItems")
    if shape.type in (set, frozenset):
        words["uniqueItems"] = True
    return words


def _decimal_pattern(constraints: Constraints) -> str:
    """Numeric keywords say nothing about a string, so the pattern says what it can: sign and decimal places."""
    lowest = max((n for n in (constraints.ge, constraints.gt) if n is not None), default=None)
    sign = "" if lowest is not None and lowest >= 0 else "-?"
    step = constraints.multiple_of
    if step is None:
        return rf"^{sign}[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{{1,4}})?$"
    places = -int(Decimal(str(step)).normalize().as_tuple().exponent)
    return rf"^{sign}[0-9]+(\.[0-9]{{1,{places}}}0*)?$" if places > 0 else rf"^{sign}[0-9]+(\.0+)?$"


def portable_pattern(pattern: str) -> str:
    """A Python regular expression in ECMA-262's spelling where the two differ only in spelling."""
    pattern = re.sub(r"(?<!\\)((?:\\\\)*)\\A", r"\1^", pattern)
    pattern = re.sub(r"(?<!\\)((?:\\\\)*)\\[Zz]", r"\1$", pattern)
    return re.sub(r"\(\?P=(\w+)\)", r"\\k<\1>", pattern.replace("(?P<", "(?<"))


def values_schema(values: tuple[Any, ...]) -> dict[str, Any]:
    """Fixed values: `const` for one, `enum` for several, with the `type` they have in common."""
    kinds = list(dict.fromkeys(_JSON_TYPES[type(value)] for value in values if type(value) in _JSON_TYPES))
    schema: dict[str, Any] = {}
    if kinds:
        schema["type"] = kinds[0] if len(kinds) == 1 else kinds
    if len(values) == 1:
        return {**schema, "const": values[0]}
    return {**schema, "enum": list(values)}


def enum_schema(kind: type[enum.Enum]) -> dict[str, Any]:
    """An Enum class: its values, in the order in which they were written."""
    values = tuple(str(m.value) if (v := jsonable(m.value)) is MISSING else v for m in kind)
    schema: dict[str, Any] = {"title": kind.__name__, **values_schema(values), "enum": list(values)}
    schema.pop("const", None)
    description = class_description(kind, kind.__name__)
    if description:
        schema["description"] = description
    return schema


def key_schema(shape: Shape, schema: dict[str, Any]) -> dict[str, Any] | None:
    """What a mapping's keys obey (`propertyNames`); `schema` is that of their own type. None if any text will do."""
    if not isinstance(shape, ScalarShape):
        return schema or None
    if shape.type is int:
        return {"type": "string", "pattern": "^-?[0-9]+$"}
    if shape.type is float:
        return {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"}
    return None if schema == {"type": "string"} else schema
