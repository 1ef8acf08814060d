"""Odd parameters through a whole application: what the printed function and the interpreter make of them together."""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

from ketch import (
    App,
    BackgroundTasks,
    Body,
    Depends,
    Field,
    Form,
    JSONResponse,
    Path,
    Query,
    Struct,
    UploadFile,
)
from ketch.testing import TestClient

PACKED = {"content-type": "application/msgpack"}
PHOTO = ("a.txt", b"hello", "text/plain")


class Level(enum.Enum):
    """Numbers and texts among each other: msgspec reads no such Enum, and leaves it to us."""

    LOW = 1
    HIGH = "high"
    HALF = 2.5


Many = enum.Enum("Many", {f"m{number}": f"v{number}" for number in range(30)})  # type: ignore[misc]


class Item(Struct):
    sku: int


class Place(TypedDict, total=False):
    id: int
    slug: str


class Where(pydantic.BaseModel):
    id: int
    slug: str


def client_of(annotation: Any, path: str = "/", method: str = "POST") -> TestClient:
    app = App(openapi_url=None, docs_url=None)

    async def handler(it: Any) -> str:
        return repr(it)

    handler.__annotations__.update(it=annotation)
    app.route(path, methods=[method])(handler)
    return TestClient(app, raise_server_exceptions=False)


def told(response: Any) -> list[tuple[list[Any], str]]:
    assert response.status_code == 422, response.text
    return [(error["loc"], error["type"]) for error in response.json()["errors"]]


# --- JSON -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "value", "shown"),
    [
        (list[Level], [1, "high", 2.5], repr([Level.LOW, Level.HIGH, Level.HALF])),
        (list[Level], ["1"], "enum"),
        (list[Level], [True], "enum"),
        (list[Level], [1.0], "enum"),
        (list[Level], [2.50001], "enum"),
        (dict[str, object], {"a": [1, None]}, "{'a': [1, None]}"),
        (Annotated[list[Annotated[Item, ["not", "hashable"]]], Body()], [{"sku": 1}], "[Item(sku=1)]"),
        (Annotated[list[Annotated[Item, ["not", "hashable"]]], Body()], [{"sku": "1"}], "int_type"),
        (dict[int | str, int], {"1": 2, "a": 3}, "{'1': 2, 'a': 3}"),
        (dict[int | bool, int], {"1": 2, "-3": 4}, "{1: 2, -3: 4}"),
        (dict[int | None, int], {"x": 1}, "union"),
        (dict[Literal["a"], int], {"b": 1}, "literal_error"),
        (dict[datetime, int], {"2030-01-01T02:00:00+02:00": 1}, repr({datetime(2030, 1, 1, tzinfo=UTC): 1})),
        (dict[datetime, int], {"2030-01-01T02:00:00": 1}, "timezone_aware"),
        (dict[datetime, Level], {"2030-01-01T02:00:00+02:00": 1}, repr({datetime(2030, 1, 1, tzinfo=UTC): Level.LOW})),
        (dict[datetime, Level], {"2030-01-01T02:00:00": 1}, "timezone_aware"),
        (dict[str, datetime], {"a": "2030-01-01T02:00:00+02:00"}, repr({"a": datetime(2030, 1, 1, tzinfo=UTC)})),
        (dict[Annotated[datetime, Field(tz=False)], int], {"2030-01-01T02:00:00": 1}, "{datetime.datetime(2030, 1"),
        (dict[Annotated[datetime, Field(tz=False)], int], {"2030-01-01T02:00:00Z": 1}, "timezone_naive"),
        (Annotated[int | list[int] | None, Field(min_length=2)], [1, 2], "[1, 2]"),
        (Annotated[int | list[int] | None, Field(min_length=2)], 5, "5"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_json_bodies(annotation: Any, value: Any, shown: str) -> None:
    with client_of(Annotated[annotation, Body()]) as client:
        response = client.post("/", json=value)
        if shown.replace("_", "").isalpha():
            assert [kind for _, kind in told(response)] == [shown]
        else:
            assert response.text.startswith(shown)


@dataclasses.dataclass
class Fussy:
    number: int

    def __post_init__(self) -> None:
        if self.number == 1:
            raise TypeError("a slip in the application's code, which is not the client's to read")
        if self.number == 2:
            raise ValueError("two is taken")


def test_what_a_type_itself_refuses() -> None:
    with client_of(Fussy) as client:
        assert client.post("/", json={"number": 0}).text == "Fussy(number=0)"
        for number, message in ((1, "Not accepted"), (2, "two is taken")):
            (error,) = client.post("/", json={"number": number}).json()["errors"]
            assert (error["loc"], error["type"], error["msg"]) == (["body"], "value_error", message)


def test_several_bodies_in_messagepack() -> None:
    app = App(openapi_url=None, docs_url=None)

    @app.post("/")
    async def handler(one: Annotated[Item, Body()], two: Annotated[int, Body()] = 3) -> list[int]:
        return [one.sku, two]

    def send(client: TestClient, value: Any) -> Any:
        return client.post("/", content=msgspec.msgpack.encode(value), headers=PACKED)

    with TestClient(app) as client:
        assert send(client, {"one": {"sku": 1}, "two": 5}).json() == [1, 5]
        assert send(client, {"one": {"sku": 1}}).json() == [1, 3]
        assert told(send(client, {"two": 5})) == [(["body", "one"], "missing")]
        assert told(send(client, [1])) == [(["body"], "model_type")]


def test_a_body_of_very_many_mistakes_is_told_briefly() -> None:
    """pydantic can describe all of its errors or none; past ten thousand it is none."""
    with client_of(Annotated[list[Where], Body()]) as client:
        few, many = (client.post("/", json=[{"id": "x", "slug": "a"}] * number) for number in (101, 10_001))
        assert len(few.json()["errors"]) == 100 and few.json()["truncated"] is True
        assert len(many.json()["errors"]) == 100
    deep = Annotated[list[pydantic.RootModel[list[int]]], Body()]
    with client_of(deep) as client:
        (error,) = client.post("/", json=[["x"] * 10_001]).json()["errors"]
        assert error["msg"] == "Has 10,001 mistakes"


# --- query and path ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "sent", "shown"),
    [
        (float, "1.5", "1.5"),
        (float, "abc", "float_parsing"),
        (float, "1e999", "finite_number"),
        (Level, "1", repr(Level.LOW)),
        (Level, "2.5", repr(Level.HALF)),
        (Level, "3", "enum"),
        (Annotated[Literal[[1], "a"], Query()], "a", "'a'"),
        (Annotated[int, Query(min_length=2)], "1", "1"),
    ],
    ids=lambda one: str(one)[:60],
)
def test_query(annotation: Any, sent: str, shown: str) -> None:
    with client_of(annotation, method="GET") as client:
        response = client.get("/", params={"it": sent})
        if response.status_code == 422:
            assert told(response) == [(["query", "it"], shown)]
        else:
            assert response.text == shown


def test_a_long_list_of_choices_is_cut() -> None:
    with client_of(Many, method="GET") as client:
        (error,) = client.get("/?it=x").json()["errors"]
        assert error["msg"].startswith("Should be one of 'v0', 'v1'") and error["msg"].endswith("'v19', …")


def test_parameters_without_annotations_are_texts() -> None:
    app = App(openapi_url=None, docs_url=None)

    @app.get("/{id}")
    async def handler(id, q, r="none"):  # type: ignore[no-untyped-def]
        return [id, q, r]

    with TestClient(app) as client:
        assert client.get("/7?q=1").json() == ["7", "1", "none"]
        assert client.get("/7?q=1&r=2").json() == ["7", "1", "2"]
        assert told(client.get("/7")) == [(["query", "q"], "missing")]


@pytest.mark.parametrize("kind", [Place, Where])
def test_a_parameter_struct_of_the_path(kind: Any) -> None:
    """Its fields are always there, optional or not: a path that does not convert is a 422, not an empty struct."""
    with client_of(Annotated[kind, Path()], "/{id}/{slug}", "GET") as client:
        assert "7" in client.get("/7/b").text
        assert told(client.get("/x/b")) == [(["path", "id"], "int_parsing")]


# --- forms ------------------------------------------------------------------------------------------------------------


class Optional(TypedDict, total=False):
    name: str
    photo: UploadFile
    photos: list[UploadFile]


class Needed(Struct):
    name: str
    photo: UploadFile


class Judged(pydantic.BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    name: str
    photo: UploadFile
    again: UploadFile | None = None


def upload_client(kind: Any) -> TestClient:
    app = App(openapi_url=None, docs_url=None)

    async def handler(it: Any) -> Any:
        found = it if isinstance(it, dict) else {name: getattr(it, name, None) for name in ("name", "photo")}
        photo, photos = found.get("photo"), found.get("photos") or []
        return [found.get("name"), photo and photo.filename, [one.filename for one in photos]]

    handler.__annotations__.update(it=Annotated[kind, Form()])
    app.post("/")(handler)
    return TestClient(app)


@pytest.mark.parametrize("kind", [Optional, Needed, Judged])
def test_files_among_the_fields_of_a_form(kind: Any) -> None:
    with upload_client(kind) as client:
        response = client.post("/", data={"name": "Ann"}, files={"photo": PHOTO})
        assert response.json() == ["Ann", "a.txt", []]
        bare = client.post("/", data={"name": "Ann"})
        if kind is Optional:
            assert bare.json() == ["Ann", None, []]
            assert client.post("/", files=[("photos", PHOTO), ("photos", PHOTO)]).json() == [None, None, ["a.txt"] * 2]
            assert told(client.post("/", data={"photo": "no file"})) == [(["body", "photo"], "file_type")]
        else:
            assert told(bare) == [(["body", "photo"], "missing")]


def test_a_file_may_be_marked_as_a_forms() -> None:
    with client_of(Annotated[UploadFile, Form()]) as client:
        assert "a.txt" in client.post("/", files={"it": PHOTO}).text
        assert told(client.post("/", data={"it": "x"})) == [(["body", "it"], "file_type")]


# --- what the framework fills -----------------------------------------------------------------------------------------


def test_everybody_gets_the_same_background_tasks_and_a_response_joins_its_own() -> None:
    app, done = App(openapi_url=None, docs_url=None), list[str]()

    async def noted(tasks: BackgroundTasks) -> BackgroundTasks:
        tasks.add_task(done.append, "dependency")
        return tasks

    @app.get("/")
    async def show(
        first: Annotated[BackgroundTasks, Depends(noted)], second: BackgroundTasks, third: BackgroundTasks
    ) -> JSONResponse:
        second.add_task(done.append, "handler")
        own = BackgroundTasks()
        own.add_task(done.append, "response")
        return JSONResponse([first is second, second is third], background=own)

    with TestClient(app) as client:
        assert client.get("/").json() == [True, True]
    assert done == ["dependency", "handler", "response"]
