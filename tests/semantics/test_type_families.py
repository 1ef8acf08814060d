# ruff: noqa: UP007, UP013, UP045 (what people write is what is tested)
"""The five families of structured types, alone and inside each other; generics; unions."""

from __future__ import annotations

import dataclasses
import sys
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, Optional, TypedDict, TypeVar, Union

import attrs
import msgspec
import pydantic
import pytest
from annotated_types import Ge, MaxLen

from ketch import App, Body, Field, Form, Query, Struct
from ketch.testing import TestClient

T = TypeVar("T")


def echo(annotation: Any, **options: Any) -> App:
    """An application whose only handler gives back what it got, as the same type."""
    app = App(openapi_url=None, docs_url=None)
    app.received = []  # type: ignore[attr-defined]

    async def handler(body):  # type: ignore[no-untyped-def]
        app.received.append(body)  # type: ignore[attr-defined]
        return body

    handler.__annotations__ = {"body": annotation, "return": annotation}
    app.post("/", **options)(handler)
    return app


# --- each family ------------------------------------------------------------------------------------------------------


class AsStruct(Struct):
    name: Annotated[str, Field(max_length=5)]
    qty: Annotated[int, Field(ge=1)] = 1
    at: datetime | None = None
    tags: list[str] = []


@dataclasses.dataclass
class AsDataclass:
    name: Annotated[str, Field(max_length=5)]
    qty: Annotated[int, Ge(1)] = 1
    at: datetime | None = None
    tags: list[str] = dataclasses.field(default_factory=list)


class _Optional(TypedDict, total=False):
    qty: Annotated[int, msgspec.Meta(ge=1)]
    at: datetime | None
    tags: list[str]


class AsTypedDict(_Optional):
    name: Annotated[str, MaxLen(5)]


@attrs.define
class AsAttrs:
    name: Annotated[str, Field(max_length=5)]
    qty: Annotated[int, pydantic.Field(ge=1)] = 1
    at: datetime | None = None
    tags: list[str] = attrs.Factory(list)


class AsPydantic(pydantic.BaseModel):
    name: Annotated[str, pydantic.Field(max_length=5)]
    qty: int = pydantic.Field(1, ge=1)
    at: datetime | None = None
    tags: list[str] = []


FAMILIES = [AsStruct, AsDataclass, AsTypedDict, AsAttrs, AsPydantic]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_as_a_body_and_as_a_result(family: Any) -> None:
    """msgspec's Struct; dataclass, TypedDict, attrs and pydantic models work too"""
    app = echo(family)
    with TestClient(app) as client:
        answer = client.post("/", json={"name": "x", "at": "2026-11-22T01:00:00+01:00", "tags": ["a"]}).json()
        assert answer["name"] == "x" and answer["tags"] == ["a"]
        assert answer["at"] in ("2026-11-22T00:00:00Z", "2026-11-22T01:00:00+01:00")
        (given,) = app.received  # type: ignore[attr-defined]
        assert type(given) is (dict if family is AsTypedDict else family)
        errors = client.post("/", json={"name": "too long", "qty": 0, "tags": [1]}).json()["errors"]
        assert {tuple(e["loc"]) for e in errors} == {("body", "name"), ("body", "qty"), ("body", "tags", 0)}
        assert [e["type"] for e in errors if e["loc"][1] == "qty"] == ["greater_than_equal"]
        missing = client.post("/", json={}).json()["errors"]
        assert [(e["loc"], e["type"]) for e in missing] == [(["body", "name"], "missing")]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_as_a_query(family: Any) -> None:
    """A parameter struct (of any family) reads many at once"""
    app = App(openapi_url=None, docs_url=None)

    async def handler(v):  # type: ignore[no-untyped-def]
        return v

    handler.__annotations__ = {"v": Annotated[family, Query()], "return": family}
    app.get("/")(handler)
    with TestClient(app) as client:
        answer = client.get("/?name=x&qty=3&tags=a&tags=b").json()
        assert (answer["name"], answer["qty"], answer["tags"]) == ("x", 3, ["a", "b"])
        errors = client.get("/?name=too+long&qty=no").json()["errors"]
        assert {(tuple(e["loc"]), e["type"]) for e in errors} == {
            (("query", "name"), "string_too_long"),
            (("query", "qty"), "int_parsing"),
        }


def test_defaults_are_fresh() -> None:
    """default and default factories: nobody shares a list with the next request"""
    for family in FAMILIES:
        app = echo(family)
        with TestClient(app) as client:
            for _ in range(2):
                client.post("/", json={"name": "x"})
        one, two = app.received  # type: ignore[attr-defined]
        if family is AsTypedDict:
            assert "tags" not in one
        else:
            assert one.tags == two.tags == [] and one.tags is not two.tags


# --- one inside the other ---------------------------------------------------------------------------------------------


def outer_of(inner: Any) -> dict[str, Any]:
    """Every family with a field of another."""
    struct = msgspec.defstruct("OuterStruct", [("inner", inner), ("many", list[inner], [])], module=__name__)
    data = dataclasses.make_dataclass(
        "OuterData", [("inner", inner), ("many", list[inner], dataclasses.field(default_factory=list))]
    )
    typed = TypedDict("OuterTyped", {"inner": inner, "many": list[inner]})  # type: ignore[misc]
    by_attrs = attrs.make_class(
        "OuterAttrs", {"inner": attrs.field(type=inner), "many": attrs.field(type=list[inner], factory=list)}
    )
    return {"struct": struct, "dataclass": data, "typeddict": typed, "attrs": by_attrs}


@pytest.mark.parametrize("inner", FAMILIES)
@pytest.mark.parametrize("outer", ["struct", "dataclass", "typeddict", "attrs"])
def test_families_inside_each_other(outer: str, inner: Any) -> None:
    """pydantic inside Struct, dataclass, TypedDict and attrs works (and all the others inside each other)"""
    app = echo(outer_of(inner)[outer])
    with TestClient(app) as client:
        sent = {"inner": {"name": "x"}, "many": [{"name": "y", "qty": 2}]}
        answer = client.post("/", json=sent).json()
        assert answer["inner"]["name"] == "x" and answer["many"][0]["qty"] == 2
        (given,) = app.received  # type: ignore[attr-defined]
        held = given["inner"] if outer == "typeddict" else given.inner
        assert type(held) is (dict if inner is AsTypedDict else inner)
        wrong = {"inner": {"qty": 0}, "many": [{"name": "y"}, {"name": 1, "qty": "2"}]}
        errors = client.post("/", json=wrong).json()["errors"]
        found = {tuple(e["loc"]) for e in errors}
        assert {("body", "inner", "name"), ("body", "inner", "qty"), ("body", "many", 1, "name")} <= found
        # pydantic keeps its own coercion
        assert (("body", "many", 1, "qty") in found) is (inner is not AsPydantic)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="pydantic takes typing.TypedDict from Python 3.12 on")
def test_dataclasses_and_typed_dicts_inside_pydantic() -> None:
    """the reverse is pydantic's limit, documented"""

    class Holder(pydantic.BaseModel):
        data: AsDataclass
        typed: AsTypedDict

    app = echo(Holder)
    with TestClient(app) as client:
        answer = client.post("/", json={"data": {"name": "x"}, "typed": {"name": "y"}}).json()
        assert (answer["data"]["name"], answer["typed"]) == ("x", {"name": "y"})


class Deep(Struct):
    mapping: dict[str, AsAttrs]
    pair: tuple[AsDataclass, AsPydantic]
    maybe: Optional[AsTypedDict] = None


def test_deep_containers() -> None:
    """nested and generic"""
    app = echo(dict[str, list[Deep]])
    sent = {"k": [{"mapping": {"a": {"name": "a"}}, "pair": [{"name": "b"}, {"name": "c"}], "maybe": None}]}
    with TestClient(app) as client:
        answer = client.post("/", json=sent).json()
        assert answer["k"][0]["pair"][1]["name"] == "c"
        sent["k"][0]["mapping"]["a"]["qty"] = 0  # type: ignore[call-overload, index]
        sent["k"][0]["pair"][1] = {}  # type: ignore[index]
        sent["k"][0]["maybe"] = {"qty": 1}  # type: ignore[assignment]
        errors = client.post("/", json=sent).json()["errors"]
    assert sorted(e["loc"] for e in errors) == [
        ["body", "k", 0, "mapping", "a", "qty"],
        ["body", "k", 0, "maybe", "name"],
        ["body", "k", 0, "pair", 1, "name"],
    ]


# --- generics ---------------------------------------------------------------------------------------------------------


class StructPage(Struct, Generic[T]):
    items: list[T]
    next: str | None = None


@dataclasses.dataclass
class DataPage(Generic[T]):
    items: list[T]
    next: str | None = None


class TypedPage(TypedDict, Generic[T]):
    items: list[T]


@attrs.define
class AttrsPage(Generic[T]):
    items: list[T]
    next: str | None = None


class PydanticPage(pydantic.BaseModel, Generic[T]):
    items: list[T]
    next: str | None = None


class IntPage(StructPage[int]):
    total: int = 0


@pytest.mark.parametrize("page", [StructPage, DataPage, TypedPage, AttrsPage, PydanticPage])
@pytest.mark.parametrize("item", [AsStruct, AsDataclass, AsTypedDict, AsPydantic, int])
def test_generics(page: Any, item: Any) -> None:
    """generics (`Page[Item]`)"""
    if page is PydanticPage and (item is AsStruct or (item is AsTypedDict and sys.version_info < (3, 12))):
        pytest.skip("pydantic's limit")
    app = echo(page[item])
    good: Any = 1 if item is int else {"name": "x"}
    with TestClient(app) as client:
        answer = client.post("/", json={"items": [good]}).json()
        assert answer["items"][0] == 1 if item is int else answer["items"][0]["name"] == "x"
        errors = client.post("/", json={"items": [good, "no"]}).json()["errors"]
        assert [e["loc"] for e in errors] == [["body", "items", 1]]


def test_a_generic_that_was_specialised_by_inheritance() -> None:
    """generics (`Page[Item]`)"""
    with TestClient(echo(IntPage)) as client:
        assert client.post("/", json={"items": [1]}).json() == {"items": [1], "next": None, "total": 0}
        assert client.post("/", json={"items": ["1"]}).json()["errors"][0]["loc"] == ["body", "items", 0]


def test_generic_results_are_filtered_too() -> None:
    """**only T's fields leave**, generic or not"""

    class Secret(AsStruct):
        password: str = "secret"

    app = App(openapi_url=None, docs_url=None)

    @app.get("/")
    async def show() -> StructPage[AsStruct]:
        return StructPage([Secret("x")])

    with TestClient(app) as client:
        assert client.get("/").json() == {"items": [{"name": "x", "qty": 1, "at": None, "tags": []}], "next": None}


# --- unions -----------------------------------------------------------------------------------------------------------


class Cat(Struct, tag="cat"):
    lives: int


class Dog(Struct, tag="dog"):
    name: str
    puppies: list[Annotated[int, Field(ge=0)]] = []


class PydanticCat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int


class PydanticDog(pydantic.BaseModel):
    kind: Literal["dog"]
    name: str


PydanticPet = Annotated[PydanticCat | PydanticDog, pydantic.Field(discriminator="kind")]


class PydanticHome(pydantic.BaseModel):
    pet: PydanticPet


def test_a_discriminated_union_reports_inside_the_chosen_branch() -> None:
    """a discriminated one reports inside the chosen branch."""
    app = echo(Cat | Dog)
    with TestClient(app) as client:
        assert client.post("/", json={"type": "cat", "lives": 9}).json() == {"type": "cat", "lives": 9}
        errors = client.post("/", json={"type": "dog", "name": 1, "puppies": [0, -1]}).json()["errors"]
        assert [(e["loc"], e["type"]) for e in errors] == [
            (["body", "name"], "string_type"),
            (["body", "puppies", 1], "greater_than_equal"),
        ]
        for wrong, kind in (
            ({"lives": 9}, "union_tag_not_found"),
            ({"type": "cow"}, "union_tag_invalid"),
            ([], "model_type"),
        ):
            (error,) = client.post("/", json=wrong).json()["errors"]
            assert (error["loc"], error["type"]) == (["body"], kind)


def test_pydantic_discriminators() -> None:
    """unions and discriminated unions"""
    with TestClient(echo(PydanticHome)) as client:
        assert client.post("/", json={"pet": {"kind": "cat", "lives": 9}}).json()["pet"]["lives"] == 9
        errors = client.post("/", json={"pet": {"kind": "dog", "name": 5}}).json()["errors"]
        assert [e["loc"][-1] for e in errors] == ["name"]


@pytest.mark.parametrize(
    ("annotation", "sent", "expected"),
    [
        (Union[AsDataclass, AsAttrs], {"name": "x", "qty": 3}, {"name": "x", "qty": 3, "at": None, "tags": []}),
        (Union[int, AsStruct], 5, 5),
        (Union[int, list[int], AsStruct], [5], [5]),
        (Union[int, str, None], None, None),
        (Union[PydanticCat, PydanticDog], {"kind": "dog", "name": "x"}, {"kind": "dog", "name": "x"}),
        (Union[AsStruct, AsPydantic], {"name": "x"}, {"name": "x", "qty": 1, "at": None, "tags": []}),
    ],
)
def test_plain_unions(annotation: Any, sent: Any, expected: Any) -> None:
    """A plain union is one error at its own `loc`"""
    app = App(openapi_url=None, docs_url=None)

    async def handler(body, box):  # type: ignore[no-untyped-def]
        return body

    handler.__annotations__ = {"body": Annotated[annotation, Body()], "box": Annotated[int, Body()]}
    handler.__annotations__["return"] = annotation
    app.post("/")(handler)
    with TestClient(app) as client:
        assert client.post("/", json={"body": sent, "box": 1}).json() == expected
        (error,) = client.post("/", json={"body": {"unknown": []}, "box": 1}).json()["errors"]
        assert (error["loc"], error["type"]) == (["body", "body"], "union")


def test_the_result_of_a_union_keeps_its_branch() -> None:
    """**only T's fields leave**: of the member that the value is"""

    @dataclasses.dataclass
    class Short:
        name: str

    @dataclasses.dataclass
    class Long:
        name: str
        text: str

    @dataclasses.dataclass
    class Longer(Long):
        password: str = "secret"

    app = App(openapi_url=None, docs_url=None)

    @app.get("/{n}")
    async def show(n: int) -> Short | Long:
        return [Short("s"), Long("l", "t"), Longer("ll", "tt")][n]

    with TestClient(app) as client:
        assert client.get("/0").json() == {"name": "s"}
        assert client.get("/1").json() == {"name": "l", "text": "t"}
        assert client.get("/2").json() == {"name": "ll", "text": "tt"}


def test_the_result_of_a_tagged_union_from_a_dict_follows_its_tag() -> None:
    """anything else is copied field by field into T"""
    app = App(openapi_url=None, docs_url=None)

    class First(Struct, tag="first"):
        name: str

    class Second(Struct, tag="second"):
        name: str

    @app.get("/")
    async def show() -> First | Second:
        return {"type": "second", "name": "x", "password": "secret"}  # type: ignore[return-value]

    with TestClient(app) as client:
        assert client.get("/").json() == {"type": "second", "name": "x"}


# --- odds and ends ----------------------------------------------------------------------------------------------------


class Tree(Struct):
    value: int
    children: list[Tree] = []


@dataclasses.dataclass
class Chain:
    n: int
    next: Chain | None = None


class Point(NamedTuple):
    x: int
    y: int = 0


class Renamed(Struct, rename="camel"):
    first_name: str
    last_name: Annotated[str, Field(alias="surname")] = ""


class Strict(Struct, forbid_unknown_fields=True):
    n: int


class Checked(Struct):
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


@pytest.mark.parametrize(
    ("annotation", "good", "bad", "loc"),
    [
        (Tree, {"value": 1, "children": [{"value": 2}]}, {"value": 1, "children": [{}]}, ["children", 0, "value"]),
        (Chain, {"n": 1, "next": {"n": 2, "next": None}}, {"n": 1, "next": {"n": "2"}}, ["next", "n"]),
        (Point, [1, 2], [1, "2"], [1]),
        (Renamed, {"firstName": "a", "surname": "b"}, {"first_name": "a"}, ["firstName"]),
        (Strict, {"n": 1}, {"n": 1, "m": 2}, ["m"]),
        (Checked, {"low": 1, "high": 2}, {"low": 3, "high": 2}, []),
        (dict[int, str], {"1": "a"}, {"x": "a"}, ["x", "[key]"]),
        (set[int], [1, 2], [1, "x"], [1]),
        (tuple[int, ...], [1, 2], [1, "x"], [1]),
        (bytes, "aGk=", "!", []),
        (Decimal, "1.5", "x", []),
    ],
)
def test_shapes(annotation: Any, good: Any, bad: Any, loc: list[Any]) -> None:
    """`loc` starts with ... body, then the alias as the client sees it"""
    with TestClient(echo(Annotated[annotation, Body()])) as client:
        assert client.post("/", json=good).status_code == 200
        errors = client.post("/", json=bad).json()["errors"]
        assert ["body", *loc] in [e["loc"] for e in errors]


def test_aliases_come_in_and_go_out() -> None:
    """`Field` takes the same words inside a type"""
    with TestClient(echo(Renamed)) as client:
        assert client.post("/", json={"firstName": "a", "surname": "b"}).json() == {"firstName": "a", "surname": "b"}


def test_forms_of_every_family() -> None:
    """`Annotated[T, Form()]` of any family"""
    for family in FAMILIES:
        app = App(openapi_url=None, docs_url=None)

        async def handler(v):  # type: ignore[no-untyped-def]
            return v

        handler.__annotations__ = {"v": Annotated[family, Form()], "return": family}
        app.post("/")(handler)
        with TestClient(app) as client:
            answer = client.post("/", data={"name": "x", "qty": "2", "tags": ["a"]}).json()
            assert (answer["name"], answer["qty"], answer["tags"]) == ("x", 2, ["a"])
            assert client.post("/", data={"name": "too long"}).json()["errors"][0]["loc"] == ["body", "name"]


def test_datetimes_inside_every_family_are_utc() -> None:
    """Elsewhere datetimes are aware, UTC inside"""
    for family in (AsStruct, AsDataclass, AsTypedDict, AsAttrs):
        app = echo(list[family])  # type: ignore[valid-type]
        with TestClient(app) as client:
            client.post("/", json=[{"name": "x", "at": "2026-11-22T01:00:00+01:00"}])
            refused = client.post("/", json=[{"name": "x", "at": "2026-11-22T01:00:00"}]).json()["errors"]
        ((given,),) = app.received  # type: ignore[attr-defined]
        at = given["at"] if isinstance(given, dict) else given.at
        assert at == datetime(2026, 11, 22, tzinfo=UTC) and at.tzinfo is UTC
        assert [(e["loc"], e["type"]) for e in refused] == [(["body", 0, "at"], "timezone_aware")]
