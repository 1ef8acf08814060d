"""pydantic's models as components: pydantic describes them itself, all together, so that shared parts are shared.

One batch gives pydantic's own names (`Task-Input`, `Task-Output`, `Page_Task_`); they become components like all
others, with one key for both directions, so that the rule about input and output is the same for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from ketch.openapi.names import Namer, clean, type_name
from ketch.openapi.schema import PREFIX, Component, Direction, Key, Variant

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaMode

    from ketch.openapi.schema import Schemas

_MODES: dict[Direction, JsonSchemaMode] = {Direction.INPUT: "validation", Direction.OUTPUT: "serialization"}
_SUFFIXES = {"-Input": Direction.INPUT, "-Output": Direction.OUTPUT}


class _Generator(GenerateJsonSchema):
    """A type that JSON Schema cannot say is `{}`: one odd field must not cost the whole document."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default", "skipped-discriminator"}

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        return {}


def add_models(schemas: Schemas, models: Mapping[Variant, Any]) -> dict[Key, Key]:
    """Adds the components of `models` (key and direction -> class). Returns each model's key -> its component's key."""
    try:
        roots, definitions = _described(models)
    except PydanticUserError:  # a name that cannot be resolved makes pydantic refuse the whole batch
        roots, definitions = _described({variant: m for variant, m in models.items() if _describable(m)})
    known: dict[str, Key] = {}
    enums = {namer(0): key for key, namer in schemas.namers.items() if isinstance(key, tuple) and key[0] == "enum"}
    for name, schema in definitions.items():
        same = enums.get(name)
        if same is not None and schemas.components[same, Direction.OUTPUT].schema == schema:
            known[name] = same  # an enumeration that is used outside of pydantic as well
        else:
            known[name] = ("pydantic definition", _base(name))
            schemas.namers.setdefault(known[name], _fixed(clean(_base(name))))
    for name, schema in definitions.items():
        component = schemas.components[known[name], _way(name)] = Component(schema)
        _refer(schemas, component, schema, known)
    return _aliases(schemas, models, roots, known)


def _describable(model: Any) -> bool:
    try:
        _Generator().generate(model.__pydantic_core_schema__)
    except (PydanticUserError, AttributeError):
        return False
    return True


def _described(models: Mapping[Variant, Any]) -> tuple[dict[Variant, str], dict[str, dict[str, Any]]]:
    """The name of each model's definition, and all definitions."""
    wanted = [(model, _MODES[way]) for (_, way), model in models.items()]
    found, document = models_json_schema(wanted, ref_template=PREFIX + "{model}", schema_generator=_Generator)
    roots = {
        variant: found[model, _MODES[variant[1]]]["$ref"].removeprefix(PREFIX) for variant, model in models.items()
    }
    return roots, document.get("$defs", {})


def _base(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), name)


def _way(name: str) -> Direction:
    """What pydantic wrote without a suffix is the same both ways, or used one way only."""
    return next((way for suffix, way in _SUFFIXES.items() if name.endswith(suffix)), Direction.OUTPUT)


def _refer(schemas: Schemas, component: Component, node: Any, known: Mapping[str, Key]) -> None:
    """Makes the references within a definition ours."""
    if isinstance(node, list):
        for item in node:
            _refer(schemas, component, item, known)
    elif isinstance(node, dict):
        for slot, value in node.items():
            name = value.removeprefix(PREFIX) if isinstance(value, str) and value.startswith(PREFIX) else ""
            if name in known:
                schemas.reference(known[name], _way(name), node, slot)
                component.uses.add((known[name], _way(name)))
            else:
                _refer(schemas, component, value, known)


def _aliases(
    schemas: Schemas, models: Mapping[Variant, Any], roots: Mapping[Variant, str], known: Mapping[str, Key]
) -> dict[Key, Key]:
    """The component of each model. A model's class also brings longer names for when its short one is taken."""
    aliases: dict[Key, Key] = {}
    for variant, model in models.items():
        if variant not in roots:
            schemas.namers[variant[0]] = _named_after(model, model.__name__)
            schemas.components[variant] = Component({"title": model.__name__, "type": "object"})
            continue
        key = aliases[variant[0]] = known[roots[variant]]
        schemas.namers[key] = _named_after(model, schemas.namers[key](0))
    return aliases


def _fixed(name: str) -> Namer:
    return lambda level: name


def _named_after(model: Any, short: str) -> Namer:
    return lambda level: type_name(level, model, short)
