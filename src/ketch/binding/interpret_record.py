"""Making a record of values that are right by themselves, and asking pydantic about its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ketch.binding.error_types import Loc, Problems
from ketch.http.problems import ErrorDetail
from ketch.kernel.shapes import RecordShape

_MAX_REASON = 500
_MAX_DESCRIBED = 10_000


def construct(record: RecordShape, made: dict[str, Any], given: Any, loc: Loc, problems: Problems) -> Any:
    """The record with these fields (by their names in Python), or FAILED after telling why its type refused them.

    A type refuses by ValueError or TypeError from `__post_init__` or a validator, as in msgspec; anything else that it
    raises is a mistake in it, and goes up.
    """
    try:
        return _make(record, made)
    except ValueError as error:
        return problems.add("value_error", loc, given, str(error)[:_MAX_REASON] or "Not accepted")
    except TypeError:  # more often a slip than a message for the client
        return problems.add("value_error", loc, given, "Not accepted")


def _make(record: RecordShape, made: dict[str, Any]) -> Any:
    if record.kind == "typeddict":
        return made
    if record.kind == "attrs":
        names = {item.name: item.alias for item in record.type.__attrs_attrs__}
        return record.type(**{names[name]: value for name, value in made.items()})
    return record.type(**made)


# --- pydantic ---------------------------------------------------------------------------------------------------------

_adapters: dict[Any, Any] = {}


def _adapter(annotation: Any) -> Any:
    from pydantic import TypeAdapter

    try:
        if annotation not in _adapters:
            _adapters[annotation] = TypeAdapter(annotation)
        return _adapters[annotation]
    except TypeError:  # an annotation with something unhashable in it
        return TypeAdapter(annotation)


def validate(annotation: Any, value: Any, *, json: bool = False) -> tuple[Any, list[Mapping[str, Any]]]:
    """What pydantic makes of `value` (of JSON text with `json`), and its errors.

    Very many errors become a single one, since pydantic can only describe all of them or none (1.4 us each).
    """
    from pydantic import ValidationError

    adapter = _adapter(annotation)
    try:
        return (adapter.validate_json(value) if json else adapter.validate_python(value)), []
    except ValidationError as error:
        if error.error_count() > _MAX_DESCRIBED:
            message = f"Has {error.error_count():,} mistakes"
            return None, [{"loc": (), "msg": message, "type": "value_error", "input": None}]
        return None, list(error.errors(include_url=False, include_context=False))


def tell_pydantic(errors: Iterable[Mapping[str, Any]], loc: Loc, problems: Problems) -> Any:
    """Tell pydantic's errors in its own words, at `loc` and below. Returns FAILED."""
    told: Any = None
    for error in errors:
        where: list[str | int] = [*loc, *error["loc"]]
        told = problems.tell(ErrorDetail(loc=where, msg=error["msg"], type=error["type"], input=error.get("input")))
    return told
