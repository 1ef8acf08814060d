"""An annotation becomes a data tree: what each kind of annotation is, and what is refused."""

# ruff: noqa: UP006, UP007, UP045 (what people write is what is tested)
from __future__ import annotations

import collections.abc as abc
import dataclasses
import re
import sys
import typing
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union

import attrs
import msgspec
import pydantic
import pytest
import typing_extensions
from annotated_types import Ge, MaxLen, MultipleOf

from ketch import App, Field, SetupError, Struct
from ketch.kernel.annotations import shape_of
from ketch.kernel.shapes import (
    MISSING,
    AnyShape,
    DictShape,
    ListShape,
    LiteralShape,
    NoneShape,
    OpaqueShape,
    RecordShape,
    ScalarShape,
    Shape,
    TupleShape,
    UnionShape,
    is_scalar,
    is_scalar_list,
    is_structured,
)

T = TypeVar("T")
Bounded = TypeVar("Bounded", bound=int)
UserId = NewType("UserId", int)
Names = typing_extensions.TypeAliasType("Names", list[str])
Pair = typing_extensions.TypeAliasType("Pair", tuple[T, T], type_params=(T,))


class Item(Struct):
    name: str


class Holder(Struct, Generic[T]):
    value: T
    many: list[T]


class Both(Holder[int]):
    other: str = ""


@dataclasses.dataclass
class Held(Generic[T]):
    item: T
    items: list[T]


U = TypeVar("U")


@dataclasses.dataclass
class Numbered(Held[U]):
    number: int = 0


class Read(TypedDict):
    kept: typing_extensions.ReadOnly[int]
    must: typing_extensions.Required[str]
    may: typing_extensions.NotRequired[typing_extensions.ReadOnly[str]]


class Point(NamedTuple):
    x: int
    y: int = 0


def shown(shape: Shape) -> Any:
    """The tree in a few words."""
    match shape:
        case ScalarShape(type=kind):
            return kind.__name__
        case ListShape(type=kind, item=item):
            return [kind.__name__, shown(item)]
        case TupleShape(items=items):
            return ("tuple", *map(shown, items))
        case DictShape(key=key, value=value):
            return {shown(key): shown(value)}
        case UnionShape(members=members):
            return ("either", *map(shown, members))
        case LiteralShape(values=values):
            return ("literal", *values)
        case RecordShape(kind=kind, name=name):
            return f"{kind} {name}"
        case AnyShape():
            return "any"
        case NoneShape():
            return None
    return type(shape).__name__


@pytest.mark.parametrize(
    ("annotation", "tree"),
    [
        (UserId, "int"),
        (Names, ["list", "str"]),
        (Pair[int], ("tuple", "int", "int")),
        (Bounded, "int"),
        (T, "any"),
        (object, "any"),
        (list, ["list", "any"]),
        (tuple, ["tuple", "any"]),
        (dict, {"any": "any"}),
        (typing.List[int], ["list", "int"]),
        (abc.Sequence[int], ["list", "int"]),
        (abc.Set[int], ["set", "int"]),
        (abc.Mapping[str, int], {"str": "int"}),
        (tuple[int, ...], ["tuple", "int"]),
        (tuple[()], ("tuple",)),
        (Optional[int], ("either", "int", None)),
        (Union[int, Optional[str]], ("either", "int", "str", None)),
        (Union[int, msgspec.UnsetType], "int"),
        (Literal[1, "a"], ("literal", 1, "a")),
        (typing.Final[int], "int"),
        (Item, "struct Item"),
        (Holder[Item], "struct Holder"),
        (Point, "namedtuple Point"),
        (Read, "typeddict Read"),
        (Callable[[int], int], "OpaqueShape"),
        (type[int], "OpaqueShape"),
    ],
)
def test_trees(annotation: Any, tree: Any) -> None:
    assert shown(shape_of(annotation)) == tree


@pytest.mark.parametrize("annotation", ["int", typing.ForwardRef("int"), list["Item"]])
def test_names_that_were_not_resolved_are_refused(annotation: Any) -> None:
    if annotation == list["Item"]:
        annotation = list[typing.ForwardRef("Item")]  # type: ignore[misc]
    with pytest.raises(TypeError, match="could not be resolved"):
        shape_of(annotation)


def test_fields() -> None:
    fields = {f.name: f for f in shape_of(Holder[Item]).fields}  # type: ignore[attr-defined]
    assert shown(fields["value"].shape) == "struct Item"
    assert shown(fields["many"].shape) == ["list", "struct Item"]
    inherited = {f.name: shown(f.shape) for f in shape_of(Both).fields}  # type: ignore[attr-defined]
    assert inherited == {"value": "int", "many": ["list", "int"], "other": "str"}
    read = {f.name: f.required for f in shape_of(Read).fields}  # type: ignore[attr-defined]
    assert read == {"kept": True, "must": True, "may": False}
    point = [(f.name, f.default) for f in shape_of(Point).fields]  # type: ignore[attr-defined]
    assert point == [("x", MISSING), ("y", 0)] and not MISSING and repr(MISSING) == "MISSING"


def test_a_variable_that_is_handed_on_to_a_base_is_known_there() -> None:
    bound = shape_of(Numbered[int])
    assert isinstance(bound, RecordShape)
    kinds = {item.name: item.shape for item in bound.fields}
    item, items = kinds["item"], kinds["items"]
    assert isinstance(item, ScalarShape) and item.type is int
    assert isinstance(items, ListShape) and isinstance(items.item, ScalarShape) and items.item.type is int


@pytest.mark.parametrize("annotation", [typing.TypeGuard[int], typing.Unpack[tuple[int]]])
def test_what_is_no_type_of_a_value_is_nothing_that_can_be_read(annotation: Any) -> None:
    assert isinstance(shape_of(annotation), OpaqueShape)


def test_fields_that_are_not_for_the_client() -> None:
    @dataclasses.dataclass
    class Data:
        given: int
        made: int = dataclasses.field(init=False, default=1)

    @attrs.define
    class Attrs:
        given: int
        made: int = attrs.field(init=False, default=1)

    for kind in (Data, Attrs):
        assert [f.name for f in shape_of(kind).fields] == ["given"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("item", "name", "bound"),
    [
        (Ge(1), "ge", 1),
        (MaxLen(2), "max_length", 2),
        (MultipleOf(3), "multiple_of", 3),
        (msgspec.Meta(gt=1), "gt", 1),
        (pydantic.Field(le=5), "le", 5),
        (pydantic.StringConstraints(pattern="a"), "pattern", "a"),
        (pydantic.StringConstraints(pattern=re.compile("a")), "pattern", "a"),
        (Field(tz=True), "tz", True),
        (Field(lt=datetime(2026, 1, 1)), "lt", datetime(2026, 1, 1)),  # noqa: DTZ001
    ],
)
def test_constraints_of_everybody(item: Any, name: str, bound: Any) -> None:
    for annotation in (Annotated[str, item], Annotated[Optional[str], item]):
        shape = shape_of(annotation)
        inner = shape.members[0] if isinstance(shape, UnionShape) else shape
        assert dict(inner.constraints.items()) == {name: bound}


def test_what_says_nothing_changes_nothing() -> None:
    assert shape_of(Annotated[int, "a word", str, object()]).constraints.items() == []
    noted = shape_of(Annotated[int, Field(title="T", description="D", examples=[1], deprecated=True)]).note
    assert (noted.title, noted.description, noted.examples, noted.deprecated) == ("T", "D", (1,), True)
    extra = shape_of(Annotated[int, msgspec.Meta(extra_json_schema={"x": 1})]).note
    assert extra.extra_json_schema == {"x": 1}


@pytest.mark.parametrize(
    ("annotation", "scalar", "many", "structured"),
    [
        (int, True, False, False),
        (Optional[int], True, False, False),
        (list[int], False, True, False),
        (Optional[list[int]], False, True, False),
        (tuple[int, str], False, True, False),
        (list[Item], False, False, True),
        (tuple[int, Item], False, False, True),
        (Union[int, Item], False, False, True),
        (dict[str, int], False, False, True),
        (list[list[int]], False, False, False),
        (Any, False, False, True),
    ],
)
def test_questions(annotation: Any, scalar: bool, many: bool, structured: bool) -> None:
    shape = shape_of(annotation)
    assert (is_scalar(shape), is_scalar_list(shape), is_structured(shape)) == (scalar, many, structured)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement")
def test_an_alias_that_contains_itself_is_a_start_up_mistake() -> None:
    names: dict[str, Any] = {}
    exec("type Json = int | list[Json] | dict[str, Json]", names)
    Json = names["Json"]
    with pytest.raises(TypeError, match="Json contains itself"):
        shape_of(Json)
    app = App(openapi_url=None, docs_url=None)

    async def handler(body):  # type: ignore[no-untyped-def]
        return None

    handler.__annotations__ = {"body": Json, "return": None}
    app.post("/")(handler)
    with pytest.raises(SetupError, match="KETCH-BIND-0"):
        _ = app.runtime


def test_a_type_nobody_knows() -> None:
    class Unknown: ...

    shape = shape_of(Unknown)
    assert isinstance(shape, OpaqueShape) and shape.type is Unknown
