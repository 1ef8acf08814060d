"""JSON bodies to typed values, decided once per type.

msgspec decodes what it can by itself (`native.py`); what it cannot (constraints in other libraries' words, aliases from
`Field`, unions of untagged records) is decoded to plain values first and built from them (`construct.py`). Datetimes
are put into UTC afterwards (`instants.py`).

All of it raises ValueError (msgspec's errors are ValueErrors) or TypeError for bad input; the interpreter explains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ketch.binding.construct import Build, builder
from ketch.binding.instants import finisher
from ketch.binding.native import is_native
from ketch.binding.pydantic_types import dec_hook, record_adapter
from ketch.kernel.shapes import RecordShape, Shape

Decode = Callable[[bytes], Any]


def json_decoder(shape: Shape) -> Decode:
    """Bytes to a value of `shape`. Raises TypeError if nothing can decode such a type."""
    if isinstance(shape, RecordShape) and shape.kind == "pydantic":
        strict, validate = msgspec.json.Decoder().decode, record_adapter(shape).validate_json
        # pydantic's own reader takes NaN, Infinity and 1e999.
        return lambda raw: (strict(raw), validate(raw))[1]
    if is_native(shape):
        finish = finisher(shape)
        decode = msgspec.json.Decoder(
            shape.annotation if shape.annotation is not None else Any, dec_hook=dec_hook
        ).decode
        if finish is None:
            return decode
        return lambda raw: finish(decode(raw))
    loose, build = msgspec.json.Decoder().decode, builder(shape)
    return lambda raw: build(loose(raw))


def value_builder(shape: Shape) -> Build:
    """Plain values (from another codec) to a value of `shape`."""
    if is_native(shape) and not (isinstance(shape, RecordShape) and shape.kind == "pydantic"):
        annotation, finish = shape.annotation, finisher(shape)
        if finish is None:
            return lambda value: msgspec.convert(value, annotation, dec_hook=dec_hook)
        return lambda value: finish(msgspec.convert(value, annotation, dec_hook=dec_hook))
    return builder(shape)
