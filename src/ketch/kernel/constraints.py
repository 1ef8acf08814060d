"""What the objects in `Annotated` say: constraints, and notes for documents.

They are read from anything that has the usual attribute names (msgspec.Meta, annotated-types, pydantic's FieldInfo,
Ketch's Field), so that none of those libraries is imported here.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from ketch.kernel.shapes import CONSTRAINT_NAMES, NoneShape, Note, Shape, UnionShape


def refine(shape: Shape, item: Any) -> Shape:
    """`shape` with what one object in `Annotated` says about it; objects that say nothing change nothing."""
    if isinstance(item, (str, type)):
        return shape  # a qualifier, a class used as a tag: they say nothing about the value
    own = _written(item)
    for nested in getattr(item, "metadata", None) or () if _is_pydantic_field(item) else ():
        own.update(_written(nested))
    note = _note(shape.note, item)
    if not own and note is shape.note:
        return shape
    if isinstance(shape, UnionShape) and own:
        # Constraints on `int | None` speak of the int.
        members = tuple(
            m if isinstance(m, NoneShape) else dataclasses.replace(m, **_constraints(m, own, item))
            for m in shape.members
        )
        return dataclasses.replace(shape, members=members, note=note)
    return dataclasses.replace(shape, note=note, **_constraints(shape, own, item))


def _constraints(shape: Shape, own: dict[str, Any], item: Any) -> dict[str, Any]:
    """What changes in a shape that `own` constrains."""
    if not own:
        return {}
    changed: dict[str, Any] = {"constraints": dataclasses.replace(shape.constraints, **own)}
    if not _is_msgspec_meta(item):
        changed["foreign"] = dataclasses.replace(shape.foreign, **own)
    return changed


def _written(item: Any) -> dict[str, Any]:
    """The constraints that an object says, by name."""
    found: dict[str, Any] = {}
    for name in CONSTRAINT_NAMES if not isinstance(item, type) else ():
        value = getattr(item, name, None)
        if value is not None and name == "pattern" and not isinstance(value, str):
            value = getattr(value, "pattern", None)  # a compiled regular expression
        if value is not None and not callable(value):
            found[name] = value
    return found


def _note(note: Note, item: Any) -> Note:
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
