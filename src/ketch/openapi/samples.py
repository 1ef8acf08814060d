"""A plausible value for a schema, for the `curl` lines of the plain page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ketch.openapi.schema import PREFIX

_BY_FORMAT = {
    "date-time": "2030-01-31T12:00:00Z",
    "date-time-local": "2030-01-31T12:00:00",
    "date": "2030-01-31",
    "time": "12:00:00Z",
    "time-local": "12:00:00",
    "duration": "PT90S",
    "uuid": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "decimal": "9.95",
    "byte": "a2V0Y2g=",
    "email": "ann@example.org",
    "uri": "https://example.org/",
}
_BY_TYPE: dict[str, Any] = {"string": "text", "integer": 1, "number": 1.5, "boolean": True, "null": None}
_MOST_REFERENCES = 4


def sample(schema: Any, document: Mapping[str, Any], depth: int = 0) -> Any:
    """A value: the first example, default or fixed value there is, else one made up from the type.

    `depth` counts the references followed, so that a type that contains itself comes to an end.
    """
    if not isinstance(schema, Mapping) or depth > _MOST_REFERENCES:
        return None
    for name in ("examples", "enum"):
        if schema.get(name):
            return schema[name][0]
    for name in ("const", "default"):
        if name in schema:
            return schema[name]
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(PREFIX)
        return sample(document.get("components", {}).get("schemas", {}).get(name), document, depth + 1)
    for word in ("anyOf", "oneOf", "allOf"):
        if schema.get(word):
            return sample(schema[word][0], document, depth)
    return _made_up(schema, document, depth)


def _made_up(schema: Mapping[str, Any], document: Mapping[str, Any], depth: int) -> Any:
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        properties = schema.get("properties", {})
        wanted = schema.get("required") or list(properties)
        return {name: sample(properties[name], document, depth) for name in wanted if name in properties}
    if kind == "array":
        items = schema.get("prefixItems") or [schema.get("items")]
        return [sample(item, document, depth) for item in items]
    if kind in ("integer", "number"):
        return schema.get("minimum", _BY_TYPE[kind])
    made: Any = _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE.get(str(kind)))
    if isinstance(made, str):
        made = (made * (schema.get("minLength", 0) // len(made) + 1))[: schema.get("maxLength")]
    return made
