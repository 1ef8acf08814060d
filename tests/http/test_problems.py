"""The HTTPException family and its documents."""

from __future__ import annotations

import http
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http import problems
from ketch.http.problems import (
    BadRequest,
    Conflict,
    ErrorDetail,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    ValidationProblem,
    encode_problem,
    problem_document,
)

NAMED = {
    "BadRequest": 400,
    "Unauthorized": 401,
    "Forbidden": 403,
    "NotFound": 404,
    "MethodNotAllowed": 405,
    "NotAcceptable": 406,
    "RequestTimeout": 408,
    "Conflict": 409,
    "Gone": 410,
    "LengthRequired": 411,
    "PreconditionFailed": 412,
    "ContentTooLarge": 413,
    "URITooLong": 414,
    "UnsupportedMediaType": 415,
    "RangeNotSatisfiable": 416,
    "ExpectationFailed": 417,
    "UnprocessableContent": 422,
    "PreconditionRequired": 428,
    "TooManyRequests": 429,
    "RequestHeaderFieldsTooLarge": 431,
    "InternalServerError": 500,
    "NotImplemented_": 501,
    "BadGateway": 502,
    "ServiceUnavailable": 503,
    "GatewayTimeout": 504,
}


@pytest.mark.parametrize(("name", "code"), NAMED.items())
def test_each_named_child_has_its_status(name: str, code: int) -> None:
    child = getattr(problems, name)
    exc = child("why", headers={"x-a": "b"}, code="c", more=1)
    assert isinstance(exc, HTTPException)
    assert exc.status_code == code
    assert exc.detail == "why"
    assert exc.headers["x-a"] == "b"
    assert child().detail is None
    document = problem_document(exc, "/here")
    assert document["status"] == code
    assert document["code"] == "c"
    assert document["more"] == 1


def test_the_document_of_rfc_9457() -> None:
    assert problem_document(NotFound("no order 7", code="order", order=7), "/orders/7 é") == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no order 7",
        "instance": "/orders/7%20%C3%A9",
        "code": "order",
        "order": 7,
    }
    assert list(problem_document(NotFound("x", a=1), "/")) == ["type", "title", "status", "detail", "instance", "a"]
    assert problem_document(HTTPException(409)) == {"type": "about:blank", "title": "Conflict", "status": 409}
    own = problem_document(Conflict(type="https://x.org/stock", title="Out of stock"))
    assert (own["type"], own["title"]) == ("https://x.org/stock", "Out of stock")


def test_the_message_of_the_exception() -> None:
    assert str(NotFound("no order 7")) == "404 Not Found: no order 7"
    assert str(HTTPException(409)) == "409 Conflict"
    assert repr(NotFound("x")) == "NotFound('404 Not Found: x')"


@pytest.mark.parametrize("status", [200, 204, 100, 299, 600, 0, -1, "404", None, 404.0])
def test_a_status_that_is_no_failure_is_refused(status: Any) -> None:
    with pytest.raises(ValueError, match="has a status from 300 to 599"):
        HTTPException(status)


def test_the_standard_librarys_status_is_a_status() -> None:
    exc = HTTPException(http.HTTPStatus.GONE)
    assert type(exc.status_code) is int
    assert b'"status":410' in encode_problem(exc)


@pytest.mark.parametrize("member", ["status", "instance"])
def test_members_cannot_replace_the_standard_ones(member: str) -> None:
    with pytest.raises(TypeError, match=f"{member}: a standard member"):
        HTTPException(404, **{member: "x"})
    with pytest.raises(TypeError, match=f"{member}: a standard member"):
        NotFound("x", **{member: "x"})


def test_405_says_what_is_allowed() -> None:
    exc = MethodNotAllowed(allow=["GET", "HEAD"])
    assert exc.headers == {"allow": "GET, HEAD"}
    assert exc.allow == ("GET", "HEAD")


def error(number: int, value: Any = "x", *loc: str | int) -> ErrorDetail:
    return {"loc": loc or ("body", number), "msg": "Wrong", "type": "wrong", "input": value}


def test_validation_lists_every_error() -> None:
    exc = ValidationProblem([error(0, 1), {"loc": ["query", "q"], "msg": "Missing", "type": "missing"}])
    document = msgspec.json.decode(encode_problem(exc, "/x"))
    assert document["status"] == 422
    assert document["title"] == "Unprocessable Content"
    assert document["detail"] == "The request has invalid values."
    assert document["errors"] == [
        {"loc": ["body", 0], "msg": "Wrong", "type": "wrong", "input": 1},
        {"loc": ["query", "q"], "msg": "Missing", "type": "missing"},
    ]
    assert "truncated" not in document
    assert ValidationProblem([error(0)]).detail == "The request has an invalid value."
    assert ValidationProblem([error(0)], "Own words", code="c").detail == "Own words"


def test_validation_stops_at_a_hundred() -> None:
    exact = problem_document(ValidationProblem(error(i) for i in range(100)))
    assert len(exact["errors"]) == 100
    assert "truncated" not in exact
    more = problem_document(ValidationProblem(error(i) for i in range(101)))
    assert len(more["errors"]) == 100
    assert more["truncated"] is True


def test_validation_shows_no_secrets_and_nothing_long() -> None:
    given: list[ErrorDetail] = [
        error(0, "hunter2", "body", "password"),
        error(0, "abc", "header", "x-thing"),
        error(0, "abc", "cookie", "thing"),
        error(0, "y" * 1000, "body", "text"),
        error(0, {"password": "hunter2", "user": "ann"}, "body"),
    ]
    shown = ValidationProblem(given).errors
    assert ["input" in one for one in shown] == [False, False, False, True, True]
    assert len(shown[3]["input"]) == 200
    assert b"hunter2" not in encode_problem(ValidationProblem(given))
    assert given[0]["input"] == "hunter2"  # what it was given is left as it was


class Rude:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        {"\ud800": 1},
        float("nan"),
        b"\xff",
        pytest.param(10**5000, id="huge"),
        object(),
        Rude(),
        {(1, 2): 3},
        {None: 1},
        ValueError("x"),
        int,
        [[]],
    ],
)
def test_encoding_never_fails(value: Any) -> None:
    for exc in (HTTPException(400, value), BadRequest("x", more=value), ValidationProblem([error(0, value)], value)):
        document = msgspec.json.decode(encode_problem(exc, "/\ud800"))
        assert document["status"] == exc.status_code
        assert document["type"] == "about:blank"


def test_encoding_survives_cycles() -> None:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    assert msgspec.json.decode(encode_problem(BadRequest("x", more=cyclic)))["status"] == 400


@given(
    st.text(alphabet=st.characters()),
    st.dictionaries(st.text(), st.binary() | st.floats() | st.integers() | st.text(alphabet="\ud800a")),
)
def test_any_words_become_a_document(detail: str, more: dict[str, Any]) -> None:
    document = msgspec.json.decode(encode_problem(BadRequest(detail, more=more), detail))
    assert document["status"] == 400
    if detail.isascii():
        assert document["detail"] == detail
