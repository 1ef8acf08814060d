"""Path matching: ranks, falling through, ambiguity, percent-encoding."""

from __future__ import annotations

import datetime
import enum
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import pytest

from ketch import App, Field, Path, SetupError
from ketch.testing import TestClient


class Color(enum.Enum):
    RED = "red"


def quiet() -> App:
    return App(openapi_url=None, docs_url=None)


def test_segments_rank() -> None:
    """Segments rank: static, int, UUID, date, other typed, str, path."""
    app = quiet()

    # Declared in the opposite order: what counts is the rank.
    @app.get("/{rest:path}")
    async def path(rest: str) -> str:
        return "path"

    @app.get("/{v}", name="str")
    async def text(v: str) -> str:
        return "str"

    @app.get("/{v}", name="typed")
    async def typed(v: Decimal) -> str:
        return "typed"

    @app.get("/{v}", name="date")
    async def date(v: datetime.date) -> str:
        return "date"

    @app.get("/{v}", name="uuid")
    async def uuid(v: UUID) -> str:
        return "uuid"

    @app.get("/{v}", name="int")
    async def integer(v: int) -> str:
        return "int"

    @app.get("/7")
    async def static() -> str:
        return "static"

    with TestClient(app) as client:
        for asked, expected in (
            ("/7", "static"),
            ("/8", "int"),
            ("/00000000-0000-0000-0000-000000000008", "uuid"),
            ("/2026-11-22", "date"),
            ("/1.5", "typed"),
            ("/x", "str"),
            ("/x/y", "path"),
            ("/7/", "path"),
        ):
            assert client.get(asked).text == expected, asked


def test_a_segment_that_does_not_convert_falls_through() -> None:
    """A segment that does not convert falls through to the next route; if none converts, 422 for the best-ranked shape
    with every bad parameter."""
    app = quiet()

    @app.get("/{a}/{b}")
    async def numbers(a: int, b: int) -> str:
        return "numbers"

    @app.get("/{a}/{color}")
    async def colored(a: int, color: Color) -> str:
        return "colored"

    with TestClient(app) as client:
        assert client.get("/1/2").text == "numbers"
        assert client.get("/1/red").text == "colored"
        response = client.get("/x/blue")
        assert response.status_code == 422
        assert [(e["loc"], e["type"], e["input"]) for e in response.json()["errors"]] == [
            (["path", "a"], "int_parsing", "x"),
            (["path", "b"], "int_parsing", "blue"),
        ]


def test_a_constraint_that_is_not_met_is_422_and_no_other_route() -> None:
    """Two routes with equal ranks throughout are ambiguous (a constraint makes no rank); constraints are 422"""
    app = quiet()

    @app.get("/{n}", name="small")
    async def small(n: Annotated[int, Path(le=10)]) -> str:
        return "small"

    @app.get("/{n}", name="text")
    async def text(n: str) -> str:
        return "text"

    with TestClient(app) as client:
        assert client.get("/10").text == "small"
        assert client.get("/11").status_code == 422
        assert client.get("/x").text == "text"


@pytest.mark.parametrize(("one", "two"), [(int, Annotated[int, Field(ge=3)]), (str, str), (float, Literal["a", "b"])])
def test_equal_ranks_throughout_are_ambiguous(one: object, two: object) -> None:
    """Two routes with equal ranks throughout are ambiguous: SetupError."""
    app = quiet()

    async def first(a):  # type: ignore[no-untyped-def]
        return a

    async def second(b):  # type: ignore[no-untyped-def]
        return b

    first.__annotations__ = {"a": one}
    second.__annotations__ = {"b": two}
    app.get("/{a}")(first)
    app.get("/{b}")(second)
    with pytest.raises(SetupError) as caught:
        _ = app.runtime
    assert len(caught.value.faults[0].places) >= 2


def test_percent_encoding_is_decoded_once() -> None:
    """Percent-encoding is decoded once, per segment, from the raw path where the server gives it."""
    app = quiet()

    @app.get("/{a}/{b}")
    async def show(a: str, b: str) -> list[str]:
        return [a, b]

    with TestClient(app) as client:
        assert client.get("/a%2Fb/c%252Fd").json() == ["a/b", "c%2Fd"]
        assert client.get("/%C3%A4/%20").json() == ["ä", " "]
        assert client.get("/%ff/x").status_code == 400
        assert client.get("/a%zz/x").status_code in (200, 400)


@pytest.mark.parametrize("method", ["get", "head", "put", "post"])
def test_all_routes_of_a_path_answer_their_own_methods(method: str) -> None:
    """405 with Allow"""
    app = quiet()

    @app.get("/{n}")
    async def by_number(n: int) -> str:
        return "get"

    @app.put("/{name}")
    async def by_name(name: str) -> str:
        return "put"

    with TestClient(app) as client:
        response = client.request(method, "/5")
        if method == "post":
            assert response.status_code == 405
            assert response.headers["allow"] == "GET, HEAD, OPTIONS, PUT"
        else:
            assert response.status_code == 200
        assert client.put("/x").text == "put"
