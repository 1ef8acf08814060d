"""JSON Schema 2020-12 from Shape trees.

A record, an enumeration and a pydantic model are *components*: written once, referred to by name. Names can only be
chosen when all components are known (two classes may share one), and whether the schema for input differs from the one
for output only when everything below is known. So references are written last: `of()` hands out fresh dicts with a
stand-in, remembers them, and `finish()` puts the names in. A dict from `of()` may be added to, never copied.

Input and output differ where a default stands: a client may leave the field out, an answer always has it. Where a type
is used both ways and they differ, the output has the plain name and the input is `Name_Input`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from ketch.kernel.shapes import (
    MISSING,
    AnyShape,
    DictShape,
    EnumShape,
    FieldShape,
    ListShape,
    LiteralShape,
    NoneShape,
    RecordShape,
    ScalarShape,
    Shape,
    TupleShape,
    UnionShape,
)
from ketch.openapi.names import Namer, type_name, unique_names
from ketch.openapi.notes import annotate, class_description, default_of, is_unset
from ketch.openapi.scalars import enum_schema, key_schema, list_sizes, scalar_schema, sizes, values_schema

PREFIX = "#/components/schemas/"
NULL = {"type": "null"}


class Direction(enum.Enum):
    """Which way a value travels."""

    INPUT = "input"
    OUTPUT = "output"

    __hash__ = object.__hash__  # PERF: Enum's own is a Python function; asked 50,000 times for 1,000 routes


BOTH = (Direction.INPUT, Direction.OUTPUT)
Key = Hashable
Variant = tuple[Key, Direction]


@dataclass(slots=True)
class Component:
    """A schema that is referred to; `uses` are the components that it refers to itself.

    What is the same both ways by nature (an enumeration) stands under `Direction.OUTPUT` only.
    """

    schema: dict[str, Any]
    uses: set[Variant] = field(default_factory=set)


@dataclass(slots=True)
class _Reference:
    """A place that waits for a name: `holder[slot]`."""

    holder: dict[str, Any]
    slot: str
    variant: Variant


class Schemas:
    """All the schemas of one document. `of` as often as you like, then `finish` once."""

    def __init__(self) -> None:
        self.components: dict[Variant, Component] = {}
        self.namers: dict[Key, Namer] = {}
        self._numbers: dict[Key, int] = {}
        self._references: list[_Reference] = []
        self._waiting: list[tuple[Variant, Callable[[Direction], dict[str, Any]]]] = []
        self._records: dict[Key, RecordShape] = {}
        self._models: dict[Variant, Any] = {}
        self._alias: dict[Key, Key] = {}
        self._uses: set[Variant] = set()

    def of(self, shape: Shape, direction: Direction) -> dict[str, Any]:
        """A fresh schema of `shape`; components are made as they are met, without recursion."""
        schema = self._schema(shape, direction)
        while self._waiting:
            variant, build = self._waiting.pop()
            self._uses = set()
            self.components[variant] = Component(build(variant[1]), self._uses)
        self._uses = set()  # what is referred to from here on is not that component's
        return schema

    def add(self, name: str, schema: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """Adds a ready component whose name gives way to a user's class. Returns a maker of references to it."""
        key = ("ready", name)
        self.namers[key] = lambda level: name if level == 0 else f"ketch_{name}"
        self.components[key, Direction.OUTPUT] = Component(schema)
        return lambda: self.reference(key, Direction.OUTPUT)

    def reference(
        self, key: Key, direction: Direction, holder: dict[str, Any] | None = None, slot: str = "$ref"
    ) -> dict[str, Any]:
        """A reference to a component, in `holder[slot]`. The stand-in does not tell the direction: see `_split`."""
        holder = {} if holder is None else holder
        holder[slot] = f"{self._numbers.setdefault(key, len(self._numbers))}"
        self._references.append(_Reference(holder, slot, (key, direction)))
        self._uses.add((key, direction))
        return holder

    # --- one shape ----------------------------------------------------------------------------------------------------

    def _schema(self, shape: Shape, direction: Direction) -> dict[str, Any]:
        return annotate(self._bare(shape, direction), shape.note)

    def _bare(self, shape: Shape, direction: Direction) -> dict[str, Any]:
        match shape:
            case ScalarShape():
                return scalar_schema(shape)
            case RecordShape():
                return self._record(shape, direction)
            case UnionShape():
                return self._union(shape, direction)
            case ListShape():
                return {"type": "array", "items": self._schema(shape.item, direction), **list_sizes(shape)}
            case DictShape():
                return self._mapping(shape, direction)
            case EnumShape():
                return self._enumeration(shape, direction)
            case LiteralShape():
                return values_schema(shape.values)
            case TupleShape():
                return _row([self._schema(item, direction) for item in shape.items], len(shape.items), closed=True)
            case NoneShape():
                return dict(NULL)
        return {}

    def _mapping(self, shape: DictShape, direction: Direction) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "object"}
        keys = key_schema(shape.key, self._schema(shape.key, direction))
        if keys is not None:
            schema["propertyNames"] = keys
        if not isinstance(shape.value, AnyShape):
            schema["additionalProperties"] = self._schema(shape.value, direction)
        return {**schema, **sizes(shape.constraints, "minProperties", "maxProperties")}

    def _union(self, shape: UnionShape, direction: Direction) -> dict[str, Any]:
        members = [m for m in shape.members if not isinstance(m, NoneShape)]
        discriminated = self._discriminated(shape, direction) if len(members) > 1 else None
        if discriminated is not None:
            schemas = [discriminated]
        else:
            schemas = []
            for member in members:
                schema = self._schema(member, direction)
                if schema not in schemas:
                    schemas.append(schema)
        if shape.nullable:
            schemas.append(dict(NULL))
        if len(schemas) == 1:
            return schemas[0]
        return {"anyOf": schemas}

    def _discriminated(self, shape: UnionShape, direction: Direction) -> dict[str, Any] | None:
        tags = shape.tags if shape.tag_field is not None else ()
        name = shape.tag_field
        if name is None:
            name, tags = _pydantic_tags(shape)
        if name is None:
            return None
        mapping: dict[str, Any] = {}
        for tag, record in tags:
            self.reference(self._component(record, direction), direction, mapping, str(tag))
        members = [self._schema(record, direction) for _, record in tags]
        return {"oneOf": members, "discriminator": {"propertyName": name, "mapping": mapping}}

    def _enumeration(self, shape: EnumShape, direction: Direction) -> dict[str, Any]:
        key = ("enum", shape.type)
        if key not in self.namers:
            self.namers[key] = lambda level: type_name(level, shape.type, shape.type.__name__)
            self.components[key, Direction.OUTPUT] = Component(enum_schema(shape.type))
        return self.reference(key, direction)

    # --- records ------------------------------------------------------------------------------------------------------

    def _record(self, shape: RecordShape, direction: Direction) -> dict[str, Any]:
        return self.reference(self._component(shape, direction), direction)

    def _component(self, shape: RecordShape, direction: Direction) -> Key:
        """The component's key; the component itself is queued when it is new."""
        key: Key = (shape.kind, shape.name, shape.type, shape.arguments)
        try:
            hash(key)
        except TypeError:  # an example list within an Annotated argument
            key = (shape.kind, shape.name, shape.type, repr(shape.arguments))
        if (key, direction) in self.components or (key, direction) in self._models:
            return key
        if shape.kind == "pydantic":
            self._models[key, direction] = shape.type
            return key
        known = self._records.setdefault(key, shape)  # one tree for both directions: it keeps the fields it has read
        self.namers[key] = lambda level: type_name(level, known.type, known.name, known.arguments)
        self.components[key, direction] = Component({})  # a promise: the type may contain itself
        self._waiting.append(((key, direction), lambda way: self._fields(known, way)))
        return key

    def _fields(self, shape: RecordShape, direction: Direction) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required: list[str] = []
        if shape.tag is not None and shape.tag_field is not None:
            properties[shape.tag_field] = values_schema((shape.tag,))
            required.append(shape.tag_field)
        for item in shape.fields:
            always = _always_there(shape, item, direction)
            properties[item.alias] = self._property(item, direction, always)
            if always:
                required.append(item.alias)
        schema: dict[str, Any] = {"title": type_name(0, shape.type, shape.name, shape.arguments)}
        description = class_description(shape.type, getattr(shape.type, "__name__", shape.name))
        if description:
            schema["description"] = description
        if shape.array_like or shape.kind == "namedtuple":
            return {**schema, **_row([*properties.values()], len(required), closed=shape.forbid_unknown)}
        schema |= {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        if shape.forbid_unknown:
            schema["additionalProperties"] = False
        return schema

    def _property(self, item: FieldShape, direction: Direction, always: bool) -> dict[str, Any]:
        schema = self._schema(item.shape, direction)
        default = MISSING if always else default_of(item.default, item.default_factory)
        if default is not MISSING:
            schema["default"] = default
        return schema

    # --- the end ------------------------------------------------------------------------------------------------------

    def finish(self) -> dict[str, dict[str, Any]]:
        """Chooses the names, writes every reference, and returns `components/schemas`, sorted by name."""
        if self._models:
            from ketch.openapi.adapters.pydantic import add_models

            self._alias = add_models(self, self._models)
        names = self._names(self._split())
        for reference in self._references:
            key, way = self._resolved(reference.variant)
            reference.holder[reference.slot] = PREFIX + (names.get((key, way)) or names[key, Direction.OUTPUT])
        schemas = {name: self.components[variant].schema for variant, name in names.items()}
        return dict(sorted(schemas.items()))

    def _resolved(self, variant: Variant) -> Variant:
        return self._alias.get(variant[0], variant[0]), variant[1]

    def _split(self) -> set[Key]:
        """The components that need two schemas: those that differ by themselves, and those that refer to such."""
        input_, output = BOTH
        twice = [key for key, way in self.components if way is input_ and (key, output) in self.components]
        used_by: dict[Key, set[Key]] = {}
        for key in twice:
            for way in BOTH:
                for used in self.components[key, way].uses:
                    used_by.setdefault(self._resolved(used)[0], set()).add(key)
        found = [k for k in twice if self.components[k, input_].schema != self.components[k, output].schema]
        split: set[Key] = set()
        while found:
            key = found.pop()
            if key not in split:
                split.add(key)
                found.extend(used_by.get(key, ()))
        return split

    def _names(self, split: set[Key]) -> dict[Variant, str]:
        entries: list[tuple[Variant, Namer]] = []
        for key, way in self.components:
            if key in split and way is Direction.INPUT:
                entries.append(((key, way), _suffixed(self.namers[key])))
            elif key in split or way is Direction.OUTPUT or (key, Direction.OUTPUT) not in self.components:
                entries.append(((key, way), self.namers[key]))
        ours = [entry for entry in entries if not _is_ready(entry[0])]
        names = dict(zip((v for v, _ in ours), unique_names([n for _, n in ours]), strict=True))
        ready = [entry for entry in entries if _is_ready(entry[0])]
        chosen = unique_names([n for _, n in ready], set(names.values()))
        return names | dict(zip((v for v, _ in ready), chosen, strict=True))


def _suffixed(namer: Namer) -> Namer:
    return lambda level: f"{namer(level)}_Input"


def _is_ready(variant: Variant) -> bool:
    return isinstance(variant[0], tuple) and variant[0][0] == "ready"


def _always_there(record: RecordShape, item: FieldShape, direction: Direction) -> bool:
    """Whether a field is `required`: by its declaration on the way in, by how it is written on the way out."""
    if direction is Direction.INPUT or record.kind == "typeddict" or item.required:
        return item.required
    if record.kind == "struct" and record.type.__struct_config__.omit_defaults:
        return False
    return not is_unset(item.default)


def _row(items: list[dict[str, Any]], least: int, *, closed: bool) -> dict[str, Any]:
    """An array whose places differ."""
    schema: dict[str, Any] = {"type": "array"}
    if items:
        schema |= {"prefixItems": items, "minItems": least}
    if closed:
        schema |= {"maxItems": len(items), "items": False} if items else {"maxItems": 0}
    return schema


def _pydantic_tags(shape: UnionShape) -> tuple[str | None, tuple[tuple[str | int, RecordShape], ...]]:
    """`Annotated[A | B, Field(discriminator="kind")]` over pydantic models, whose field `kind` is a Literal."""
    stated = (getattr(item, "discriminator", None) for item in getattr(shape.annotation, "__metadata__", ()))
    name = next((word for word in stated if isinstance(word, str)), None)
    tags: list[tuple[str | int, RecordShape]] = []
    for member in shape.members if name is not None else ():
        if isinstance(member, RecordShape):
            literal = next((f.shape for f in member.fields if f.name == name), None)
            tags += [(value, member) for value in literal.values] if isinstance(literal, LiteralShape) else []
    return (name, tuple(tags)) if tags else (None, ())
