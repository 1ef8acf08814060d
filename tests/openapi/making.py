"""Operations made by hand, and two judges of the documents made from them."""

from __future__ import annotations

from typing import Any

from ketch.binding.plan import BodyPlan, Plan, Slot
from ketch.binding.sources import Source
from ketch.kernel.annotations import shape_of
from ketch.kernel.shapes import MISSING
from ketch.openapi import Direction, Info, Operation, Schemas, build


def slot(source: Source, annotation: Any, alias: str = "x", **words: Any) -> Slot:
    """A slot; `default=` makes it optional."""
    shape = shape_of(annotation)
    required = words.get("default", MISSING) is MISSING and words.get("default_factory") is None
    return Slot(
        **{
            "name": alias,
            "source": source,
            "alias": alias,
            "shape": shape,
            "note": shape.note,
            "required": required,
            **words,
        }
    )


def plan(*slots: Slot, kind: str = "json", embed: bool = False, **words: Any) -> Plan:
    """A plan of these slots; those of the body are its body."""
    inside = tuple(s for s in slots if s.source in (Source.BODY, Source.FORM, Source.FILE))
    body = BodyPlan(kind=kind, slots=inside, embed=embed, **words) if inside else None
    return Plan(label="", slots=slots, body=body)


def operation(*slots: Slot, method: str = "GET", path: str = "/x", name: str = "show", **words: Any) -> Operation:
    """An operation with one plan, if there are slots."""
    if slots:
        words.setdefault("plans", (plan(*slots),))
    return Operation(method=method, path=path, name=name, **words)


def document(*operations: Operation, **info: Any) -> dict[str, Any]:
    """A document, judged valid."""
    made = build(Info(**info), operations)
    validate(made)
    return made


def described(one: Operation, **info: Any) -> dict[str, Any]:
    """One operation as it stands in the document."""
    paths = document(one, **info)["paths"]
    result: dict[str, Any] = next(iter(next(iter(paths.values())).values()))
    return result


def schema_of(annotation: Any, way: Direction = Direction.INPUT) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of an annotation, and the components it refers to."""
    schemas = Schemas()
    schema = schemas.of(shape_of(annotation), way)
    return schema, schemas.finish()


def validate(made: dict[str, Any]) -> None:
    """Raises unless two validators that share no code accept the document, and its schemas are JSON Schema 2020-12."""
    import jsonschema_rs
    from openapi_spec_validator import OpenAPIV31SpecValidator
    from schemathesis.specs.openapi.definitions import OPENAPI_31

    OpenAPIV31SpecValidator(made).validate()
    # Without formats: that copy asks OAuth's URLs to be absolute, which OpenAPI does not (3.1.1, section 4.6).
    jsonschema_rs.Draft202012Validator(OPENAPI_31, validate_formats=False).validate(made)
    for schema in made["components"].get("schemas", {}).values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def judge(schema: dict[str, Any], components: dict[str, Any]) -> Any:
    """A validator of values that asserts formats."""
    import jsonschema_rs

    whole = {**schema, "components": {"schemas": components}}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
