"""Results: the annotation is the schema, only its fields leave, and what cannot become it is a 500 that names why."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, TypedDict

import attrs
import msgspec
import pydantic
import pytest

from ketch import App, Field, HTMLResponse, JSONResponse, RedirectResponse, Response, Struct
from ketch.testing import TestClient


class Public(Struct):
    id: int
    name: str = "x"


class Secret(Public):
    password: str = "hunter2"


class Box(Struct):
    item: Public
    items: list[Public] = []
    by_name: dict[str, Public] = {}
    maybe: Public | None = None


class Node(Struct):
    value: int
    children: list["Node"] = []  # noqa: UP037 (a class cannot name itself yet)


@dataclasses.dataclass
class Data:
    id: int
    name: str = "x"


@attrs.define
class Attr:
    id: int
    name: str = "x"


class Typed(TypedDict, total=False):
    id: int
    name: str


class Model(pydantic.BaseModel):
    id: int
    name: str = "x"


class Leaky(Model):
    password: str = "hunter2"


class Colour(Enum):
    RED = "red"


class Row:
    """Like a database row: attributes and no relation to the annotation."""

    id = 7
    name = "row"
    password = "hunter2"


def answer(annotation: Any, value: Any, **options: Any) -> Any:
    app = App(openapi_url=None, docs_url=None)

    async def handler() -> Any:
        return value

    handler.__annotations__["return"] = annotation
    app.get("/", **options)(handler)
    with TestClient(app, raise_server_exceptions=False) as client:
        return client.get("/")


ID = {"id": 7, "name": "row"}


@pytest.mark.parametrize("kind", [Public, Data, Attr, Typed, Model])
@pytest.mark.parametrize("value", [Row(), {"id": 7, "name": "row", "password": "hunter2"}])
def test_anything_with_the_fields_is_copied_and_nothing_else_leaves(kind: Any, value: Any) -> None:
    assert answer(kind, value).json() == ID
    assert answer(list[kind], [value, value]).json() == [ID, ID]
    assert answer(kind | None, value).json() == ID
    assert answer(dict[str, kind], {"a": value}).json() == {"a": ID}


def test_a_subclass_does_not_leak_however_deep() -> None:
    secret = Secret(1)
    for annotation, value in [
        (Public, secret),
        (list[Public], [Public(1), secret]),
        (dict[str, Public], {"a": secret}),
        (Public | None, secret),
        (tuple[Public, int], (secret, 1)),
        (Box, Box(secret)),
        (Box, Box(Public(1), items=[secret])),
        (Box, Box(Public(1), by_name={"a": secret})),
        (Box, Box(Public(1), maybe=secret)),
        (list[Box], [Box(secret)]),
        (Model, Leaky(id=1)),
        (list[Model], [Leaky(id=1)]),
        (dict[str, str], {"a": "b"}),
    ]:
        response = answer(annotation, value)
        assert response.status_code == 200, (annotation, response.text)
        assert "hunter2" not in response.text, annotation


def test_the_handlers_own_object_is_left_as_it_is() -> None:
    secret = Secret(1)
    box = Box(secret, items=[secret])
    assert answer(Box, box).json()["item"] == {"id": 1, "name": "x"}
    assert box.item is secret and box.items[0] is secret


def test_recursive_types() -> None:
    tree = Node(1, [Node(2, [Node(3)]), Node(4)])
    assert answer(Node, tree).json()["children"][0]["children"][0] == {"value": 3, "children": []}


@pytest.mark.parametrize(
    ("annotation", "value", "content_type", "text"),
    [
        (str, "plain", "text/plain; charset=utf-8", "plain"),
        (bytes, b"raw", "application/octet-stream", "raw"),
        (int, 5, "application/json", "5"),
        (list[int], (1, 2), "application/json", "[1,2]"),
        (Decimal, Decimal("1.50"), "application/json", '"1.50"'),
        (Colour, Colour.RED, "application/json", '"red"'),
        (Public | None, None, "application/json", "null"),
        (Any, {"a": [1, None]}, "application/json", '{"a":[1,null]}'),
        (datetime, datetime(2026, 1, 2, tzinfo=UTC), "application/json", '"2026-01-02T00:00:00Z"'),
        (Public | RedirectResponse, Public(1), "application/json", '{"id":1,"name":"x"}'),
    ],
)
def test_kinds_of_results(annotation: Any, value: Any, content_type: str, text: str) -> None:
    response = answer(annotation, value)
    assert (response.status_code, response.headers["content-type"], response.text) == (200, content_type, text)


def test_none_is_204_and_explicit_status_stays() -> None:
    response = answer(None, None)
    assert (response.status_code, response.content, "content-length" in response.headers) == (204, b"", False)
    assert answer(None, None, status_code=202).status_code == 202


def test_without_annotation_the_value_decides() -> None:
    app = App(openapi_url=None, docs_url=None)
    values: dict[str, Any] = {"a": "text", "b": b"bytes", "c": None, "d": {"x": 1}, "e": Public(1), "f": (1, 2)}

    @app.get("/{key}")
    async def handler(key: str):  # type: ignore[no-untyped-def]
        return values[key]

    with TestClient(app) as client:
        kinds = [client.get(f"/{key}").headers.get("content-type", "-").partition(";")[0] for key in values]
        assert kinds == ["text/plain", "application/octet-stream", "-", *["application/json"] * 3]
        assert client.get("/c").status_code == 204


def test_response_model_and_response_class() -> None:
    assert answer(Any, Secret(1), response_model=Public).json() == {"id": 1, "name": "x"}
    page = answer(str, "<p>hi</p>", response_class=HTMLResponse)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "content-security-policy" in page.headers


def test_a_returned_response_goes_out_as_it_is() -> None:
    assert answer(Public, JSONResponse({"any": 1}, 418)).json() == {"any": 1}
    assert answer(Response, Response("x", 201)).status_code == 201


@pytest.mark.parametrize(
    ("annotation", "value"),
    [(Public, object()), (int, "x"), (str, 5), (None, 5), (list[int], "abc"), (Public, None), (Response, {"a": 1})],
)
def test_what_cannot_become_its_annotation_is_a_logged_500(
    annotation: Any, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="ketch"):
        response = answer(annotation, value)
    assert response.status_code == 500
    assert "hunter2" not in response.text
    assert any("handler" in str(record.exc_info and record.exc_info[1]) for record in caplog.records)


def test_field_aliases_go_out() -> None:
    class Aliased(Struct):
        first_name: Annotated[str, Field(alias="firstName")]

    class Renamed(Struct, rename="camel"):
        first_name: str

    assert answer(Aliased, Aliased("a")).json() == {"firstName": "a"}
    assert answer(Renamed, Renamed("a")).json() == {"firstName": "a"}
    assert answer(list[Renamed], [{"first_name": "b"}]).json() == [{"firstName": "b"}]


def test_generators_are_json_lines() -> None:
    app = App(openapi_url=None, docs_url=None)

    @app.get("/async")
    async def numbers() -> AsyncIterator[Public]:
        yield Public(1)
        yield Secret(2)

    @app.get("/sync")
    def words() -> Iterator[Public]:
        yield Public(1)
        yield Row()  # type: ignore[misc]

    with TestClient(app) as client:
        for path in ("/async", "/sync"):
            response = client.get(path)
            assert response.headers["content-type"] == "application/jsonl"
            lines = [msgspec.json.decode(line) for line in response.text.splitlines()]
            assert len(lines) == 2 and all(line.keys() == {"id", "name"} for line in lines)


def test_accept_chooses_the_codec_and_406_comes_before_the_handler() -> None:
    app, called = App(openapi_url=None, docs_url=None), list[int]()

    @app.post("/")
    async def make() -> Public:
        called.append(1)
        return Public(1)

    with TestClient(app) as client:
        packed = client.post("/", headers={"accept": "application/msgpack"})
        assert msgspec.msgpack.decode(packed.content) == {"id": 1, "name": "x"}
        assert client.post("/", headers={"accept": "text/html,*/*;q=0.8"}).headers["content-type"] == "application/json"
        refused = client.post("/", headers={"accept": "image/png"})
    assert (refused.status_code, len(called)) == (406, 2)


def test_messagepack_bodies_are_read() -> None:
    app = App(openapi_url=None, docs_url=None)

    @app.post("/")
    async def make(item: Public) -> Public:
        return item

    with TestClient(app) as client:
        head = {"content-type": "application/msgpack"}
        good = client.post("/", content=msgspec.msgpack.encode({"id": 3, "name": "y"}), headers=head)
        bad = client.post("/", content=msgspec.msgpack.encode({"id": "3"}), headers=head)
        broken = client.post("/", content=b"\xc1", headers=head)
    assert good.json() == {"id": 3, "name": "y"}
    assert (bad.status_code, bad.json()["errors"][0]["loc"]) == (422, ["body", "id"])
    assert broken.status_code == 400


def test_a_response_class_has_its_own_status() -> None:
    assert (
        answer(str, "/elsewhere", response_class=RedirectResponse).status_code == 404
    )  # followed: 307 to a missing page
    assert answer(str, "x", response_class=HTMLResponse, status_code=201).status_code == 201
