"""What a client sends, from the slots of the plans: parameters and the request body."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import Any

from ketch.binding.plan import BodyPlan, Plan, Slot
from ketch.binding.sources import Source
from ketch.kernel.shapes import (
    MISSING,
    AnyShape,
    ListShape,
    LiteralShape,
    NoneShape,
    ScalarShape,
    Shape,
    UnionShape,
)
from ketch.openapi.notes import default_of
from ketch.openapi.operation import BINARY
from ketch.openapi.schema import Direction, Schemas

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"

_PATH_NAME = re.compile(r"\{([^}:]+)(?::[^}]*)?\}")


def template(path: str) -> str:
    """A route's pattern as OpenAPI writes it: `/files/{rest:path}` is `/files/{rest}`."""
    return _PATH_NAME.sub(r"{\1}", path)


def parameters(path: str, plans: Iterable[Plan], schemas: Schemas) -> list[dict[str, Any]]:
    """The parameter objects of one operation, each name once; those of the path first, in its order."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    names = _PATH_NAME.findall(path)
    for name in names:
        found["path", name] = {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for slot in _slots(plans):
        place = slot.source.value, slot.alias
        if not slot.include_in_schema or (slot.source is Source.PATH and slot.alias not in names):
            continue
        known = found.get(place)
        if known is None or "described" not in known:
            found[place] = {**_parameter(slot, schemas), "described": True}
        elif slot.required:
            known["required"] = True
    for parameter in found.values():
        parameter.pop("described", None)
    return list(found.values())


def _slots(plans: Iterable[Plan]) -> Iterator[Slot]:
    """Every slot outside the body; a parameter struct is its fields."""
    for plan in plans:
        for slot in plan.outside_body:
            yield from slot.fields or (slot,)


def _parameter(slot: Slot, schemas: Schemas) -> dict[str, Any]:
    shape = without_none(slot.shape)
    schema = schemas.of(shape, Direction.INPUT)
    _write_default(schema, slot)
    parameter: dict[str, Any] = {"name": slot.alias, "in": slot.source.value}
    if slot.source is Source.PATH or slot.required:
        parameter["required"] = True
    for word in ("description", "deprecated"):  # said of the parameter, they need not be said of its schema too
        if word in schema:
            parameter[word] = schema.pop(word)
    if isinstance(shape, ListShape) and slot.source is Source.QUERY:
        parameter |= {"style": "form", "explode": True}  # ?tag=a&tag=b
    parameter["schema"] = schema
    return parameter


def _write_default(schema: dict[str, Any], slot: Slot) -> None:
    default = default_of(slot.default, slot.default_factory)
    if default is not MISSING and default is not None:
        schema["default"] = default


def without_none(shape: Shape) -> Shape:
    """What text can say of a shape: None never comes from text, it is what an absent value becomes."""
    if isinstance(shape, LiteralShape) and None in shape.values:
        return dataclasses.replace(shape, values=tuple(v for v in shape.values if v is not None))
    if not isinstance(shape, UnionShape) or not shape.nullable:
        return shape
    rest = tuple(member for member in shape.members if not isinstance(member, NoneShape))
    if len(rest) != 1:
        return dataclasses.replace(shape, members=rest)
    said = {f.name: v for f in dataclasses.fields(shape.note) if (v := getattr(shape.note, f.name))}
    return dataclasses.replace(rest[0], note=dataclasses.replace(rest[0].note, **said)) if said else rest[0]


def body_of(plans: Iterable[Plan]) -> BodyPlan | None:
    """The body's plan: at most one of an operation's plans has one."""
    return next((plan.body for plan in plans if plan.body is not None), None)


def request_body(
    body: BodyPlan, media_types: tuple[str, ...], schemas: Schemas, way: Direction = Direction.INPUT
) -> dict[str, Any]:
    """The requestBody object. `way` is OUTPUT for a webhook: there it is the application that sends the body."""
    description = None
    if body.kind == "form":
        schema = _form(body, schemas)
        files = any(slot.source is Source.FILE for slot in _fields(body))
        media_types = (MULTIPART if files else URLENCODED,)
    elif body.embed or len(body.slots) != 1:
        schema = _members(body, schemas, way)
    else:
        slot = body.slots[0]
        schema = schemas.of(slot.shape, way)
        description = schema.pop("description", None)
        _write_default(schema, slot)
    if body.media_type is not None:
        media_types = (body.media_type,)
    result: dict[str, Any] = {"description": description} if description else {}
    result["content"] = {media_type: {"schema": schema} for media_type in media_types}
    if body.required:
        result["required"] = True
    return result


def _fields(body: BodyPlan) -> Iterator[Slot]:
    for slot in body.slots:
        yield from slot.fields or (slot,)


def _members(body: BodyPlan, schemas: Schemas, way: Direction) -> dict[str, Any]:
    """Several `Body()` parameters, or an embedded one: members of one object."""
    properties = {}
    for slot in body.slots:
        properties[slot.alias] = schemas.of(slot.shape, way)
        _write_default(properties[slot.alias], slot)
    return _object(properties, [slot.alias for slot in body.slots if slot.required])


def _form(body: BodyPlan, schemas: Schemas) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required = []
    for slot in _fields(body):
        if not slot.include_in_schema:
            continue
        shape = without_none(slot.shape)
        properties[slot.alias] = _file(slot) if slot.source is Source.FILE else schemas.of(shape, Direction.INPUT)
        _write_default(properties[slot.alias], slot)
        if slot.required and not (isinstance(shape, ScalarShape) and shape.type is bool):  # absent means unticked
            required.append(slot.alias)
    return _object(properties, required)


def _file(slot: Slot) -> dict[str, Any]:
    one: dict[str, Any] = {"type": "string", "format": "binary", "contentMediaType": BINARY}
    schema = {"type": "array", "items": one} if slot.many or isinstance(without_none(slot.shape), ListShape) else one
    if slot.note.description is not None:
        schema["description"] = slot.note.description
    return schema


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def can_be_invalid(plans: Iterable[Plan]) -> bool:
    """Whether a well-formed request can still be a 422: something missing, not converting, or breaking a constraint."""
    plans = tuple(plans)
    body = body_of(plans)
    if body is not None and any(_can_fail(slot) for slot in _fields(body)):
        return True
    return any(_can_fail(slot) for slot in _slots(plans))


def _can_fail(slot: Slot) -> bool:
    shape = without_none(slot.shape)
    if slot.required and slot.source is not Source.PATH:
        return True
    if slot.source is Source.BODY:
        return not isinstance(shape, AnyShape)
    return not (isinstance(shape, ScalarShape) and shape.type is str and not shape.constraints)
