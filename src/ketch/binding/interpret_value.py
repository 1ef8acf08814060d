"""Walking a shape over loosely decoded JSON: the typed value, or every problem on the way.

The rules are msgspec's strict ones, so that good input gives what the printed decoder gives. Numbers arrive exactly as
they were written (`Number`), because a Decimal keeps digits that a float has not. A walk asks each member of a plain
union by a trial that stops at its first problem; what was tried is remembered, so that unions inside unions cost no
more than the document times the types.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from datetime import datetime, time
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import msgspec

from ketch.binding.error_types import FAILED, Enough, Loc, Problems, choices, counted
from ketch.binding.interpret_choice import candidates, converted_key, is_unset, key_error, tag_in
from ketch.binding.interpret_json import Number
from ketch.binding.interpret_record import construct, tell_pydantic, validate
from ketch.binding.interpret_rules import obey
from ketch.binding.interpret_text import BY_MSGSPEC, with_zone
from ketch.binding.interpret_words import described
from ketch.kernel.shapes import (
    AnyShape,
    DictShape,
    EnumShape,
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


class ValueReader:
    """Reads plain values into typed ones; problems go to `problems`."""

    __slots__ = ("problems", "tried", "trying")

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.trying = False
        self.tried: dict[Any, Any] = {}

    def value(self, shape: Shape, value: Any, loc: Loc) -> Any:
        """`value` as `shape`, or FAILED."""
        made = _READERS[type(shape)](self, shape, value, loc)
        return made if made is FAILED else obey(shape.constraints, made, value, loc, self.problems)

    # --- anything, nothing, one of several values ---------------------------------------------------------------------

    def _any(self, _: AnyShape, value: Any, loc: Loc) -> Any:
        """The same value made of plain floats. A number that no float can hold is a problem."""
        if isinstance(value, Number):
            return float(value) if math.isfinite(value) else self.problems.add("finite_number", loc, value.text[:200])
        if isinstance(value, dict):
            return {key: self._any(_, item, (*loc, _name(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [self._any(_, item, (*loc, at)) for at, item in enumerate(value)]
        return value

    def _none(self, _: NoneShape, value: Any, loc: Loc) -> Any:
        return None if value is None else self.problems.add("none_required", loc, value)

    def _enum(self, shape: EnumShape, value: Any, loc: Loc) -> Any:
        made = _member(shape.type, value)
        if made is FAILED:
            return self.problems.add("enum", loc, value, choices([member.value for member in shape.type]))
        return made

    def _literal(self, shape: LiteralShape, value: Any, loc: Loc) -> Any:
        for one in shape.values:
            if type(one) is type(value) and one == value:
                return one
        return self.problems.add("literal_error", loc, value, choices(shape.values))

    def _opaque(self, shape: OpaqueShape, value: Any, loc: Loc) -> Any:
        return by_class(shape, value, loc, self.problems)

    # --- scalars ------------------------------------------------------------------------------------------------------

    def _scalar(self, shape: ScalarShape, value: Any, loc: Loc) -> Any:
        kind = shape.type
        if kind in BY_MSGSPEC:
            name = BY_MSGSPEC[kind]
            made = self._from_text(kind, f"{name}_type", f"{name}_parsing", value, loc)
            if made is FAILED or kind not in (datetime, time):
                return made
            return with_zone(made, shape.constraints.tz, value, loc, self.problems)
        if kind is bytes:
            return self._from_text(bytes, "bytes_type", "bytes_invalid_encoding", value, loc)
        if kind is Decimal:
            return self._decimal(value, loc)
        if kind is float:
            return self._float(value, loc)
        # bool is an int to Python, and to nobody else.
        if type(value) is kind:
            return value
        too_long = kind is int and isinstance(value, Number) and value.text.endswith("e0") and not math.isfinite(value)
        return self.problems.add("int_parsing_size" if too_long else _TYPE_ERRORS[kind], loc, _told(value))

    def _float(self, value: Any, loc: Loc) -> Any:
        if type(value) is int or isinstance(value, float):
            try:
                number = float(value)
            except OverflowError:
                number = math.inf
            return number if math.isfinite(number) else self.problems.add("finite_number", loc, _told(value))
        return self.problems.add("float_type", loc, value)

    def _decimal(self, value: Any, loc: Loc) -> Any:
        if isinstance(value, Number):
            return self._from_text(Decimal, "decimal_type", "decimal_parsing", value.text, loc)
        if type(value) is int or type(value) is Decimal:
            return Decimal(value)
        return self._from_text(Decimal, "decimal_type", "decimal_parsing", value, loc)

    def _from_text(self, kind: Any, other: str, unreadable: str, value: Any, loc: Loc) -> Any:
        if type(value) is kind:
            return value  # another codec (MessagePack, CBOR) has such values itself
        if not isinstance(value, str):
            return self.problems.add(other, loc, value)
        try:
            return msgspec.convert(value, kind)
        except ValueError:
            return self.problems.add(unreadable, loc, value)

    # --- containers ---------------------------------------------------------------------------------------------------

    def _list(self, shape: ListShape, value: Any, loc: Loc) -> Any:
        if not isinstance(value, list | tuple):
            return self.problems.add(_LIST_ERRORS[shape.type], loc, value)
        before = len(self.problems)
        items = [self.value(shape.item, item, (*loc, at)) for at, item in enumerate(value)]
        if len(self.problems) != before:
            return FAILED
        if shape.type in (set, frozenset):
            for at, item in enumerate(items):
                if not _hashable(item):
                    return self.problems.add("set_item_not_hashable", (*loc, at), value[at])
        return items if shape.type is list else shape.type(items)

    def _tuple(self, shape: TupleShape, value: Any, loc: Loc) -> Any:
        if not isinstance(value, list | tuple):
            return self.problems.add("tuple_type", loc, value)
        before = len(self.problems)
        if len(value) != len(shape.items):
            kind = "too_short" if len(value) < len(shape.items) else "too_long"
            self.problems.add(kind, loc, value, counted(len(shape.items), "item"))
        pairs = enumerate(zip(shape.items, value, strict=False))
        made = tuple(self.value(item, one, (*loc, at)) for at, (item, one) in pairs)
        return made if len(self.problems) == before else FAILED

    def _dict(self, shape: DictShape, value: Any, loc: Loc) -> Any:
        if not isinstance(value, dict):
            return self.problems.add("dict_type", loc, value)
        before = len(self.problems)
        made = {}
        for key, item in value.items():
            name = _name(key)
            known = self._key(shape.key, key, (*loc, name, "[key]"))
            read = self.value(shape.value, item, (*loc, name))
            if known is not FAILED and read is not FAILED:
                made[known] = read
        return made if len(self.problems) == before else FAILED

    def _key(self, shape: Shape, key: Any, loc: Loc) -> Any:
        """A member's name as the mapping's key type: text that says a number or another scalar."""
        if not isinstance(key, str) or isinstance(shape, AnyShape):
            return self.value(shape, key, loc)
        if isinstance(shape, UnionShape):
            return self._union_key(shape, key, loc)
        converted = converted_key(shape, key)
        if converted is FAILED:
            return self.problems.add(key_error(shape), loc, key, described(shape))
        if isinstance(converted, datetime | time) and isinstance(shape, ScalarShape):
            converted = with_zone(converted, shape.constraints.tz, key, loc, self.problems)
        return converted if converted is FAILED else obey(shape.constraints, converted, key, loc, self.problems)

    def _union_key(self, shape: UnionShape, key: str, loc: Loc) -> Any:
        members = sorted(shape.members, key=lambda one: not (isinstance(one, ScalarShape) and one.type is str))
        for member in members:
            made = self._trial(lambda member=member: self._key(member, key, loc))  # type: ignore[misc]
            if made is not FAILED:
                return made
        return self.problems.add("union", loc, key, described(shape))

    # --- unions -------------------------------------------------------------------------------------------------------

    def _union(self, shape: UnionShape, value: Any, loc: Loc) -> Any:
        if value is None and shape.nullable:
            return None
        members = [member for member in shape.members if not isinstance(member, NoneShape) and not is_unset(member)]
        if len(members) == 1:
            return self.value(members[0], value, loc)
        if shape.tag_field is not None:
            return self._tagged(shape, value, loc)
        for member in candidates(members, value):
            made = self._trial(lambda member=member: self.value(member, value, loc))  # type: ignore[misc]
            if made is not FAILED:
                return made
        return self.problems.add("union", loc, value, described(shape))

    def _tagged(self, shape: UnionShape, value: Any, loc: Loc) -> Any:
        """A discriminated union: its problems are those of the branch that the tag names."""
        records = dict(shape.tags)
        example = next(iter(records.values()))
        if not isinstance(value, list | tuple if example.array_like else dict):
            return self.problems.add("tuple_type" if example.array_like else "model_type", loc, value)
        tag = tag_in(example, value)
        field = "its first item" if example.array_like else repr(shape.tag_field)
        if tag is FAILED:
            return self.problems.add("union_tag_not_found", loc, value, field)
        for known, record in shape.tags:
            if type(tag) is type(known) and tag == known:
                return self.value(record, value, loc)
        return self.problems.add("union_tag_invalid", loc, value, f"{field} is {choices(list(records))}")

    def _trial(self, read: Callable[[], Any]) -> Any:
        """What `read` gives, or FAILED if it met any problem; nobody is told."""
        problems, trying = self.problems, self.trying
        self.problems, self.trying = Problems(limit=1), True
        try:
            return read()
        except Enough:
            return FAILED
        finally:
            self.problems, self.trying = problems, trying

    # --- records ------------------------------------------------------------------------------------------------------

    def _record(self, shape: RecordShape, value: Any, loc: Loc) -> Any:
        if not self.trying:
            return self._read_record(shape, value, loc)
        # Without a memory a recursive type with two plain alternatives would be tried 2 to the power of its depth.
        key = (id(value), shape.type, repr(shape.arguments))
        if key not in self.tried:
            self.tried[key] = FAILED
            self.tried[key] = self._read_record(shape, value, loc)
        made = self.tried[key]
        return self.problems.add("union", loc) if made is FAILED else made

    def _read_record(self, shape: RecordShape, value: Any, loc: Loc) -> Any:
        if shape.kind == "pydantic":
            return self._pydantic(shape, value, loc)
        if shape.array_like or shape.kind == "namedtuple":
            return self._array(shape, value, loc)
        if not isinstance(value, dict):
            return self.problems.add("model_type", loc, value)
        before = len(self.problems)
        self._check_tag(shape, value, loc)
        made = {}
        for field in shape.fields:
            if field.alias in value:
                made[field.name] = self.value(field.shape, value[field.alias], (*loc, field.alias))
            elif field.required:
                self.problems.add("missing", (*loc, field.alias))
        if shape.forbid_unknown:
            self._forbid(shape, value, loc)
        return construct(shape, made, value, loc, self.problems) if len(self.problems) == before else FAILED

    def _check_tag(self, shape: RecordShape, value: dict[str, Any], loc: Loc) -> None:
        """A record that has a tag may be sent without it, but not with another one."""
        if shape.tag_field is not None and shape.tag_field in value:
            tag = value[shape.tag_field]
            if type(tag) is not type(shape.tag) or tag != shape.tag:
                self.problems.add("literal_error", (*loc, shape.tag_field), tag, choices([shape.tag]))

    def _forbid(self, shape: RecordShape, value: dict[str, Any], loc: Loc) -> None:
        known = {field.alias for field in shape.fields} | {shape.tag_field}
        for name in value:
            if name not in known:
                self.problems.add("extra_forbidden", (*loc, name), value[name])

    def _array(self, shape: RecordShape, value: Any, loc: Loc) -> Any:
        """A record whose fields come one after the other: a NamedTuple, or a Struct with `array_like`."""
        if not isinstance(value, list | tuple):
            return self.problems.add("tuple_type", loc, value)
        before = len(self.problems)
        offset = int(shape.tag_field is not None)
        if offset and (not value or type(value[0]) is not type(shape.tag) or value[0] != shape.tag):
            self.problems.add("literal_error", (*loc, 0), value[0] if value else None, choices([shape.tag]))
        made = {}
        for at, field in enumerate(shape.fields, offset):
            if at < len(value):
                made[field.name] = self.value(field.shape, value[at], (*loc, at))
            elif field.required:
                self.problems.add("missing", (*loc, at))
        if len(value) > len(shape.fields) + offset and (shape.forbid_unknown or shape.kind == "namedtuple"):
            self.problems.add("too_long", loc, value, counted(len(shape.fields) + offset, "item"))
        return construct(shape, made, value, loc, self.problems) if len(self.problems) == before else FAILED

    def _pydantic(self, shape: RecordShape, value: Any, loc: Loc) -> Any:
        before = len(self.problems)
        plain = self._any(_ANY, value, loc)
        if len(self.problems) != before:
            return FAILED
        made, errors = validate(shape.annotation, plain)
        return tell_pydantic(errors, loc, self.problems) if errors else made


_ANY = AnyShape()

_READERS: dict[type, Callable[[ValueReader, Any, Any, Loc], Any]] = {
    AnyShape: ValueReader._any,
    NoneShape: ValueReader._none,
    ScalarShape: ValueReader._scalar,
    EnumShape: ValueReader._enum,
    LiteralShape: ValueReader._literal,
    ListShape: ValueReader._list,
    TupleShape: ValueReader._tuple,
    DictShape: ValueReader._dict,
    UnionShape: ValueReader._union,
    RecordShape: ValueReader._record,
    OpaqueShape: ValueReader._opaque,
}
_TYPE_ERRORS: dict[type, str] = {int: "int_type", bool: "bool_type", str: "string_type"}
_LIST_ERRORS: dict[type, str] = {list: "list_type", tuple: "tuple_type", set: "set_type", frozenset: "frozen_set_type"}


def _told(value: Any) -> Any:
    """What a client is shown of what it sent: a number that is no float as it was written."""
    return value.text[:200] if isinstance(value, Number) and not math.isfinite(value) else value


def _name(key: Any) -> str | int:
    return key if isinstance(key, str | int) else str(key)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def by_class(shape: OpaqueShape, text: Any, loc: Loc, problems: Problems) -> Any:
    """An instance of somebody's class, which reads its text itself (a Path, a Fraction), or FAILED.

    For settings. In a request such a type is a mistake that is told when the application starts.
    """
    kind = shape.type
    if not isinstance(kind, type) or not isinstance(text, str):
        return problems.add("value_error", loc, text, "cannot be read from text")
    try:
        made = kind(text)
    except Exception as error:  # whatever it says is the reason
        return problems.add("value_error", loc, text, f"is refused by {kind.__name__}: {error}")
    if isinstance(made, PurePath) and text.startswith("~") and hasattr(made, "expanduser"):
        return made.expanduser()
    return made


def _member(kind: type[enum.Enum], value: Any) -> Any:
    """The member of an Enum that a JSON value names: text for text, integers (of 64 bits) for integers."""
    values = [member.value for member in kind]
    if all(isinstance(one, str) for one in values):
        if not isinstance(value, str):
            return FAILED
    elif all(isinstance(one, int) for one in values):
        if type(value) is not int or not -(2**63) <= value < 2**64:
            return FAILED
    else:
        plain = float(value) if isinstance(value, Number) else value
        return next((m for m in kind if type(m.value) is type(plain) and m.value == plain), FAILED)
    try:
        return kind(value)
    except Exception:  # also whatever a `_missing_` of the application raises: the value is none of its members
        return FAILED
