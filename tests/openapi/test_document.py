from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import Struct

from ketch.binding.sources import Source
from ketch.kernel.annotations import shape_of
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin
from ketch.openapi import Answer, SecurityUse
from tests.openapi.making import described, document, operation, slot


class Order(Struct):
    sku: str
    qty: int = 1


def test_words_about_the_whole() -> None:
    made = document(
        operation(),
        title="Shop",
        version="2",
        summary="A shop",
        description="Buys and sells.",
        terms_of_service="https://example.org/terms",
        contact={"name": "Ann"},
        license={"name": "MIT"},
        servers=("https://api.example.org", {"url": "/v1", "description": "Here"}),
        tags=("orders", {"name": "people", "description": "Who"}),
        external_docs={"url": "https://example.org"},
    )
    assert made["openapi"] == "3.1.0"
    assert made["info"]["title"] == "Shop"
    assert made["servers"][0] == {"url": "https://api.example.org"}
    assert made["tags"] == [{"name": "orders"}, {"name": "people", "description": "Who"}]


def test_an_empty_application_has_a_valid_document() -> None:
    assert document()["paths"] == {}


def test_what_is_left_out() -> None:
    hidden = operation(path="/hidden", options={"include_in_schema": False})
    made = document(operation(), hidden, operation(method="QUERY", path="/q"), operation(method="LINK", path="/l"))
    assert list(made["paths"]) == ["/x"]


def test_the_first_of_two_with_one_path_and_method_is_shown() -> None:
    made = document(operation(path="/{id:int}", name="one"), operation(path="/{id}", name="two"))
    assert made["paths"]["/{id}"]["get"]["operationId"] == "one"


# --- words -----------------------------------------------------------------------------------------------------------


async def show_order() -> None:
    """One order,
    whole.

    With everything `inside`.

    More.
    \f
    Not for readers of the document.
    """


async def long_story() -> None:
    """It was a dark and stormy night; the rain fell in torrents, except at occasional intervals, when it was checked
    by a violent gust of wind.

    And so on.
    """


async def silent() -> None: ...


@pytest.mark.parametrize(
    ("endpoint", "summary", "description"),
    [
        (show_order, "One order, whole", "With everything `inside`.\n\nMore."),
        (functools.partial(show_order), "One order, whole", "With everything `inside`.\n\nMore."),
        (silent, "List orders", None),
        (None, "List orders", None),
    ],
)
def test_summary_and_description(endpoint: Any, summary: str, description: str | None) -> None:
    shown = described(operation(endpoint=endpoint, name="orders.list_orders"))
    assert shown["summary"] == summary
    assert shown.get("description") == description


def test_a_long_first_paragraph_is_description() -> None:
    shown = described(operation(endpoint=long_story, name="long_story"))
    assert shown["summary"] == "Long story"
    assert shown["description"].endswith("And so on.")


def test_options_win() -> None:
    options = {"summary": "S", "description": "D", "tags": ["b", "a", "b"], "deprecated": True}
    shown = described(operation(endpoint=show_order, options=options))
    assert (shown["summary"], shown["description"]) == ("S", "D")
    assert shown["tags"] == ["b", "a"]
    assert shown["deprecated"] is True


# --- operationId -----------------------------------------------------------------------------------------------------


def ids(*operations: Any) -> list[str]:
    return [o["operationId"] for item in document(*operations)["paths"].values() for o in item.values()]


def test_operation_ids_come_from_names() -> None:
    assert ids(operation(name="orders.show_order"), operation(path="/y", name="place")) == ["show_order", "place"]


def test_operation_ids_are_unique_and_do_not_depend_on_the_order() -> None:
    operations = [
        operation(path="/users/{id}", name="show"),
        operation(path="/orders/{id}", name="show"),
        operation(path="/home", name="home"),
        operation(path="/home", name="home", method="POST"),
        operation(path="/", name="root"),
        operation(path="/a", name="root"),
    ]
    expected = {"show_users_id", "show_orders_id", "home_get", "home_post", "root_root", "root_a"}
    assert set(ids(*operations)) == expected
    assert set(ids(*operations[::-1])) == expected


def test_a_given_id_is_kept_and_avoided() -> None:
    given = operation(path="/a", name="other", options={"operation_id": "show"})
    assert ids(given, operation(path="/b", name="show")) == ["show", "show_get"]


def test_the_same_id_twice_is_a_mistake_that_names_both() -> None:
    def claim(path: str, line: int) -> Any:
        return operation(path=path, options={"operation_id": "show"}, places=(Place("route", Origin("app.py", line)),))

    with pytest.raises(SetupError) as caught:
        document(claim("/a", 3), claim("/b", 7))
    assert caught.value.code == "KETCH-OPENAPI-001"
    assert "app.py:3" in str(caught.value)
    assert "app.py:7" in str(caught.value)


# --- security --------------------------------------------------------------------------------------------------------

BEARER = {"type": "http", "scheme": "bearer"}


def key(name: str) -> dict[str, Any]:
    return {"type": "apiKey", "in": "header", "name": name}


def use(name: str, scheme: dict[str, Any], *scopes: str, required: bool = True) -> SecurityUse:
    return SecurityUse(name=name, scheme=scheme, scopes=scopes, required=required)


def test_what_is_required_is_required_together() -> None:
    shown = described(operation(security=(use("HTTPBearer", BEARER), use("Key", key("X-Key")))))
    assert shown["security"] == [{"HTTPBearer": [], "Key": []}]


def test_what_lets_the_anonymous_through_is_an_alternative_to_nothing() -> None:
    shown = described(operation(security=(use("HTTPBearer", BEARER, required=False),)))
    assert shown["security"] == [{"HTTPBearer": []}, {}]
    both = (use("Key", key("X-Key")), use("HTTPBearer", BEARER, required=False))
    assert described(operation(security=both))["security"] == [{"Key": []}, {"Key": [], "HTTPBearer": []}]


def test_scopes_are_joined() -> None:
    flows = {"password": {"tokenUrl": "token", "scopes": {"a": "", "b": ""}}}
    scheme = {"type": "oauth2", "flows": flows}
    uses = (use("OAuth", scheme, "a"), use("OAuth", scheme, "b", "a"))
    assert described(operation(security=uses))["security"] == [{"OAuth": ["a", "b"]}]


def test_two_schemes_of_one_class_do_not_overwrite_each_other() -> None:
    uses = (use("APIKeyHeader", key("X-A")), use("APIKeyHeader", key("X-B")), use("HTTPBearer", BEARER))
    made = document(operation(security=uses))
    assert set(made["components"]["securitySchemes"]) == {"APIKeyHeader_X_A", "APIKeyHeader_X_B", "HTTPBearer"}
    assert len(made["paths"]["/x"]["get"]["security"][0]) == 3


# --- the rest --------------------------------------------------------------------------------------------------------


def test_webhooks_are_sent_by_us() -> None:
    hook = operation(
        slot(Source.BODY, Order), method="POST", path="order.placed", name="order_placed", answers=(Answer(status=204),)
    )
    made = document(operation(slot(Source.BODY, Order), method="POST", path="/x", name="place"), webhooks=(hook,))
    shown = made["webhooks"]["order.placed"]["post"]
    schema = shown["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Order"}  # the output: with every field
    assert made["paths"]["/x"]["post"]["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Order_Input"
    }
    assert set(shown["responses"]) == {"204"}  # the receiver answers, not this framework


def test_openapi_extra_is_merged_deeply_over_the_rest() -> None:
    extra = {
        "x-rate": 5,
        "tags": ["more"],
        "requestBody": {"content": {"application/json": {"example": {"sku": "a"}}}},
        "responses": {"413": {"description": "Far too large"}},
    }
    options = {"openapi_extra": extra, "tags": ["orders"]}
    order = slot(Source.BODY, Order)
    made = document(
        operation(order, method="POST", options=options, answers=(Answer(shape=shape_of(Order)),)),
        operation(order, method="PUT", name="put"),
    )
    shown = made["paths"]["/x"]["post"]
    assert shown["x-rate"] == 5
    assert shown["tags"] == ["orders", "more"]
    content = shown["requestBody"]["content"]["application/json"]
    assert content == {"schema": {"$ref": "#/components/schemas/Order_Input"}, "example": {"sku": "a"}}
    assert "description" not in made["paths"]["/x"]["put"]["responses"]["413"]
    assert "responses" in extra  # and what was given stays as it was
    assert extra["tags"] == ["more"]


def test_the_document_is_the_same_every_time() -> None:
    @dataclass
    class Odd:
        names: set[str] = field(default_factory=lambda: {"b", "a"})
        tags: frozenset[str] = frozenset({"c", "a", "b"})

    def once() -> Any:
        return document(operation(slot(Source.BODY, Odd), method="POST"))

    assert once() == once()
    assert once()["components"]["schemas"]["Odd"]["properties"]["tags"]["default"] == ["a", "b", "c"]


@pytest.mark.soak
@pytest.mark.serial
@pytest.mark.parametrize("distinct", [False, True])
def test_a_thousand_routes_with_bodies_are_documented_at_once(distinct: bool) -> None:
    from time import perf_counter

    from ketch.openapi import Info, build

    def kind(i: int) -> Any:
        if not distinct:
            return Order
        return type(f"Order{i}", (Struct,), {"__annotations__": {"sku": str, "lines": list[Order]}})

    operations = []
    for i in range(1_000):
        shape = shape_of(kind(i))
        body = slot(Source.BODY, shape.annotation)
        operations.append(
            operation(body, method="POST", path=f"/r{i}", name=f"place_{i}", answers=(Answer(shape=shape),))
        )
    times = []
    for _ in range(3):
        start = perf_counter()
        build(Info(), operations)
        times.append(perf_counter() - start)
    assert min(times) < (0.5 if distinct else 0.2), times  # some 0.1 and 0.04 on a quiet machine
