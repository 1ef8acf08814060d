"""Which types msgspec may decode by itself: those that it gives the meaning that Ketch gives them."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

import msgspec

from ketch.binding.pydantic_types import dec_hook
from ketch.kernel.shapes import (
    DictShape,
    FieldShape,
    ListShape,
    OpaqueShape,
    RecordShape,
    ScalarShape,
    Shape,
    TupleShape,
    UnionShape,
    parts,
)


def is_native(shape: Shape) -> bool:
    """True if msgspec decodes `shape` with the meaning that Ketch gives it (datetimes apart)."""
    try:
        if not all(_native_here(part) for part in parts(shape)):
            return False
        msgspec.json.Decoder(shape.annotation if shape.annotation is not None else Any, dec_hook=dec_hook)
    except (TypeError, NameError):
        return False
    return True


def _native_here(shape: Shape) -> bool:
    if shape.foreign:
        return False
    if isinstance(shape, UnionShape):
        if any(isinstance(m, ListShape | TupleShape | DictShape) for m in shape.members) and any(
            m.constraints for m in shape.members
        ):
            # msgspec 0.22 corrupts memory on `tuple[int, int] | Annotated[float, gt]` and
            # `list | Annotated[str, pattern]`.
            return False
        # With a plain text alternative msgspec's choice of member is its own; dates are the plain case.
        texts = [m for m in shape.members if isinstance(m, ScalarShape) and m.type not in (int, float, bool)]
        return len(texts) < 2 and not any(isinstance(m, RecordShape) and m.kind == "pydantic" for m in shape.members)
    if isinstance(shape, ScalarShape):
        return shape.type is not datetime or shape.constraints.tz is not False
    if isinstance(shape, RecordShape) and shape.kind != "pydantic":
        return _made_as_written(shape) and all(_msgspec_alias(shape, item) for item in shape.fields)
    return not isinstance(shape, OpaqueShape)


def _made_as_written(record: RecordShape) -> bool:
    """msgspec fills dataclasses and attrs classes itself: `init=False` fields from the client, converters left out."""
    if record.kind == "dataclass":
        made = record.type.__dataclass_params__.init
        return bool(made and all(item.init for item in dataclasses.fields(record.type)))
    if record.kind == "attrs":
        return all(item.init and item.converter is None for item in record.type.__attrs_attrs__)
    return True


def _msgspec_alias(record: RecordShape, item: FieldShape) -> bool:
    if item.alias == item.name:
        return True
    if record.kind != "struct":
        return False
    names = dict(zip(record.type.__struct_fields__, record.type.__struct_encode_fields__, strict=True))
    return bool(names[item.name] == item.alias)
