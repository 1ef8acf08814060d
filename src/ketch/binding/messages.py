"""WebSocket messages as typed values, by the same rules as JSON bodies: quick when right, every problem when not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ketch.binding.decode import json_decoder
from ketch.binding.error_types import Enough, Problems
from ketch.binding.interpret_json import loose
from ketch.binding.interpret_value import ValueReader
from ketch.binding.interpreter import THREAD_FROM
from ketch.binding.printer import UNBOUND
from ketch.http.problems import BadRequest, ValidationProblem
from ketch.kernel.annotations import shape_of
from ketch.kernel.shapes import Shape

_known: dict[Any, tuple[Shape, Callable[[bytes], Any]]] = {}
_MAX_KNOWN = 512


async def decode_message(raw: bytes, kind: Any) -> Any:
    """`raw` as a `kind`. Raises BadRequest for what is not JSON, ValidationProblem with every error otherwise."""
    shape, decode = _decoder(kind)
    try:
        return decode(raw)
    except UNBOUND:
        pass
    if len(raw) < THREAD_FROM:
        return _explain(raw, shape)
    from ketch.http.threads import in_thread

    return await in_thread(_explain, raw, shape)


def _decoder(kind: Any) -> tuple[Shape, Callable[[bytes], Any]]:
    try:
        known = _known.get(kind)
    except TypeError:  # an annotation with unhashable metadata
        shape = shape_of(kind)
        return shape, json_decoder(shape)
    if known is None:
        shape = shape_of(kind)
        known = shape, json_decoder(shape)
        if len(_known) < _MAX_KNOWN:
            _known[kind] = known
    return known


def _explain(raw: bytes, shape: Shape) -> Any:
    problems = Problems()
    try:
        value = ValueReader(problems).value(shape, loose(raw), ("body",))
    except Enough:
        value = None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The message is not valid JSON: {error}") from None
    if problems.errors:
        raise ValidationProblem(problems.errors)
    return value
