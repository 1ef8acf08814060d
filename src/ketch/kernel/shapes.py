"""An annotation becomes a small data tree, once.

Binding, the interpreter of bad input, the API's document and the admin's forms all read this tree; none of them looks
at annotations again. The tree says what a value *is*; how it travels is somebody else's business.

Structured types of five families are recognised by what they carry, so that none of their libraries is imported here:
msgspec Struct, dataclass, TypedDict, attrs and pydantic. Constraints are read from anything in `Annotated` that has
the usual attribute names (msgspec.Meta, annotated-types, pydantic's FieldInfo, Ketch's Field).

Recursive types work because a record computes its fields when they are first asked for.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import sys
import types
import typing
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin
from uuid import UUID


class _Missing:
    """No default: distinct from None."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING = _Missing()

SCALARS: tuple[type, ...] = (str, int, float, bool, bytes, Decimal, UUID, date, datetime, time, timedelta)
CONSTRAINT_NAMES = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "tz")


@dataclass(frozen=True, slots=True)
class Constraints:
    """What a value must obey, in msgspec's and pydantic's words. `tz`: True aware, False naive, None the house rule."""

    gt: Any = None
    ge: Any = None
    lt: Any = None
    le: Any = None
    multiple_of: Any = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    tz: bool | None = None

    def __bool__(self) -> bool:
        return self is not FREE and self != FREE

    def items(self) -> list[tuple[str, Any]]:
        """The constraints that are set, in a fixed order."""
        return [(n, getattr(self, n)) for n in CONSTRAINT_NAMES if getattr(self, n) is not None]


FREE = Constraints()


@dataclass(frozen=True, slots=True)
class Note:
    """What documentation shows about a value; it never changes what is accepted."""

    title: str | None = None
    description: str | None = None
    examples: tuple[Any, ...] | None = None
    deprecated: bool = False
    extra_json_schema: Any = None


PLAIN = Note()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Base of the tree. `foreign` holds the constraints that came from others and that msgspec does not know."""

    annotation: Any = None
    constraints: Constraints = FREE
    foreign: Constraints = FREE
    note: Note = PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyShape(Shape):
    """Any, object: whatever the format can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoneShape(Shape):
    """None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarShape(Shape):
    """One of SCALARS."""

    type: type


@dataclass(frozen=True, slots=True, kw_only=True)
class EnumShape(Shape):
    """An Enum class; values travel, not names."""

    type: type[enum.Enum]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteralShape(Shape):
    """One of several fixed values (str, int, bool or None)."""

    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListShape(Shape):
    """Any number of items: `type` is list, set, frozenset or tuple (`tuple[T, ...]`)."""

    type: type
    item: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class TupleShape(Shape):
    """A fixed number of items."""

    items: tuple[Shape, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DictShape(Shape):
    """A mapping; `type` is dict."""

    key: Shape
    value: Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class UnionShape(Shape):
    """One of several. With `tag_field`, `tags` names the member for each value of that field."""

    members: tuple[Shape, ...]
    tag_field: str | None = None
    tags: tuple[tuple[str | int, RecordShape], ...] = ()

    @property
    def nullable(self) -> bool:
        return any(isinstance(member, NoneShape) for member in self.members)


@dataclass(frozen=True, slots=True)
class FieldShape:
    """A field of a record: `alias` is its name on the wire."""

    name: str
    alias: str
    shape: Shape
    required: bool
    default: Any = MISSING
    default_factory: Any = None
    init: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordShape(Shape):
    """A structured type. `kind`: struct, dataclass, typeddict, namedtuple, attrs or pydantic."""

    type: Any
    kind: str
    name: str
    arguments: tuple[Any, ...] = ()
    forbid_unknown: bool = False
    tag_field: str | None = None
    tag: str | int | None = None
    array_like: bool = False
    _cache: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def fields(self) -> tuple[FieldShape, ...]:
        """Computed when first asked for, so that a type may contain itself."""
        if "fields" not in self._cache:
            self._cache["fields"] = tuple(_READERS[self.kind](self))
        result: tuple[FieldShape, ...] = self._cache["fields"]
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class OpaqueShape(Shape):
    """A type this module knows nothing about."""

    type: Any


_known: dict[Any, Shape] = {}
_MAX_KNOWN = 4_096


def shape_of(annotation: Any) -> Shape:
    """The data tree of an annotation (a resolved one: strings are forward references and raise TypeError)."""
    if annotation not in SCALARS and not isinstance(annotation, type):
        try:
            return _build(annotation, {})
        except RecursionError:
            raise TypeError(f"{annotation} contains itself; only classes may do that") from None
    # PERF: plain classes are asked for many times over, by binding, by results, by documents.
    shape = _known.get(annotation)
    if shape is None:
        shape = _build(annotation, {})
        if len(_known) < _MAX_KNOWN:
            _known[annotation] = shape
    return shape


def is_structured(shape: Shape) -> bool:
    """True for what is a JSON body when nothing else is said: records, mappings, and lists or unions with them."""
    match shape:
        case RecordShape() | DictShape() | AnyShape():
            return True
        case ListShape():
            return is_structured(shape.item)
        case TupleShape():
            return any(is_structured(item) for item in shape.items)
        case UnionShape():
            return any(is_structured(member) for member in shape.members)
    return False


def is_scalar(shape: Shape) -> bool:
    """True for what one text value can say."""
    match shape:
        case ScalarShape() | EnumShape() | LiteralShape() | NoneShape():
            return True
        case UnionShape():
            return all(is_scalar(member) for member in shape.members)
    return False


def is_scalar_list(shape: Shape) -> bool:
    """True for a list, set or tuple of scalars (or None instead of it): a repeated query parameter."""
    return list_within(shape) is not None


def list_within(shape: Shape) -> ListShape | TupleShape | None:
    """The list or tuple of scalars in a shape that is one or is `one | None`."""
    if isinstance(shape, ListShape) and is_scalar(shape.item):
        return shape
    if isinstance(shape, TupleShape) and all(is_scalar(item) for item in shape.items):
        return shape
    if isinstance(shape, UnionShape):
        rest = [member for member in shape.members if not isinstance(member, NoneShape)]
        if len(rest) == 1:
            return list_within(rest[0])
    return None


# --- building ---------------------------------------------------------------------------------------------------------

_LISTS: dict[Any, type] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Collection: list,
    collections.abc.Iterable: list,
    collections.abc.Set: set,
    collections.abc.MutableSet: set,
}
_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def _build(annotation: Any, variables: dict[Any, Any]) -> Shape:
    if isinstance(annotation, (str, typing.ForwardRef)):
        raise TypeError(f"the name {annotation!s} could not be resolved")
    origin = get_origin(annotation)
    if origin is Annotated:
        return _annotated(annotation, variables)
    if isinstance(annotation, TypeVar):
        return _type_variable(annotation, variables)
    if isinstance(annotation, typing.NewType):
        return _build(annotation.__supertype__, variables)
    if type(annotation).__name__ == "TypeAliasType":
        return _build(annotation.__value__, variables)
    if type(origin).__name__ == "TypeAliasType":
        bound = dict(zip(origin.__type_params__, get_args(annotation), strict=False))
        return _build(origin.__value__, {**variables, **bound})
    if origin in (Union, types.UnionType):
        return _union(annotation, variables)
    if origin is Literal:
        return LiteralShape(annotation=annotation, values=get_args(annotation))
    if origin in (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar) or _is_read_only(origin):
        return _build(get_args(annotation)[0], variables)
    return _generic(annotation, origin, variables) if origin is not None else _bare(annotation, variables)


def _is_read_only(origin: Any) -> bool:
    return getattr(origin, "_name", None) == "ReadOnly"


def _type_variable(annotation: Any, variables: dict[Any, Any]) -> Shape:
    if annotation in variables:
        return _build(variables[annotation], {k: v for k, v in variables.items() if k is not annotation})
    if annotation.__bound__ is not None:
        return _build(annotation.__bound__, variables)
    return AnyShape(annotation=Any)


def _bare(annotation: Any, variables: dict[Any, Any]) -> Shape:
    if annotation in (Any, object) or annotation is typing.Any:
        return AnyShape(annotation=annotation)
    if annotation is None or annotation is type(None):
        return NoneShape(annotation=None)
    if annotation in SCALARS:
        return ScalarShape(annotation=annotation, type=annotation)
    if annotation in _LISTS:
        return ListShape(annotation=annotation, type=_LISTS[annotation], item=AnyShape())
    if annotation is tuple:
        return ListShape(annotation=annotation, type=tuple, item=AnyShape())
    if annotation in _DICTS:
        return DictShape(annotation=annotation, key=AnyShape(), value=AnyShape())
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return EnumShape(annotation=annotation, type=annotation)
    return _record(annotation, annotation, (), variables) or OpaqueShape(annotation=annotation, type=annotation)


def _generic(annotation: Any, origin: Any, variables: dict[Any, Any]) -> Shape:
    arguments = tuple(_bound(a, variables) for a in get_args(annotation))
    if origin is tuple:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return ListShape(annotation=annotation, type=tuple, item=_build(arguments[0], variables))
        items = tuple(_build(a, variables) for a in arguments)
        return TupleShape(annotation=annotation, items=items)
    if origin in _LISTS:
        return ListShape(annotation=annotation, type=_LISTS[origin], item=_build(arguments[0], variables))
    if origin in _DICTS:
        key, value = (_build(a, variables) for a in arguments)
        return DictShape(annotation=annotation, key=key, value=value)
    return _record(annotation, origin, arguments, variables) or OpaqueShape(annotation=annotation, type=annotation)


def _bound(argument: Any, variables: dict[Any, Any]) -> Any:
    """A type argument with what its variables stand for: `list[T]` within `Page[Task]` is `list[Task]`."""
    if isinstance(argument, TypeVar):
        return variables.get(argument, argument)
    free = getattr(argument, "__parameters__", ()) if get_origin(argument) is not None else ()
    return argument[tuple(variables.get(v, v) for v in free)] if free and variables else argument


def _union(annotation: Any, variables: dict[Any, Any]) -> Shape:
    members: list[Shape] = []
    arguments = [a for a in get_args(annotation) if not _is_unset(a)]
    if len(arguments) == 1:
        return _build(arguments[0], variables)
    for argument in arguments:
        shape = _build(argument, variables)
        members += shape.members if isinstance(shape, UnionShape) and not shape.constraints else [shape]
    records = [m for m in members if not isinstance(m, NoneShape)]
    tags = tuple((r.tag, r) for r in records if isinstance(r, RecordShape) and r.tag is not None)
    fields = {r.tag_field for _, r in tags}
    if len(tags) == len(records) > 1 and len(fields) == 1:
        return UnionShape(annotation=annotation, members=tuple(members), tag_field=fields.pop(), tags=tags)
    return UnionShape(annotation=annotation, members=tuple(members))


def _is_unset(annotation: Any) -> bool:
    """msgspec's UnsetType says that a field may be absent, which its default says as well: no value has this type."""
    return getattr(annotation, "__name__", "") == "UnsetType" and annotation.__module__.startswith("msgspec")


def _annotated(annotation: Any, variables: dict[Any, Any]) -> Shape:
    inner = _build(annotation.__origin__, variables)
    for item in annotation.__metadata__:
        inner = refine(inner, item)
    return dataclasses.replace(inner, annotation=annotation)


# --- constraints and notes --------------------------------------------------------------------------------------------


def refine(shape: Shape, item: Any) -> Shape:
    """`shape` with what one object in `Annotated` says about it; objects that say nothing change nothing."""
    if isinstance(item, (str, type)):
        return shape  # a qualifier, a class used as a tag: they say nothing about the value
    own: dict[str, Any] = {name: _attribute(item, name) for name in CONSTRAINT_NAMES}
    for nested in getattr(item, "metadata", None) or () if _is_pydantic_field(item) else ():
        own.update({n: v for n in CONSTRAINT_NAMES if (v := _attribute(nested, n)) is not None})
    own = {name: value for name, value in own.items() if value is not None}
    note = _note(shape.note, item)
    if not own and note is shape.note:
        return shape
    if isinstance(shape, UnionShape) and own:
        # Constraints on `int | None` speak of the int.
        members = tuple(m if isinstance(m, NoneShape) else _constrain(m, own, item) for m in shape.members)
        return dataclasses.replace(shape, members=members, note=note)
    return dataclasses.replace(_constrain(shape, own, item), note=note)


def _constrain(shape: Shape, own: dict[str, Any], item: Any) -> Shape:
    constraints = dataclasses.replace(shape.constraints, **own)
    foreign = shape.foreign if _is_msgspec_meta(item) else dataclasses.replace(shape.foreign, **own)
    return dataclasses.replace(shape, constraints=constraints, foreign=foreign)


def _attribute(item: Any, name: str) -> Any:
    if isinstance(item, type):
        return None
    value = getattr(item, name, None)
    if name == "pattern" and value is not None and not isinstance(value, str):
        value = getattr(value, "pattern", None)  # a compiled regular expression
    return None if callable(value) else value


def _note(note: Note, item: Any) -> Note:
    if isinstance(item, (str, type)):
        return note
    extra = getattr(item, "extra", None)
    extra = extra if isinstance(extra, dict) else {}
    found: dict[str, Any] = {}
    for name in ("title", "description"):
        value = getattr(item, name, None)
        if isinstance(value, str):
            found[name] = value
    examples = getattr(item, "examples", None)
    if isinstance(examples, (list, tuple)):
        found["examples"] = tuple(examples)
    if getattr(item, "deprecated", None) or extra.get("deprecated"):
        found["deprecated"] = True
    schema = getattr(item, "extra_json_schema", None)
    if schema is not None:
        found["extra_json_schema"] = schema
    return dataclasses.replace(note, **found) if found else note


def _is_msgspec_meta(item: Any) -> bool:
    return type(item).__name__ == "Meta" and type(item).__module__ == "msgspec"


def _is_pydantic_field(item: Any) -> bool:
    return type(item).__name__ == "FieldInfo" and type(item).__module__.startswith("pydantic")


# --- records ----------------------------------------------------------------------------------------------------------


def _record(annotation: Any, kind: Any, arguments: tuple[Any, ...], variables: dict[Any, Any]) -> Shape | None:
    if not isinstance(kind, type):
        return None
    arguments = tuple(_bound(a, variables) for a in arguments)
    name = getattr(annotation, "__name__", kind.__name__) if not arguments else kind.__name__
    common: dict[str, Any] = {"annotation": annotation, "type": kind, "name": name, "arguments": arguments}
    if _is_pydantic(kind):
        forbid = getattr(kind, "model_config", {}).get("extra") == "forbid"
        return RecordShape(kind="pydantic", forbid_unknown=forbid, **common)
    if hasattr(kind, "__struct_fields__"):
        config = kind.__struct_config__  # type: ignore[attr-defined]
        return RecordShape(
            kind="struct",
            forbid_unknown=config.forbid_unknown_fields,
            tag_field=config.tag_field,
            tag=config.tag,
            array_like=config.array_like,
            **common,
        )
    for test, label in _FAMILIES:
        if test(kind):
            return RecordShape(kind=label, **common)
    return None


def _is_pydantic(kind: type) -> bool:
    """A pydantic model or dataclass; asks only what is already loaded."""
    return "pydantic" in sys.modules and (
        hasattr(kind, "__pydantic_validator__") or hasattr(kind, "__pydantic_fields__")
    )


_FAMILIES: list[tuple[Any, str]] = [
    (typing.is_typeddict, "typeddict"),
    (lambda kind: hasattr(kind, "__attrs_attrs__"), "attrs"),
    (dataclasses.is_dataclass, "dataclass"),
    (lambda kind: issubclass(kind, tuple) and hasattr(kind, "_fields"), "namedtuple"),
]


class _Hints(NamedTuple):
    types: dict[str, Any]
    variables: dict[Any, Any]


def _hints(record: RecordShape) -> _Hints:
    hints = typing.get_type_hints(record.type, include_extras=True)
    parameters: tuple[Any, ...] = getattr(record.type, "__parameters__", None) or ()
    parameters = parameters or getattr(record.type, "__type_params__", ())
    variables = dict(zip(parameters, record.arguments, strict=False))
    for base in getattr(record.type, "__orig_bases__", ()):
        known = getattr(get_origin(base), "__parameters__", ())
        for variable, argument in zip(known, get_args(base), strict=False):
            if not isinstance(argument, TypeVar):
                variables.setdefault(variable, argument)
            elif argument in variables:
                variables.setdefault(variable, variables[argument])
    return _Hints(hints, variables)


def _alias(annotation: Any, name: str) -> str:
    """`Field(alias=...)` inside a type."""
    for item in getattr(annotation, "__metadata__", ()):
        extra = getattr(item, "extra", None)
        alias = extra.get("alias") if isinstance(extra, dict) else None
        if isinstance(alias, str):
            return alias
    return name


def _struct_fields(record: RecordShape) -> list[FieldShape]:
    hints, variables = _hints(record)
    kind = record.type
    names, aliases = kind.__struct_fields__, kind.__struct_encode_fields__
    defaults = (MISSING,) * (len(names) - len(kind.__struct_defaults__)) + tuple(kind.__struct_defaults__)
    result = []
    for name, alias, default in zip(names, aliases, defaults, strict=True):
        factory = getattr(default, "factory", None) if type(default).__name__ == "Factory" else None
        absent = default is MISSING or type(default).__name__ == "NoDefaultType"
        value = MISSING if absent or factory else default
        shown = _alias(hints[name], alias)  # an alias of its own wins over the class's `rename`
        result.append(FieldShape(name, shown, _build(hints[name], variables), absent, value, factory))
    return result


def _dataclass_fields(record: RecordShape) -> list[FieldShape]:
    hints, variables = _hints(record)
    result = []
    for item in dataclasses.fields(record.type):
        if not item.init:
            continue
        factory = None if item.default_factory is dataclasses.MISSING else item.default_factory
        value = MISSING if item.default is dataclasses.MISSING else item.default
        alias = _alias(hints[item.name], item.name)
        required = value is MISSING and factory is None
        result.append(FieldShape(item.name, alias, _build(hints[item.name], variables), required, value, factory))
    return result


def _typeddict_fields(record: RecordShape) -> list[FieldShape]:
    hints, variables = _hints(record)
    required = record.type.__required_keys__
    return [
        FieldShape(name, _alias(hint, name), _build(hint, variables), _presence(hint, name in required))
        for name, hint in hints.items()
    ]


def _presence(hint: Any, known: bool) -> bool:
    """Whether a TypedDict's key must be there: its own word counts, which `__required_keys__` misses in a string."""
    while (origin := get_origin(hint)) is not None:
        if origin in (typing.Required, typing.NotRequired):
            return origin is typing.Required
        if origin is not Annotated and not _is_read_only(origin):
            return known
        hint = get_args(hint)[0]
    return known


def _attrs_fields(record: RecordShape) -> list[FieldShape]:
    hints, variables = _hints(record)
    result = []
    for item in record.type.__attrs_attrs__:
        if not item.init:
            continue
        factory = getattr(item.default, "factory", None) if type(item.default).__name__ == "Factory" else None
        absent = type(item.default).__name__ == "_Nothing"
        value = MISSING if absent or factory else item.default
        hint = hints.get(item.name, Any)
        result.append(FieldShape(item.name, _alias(hint, item.name), _build(hint, variables), absent, value, factory))
    return result


def _namedtuple_fields(record: RecordShape) -> list[FieldShape]:
    hints, variables = _hints(record)
    defaults = record.type._field_defaults
    return [
        FieldShape(
            name, name, _build(hints.get(name, Any), variables), name not in defaults, defaults.get(name, MISSING)
        )
        for name in record.type._fields
    ]


def _pydantic_fields(record: RecordShape) -> list[FieldShape]:
    """What pydantic says about its fields; pydantic itself stays the judge of values."""
    kind = record.type if not record.arguments else record.annotation
    complete_model(kind)
    result = []
    for name, info in kind.__pydantic_fields__.items():
        required = bool(info.is_required())
        default = MISSING if required or info.default_factory is not None else info.default
        alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias or name
        shape = refine(_build(info.annotation, {}), info)
        result.append(FieldShape(name, alias, shape, required, default, info.default_factory))
    return result


def complete_model(kind: Any) -> None:
    """pydantic puts off names that it cannot find yet, and then for ever. Raises NameError for one that is nowhere."""
    if getattr(kind, "__pydantic_complete__", True):
        return
    try:
        if hasattr(kind, "model_rebuild"):
            kind.model_rebuild()
        else:
            sys.modules["pydantic.dataclasses"].rebuild_dataclass(kind)
    except NameError as error:
        raise NameError(f"name {error.name!r} is not defined") from None


_READERS: dict[str, Any] = {
    "struct": _struct_fields,
    "dataclass": _dataclass_fields,
    "typeddict": _typeddict_fields,
    "namedtuple": _namedtuple_fields,
    "attrs": _attrs_fields,
    "pydantic": _pydantic_fields,
}
