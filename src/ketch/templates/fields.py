"""From the shape of a value to the control that asks for it: its kind, its attributes, its choices.

Only what the server would refuse as well is refused by the browser; where HTML cannot say a constraint exactly, it says
the weaker one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import ROUND_CEILING, Decimal
from enum import Enum
from typing import Any

from ketch.binding.plan import Slot
from ketch.binding.sources import Source
from ketch.kernel.shapes import (
    Constraints,
    EnumShape,
    ListShape,
    LiteralShape,
    NoneShape,
    ScalarShape,
    Shape,
    UnionShape,
    list_within,
)

LONG_TEXT = 200
"""From more characters than these a text has several lines."""

Attributes = dict[str, str | bool]


@dataclass(slots=True)
class Control:
    """`kind` is input, textarea, select, checkbox, checks (several boxes), inputs (several lines) or file.

    `choices` are pairs of what is sent and what is shown; `blank` says that nothing may be chosen as well.
    """

    kind: str
    attributes: Attributes = field(default_factory=dict)
    choices: tuple[tuple[str, str], ...] = ()
    blank: bool = False


def control(slot: Slot) -> Control:
    """The control for a form's slot."""
    if slot.source is Source.FILE:
        return Control("file", {"type": "file", "multiple": slot.many, "required": slot.required})
    shape, nullable = without_none(slot.shape)
    within = list_within(slot.shape)
    if within is not None:
        item = within.item if isinstance(within, ListShape) else within.items[0]
        found = _scalar(without_none(item)[0], True, False)
        if found.kind == "select":
            return Control("checks", choices=found.choices)
        return Control("inputs", {**found.attributes, "required": slot.required})
    return _scalar(shape, slot.required, nullable)


def without_none(shape: Shape) -> tuple[Shape, bool]:
    """The one other member of `T | None`, and whether None was there."""
    if not isinstance(shape, UnionShape):
        return shape, False
    rest = [member for member in shape.members if not isinstance(member, NoneShape)]
    return (rest[0] if len(rest) == 1 else shape), len(rest) < len(shape.members)


def _scalar(shape: Shape, required: bool, nullable: bool) -> Control:
    match shape:
        case EnumShape(type=kind):
            choices = tuple((text_of(member.value), _enum_label(member)) for member in kind)
            return Control("select", {"required": required}, choices, required or nullable)
        case LiteralShape(values=values):
            choices = tuple((text_of(value), words(text_of(value))) for value in values if value is not None)
            return Control("select", {"required": required}, choices, required or nullable)
        case ScalarShape(type=kind) if kind is bool and not nullable:
            return Control("checkbox", {"type": "checkbox", "value": "true"})
        case ScalarShape(type=kind) if kind is bool:
            return Control("select", {"required": required}, (("true", "Yes"), ("false", "No")), True)
        case ScalarShape(type=kind):
            found = _ATTRIBUTES.get(kind, _text)(shape.constraints)
            long = kind is str and (shape.constraints.max_length or 0) > LONG_TEXT
            found["required"] = required
            if not long:
                return Control("input", found)
            return Control("textarea", {name: v for name, v in found.items() if name not in ("type", "pattern")})
    return Control("input", {"type": "text", "required": required})


# --- attributes -------------------------------------------------------------------------------------------------------


def _text(limits: Constraints) -> Attributes:
    found: Attributes = {"type": "text"}
    if limits.min_length is not None and limits.min_length > 1:
        found["minlength"] = str(limits.min_length)
    if limits.max_length is not None:
        found["maxlength"] = str(limits.max_length)
    pattern = html_pattern(limits.pattern) if limits.pattern is not None else None
    if pattern is not None:
        found["pattern"] = pattern
    return found


# What JavaScript's regular expressions do not know, or understand otherwise than Python's.
_PYTHON_ONLY = re.compile(r"\(\?(?!:|=|!|<=|<!)|\\[AZzWwDSbBN]|[*+?}]\+|\n").search
_PARTS = re.compile(r"\\.|\[(?:\\.|[^\]])*\]", re.DOTALL)


def html_pattern(pattern: str) -> str | None:
    """A Python pattern, which may be found anywhere, for an attribute that must match the whole; None if none would.

    The attribute is compiled with the flag v (https://html.spec.whatwg.org/#attr-input-pattern).
    """
    if _PYTHON_ONLY(pattern):
        return None
    bare = _PARTS.sub("x", pattern)  # one character for each escape and class
    starts, ends = bare.startswith("^"), bare.endswith("$")
    # `^a|b$` is two halves, each anchored at its own side; `^(a|b)$` is one whole.
    if "|" in bare and (starts or ends) and not (starts and ends and _is_one_group(bare[1:-1])):
        return None
    pattern = re.sub(r"\\.", lambda escape: "\\p{Nd}" if escape[0] == "\\d" else escape[0], pattern, flags=re.DOTALL)
    if starts and ends:
        return pattern
    anything = "[\\s\\S]*"
    return f"{'' if starts else anything}(?:{pattern}){'' if ends else anything}"


def _is_one_group(bare: str) -> bool:
    """Whether the parenthesis it begins with is closed by its last character."""
    depth = 0
    for at, character in enumerate(bare):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return at == len(bare) - 1 and at > 0
    return False


def _whole(limits: Constraints) -> Attributes:
    lows = [] if limits.gt is None else [math.floor(limits.gt) + 1]
    highs = [] if limits.lt is None else [math.ceil(limits.lt) - 1]
    lows += [] if limits.ge is None else [math.ceil(limits.ge)]
    highs += [] if limits.le is None else [math.floor(limits.le)]
    numbers = _range(max(lows, default=None), min(highs, default=None), limits.multiple_of, "1")
    return {"type": "number", **numbers, "inputmode": "numeric"}


def _number(limits: Constraints) -> Attributes:
    low = limits.ge if limits.ge is not None else limits.gt
    high = limits.le if limits.le is not None else limits.lt
    return {"type": "number", **_range(low, high, limits.multiple_of, "any"), "inputmode": "decimal"}


def _range(low: Any, high: Any, step: Any, no_step: str) -> Attributes:
    """min, max and step. Browsers count steps from the minimum, so that is moved to a multiple."""
    found: Attributes = {}
    if step is not None and low is not None:
        size = Decimal(str(step))
        low = (Decimal(str(low)) / size).to_integral_value(ROUND_CEILING) * size
    for name, bound in (("min", low), ("max", high)):
        if bound is not None:
            found[name] = text_of(bound)
    if step is not None or no_step != "1":
        found["step"] = text_of(step) if step is not None else no_step
    return found


def _moment(kind: str) -> Any:
    def attributes(limits: Constraints) -> Attributes:
        found: Attributes = {"type": kind}
        for name, bounds in (("min", (limits.ge, limits.gt)), ("max", (limits.le, limits.lt))):
            bound = next((b for b in bounds if b is not None), None)
            # Date-times are typed in the application's time zone, in which a bound is another text.
            if bound is not None and kind != "datetime-local":
                found[name] = text_of(bound)
        return found

    return attributes


def _duration(limits: Constraints) -> Attributes:
    return {"type": "text", "placeholder": "P1DT12H"}


_ATTRIBUTES: dict[type, Any] = {
    int: _whole,
    float: _number,
    Decimal: _number,
    date: _moment("date"),
    time: _moment("time"),
    datetime: _moment("datetime-local"),
    timedelta: _duration,
}

# --- texts ------------------------------------------------------------------------------------------------------------


def text_of(value: Any, zone: tzinfo | None = None) -> str:
    """A value as a form sends it; date-times as their minutes (or seconds) in `zone`."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Enum():
            return text_of(value.value, zone)
        case str():
            return str(value)
        case datetime():
            local = value.astimezone(zone) if value.tzinfo is not None and zone is not None else value
            plain = local.replace(tzinfo=None)
            return plain.isoformat(timespec="seconds" if plain.second or plain.microsecond else "minutes")
        case time():
            return value.isoformat(timespec="seconds" if value.second or value.microsecond else "minutes")
        case timedelta():
            import msgspec

            return str(msgspec.to_builtins(value))
        case Decimal():
            return format(value, "f") if value.is_finite() and abs(value.adjusted()) < 40 else str(value)
    return str(value)


def is_number(text: str) -> bool:
    """Whether a number input would show this text instead of nothing."""
    return re.fullmatch(r"-?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?", text) is not None


_SHOWN = {
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch,
    "time": re.compile(r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?").fullmatch,
    "datetime-local": re.compile(r"[0-9-]{10}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,3})?)?").fullmatch,
}


def shows(kind: str, text: str) -> bool:
    """Whether an input of this type shows the text: a browser empties it of what is no number or date."""
    if not text:
        return True
    if kind == "number":
        return is_number(text)
    return kind not in _SHOWN or _SHOWN[kind](text) is not None


def words(name: str) -> str:
    """`due_date` as "Due date"."""
    text = " ".join(name.replace("_", " ").split())
    return text[:1].upper() + text[1:]


def _enum_label(member: Enum) -> str:
    label = getattr(member, "label", None)
    return label if isinstance(label, str) else words(member.name.lower() if member.name.isupper() else member.name)


def values_of(given: Any) -> Iterable[Any]:
    """Several values, of a field that takes several."""
    if given is None or isinstance(given, str | bytes):
        return () if given is None else (given,)
    return given if isinstance(given, list | tuple | set | frozenset) else (given,)
