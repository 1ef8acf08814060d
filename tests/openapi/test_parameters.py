from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from ketch.binding.plan import Slot
from ketch.binding.sources import Source
from ketch.http.uploads import UploadFile
from ketch.kernel.annotations import shape_of
from ketch.kernel.shapes import AnyShape, RecordShape
from tests.openapi.making import described, document, operation, plan, slot

BODY, QUERY, PATH, FORM, FILE = Source.BODY, Source.QUERY, Source.PATH, Source.FORM, Source.FILE


class Order(Struct):
    sku: str
    qty: Annotated[int, Meta(ge=1)] = 1


def parameter(one: Slot, path: str = "/x") -> dict[str, Any]:
    found = described(operation(one, path=path))["parameters"]
    assert len(found) == 1
    result: dict[str, Any] = found[0]
    return result


def test_query_parameters() -> None:
    assert parameter(slot(QUERY, int, "limit", default=10)) == {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "default": 10},
    }
    assert parameter(slot(QUERY, str, "q"))["required"] is True


def test_none_is_what_an_absent_value_becomes_and_nothing_a_client_can_send() -> None:
    assert parameter(slot(QUERY, str | None, default=None))["schema"] == {"type": "string"}
    assert parameter(slot(QUERY, Literal["a", "b", None], default=None))["schema"]["enum"] == ["a", "b"]
    both = parameter(slot(QUERY, int | bool | None, default=None))["schema"]
    assert both == {"anyOf": [{"type": "integer"}, {"type": "boolean"}]}
    noted = Annotated[int | None, Meta(description="How many", title="Count")]
    shown = parameter(slot(QUERY, noted, default=None))
    assert shown["description"] == "How many"
    assert shown["schema"] == {"type": "integer", "title": "Count"}


def test_lists_repeat() -> None:
    shown = parameter(slot(QUERY, list[int], "tag", default_factory=list))
    assert (shown["style"], shown["explode"]) == ("form", True)
    assert shown["schema"] == {"type": "array", "items": {"type": "integer"}, "default": []}


def test_words_are_said_of_the_parameter() -> None:
    shown = parameter(
        slot(Source.HEADER, Annotated[str, Meta(description="Trace", extra={"deprecated": True})], "x-trace")
    )
    assert shown == {
        "name": "x-trace",
        "in": "header",
        "required": True,
        "description": "Trace",
        "deprecated": True,
        "schema": {"type": "string"},
    }


def test_cookies_and_hidden_parameters() -> None:
    shown = described(operation(slot(Source.COOKIE, str, "sid"), slot(QUERY, int, "secret", include_in_schema=False)))
    assert [(p["in"], p["name"]) for p in shown["parameters"]] == [("cookie", "sid")]


def test_a_parameter_struct_is_its_fields() -> None:
    record = shape_of(Order)
    assert isinstance(record, RecordShape)
    fields = tuple(slot(QUERY, f.shape.annotation, f.alias, default=f.default) for f in record.fields)
    shown = described(operation(slot(QUERY, Order, "order", fields=fields, record=record)))
    assert [p["name"] for p in shown["parameters"]] == ["sku", "qty"]


@pytest.mark.parametrize(
    ("path", "shown"), [("/o/{id}", "/o/{id}"), ("/f/{rest:path}", "/f/{rest}"), ("/a/{x:int}-{y}", "/a/{x}-{y}")]
)
def test_path_templates(path: str, shown: str) -> None:
    assert list(document(operation(path=path))["paths"]) == [shown]


def test_every_name_of_the_path_is_a_parameter_in_its_order() -> None:
    shown = described(operation(slot(QUERY, int, "q"), slot(PATH, int, "id"), path="/{team}/{id}"))
    assert [(p["name"], p["schema"]["type"]) for p in shown["parameters"]] == [
        ("team", "string"),
        ("id", "integer"),
        ("q", "integer"),
    ]
    assert all(p["required"] for p in shown["parameters"])


def test_a_path_slot_that_the_path_does_not_have_is_not_shown() -> None:
    """A guard shared by several routes may read a name that only some of them have."""
    assert "parameters" not in described(operation(slot(PATH, int, "team")))


def test_two_that_read_the_same_are_one_and_required_if_either_is() -> None:
    plans = (plan(slot(QUERY, int, "page", default=1)), plan(slot(QUERY, int, "page")))
    shown = described(operation(plans=plans))["parameters"]
    assert len(shown) == 1
    assert shown[0]["required"] is True
    assert shown[0]["schema"]["default"] == 1


def test_a_json_body() -> None:
    shown = described(operation(slot(BODY, Annotated[Order, Meta(description="What you want")]), method="POST"))
    assert shown["requestBody"] == {
        "description": "What you want",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Order"}}},
        "required": True,
    }


def test_a_body_in_every_installed_codec() -> None:
    media_types = ("application/json", "application/msgpack")
    shown = described(operation(slot(BODY, Order), method="POST"), media_types=media_types)
    assert tuple(shown["requestBody"]["content"]) == media_types


def test_an_optional_body() -> None:
    shown = described(operation(slot(BODY, Order | None, default=None), method="POST"))
    assert "required" not in shown["requestBody"]
    assert {"type": "null"} in shown["requestBody"]["content"]["application/json"]["schema"]["anyOf"]


def test_several_bodies_are_members() -> None:
    whole = plan(slot(BODY, Order, "order"), slot(BODY, int, "count", default=1), embed=True)
    schema = described(operation(plans=(whole,), method="POST"))["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {
        "type": "object",
        "properties": {"order": {"$ref": "#/components/schemas/Order"}, "count": {"type": "integer", "default": 1}},
        "required": ["order"],
    }


def test_a_form() -> None:
    whole = plan(
        slot(FORM, str, "name"), slot(FORM, bool, "agreed"), slot(FORM, int | None, "age", default=None), kind="form"
    )
    content = described(operation(plans=(whole,), method="POST"))["requestBody"]["content"]
    assert content == {
        "application/x-www-form-urlencoded": {
            "schema": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "agreed": {"type": "boolean"}, "age": {"type": "integer"}},
                "required": ["name"],  # an unticked box is not sent
            }
        }
    }


def test_files() -> None:
    whole = plan(
        slot(FILE, Annotated[UploadFile, Meta(description="A picture")], "file", upload=True),
        slot(FILE, list[UploadFile], "more", upload=True, many=True, default_factory=list),
        slot(FILE, bytes, "raw", default=b""),
        slot(FORM, str, "title"),
        slot(FORM, str, "hidden", include_in_schema=False),
        kind="form",
    )
    content = described(operation(plans=(whole,), method="POST"))["requestBody"]["content"]
    schema = content["multipart/form-data"]["schema"]
    file = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    assert list(content) == ["multipart/form-data"]
    assert schema["properties"]["file"] == {**file, "description": "A picture"}
    assert schema["properties"]["more"] == {"type": "array", "items": file, "default": []}
    assert schema["properties"]["raw"]["format"] == "binary"
    assert "hidden" not in schema["properties"]
    assert schema["required"] == ["file", "title"]


def test_a_stated_media_type_wins() -> None:
    whole = plan(slot(BODY, Order), media_type="application/vnd.order+json")
    content = described(operation(plans=(whole,), method="POST"))["requestBody"]["content"]
    assert list(content) == ["application/vnd.order+json"]


@pytest.mark.parametrize(
    ("slots", "fails"),
    [
        ((), False),
        ((slot(QUERY, str, default=""),), False),
        ((slot(QUERY, str | None, default=None),), False),
        ((slot(QUERY, str),), True),
        ((slot(QUERY, int, default=1),), True),
        ((slot(QUERY, Annotated[str, Meta(max_length=3)], default=""),), True),
        ((slot(PATH, str),), False),
        ((slot(PATH, int),), True),
        ((slot(BODY, Order),), True),
        ((slot(BODY, Any, default=None),), False),
    ],
)
def test_422_stands_where_something_can_be_invalid(slots: tuple[Slot, ...], fails: bool) -> None:
    shown = described(operation(*slots, method="POST", path="/{x}"))
    assert ("422" in shown["responses"]) is fails
    assert isinstance(shape_of(Any), AnyShape)
