"""From an annotation to the data tree of `shapes.py`.

Generic types are followed with what their variables stand for; a class that is none of ours is asked of `families.py`.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import types
import typing
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from ketch.kernel.constraints import refine
from ketch.kernel.families import is_read_only, record_shape
from ketch.kernel.shapes import (
    SCALARS,
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
    if isinstance(annotation, type):
        return _bare(annotation, variables)  # PERF: most annotations are classes; all questions below cost 4 us
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
    if origin in (typing.Required, typing.NotRequired, typing.Final, typing.ClassVar) or is_read_only(origin):
        return _build(get_args(annotation)[0], variables)
    return _generic(annotation, origin, variables) if origin is not None else _bare(annotation, variables)


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
    return record_shape(annotation, annotation, (), _build) or OpaqueShape(annotation=annotation, type=annotation)


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
    return record_shape(annotation, origin, arguments, _build) or OpaqueShape(annotation=annotation, type=annotation)


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
