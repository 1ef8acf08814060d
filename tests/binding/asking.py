"""Plans written by hand and requests without a server, for the tests of binding."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from ketch.binding.interpreter import interpret
from ketch.binding.plan import BodyPlan, Plan, Slot
from ketch.binding.sources import Source
from ketch.http.limits import DEFAULT_LIMITS, Limits
from ketch.http.problems import HTTPException, ValidationProblem
from ketch.http.request import Request
from ketch.http.uploads import UploadFile
from ketch.kernel.annotations import shape_of
from ketch.kernel.shapes import MISSING, FieldShape, RecordShape

JSON = b"application/json"
URLENCODED = b"application/x-www-form-urlencoded"


def slot(source: Source, name: str, annotation: Any, default: Any = MISSING, **more: Any) -> Slot:
    """A slot as the classifier would make it, parameter structs included."""
    shape = shape_of(annotation)
    required = default is MISSING and more.get("default_factory") is None
    words: dict[str, Any] = {"alias": name.replace("_", "-") if source is Source.HEADER else name, **more}
    made = Slot(name=name, parameter=name, source=source, shape=shape, required=required, default=default, **words)
    if isinstance(shape, RecordShape) and source is not Source.BODY:
        return _struct_slot(made, shape)
    return made


def _struct_slot(made: Slot, record: RecordShape) -> Slot:
    fields = tuple(_field_slot(made, item, at) for at, item in enumerate(record.fields))
    return dataclasses.replace(made, record=record, fields=fields)


def _field_slot(made: Slot, item: FieldShape, at: int) -> Slot:
    dashed = item.name.replace("_", "-") if made.source is Source.HEADER else item.name
    return Slot(
        name=f"{made.name}_{item.name}",
        parameter=item.name,
        source=made.source,
        alias=item.alias if item.alias != item.name else dashed,
        shape=item.shape,
        required=item.required,
        default=item.default,
        default_factory=item.default_factory,
        index=at if made.source is Source.PATH else -1,
    )


def plan(*slots: Slot, embed: bool = False, timezone: str = "UTC") -> Plan:
    """A plan of these slots; the body is a form if one of them is a form's."""
    json = tuple(one for one in slots if one.source is Source.BODY)
    form = tuple(one for one in slots if one.source in (Source.FORM, Source.FILE))
    body = BodyPlan(kind="json", slots=json, embed=embed) if json else None
    body = BodyPlan(kind="form", slots=form) if form else body
    return Plan(label="test", slots=slots, body=body, timezone=timezone)


def request(
    *,
    path: Sequence[str] = (),
    query: bytes | str = b"",
    headers: Sequence[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    content_type: bytes | None = JSON,
    limits: Limits = DEFAULT_LIMITS,
    codecs: Sequence[Any] = (),
) -> Request:
    """A request that has arrived in one message."""
    sent = [*headers]
    if content_type is not None and body:
        sent.append((b"content-type", content_type))
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": query.encode() if isinstance(query, str) else query,
        "headers": sent,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    made = Request(scope, receive, limits)
    made.raw_values = tuple(path)
    made.runtime = SimpleNamespace(codecs=tuple(codecs))
    return made


def read(a_plan: Plan, **sent: Any) -> dict[str, Any]:
    """The values that `interpret` finds. Raises what it raises."""
    return asyncio.run(interpret(a_plan, request(**sent)))


def refused(a_plan: Plan, **sent: Any) -> list[dict[str, Any]]:
    """The errors of the 422 that `interpret` raises."""
    try:
        values = read(a_plan, **sent)
    except ValidationProblem as problem:
        return [dict(error) for error in problem.errors]
    raise AssertionError(f"accepted: {values!r}")


def status(a_plan: Plan, **sent: Any) -> int:
    """200, or the status of what `interpret` raises."""
    try:
        read(a_plan, **sent)
    except HTTPException as problem:
        return problem.status_code
    return 200


def told(errors: list[dict[str, Any]]) -> list[tuple[list[Any], str]]:
    """`loc` and `type` of each."""
    return [(list(error["loc"]), error["type"]) for error in errors]


def json_body(annotation: Any, text: bytes | str) -> Any:
    """What a JSON body of this type says. Raises what `interpret` raises."""
    sent = text.encode() if isinstance(text, str) else text
    return read(plan(slot(Source.BODY, "it", annotation)), body=sent)["it"]


def json_errors(annotation: Any, text: bytes | str) -> list[tuple[list[Any], str]]:
    """What is wrong with a JSON body of this type: `loc` without its "body", and `type`."""
    sent = text.encode() if isinstance(text, str) else text
    errors = told(refused(plan(slot(Source.BODY, "it", annotation)), body=sent))
    assert all(loc[0] == "body" for loc, _ in errors)
    return [(loc[1:], kind) for loc, kind in errors]


def alike(one: Any, other: Any, *, digits: bool = True) -> bool:
    """Equal, of the same types all the way down and with the same zones; NaN is itself.

    Without `digits` a Decimal may have other trailing zeros.
    """

    def same(a: Any, b: Any) -> bool:
        return alike(a, b, digits=digits)

    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        # repr tells 1 from 1.0 and True, which are the same key.
        return sorted(map(repr, one)) == sorted(map(repr, other)) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    fields = getattr(one, "__struct_fields__", None) or _names(one)
    if fields is not None:
        return all(same(getattr(one, name), getattr(other, name)) for name in fields)
    if isinstance(one, set | frozenset):
        exact = sorted(map(repr, one)) == sorted(map(repr, other))
        return exact or (not digits and one == other and any(isinstance(item, Decimal) for item in one))
    if isinstance(one, Decimal) and not digits:
        return one == other
    if isinstance(one, UploadFile):
        return (one.filename, one.size, one.file.tell()) == (other.filename, other.size, other.file.tell())
    return repr(one) == repr(other)


def _names(value: Any) -> list[str] | None:
    if dataclasses.is_dataclass(value):
        return [item.name for item in dataclasses.fields(value)]
    if hasattr(type(value), "model_fields"):  # pydantic
        return list(type(value).model_fields)
    found = getattr(value, "__attrs_attrs__", None)
    return None if found is None else [item.name for item in found]
