"""The document of a whole application."""

from __future__ import annotations

from typing import Any

import pytest

from ketch.app.application import App
from ketch.openapi import Info, Operation, build, operations_of
from ketch.openapi.routes import info_of
from tests.openapi.harbour import make
from tests.openapi.making import validate


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    app = make()
    made = build(info_of(app), operations_of(app.runtime.routes))
    validate(made)
    return made


def test_two_validators_accept_it_and_it_has_every_route(whole: dict[str, Any]) -> None:
    assert {(method, path) for path, item in whole["paths"].items() for method in item} == {
        ("get", "/orders"),
        ("post", "/orders"),
        ("get", "/orders/{id}"),
        ("delete", "/orders/{id}"),
        ("get", "/trees/{id}"),
        ("get", "/files/{rest}"),
        ("post", "/avatar"),
        ("post", "/token"),
        ("get", "/events"),
        ("get", "/lines"),
        ("put", "/many"),
        ("get", "/both"),
        ("post", "/both"),
        ("get", "/notes/{note_id}"),
        ("delete", "/notes/{note_id}"),
    }
    assert whole["info"]["title"] == "Harbour & co"


def test_ids_are_the_functions_names(whole: dict[str, Any]) -> None:
    ids = [o["operationId"] for item in whole["paths"].values() for o in item.values()]
    assert len(ids) == len(set(ids))
    assert {"list_orders", "place", "show_orders_id", "show_trees_id", "both_get", "both_post"} <= set(ids)
    assert {"get_note", "delete_note"} <= set(ids)  # a resource's methods are called get and delete


def test_security_of_guards_and_dependencies(whole: dict[str, Any]) -> None:
    assert whole["paths"]["/orders"]["post"]["security"] == [{"OAuth2PasswordBearer": ["read"]}]
    assert whole["paths"]["/orders/{id}"]["delete"]["security"] == [
        {"APIKeyHeader_X_Key": []},
        {"APIKeyHeader_X_Key": [], "APIKeyHeader_X_Other": []},
    ]
    schemes = whole["components"]["securitySchemes"]
    assert schemes["OAuth2PasswordBearer"]["flows"]["password"]["tokenUrl"] == "token"
    assert schemes["APIKeyHeader_X_Key"] == {"type": "apiKey", "in": "header", "name": "X-Key"}


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("get", "/orders", {"200", "406", "422"}),
        ("post", "/orders", {"201", "401", "403", "406", "409", "415", "422"}),
        ("delete", "/orders/{id}", {"204", "401", "403", "404", "422", "429"}),
        ("get", "/trees/{id}", {"200", "307", "404", "406", "422"}),
        ("get", "/files/{rest}", {"200", "404"}),
        ("post", "/avatar", {"200", "415", "422"}),
        ("get", "/events", {"200"}),
    ],
)
def test_statuses(whole: dict[str, Any], method: str, path: str, statuses: set[str]) -> None:
    assert set(whole["paths"][path][method]["responses"]) == statuses | {"400", "413", "414", "431"}


@pytest.mark.parametrize(
    ("method", "path", "media_types"),
    [
        ("get", "/trees/{id}", {"application/json"}),
        ("get", "/files/{rest}", {"*/*"}),
        ("post", "/avatar", {"text/plain"}),
        ("get", "/events", {"text/event-stream"}),
        ("get", "/lines", {"application/jsonl"}),
        ("put", "/many", {"application/octet-stream"}),
        ("get", "/both", {"text/html"}),
    ],
)
def test_media_types(whole: dict[str, Any], method: str, path: str, media_types: set[str]) -> None:
    assert media_types <= set(whole["paths"][path][method]["responses"]["200"]["content"])


def test_forms_and_embedded_bodies(whole: dict[str, Any]) -> None:
    form = whole["paths"]["/token"]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert form["required"] == ["username", "password"]
    assert form["properties"]["password"] == {"type": "string", "format": "password"}
    many = whole["paths"]["/many"]["put"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(many["properties"]) == {"tree", "count"}


def test_webhooks_are_read_from_their_router(whole: dict[str, Any]) -> None:
    shown = whole["webhooks"]["order.placed"]["post"]
    assert shown["summary"] == "Sent when an order is placed"
    assert "$ref" in shown["requestBody"]["content"]["application/json"]["schema"]


def test_operations_may_be_webhooks_as_they_are() -> None:
    app = App(webhooks=[Operation(method="POST", path="ping", name="ping")])
    assert build(info_of(app), [])["webhooks"]["ping"]["post"]["operationId"] == "ping"


def test_callable_objects_are_named_after_their_class() -> None:
    class ShowOrder:
        async def __call__(self) -> int:
            return 1

    app = App()
    app.get("/x")(ShowOrder())
    assert build(Info(), operations_of(app.runtime.routes))["paths"]["/x"]["get"]["operationId"] == "show_order"


def test_codecs_are_shown_where_somebody_has_chosen_them() -> None:
    class Twice:
        media_type = "application/x-twice"
        suffix = "+twice"
        name = "twice"

        def decoder(self, annotation: Any, strict: bool = True) -> Any:
            return bytes

        def encode(self, value: Any) -> bytes:
            return b""

        decode = encode

    def shown(app: App) -> set[str]:
        app.get("/x")(plain)
        return set(
            build(info_of(app), operations_of(app.runtime.routes))["paths"]["/x"]["get"]["responses"]["200"]["content"]
        )

    async def plain() -> dict[str, int]:
        return {}

    assert shown(App()) == {"application/json"}
    assert shown(App(codecs=[Twice()])) == {"application/json", "application/x-twice"}
