"""One JSON text as one type, for messages that have no plan: msgspec's types, and pydantic's where it is loaded.

msgspec tells the first error only; serving replaces this decoder by binding's, which tells them all.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from .problems import BadRequest, ErrorDetail, ValidationProblem

Decoder = Callable[[bytes], Any]

_decoders: dict[Any, Decoder] = {}
_MAX_DECODERS = 512
_STEP = re.compile(r"\.([^.\[\]]+)|\[([0-9]+)\]|\[\.\.\.\]")


def decode_typed(raw: bytes, kind: Any) -> Any:
    """`raw` as a `kind`. Raises BadRequest for what is not JSON, ValidationProblem for what is no `kind`, TypeError or
    NotImplementedError for a type that nothing here can build.
    """
    try:
        return _decoder(kind)(raw)
    except msgspec.ValidationError as error:
        raise ValidationProblem(_details(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"The message is not valid JSON: {error}") from None
    except ValueError as error:
        details = _pydantic_details(error, ["body"])
        if details is None:
            raise
        raise ValidationProblem(details) from None


def _decoder(kind: Any) -> Decoder:
    try:
        known = _decoders.get(kind)
    except TypeError:  # an annotation with unhashable metadata
        return _make_decoder(kind)
    if known is None:
        known = _make_decoder(kind)
        if len(_decoders) < _MAX_DECODERS:
            _decoders[kind] = known
    return known


def _make_decoder(kind: Any) -> Decoder:
    if not _is_pydantic(kind):
        try:
            return msgspec.json.Decoder(kind, dec_hook=_build_pydantic).decode
        except TypeError:
            if "pydantic" not in sys.modules:
                raise
    validate: Decoder = _adapter(kind).validate_json
    return validate


def _is_pydantic(kind: Any) -> bool:
    return hasattr(kind, "__pydantic_validator__")


def _adapter(kind: Any) -> Any:
    return sys.modules["pydantic"].TypeAdapter(kind)


def _build_pydantic(kind: Any, value: Any) -> Any:
    """msgspec asks here for a type that it does not know, inside one that it does."""
    if not _is_pydantic(kind):
        raise NotImplementedError(f"{kind} cannot be decoded from JSON")
    return kind.__pydantic_validator__.validate_python(value)


def _details(error: msgspec.ValidationError) -> list[ErrorDetail]:
    """msgspec's words, ``Expected `int`, got `str` - at `$.items[0].qty` ``, as our errors."""
    msg, _, path = str(error).rpartition(" - at `$")
    if not msg:
        msg, path = str(error), ""
    loc: list[str | int] = ["body"]
    for name, index in _STEP.findall(path.rstrip("`")):
        if name or index:
            loc.append(name or int(index))
    inside = _pydantic_details(error.__cause__, loc)
    if inside is not None:
        return inside
    missing = re.fullmatch(r"Object missing required field `(.+)`", msg)
    if missing is not None:
        return [{"loc": [*loc, missing[1]], "msg": "Field required", "type": "missing"}]
    return [{"loc": loc, "msg": msg, "type": "value_error"}]


def _pydantic_details(error: BaseException | None, at: list[str | int]) -> list[ErrorDetail] | None:
    """The errors of a pydantic ValidationError; None for another exception. Raises BadRequest for what is not JSON."""
    tell = getattr(error, "errors", None)
    if tell is None:
        return None
    details: list[ErrorDetail] = []
    for found in tell(include_url=False, include_context=False):
        if found["type"] == "json_invalid":
            raise BadRequest(f"The message is not valid JSON: {found['msg']}") from None
        loc = [*at, *(step if isinstance(step, int) else str(step) for step in found["loc"])]
        details.append({"loc": loc, "msg": found["msg"], "type": found["type"], "input": found["input"]})
    return details
