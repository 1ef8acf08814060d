from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from msgspec import Struct

from ketch.binding.plan import Slot
from ketch.binding.sources import Source
from ketch.kernel.annotations import shape_of
from ketch.openapi import Answer, SecurityUse, answers_of
from tests.openapi.making import described, document, operation, slot

BEARER = SecurityUse(name="HTTPBearer", scheme={"type": "http", "scheme": "bearer"})


class Task(Struct):
    title: str


class OutOfStock(Struct):
    sku: str


def responses(*slots: Slot, **words: Any) -> dict[str, Any]:
    shown: dict[str, Any] = described(operation(*slots, **words))["responses"]
    return shown


def statuses(*slots: Slot, **words: Any) -> set[str]:
    return set(responses(*slots, **words))


def test_what_any_operation_may_answer() -> None:
    assert statuses() == {"200", "400", "413", "414", "431"}


def test_what_depends_on_the_operation() -> None:
    assert "404" in statuses(path="/{id}")
    assert "415" in statuses(slot(Source.BODY, Task), method="POST")
    assert {"401", "403"} <= statuses(security=(BEARER,))
    assert "406" in statuses(negotiable=True)


def test_shared_responses_are_references() -> None:
    made = document(operation(security=(BEARER,)))
    assert made["paths"]["/x"]["get"]["responses"]["413"] == {"$ref": "#/components/responses/ContentTooLarge"}
    assert set(made["components"]["responses"]) == {
        "BadRequest",
        "ContentTooLarge",
        "Forbidden",
        "RequestHeaderFieldsTooLarge",
        "URITooLong",
        "Unauthorized",
    }
    unauthorized = made["components"]["responses"]["Unauthorized"]
    assert "WWW-Authenticate" in unauthorized["headers"]
    assert list(unauthorized["content"]) == ["application/problem+json"]


def test_the_problems_are_components_only_where_they_are_used() -> None:
    assert set(document(operation())["components"]["schemas"]) == {"Problem"}
    whole = set(document(operation(slot(Source.QUERY, int)))["components"]["schemas"])
    assert whole == {"Problem", "ValidationProblem", "ErrorDetail"}


def test_a_users_own_problem_keeps_its_name() -> None:
    class Problem(Struct):
        what: str

    schemas = document(operation(answers=(Answer(shape=shape_of(Problem)),)))["components"]["schemas"]
    assert set(schemas) == {"Problem", "ketch_Problem"}
    assert "what" in schemas["Problem"]["properties"]


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (Answer(status=200, shape=shape_of(int)), {"application/json": {"schema": {"type": "integer"}}}),
        (Answer(status=200, media_types=("application/json",)), {"application/json": {}}),
        (Answer(status=200, media_types=("text/plain",)), {"text/plain": {"schema": {"type": "string"}}}),
        (Answer(status=200, media_types=("text/html",)), {"text/html": {"schema": {"type": "string"}}}),
        (
            Answer(status=200, media_types=("application/octet-stream",)),
            {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        ),
        (
            Answer(status=200, shape=shape_of(bytes), media_types=("image/png",)),
            {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        ),
        (
            Answer(status=200, shape=shape_of(Task), media_types=("application/jsonl",)),
            {"application/jsonl": {"schema": {"$ref": "#/components/schemas/Task"}}},
        ),
    ],
)
def test_content(answer: Answer, content: dict[str, Any]) -> None:
    assert responses(answers=(answer,))["200"]["content"] == content


def test_events() -> None:
    """As Schemathesis reads it: `schema` is that of each event."""
    plain = responses(answers=(Answer(media_types=("text/event-stream",)),))["200"]["content"]["text/event-stream"]
    assert plain["schema"]["properties"]["data"] == {"type": "string"}
    typed = Answer(shape=shape_of(Task), media_types=("text/event-stream",))
    shown = responses(answers=(typed,))["200"]["content"]["text/event-stream"]
    assert shown["schema"]["properties"]["data"] == {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"$ref": "#/components/schemas/Task"},
    }


def test_no_content() -> None:
    assert responses(answers=(Answer(status=204),))["204"] == {"description": "No Content"}
    assert "content" not in responses(answers=(Answer(status=304, shape=shape_of(int)),))["304"]


def test_codecs_are_offered_where_the_answer_is_negotiated() -> None:
    answers = (Answer(shape=shape_of(Task)), Answer(status=404, shape=shape_of(Task)))
    types = ("application/json", "application/msgpack")
    shown = described(operation(answers=answers, negotiable=True), media_types=types)["responses"]
    assert tuple(shown["200"]["content"]) == types
    shown = described(operation(answers=answers), media_types=types)["responses"]
    assert tuple(shown["200"]["content"]) == types[:1]


def test_redirects_say_where() -> None:
    shown = responses(answers=(Answer(shape=shape_of(Task)), Answer(status=303)))
    assert "Location" in shown["303"]["headers"]
    assert "content" not in shown["303"]


def test_two_answers_of_one_status_are_one_with_both_contents() -> None:
    answers = (Answer(shape=shape_of(Task)), Answer(media_types=("text/html",)))
    assert set(responses(answers=answers)["200"]["content"]) == {"application/json", "text/html"}


def test_declared_responses_as_in_fastapi() -> None:
    shown = responses(
        options={
            "response_description": "The task",
            "responses": {
                404: {
                    "model": OutOfStock,
                    "description": "Gone for good",
                    "headers": {"X-Hint": "Where to look", "X-N": int},
                },
                "4XX": {"description": "Other"},
                HTTPStatus.CONFLICT: OutOfStock,
                503: "Busy",
                "default": {"description": "?", "content": {"text/plain": {"schema": {"type": "string"}}}},
            },
        }
    )
    assert shown["200"]["description"] == "The task"
    assert shown["404"]["description"] == "Gone for good"
    assert shown["404"]["content"]["application/json"] == {"schema": {"$ref": "#/components/schemas/OutOfStock"}}
    assert "application/problem+json" in shown["404"]["content"]  # what `raise NotFound` gives
    assert shown["404"]["headers"]["X-Hint"] == {"description": "Where to look", "schema": {"type": "string"}}
    assert shown["404"]["headers"]["X-N"] == {"schema": {"type": "integer"}}
    assert "application/json" in shown["409"]["content"]
    assert shown["503"]["description"] == "Busy"
    assert set(shown["default"]["content"]) == {"application/problem+json", "text/plain"}
    assert list(shown) == sorted(shown, key=lambda s: (not s.isdigit(), s))


def test_a_declared_success_adds_to_the_main_one() -> None:
    shown = responses(
        answers=(Answer(shape=shape_of(Task)),),
        options={"responses": {200: {"description": "Or a picture", "content": {"image/png": {}}}}},
    )
    assert set(shown["200"]["content"]) == {"application/json", "image/png"}
    assert shown["200"]["description"] == "Or a picture"


def test_what_guards_declare_is_there() -> None:
    shown = responses(errors=answers_of({429: "Slow down.", 422: "Odd."}))
    assert shown["429"]["description"] == "Slow down."
    schema = shown["422"]["content"]["application/problem+json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/ValidationProblem"}


def test_options_are_not_changed() -> None:
    content: dict[str, Any] = {"text/plain": {"schema": {"type": "string"}}}
    extra = {"responses": {"200": {"content": {"text/plain": {"example": "x"}}}}}
    options = {"responses": {200: {"description": "", "content": content}}, "openapi_extra": extra}
    shown = responses(options=options)
    assert shown["200"]["content"]["text/plain"]["example"] == "x"
    assert content == {"text/plain": {"schema": {"type": "string"}}}
