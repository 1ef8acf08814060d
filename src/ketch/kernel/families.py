"""The families of structured types, and how each tells its fields.

msgspec Struct, dataclass, TypedDict, NamedTuple, attrs and pydantic are recognised by what they carry, so that none of
their libraries is imported here. `build` makes the shape of a field's annotation; it is handed in by `annotations.py`.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_origin

from ketch.kernel.constraints import refine
from ketch.kernel.shapes import MISSING, FieldShape, RecordShape, Shape

Build = Callable[[Any, dict[Any, Any]], Shape]


def record_shape(annotation: Any, kind: Any, arguments: tuple[Any, ...], build: Build) -> RecordShape | None:
    """The shape of a structured type, `kind` with its type arguments; None for a class of no family."""
    if not isinstance(kind, type):
        return None
    name = getattr(annotation, "__name__", kind.__name__) if not arguments else kind.__name__
    common: dict[str, Any] = {"annotation": annotation, "type": kind, "name": name, "arguments": arguments}
    if _is_pydantic(kind):
        forbid = getattr(kind, "model_config", {}).get("extra") == "forbid"
        return RecordShape(kind="pydantic", reader=partial(_pydantic_fields, build), forbid_unknown=forbid, **common)
    if hasattr(kind, "__struct_fields__"):
        config = kind.__struct_config__  # type: ignore[attr-defined]
        return RecordShape(
            kind="struct",
            reader=partial(_struct_fields, build),
            forbid_unknown=config.forbid_unknown_fields,
            tag_field=config.tag_field,
            tag=config.tag,
            array_like=config.array_like,
            **common,
        )
    for test, label in _FAMILIES:
        if test(kind):
            return RecordShape(kind=label, reader=partial(_READERS[label], build), **common)
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


def _struct_fields(build: Build, record: RecordShape) -> list[FieldShape]:
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
        result.append(FieldShape(name, shown, build(hints[name], variables), absent, value, factory))
    return result


def _dataclass_fields(build: Build, record: RecordShape) -> list[FieldShape]:
    hints, variables = _hints(record)
    result = []
    for item in dataclasses.fields(record.type):
        if not item.init:
            continue
        factory = None if item.default_factory is dataclasses.MISSING else item.default_factory
        value = MISSING if item.default is dataclasses.MISSING else item.default
        alias = _alias(hints[item.name], item.name)
        required = value is MISSING and factory is None
        result.append(FieldShape(item.name, alias, build(hints[item.name], variables), required, value, factory))
    return result


def _typeddict_fields(build: Build, record: RecordShape) -> list[FieldShape]:
    hints, variables = _hints(record)
    required = record.type.__required_keys__
    return [
        FieldShape(name, _alias(hint, name), build(hint, variables), _presence(hint, name in required))
        for name, hint in hints.items()
    ]


def is_read_only(origin: Any) -> bool:
    return getattr(origin, "_name", None) == "ReadOnly"


def _presence(hint: Any, known: bool) -> bool:
    """Whether a TypedDict's key must be there: its own word counts, which `__required_keys__` misses in a string."""
    while (origin := get_origin(hint)) is not None:
        if origin in (typing.Required, typing.NotRequired):
            return origin is typing.Required
        if origin is not Annotated and not is_read_only(origin):
            return known
        hint = get_args(hint)[0]
    return known


def _attrs_fields(build: Build, record: RecordShape) -> list[FieldShape]:
    hints, variables = _hints(record)
    result = []
    for item in record.type.__attrs_attrs__:
        if not item.init:
            continue
        factory = getattr(item.default, "factory", None) if type(item.default).__name__ == "Factory" else None
        absent = type(item.default).__name__ == "_Nothing"
        value = MISSING if absent or factory else item.default
        hint = hints.get(item.name, Any)
        result.append(FieldShape(item.name, _alias(hint, item.name), build(hint, variables), absent, value, factory))
    return result


def _namedtuple_fields(build: Build, record: RecordShape) -> list[FieldShape]:
    hints, variables = _hints(record)
    defaults = record.type._field_defaults
    return [
        FieldShape(
            name, name, build(hints.get(name, Any), variables), name not in defaults, defaults.get(name, MISSING)
        )
        for name in record.type._fields
    ]


def _pydantic_fields(build: Build, record: RecordShape) -> list[FieldShape]:
    """What pydantic says about its fields; pydantic itself stays the judge of values."""
    kind = record.type if not record.arguments else record.annotation
    complete_model(kind)
    result = []
    for name, info in kind.__pydantic_fields__.items():
        required = bool(info.is_required())
        default = MISSING if required or info.default_factory is not None else info.default
        alias = info.validation_alias if isinstance(info.validation_alias, str) else info.alias or name
        shape = refine(build(info.annotation, {}), info)
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
    "dataclass": _dataclass_fields,
    "typeddict": _typeddict_fields,
    "namedtuple": _namedtuple_fields,
    "attrs": _attrs_fields,
}
