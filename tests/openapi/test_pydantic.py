from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, TypeVar

import pydantic
import pytest
from msgspec import Struct
from pydantic import BaseModel, Field

from ketch.kernel.annotations import shape_of
from ketch.openapi import Direction, Schemas
from tests.openapi.making import schema_of

INPUT, OUTPUT = Direction.INPUT, Direction.OUTPUT
T = TypeVar("T")


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    """A leaf."""

    size: int = Field(ge=1, description="In millimetres")
    color: Color = Color.RED


class Branch(BaseModel):
    leaves: list[Leaf]
    branches: list[Branch] = []


class Secret(BaseModel):
    token: str = Field(exclude=True)
    made: int = 0

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def doubled(self) -> int:
        return self.made * 2


class Page(BaseModel, Generic[T]):
    items: list[T]


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Holder(Struct):
    leaf: Leaf
    color: Color


def finish(*wanted: tuple[Any, Direction]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    schemas = Schemas()
    made = [schemas.of(shape_of(annotation), way) for annotation, way in wanted]
    return made, schemas.finish()


def test_a_model_describes_itself() -> None:
    schema, components = schema_of(Leaf)
    assert schema == {"$ref": "#/components/schemas/Leaf"}
    assert components["Leaf"]["properties"]["size"]["description"] == "In millimetres"
    assert components["Leaf"]["properties"]["color"] == {"$ref": "#/components/schemas/Color", "default": "red"}


def test_recursion_and_both_ways_are_one_component() -> None:
    made, components = finish((Branch, INPUT), (Branch, OUTPUT))
    assert made == [{"$ref": "#/components/schemas/Branch"}] * 2
    assert set(components) == {"Branch", "Color", "Leaf"}
    assert components["Branch"]["properties"]["branches"]["items"] == {"$ref": "#/components/schemas/Branch"}


def test_a_model_that_differs_has_two() -> None:
    made, components = finish((Secret, INPUT), (list[Secret], OUTPUT))
    assert made[0] == {"$ref": "#/components/schemas/Secret_Input"}
    assert made[1]["items"] == {"$ref": "#/components/schemas/Secret"}
    assert set(components["Secret"]["properties"]) == {"made", "doubled"}
    assert set(components["Secret_Input"]["properties"]) == {"token", "made"}


def test_what_holds_a_model_that_differs_differs_too() -> None:
    class Case(Struct):
        secret: Secret

    _, components = finish((Case, INPUT), (Case, OUTPUT))
    assert set(components) == {"Case", "Case_Input", "Secret", "Secret_Input"}
    assert components["Case_Input"]["properties"]["secret"] == {"$ref": "#/components/schemas/Secret_Input"}


def test_a_model_within_a_struct_shares_its_enumeration() -> None:
    components = schema_of(Holder)[1]
    assert set(components) == {"Holder", "Leaf", "Color"}
    assert components["Holder"]["properties"]["leaf"] == {"$ref": "#/components/schemas/Leaf"}


def test_generic_models_have_readable_names() -> None:
    components = schema_of(Page[Leaf], OUTPUT)[1]
    assert "Page_Leaf" in components


def test_a_model_and_a_struct_of_one_name_are_told_apart() -> None:
    struct = type("Leaf", (Struct,), {"__annotations__": {"x": int}, "__module__": "shop"})
    made, components = finish((Leaf, INPUT), (struct, INPUT))
    assert "Leaf" not in components
    assert made[1] == {"$ref": "#/components/schemas/shop_Leaf"}
    assert made[0]["$ref"].endswith("test_pydantic_Leaf")
    assert components["shop_Leaf"]["properties"] == {"x": {"type": "integer"}}


def test_two_models_of_one_name() -> None:
    other = pydantic.create_model("Leaf", x=(int, 1), __module__="shop")
    made, components = finish((Leaf, INPUT), (other, INPUT))
    assert made[0] != made[1]
    assert {len(components[m["$ref"].rpartition("/")[2]]["properties"]) for m in made} == {1, 2}


def test_a_discriminated_union_of_models() -> None:
    schema, _ = schema_of(Annotated[Cat | Dog, Field(discriminator="kind")])
    assert schema["discriminator"] == {
        "propertyName": "kind",
        "mapping": {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"},
    }
    assert len(schema["oneOf"]) == 2


def test_a_discriminator_within_a_model_points_at_our_names() -> None:
    class Zoo(BaseModel):
        pet: Annotated[Cat | Dog, Field(discriminator="kind")]

    mapping = schema_of(Zoo)[1]["Zoo"]["properties"]["pet"]["discriminator"]["mapping"]
    assert mapping == {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"}


def test_a_field_that_json_schema_cannot_say_is_anything() -> None:
    class Odd(BaseModel):
        call: Callable[[], int]

    assert schema_of(Odd)[1]["Odd"]["properties"]["call"] == {"title": "Call"}


def test_a_model_that_is_not_complete_does_not_cost_the_others() -> None:
    class Loose(BaseModel):
        other: Missing  # type: ignore[name-defined]  # noqa: F821

    made, components = finish((Loose, INPUT), (Leaf, INPUT))
    assert components["Loose"] == {"title": "Loose", "type": "object"}
    assert made[1] == {"$ref": "#/components/schemas/Leaf"}
    assert "properties" in components["Leaf"]


def test_pydantic_dataclasses() -> None:
    @pydantic.dataclasses.dataclass
    class Point:
        x: int = Field(ge=0)

    assert schema_of(Point)[1]["Point"]["properties"]["x"]["minimum"] == 0


@pytest.mark.soak
@pytest.mark.serial
def test_a_thousand_models_are_one_batch() -> None:
    from time import perf_counter

    models = [pydantic.create_model(f"M{i}", a=(int, 1), b=(str, ...), c=(Leaf, ...)) for i in range(1_000)]
    start = perf_counter()
    _, components = finish(*((model, INPUT) for model in models))
    assert len(components) == 1_002
    assert perf_counter() - start < 5
