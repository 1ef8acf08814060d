from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from ketch.binding.sources import Field
from ketch.kernel.annotations import shape_of
from ketch.openapi import Direction, Schemas
from tests.openapi.making import judge, schema_of

INPUT, OUTPUT = Direction.INPUT, Direction.OUTPUT
T = TypeVar("T")


class Color(enum.Enum):
    """What it looks like."""

    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Task(Struct):
    """Something to do."""

    title: Annotated[str, Meta(min_length=1, max_length=80)]
    done: bool = False
    tags: list[str] = []


class Page(Struct, Generic[T]):
    items: list[T]
    next: str | None = None


class Tree(Struct):
    name: str
    kids: list[Tree]


class Cat(Struct, tag="cat"):
    lives: int


class Dog(Struct, tag="dog"):
    tricks: list[str]


@dataclass
class Point:
    x: int
    y: int = 0
    names: list[str] = field(default_factory=list)


@attrs.define
class Boat:
    sails: int
    name: str = "Ketch"


class Partial(TypedDict):
    a: int
    b: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str = "x"


def test_text_and_numbers() -> None:
    assert schema_of(str) == ({"type": "string"}, {})
    assert schema_of(int)[0] == {"type": "integer"}
    assert schema_of(float)[0] == {"type": "number"}
    assert schema_of(bool)[0] == {"type": "boolean"}
    assert schema_of(Any)[0] == {}
    assert schema_of(None)[0] == {"type": "null"}


@pytest.mark.parametrize(
    ("annotation", "format_"),
    [
        (datetime, "date-time"),
        (date, "date"),
        (timedelta, "duration"),
        (UUID, "uuid"),
        (Decimal, "decimal"),
        (bytes, "byte"),
        (Annotated[time, Meta(tz=True)], "time"),
        (Annotated[time, Meta(tz=False)], "time-local"),
        (Annotated[datetime, Meta(tz=True)], "date-time"),
        (Annotated[datetime, Meta(tz=False)], "date-time-local"),
    ],
)
def test_formats(annotation: Any, format_: str) -> None:
    schema = schema_of(annotation)[0]
    assert (schema["type"], schema["format"]) == ("string", format_)


def test_bytes_say_their_encoding() -> None:
    assert schema_of(bytes)[0]["contentEncoding"] == "base64"
    assert schema_of(Annotated[bytes, Meta(max_length=4)])[0]["maxLength"] == 8


@pytest.mark.parametrize(
    ("annotation", "values"),
    [
        (time, [time(12), time(12, 0, 0, 5), time(23, 59, 59, tzinfo=UTC)]),
        (Annotated[time, Meta(tz=True)], [time(1, tzinfo=UTC)]),
        (Annotated[datetime, Meta(tz=False)], [datetime(2030, 12, 31, 23, 59, 59, 999)]),  # noqa: DTZ001
        (datetime, [datetime(2030, 1, 31, tzinfo=UTC)]),
        (timedelta, [timedelta(0), timedelta(days=400), timedelta(hours=5)]),
        (Decimal, [Decimal("1.50"), Decimal("-3"), Decimal("1E+30"), Decimal("1E-30")]),
        (Annotated[Decimal, Meta(extra={"ge": 0}), Field(ge=0)], [Decimal("0"), Decimal("0.1")]),
        (bytes, [b"", b"ketch"]),
        (UUID, [UUID(int=5)]),
    ],
)
def test_what_msgspec_writes_obeys_the_schema(annotation: Any, values: list[Any]) -> None:
    validator = judge(*schema_of(annotation, OUTPUT))
    for value in values:
        text = msgspec.json.decode(msgspec.json.encode(value))
        assert validator.is_valid(text), text


@pytest.mark.parametrize("value", [timedelta(seconds=1.5), -timedelta(days=1, hours=3), timedelta(days=999_999)])
def test_durations_beyond_rfc_3339_match_the_pattern(value: timedelta) -> None:
    import re

    text = msgspec.json.decode(msgspec.json.encode(value))
    assert re.search(schema_of(timedelta)[0]["pattern"], text)


@pytest.mark.parametrize("text", ["P", "PT", "P1DT", "P1Y", "P1W", "1D", "PT0,5S", "P1H"])
def test_durations_that_are_refused_do_not_match(text: str) -> None:
    import re

    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, timedelta)
    assert not re.search(schema_of(timedelta)[0]["pattern"], text)


def test_numeric_constraints() -> None:
    schema = schema_of(Annotated[int, Meta(ge=1, lt=10, multiple_of=3)])[0]
    assert schema == {"type": "integer", "minimum": 1, "exclusiveMaximum": 10, "multipleOf": 3}
    schema = schema_of(Annotated[float, Field(gt=0, le=1.5)])[0]
    assert schema == {"type": "number", "exclusiveMinimum": 0, "maximum": 1.5}


@pytest.mark.parametrize(
    ("constraints", "good", "bad"),
    [
        (Field(ge=0), ["0", "1.5", "1E+3"], ["-1", "x", ""]),
        (Field(gt=-1), ["-0.5"], ["--1"]),
        (Field(ge=0, multiple_of=0.01), ["1", "1.5", "1.55", "1.550"], ["1.555", "-1"]),
        (Field(multiple_of=1), ["1", "-1", "1.0"], ["1.5"]),
    ],
)
def test_constraints_of_decimals_are_in_the_pattern(constraints: Any, good: list[str], bad: list[str]) -> None:
    import re

    pattern = schema_of(Annotated[Decimal, constraints])[0]["pattern"]
    assert [text for text in good if not re.search(pattern, text)] == []
    assert [text for text in bad if re.search(pattern, text)] == []


def test_text_constraints_and_portable_patterns() -> None:
    schema = schema_of(Annotated[str, Meta(min_length=1, max_length=3, pattern=r"\A(?P<a>x)(?P=a)\\A\Z")])[0]
    assert schema == {"type": "string", "minLength": 1, "maxLength": 3, "pattern": r"^(?<a>x)\k<a>\\A$"}


def test_notes() -> None:
    annotation = Annotated[
        int,
        Meta(
            title="Age",
            description="In years",
            examples=[3],
            extra_json_schema={"x-unit": "a"},
            extra={"deprecated": 1},
        ),
    ]
    assert schema_of(annotation)[0] == {
        "type": "integer",
        "title": "Age",
        "description": "In years",
        "examples": [3],
        "deprecated": True,
        "x-unit": "a",
    }


def test_notes_stand_beside_a_reference() -> None:
    schema, components = schema_of(Annotated[Task, Meta(description="The first")])
    assert schema == {"$ref": "#/components/schemas/Task", "description": "The first"}
    assert components["Task"]["description"] == "Something to do."


def test_fixed_values() -> None:
    assert schema_of(Literal["a"])[0] == {"type": "string", "const": "a"}
    assert schema_of(Literal["a", 1, None])[0] == {"type": ["string", "integer", "null"], "enum": ["a", 1, None]}


def test_an_enumeration_is_a_component() -> None:
    schema, components = schema_of(list[Color])
    assert schema["items"] == {"$ref": "#/components/schemas/Color"}
    assert components["Color"] == {
        "title": "Color",
        "type": "string",
        "enum": ["red", "blue"],
        "description": "What it looks like.",
    }
    assert schema_of(Level)[1]["Level"] == {"title": "Level", "type": "integer", "enum": [1, 2]}


def test_containers() -> None:
    assert schema_of(list[int])[0] == {"type": "array", "items": {"type": "integer"}}
    assert schema_of(Annotated[list[int], Meta(min_length=1, max_length=3)])[0]["maxItems"] == 3
    assert schema_of(set[int])[0] == {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}
    assert schema_of(frozenset[str])[0]["uniqueItems"] is True
    assert schema_of(tuple[int, ...])[0] == {"type": "array", "items": {"type": "integer"}}
    assert schema_of(tuple[int, str])[0] == {
        "type": "array",
        "prefixItems": [{"type": "integer"}, {"type": "string"}],
        "minItems": 2,
        "maxItems": 2,
        "items": False,
    }
    assert schema_of(tuple[()])[0] == {"type": "array", "maxItems": 0}


def test_mappings() -> None:
    assert schema_of(dict)[0] == {"type": "object"}
    assert schema_of(dict[str, int])[0] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert schema_of(dict[int, Any])[0] == {
        "type": "object",
        "propertyNames": {"type": "string", "pattern": "^-?[0-9]+$"},
    }
    assert schema_of(dict[Literal["a", "b"], Any])[0]["propertyNames"] == {"type": "string", "enum": ["a", "b"]}
    assert schema_of(dict[Annotated[str, Meta(pattern="^x-")], Any])[0]["propertyNames"]["pattern"] == "^x-"
    assert schema_of(dict[UUID, Any])[0]["propertyNames"]["format"] == "uuid"
    assert schema_of(Annotated[dict[str, int], Meta(min_length=1)])[0]["minProperties"] == 1


def test_unions() -> None:
    assert schema_of(int | str)[0] == {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    assert schema_of(Task | None)[0] == {"anyOf": [{"$ref": "#/components/schemas/Task"}, {"type": "null"}]}
    constrained = schema_of(Annotated[int | None, Meta(ge=1)])[0]
    assert constrained == {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}


def test_tagged_unions_have_a_discriminator() -> None:
    schema, components = schema_of(Cat | Dog | None)
    assert schema["anyOf"][1] == {"type": "null"}
    assert schema["anyOf"][0] == {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
        "discriminator": {
            "propertyName": "type",
            "mapping": {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"},
        },
    }
    assert components["Cat"]["properties"]["type"] == {"type": "string", "const": "cat"}
    assert components["Cat"]["required"] == ["type", "lives"]


def test_a_record() -> None:
    assert schema_of(Task)[1]["Task"] == {
        "title": "Task",
        "description": "Something to do.",
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 1, "maxLength": 80},
            "done": {"type": "boolean", "default": False},
            "tags": {"type": "array", "items": {"type": "string"}, "default": []},
        },
        "required": ["title"],
    }


@pytest.mark.parametrize("kind", [Point, Boat])
def test_other_families(kind: Any) -> None:
    schema = schema_of(kind)[1][kind.__name__]
    assert len(schema["required"]) == 1
    assert "description" not in schema  # `Point(x: int, ...)` was made up by dataclass
    assert set(schema_of(kind, OUTPUT)[1][kind.__name__]["required"]) == set(schema["properties"])


def test_typed_dicts_and_rows() -> None:
    assert schema_of(Partial, OUTPUT)[1]["Partial"]["required"] == ["a"]
    row = schema_of(Pair)[1]["Pair"]
    assert (row["type"], row["minItems"], len(row["prefixItems"])) == ("array", 1, 2)


def test_forbidden_members_names_on_the_wire_and_array_likes() -> None:
    class Strict(Struct, forbid_unknown_fields=True, rename="camel"):
        first_name: str

    class Row(Struct, array_like=True, forbid_unknown_fields=True):
        a: int
        b: str = ""

    strict = schema_of(Strict)[1]["Strict"]
    assert strict["additionalProperties"] is False
    assert list(strict["properties"]) == ["firstName"]
    assert schema_of(Row)[1]["Row"]["maxItems"] == 2


def test_a_field_that_may_be_left_out_of_answers() -> None:
    class Sparse(Struct):
        a: int | msgspec.UnsetType = msgspec.UNSET

    class Omitting(Struct, omit_defaults=True):
        a: int = 1

    sparse = schema_of(Sparse, OUTPUT)[1]["Sparse"]
    assert sparse == {"title": "Sparse", "type": "object", "properties": {"a": {"type": "integer"}}}
    assert "required" not in schema_of(Omitting, OUTPUT)[1]["Omitting"]


def test_recursion_is_a_reference() -> None:
    components = schema_of(Tree)[1]
    assert components["Tree"]["properties"]["kids"]["items"] == {"$ref": "#/components/schemas/Tree"}


def test_deep_nesting_needs_no_recursion() -> None:
    kinds: list[Any] = [Task]
    for i in range(2_000):
        kinds.append(type(f"Nest{i}", (Struct,), {"__annotations__": {"inner": kinds[-1]}}))
    assert len(schema_of(kinds[-1])[1]) == 2_001


def test_generic_types_have_readable_names() -> None:
    components = schema_of(Page[Task], OUTPUT)[1]
    assert set(components) == {"Page_Task", "Task"}
    assert components["Page_Task"]["title"] == "Page_Task"
    assert components["Page_Task"]["properties"]["items"]["items"] == {"$ref": "#/components/schemas/Task"}


class Shelf(Struct, Generic[T]):
    pages: Page[list[T]]
    either: list[Page[T | None]]


def test_generic_types_within_generic_types_keep_their_arguments() -> None:
    components = schema_of(Shelf[Task], OUTPUT)[1]
    assert set(components) == {"Shelf_Task", "Page_list_Task", "Page_Task_or_None", "Task"}
    items = components["Page_list_Task"]["properties"]["items"]["items"]
    assert items == {"type": "array", "items": {"$ref": "#/components/schemas/Task"}}


def test_two_classes_of_one_name_are_told_apart_whatever_the_order() -> None:
    def named(module: str, annotation: Any) -> Any:
        return type("Item", (Struct,), {"__annotations__": {"x": annotation}, "__module__": module})

    first, second = named("shop.models", int), named("crew.models", str)

    def names(*kinds: Any) -> dict[str, Any]:
        schemas = Schemas()
        for kind in kinds:
            schemas.of(shape_of(kind), INPUT)
            schemas.of(shape_of(Page[kind]), INPUT)
        return schemas.finish()

    assert names(first, second) == names(second, first)
    assert set(names(first, second)) == {
        "shop_models_Item",
        "crew_models_Item",
        "Page_shop_models_Item",
        "Page_crew_models_Item",
    }


def both_ways(*annotations: Any) -> dict[str, Any]:
    schemas = Schemas()
    for annotation in annotations:
        for way in (INPUT, OUTPUT):
            schemas.of(shape_of(annotation), way)
    return schemas.finish()


def test_input_and_output_share_a_schema_unless_they_differ() -> None:
    assert set(both_ways(Tree, Cat)) == {"Tree", "Cat"}
    components = both_ways(Task)
    assert components["Task_Input"]["required"] == ["title"]
    assert components["Task"]["required"] == ["title", "done", "tags"]
    assert "default" not in components["Task"]["properties"]["done"]


class Holder(Struct):
    task: Task
    others: list[Holder]


def test_what_contains_a_type_that_differs_differs_too() -> None:
    components = both_ways(Holder)
    assert set(components) == {"Holder", "Holder_Input", "Task", "Task_Input"}
    inside = components["Holder_Input"]["properties"]
    assert inside["task"] == {"$ref": "#/components/schemas/Task_Input"}
    assert inside["others"]["items"] == {"$ref": "#/components/schemas/Holder_Input"}
    assert components["Holder"]["properties"]["others"]["items"] == {"$ref": "#/components/schemas/Holder"}


def test_a_type_met_before_is_not_thought_to_be_used_by_the_next() -> None:
    schemas = Schemas()
    schemas.of(shape_of(Task), INPUT)
    schemas.of(shape_of(Tree), INPUT)
    schemas.of(shape_of(list[Task]), OUTPUT)  # at the top, after Tree was described
    schemas.of(shape_of(Tree), OUTPUT)
    assert set(schemas.finish()) == {"Task", "Task_Input", "Tree"}


def test_defaults_are_shown_as_json() -> None:
    class Odd: ...

    class Defaults(Struct):
        color: Color = Color.RED
        price: Decimal = Decimal("1.50")
        when: datetime = datetime(2030, 1, 1, tzinfo=UTC)
        odd: Any = Odd()
        made: Any = msgspec.field(default_factory=Odd)
        names: dict[str, int] = msgspec.field(default_factory=dict)

    properties = schema_of(Defaults)[1]["Defaults"]["properties"]
    assert properties["color"] == {"$ref": "#/components/schemas/Color", "default": "red"}
    assert properties["price"]["default"] == "1.50"
    assert properties["when"]["default"] == "2030-01-01T00:00:00Z"
    assert "default" not in properties["odd"]
    assert "default" not in properties["made"]
    assert properties["names"]["default"] == {}


def test_a_type_that_nobody_knows_is_anything() -> None:
    class Unknown: ...

    assert schema_of(list[Unknown])[0] == {"type": "array", "items": {}}


_SCALARS: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**63),
    str: st.text(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bytes: st.binary(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
    time: st.times(),
    UUID: st.uuids(),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30),
    Color: st.sampled_from(Color),
}


def _typed(depth: int) -> st.SearchStrategy[tuple[Any, st.SearchStrategy[Any]]]:
    """A type, and a strategy of its values."""
    scalar = st.sampled_from(sorted(_SCALARS.items(), key=str))
    if depth == 0:
        return scalar
    inner = _typed(depth - 1)
    return st.one_of(
        scalar,
        inner.map(lambda t: (list[t[0]], st.lists(t[1], max_size=3))),
        inner.map(lambda t: (dict[str, t[0]], st.dictionaries(st.text(max_size=3), t[1], max_size=3))),
        inner.map(lambda t: (t[0] | None, st.none() | t[1])),
        st.tuples(inner, inner).map(lambda p: (tuple[p[0][0], p[1][0]], st.tuples(p[0][1], p[1][1]))),
        st.tuples(inner, inner).map(_struct),
    )


def _struct(pair: Any) -> tuple[Any, st.SearchStrategy[Any]]:
    (left, lefts), (right, rights) = pair
    kind: Any = msgspec.defstruct("Made", [("a", left), ("b", right | None, None)])
    return kind, st.builds(kind, a=lefts, b=st.none() | rights)


@given(typed=_typed(3), data=st.data())
def test_whatever_leaves_obeys_the_schema_for_output(
    typed: tuple[Any, st.SearchStrategy[Any]], data: st.DataObject
) -> None:
    annotation, values = typed
    text = msgspec.json.decode(msgspec.json.encode(data.draw(values)))
    schema, components = schema_of(annotation, OUTPUT)
    judge(schema, components).validate(text)
