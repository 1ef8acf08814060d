# ruff: noqa: B006, DTZ001, UP007, UP045 (what people write is what is tested)
"""Where a parameter comes from: the first match of a fixed list of rules."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional, TypedDict, Union
from uuid import UUID

import pytest

from ketch import (
    App,
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    Field,
    File,
    Form,
    Header,
    Path,
    Query,
    Request,
    Response,
    SetupError,
    Struct,
    UploadFile,
    WebSocket,
)
from ketch.testing import TestClient


def quiet(**options: Any) -> App:
    return App(openapi_url=None, docs_url=None, **options)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    S = 1
    L = 3


class Item(Struct):
    name: str
    qty: int = 1


class Clock:
    """Something that is provided."""

    def __init__(self, hour: int = 7) -> None:
        self.hour = hour


def code_of(app: App) -> str:
    with pytest.raises(SetupError) as caught:
        _ = app.runtime
    return caught.value.code


# --- first match ------------------------------------------------------------------------------------------------------


def test_a_marker_wins_over_everything_else() -> None:
    """`Annotated` marker (first match)"""
    app = quiet()
    app.provide(Clock, Clock())

    @app.post("/{name}")
    async def show(
        name: Annotated[str, Query()],
        real: Annotated[str, Path(alias="name")],
        clock: Annotated[str, Header()],
        item: Annotated[Item, Query()],
    ) -> list[str]:
        return [name, real, clock, item.name]

    with TestClient(app) as client:
        answer = client.post("/in-path?name=in-query", headers={"clock": "in-header"})
    assert answer.json() == ["in-query", "in-path", "in-header", "in-query"]


def test_framework_types_come_before_names_in_the_path() -> None:
    """framework type (`Request`, `WebSocket`, `BackgroundTasks`, injected `Response`...) · name in the path"""
    app = quiet()

    @app.get("/{request}/{tasks}/{response}")
    async def show(request: Request, tasks: BackgroundTasks, response: Response) -> list[str]:
        return [type(request).__name__, type(tasks).__name__, *request.path_params.values()]

    with TestClient(app) as client:
        assert client.get("/a/b/c").json() == ["Request", "BackgroundTasks", "a", "b", "c"]


def test_a_name_in_the_path_comes_before_a_provided_type() -> None:
    """name in the path · a type somebody provides (exact match)"""
    app = quiet()
    app.provide(int, 99)

    @app.get("/{number}")
    async def show(number: int, other: int) -> list[int]:
        return [number, other]

    with TestClient(app) as client:
        assert client.get("/1").json() == [1, 99]


def test_provided_types_match_exactly() -> None:
    """a type somebody provides (exact match)"""

    class Special(Clock): ...

    app = quiet()
    app.provide(Special, Special())

    @app.get("/")
    async def show(clock: Clock) -> int:
        return clock.hour

    assert code_of(app) == "KETCH-BIND-003"


def test_a_provided_structured_type_is_injected_and_no_body() -> None:
    """a type somebody provides (exact match) · ... · structured data type: JSON body"""
    app = quiet()
    app.provide(Item, lambda: Item("made", 5))

    @app.get("/")
    async def show(item: Item) -> Item:
        return item

    with TestClient(app) as client:
        assert client.get("/").json() == {"name": "made", "qty": 5}


@pytest.mark.parametrize(
    ("annotation", "query", "expected"),
    [
        (str, "v=a", "a"),
        (int, "v=5", 5),
        (float, "v=.5", 0.5),
        (bool, "v=on", True),
        (Decimal, "v=1.50", "1.50"),
        (UUID, "v=00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001"),
        (date, "v=2026-11-22", "2026-11-22"),
        (datetime, "v=2026-11-22T01:00:00%2B01:00", "2026-11-22T00:00:00Z"),
        (time, "v=12:30:00", "12:30:00"),
        (timedelta, "v=PT90S", "PT90S"),
        (Color, "v=red", "red"),
        (Size, "v=3", 3),
        (Literal["a", 5], "v=5", 5),
        (Optional[int], "v=5", 5),
        (Union[int, str], "v=x", "x"),
        (int | None, "v=5", 5),
        (list[int], "v=1&v=2", [1, 2]),
        (set[int], "v=1&v=1", [1]),
        (frozenset[str], "v=1", ["1"]),
        (tuple[int, ...], "v=1&v=2", [1, 2]),
        (tuple[int, str], "v=1&v=2", [1, "2"]),
        (list[Color], "v=red&v=blue", ["red", "blue"]),
        (list[int] | None, "v=1", [1]),
        (list[Literal["a", "b"]], "v=b", ["b"]),
    ],
)
def test_scalars_and_lists_of_them_are_query_parameters(annotation: Any, query: str, expected: Any) -> None:
    """scalar, Enum, Literal, or list/set/tuple of them: query
    `str int float bool Decimal UUID date datetime time timedelta Enum Literal Optional Union list set` all convert.
    Lists repeat (`?tag=a&tag=b`)."""
    app = quiet()

    async def show(v):  # type: ignore[no-untyped-def]
        return [v]

    show.__annotations__ = {"v": annotation}
    app.get("/")(show)
    with TestClient(app) as client:
        assert client.get(f"/?{query}").json() == [expected]
        errors = client.get("/").json()["errors"]
        assert [(e["loc"], e["type"]) for e in errors] == [(["query", "v"], "missing")]


@pytest.mark.parametrize(
    ("annotation", "text", "expected"),
    [
        (str, "a%2Fb", "a/b"),
        (int, "-5", -5),
        (float, "1e3", 1000.0),
        (bool, "yes", True),
        (Decimal, "0.10", "0.10"),
        (UUID, "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001"),
        (date, "2026-11-22", "2026-11-22"),
        (datetime, "2026-11-22T00:00:00Z", "2026-11-22T00:00:00Z"),
        (time, "12:30:00", "12:30:00"),
        (timedelta, "PT90S", "PT90S"),
        (Color, "blue", "blue"),
        (Size, "1", 1),
        (Literal["a", 5], "a", "a"),
        (Union[int, Color], "red", "red"),
    ],
)
def test_path_types_come_from_the_annotation(annotation: Any, text: str, expected: Any) -> None:
    """Path types come from the annotation"""
    app = quiet()

    async def show(v):  # type: ignore[no-untyped-def]
        return [v]

    show.__annotations__ = {"v": annotation}
    app.get("/{v}")(show)
    with TestClient(app) as client:
        assert client.get(f"/{text}").json() == [expected]


def test_rest_path_takes_slashes() -> None:
    """`{rest:path}` takes slashes."""
    app = quiet()

    @app.get("/files/{rest:path}")
    async def show(rest: str) -> list[str]:
        return [rest]

    with TestClient(app) as client:
        assert client.get("/files/a/b%2Fc/d.txt").json() == ["a/b/c/d.txt"]


@dataclass
class DataItem:
    name: str


class TypedItem(TypedDict):
    name: str


@pytest.mark.parametrize(
    "annotation", [Item, DataItem, TypedItem, dict[str, str], list[Item], Item | None, dict[str, Any], Any]
)
def test_structured_types_are_the_json_body(annotation: Any) -> None:
    """structured data type: JSON body"""
    app = quiet()

    async def show(body):  # type: ignore[no-untyped-def]
        return body

    show.__annotations__ = {"body": annotation}
    app.post("/")(show)
    sent: Any = [{"name": "x"}] if annotation == list[Item] else {"name": "x"}
    with TestClient(app) as client:
        given = client.post("/", json=sent).json()
    found = given[0] if isinstance(given, list) else given
    assert found["name"] == "x"


def test_what_nothing_can_fill_is_a_setup_error() -> None:
    """otherwise SetupError"""
    app = quiet()

    @app.post("/")
    async def show(clock: Clock) -> None: ...

    assert code_of(app) == "KETCH-BIND-003"


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_bodiless_methods_never_infer_a_body(method: str) -> None:
    """GET, HEAD, OPTIONS and DELETE never infer a body."""
    app = quiet()

    @app.route("/", methods=[method])
    async def show(item: Item) -> None: ...

    assert code_of(app) == "KETCH-BIND-005"


def test_delete_may_ask_for_a_body() -> None:
    """GET, HEAD, OPTIONS and DELETE never infer a body."""
    app = quiet()

    @app.delete("/")
    async def remove(item: Annotated[Item, Body()]) -> str:
        return item.name

    with TestClient(app) as client:
        assert client.request("DELETE", "/", json={"name": "x"}).text == "x"


def test_a_method_beside_get_infers_none_either() -> None:
    """GET, HEAD, OPTIONS and DELETE never infer a body."""
    app = quiet()

    @app.route("/", methods=["GET", "POST"])
    async def show(item: Item) -> None: ...

    assert code_of(app) == "KETCH-BIND-005"


# --- bodies -----------------------------------------------------------------------------------------------------------


def test_two_inferred_bodies_are_a_setup_error_that_shows_the_fix() -> None:
    """Two *inferred* bodies are a SetupError that shows the fix"""
    app = quiet()

    @app.post("/")
    async def show(item: Item, other: DataItem) -> None: ...

    with pytest.raises(SetupError, match=r"item: Annotated\[Item, Body\(\)\], other: Annotated\[DataItem, Body\(\)\]"):
        _ = app.runtime


def test_several_body_parameters_are_members_of_one_object() -> None:
    """several `Body()` parameters are members of one object"""
    app = quiet()

    @app.post("/")
    async def show(
        item: Item, note: Annotated[str, Body(max_length=5)], urgent: Annotated[bool, Body(alias="rush")] = False
    ) -> list[Any]:
        return [item.name, note, urgent]

    with TestClient(app) as client:
        assert client.post("/", json={"item": {"name": "x"}, "note": "hi"}).json() == ["x", "hi", False]
        assert client.post("/", json={"item": {"name": "x"}, "note": "hi", "rush": True}).json() == ["x", "hi", True]
        errors = client.post("/", json={"item": {"name": 5}, "note": "too long", "rush": "yes"}).json()["errors"]
        assert [e["loc"] for e in errors] == [["body", "item", "name"], ["body", "note"], ["body", "rush"]]
        assert client.post("/", json=[1]).json()["errors"][0]["loc"] == ["body"]
        missing = client.post("/").json()["errors"]
        assert [(e["loc"], e["type"]) for e in missing] == [
            (["body", "item"], "missing"),
            (["body", "note"], "missing"),
        ]


def test_embed() -> None:
    """`embed=True` works."""
    app = quiet()

    @app.post("/")
    async def show(item: Annotated[Item, Body(embed=True)]) -> str:
        return item.name

    with TestClient(app) as client:
        assert client.post("/", json={"item": {"name": "x"}}).text == "x"
        assert client.post("/", json={"name": "x"}).json()["errors"][0]["loc"] == ["body", "item"]


def test_optional_bodies() -> None:
    """an empty required body is 422 `missing` (an optional one is its default)"""
    app = quiet()

    @app.post("/default")
    async def default(item: Item | None = None) -> Item | None:
        return item

    @app.post("/required")
    async def required(item: Item | None) -> Item | None:
        return item

    @app.post("/embedded")
    async def embedded(item: Annotated[Item | None, Body(embed=True)] = None, n: Annotated[int, Body()] = 2) -> int:
        return n

    with TestClient(app) as client:
        assert client.post("/default").text == "null"
        assert client.post("/default", content=b"null", headers={"content-type": "application/json"}).text == "null"
        assert client.post("/default", json={"name": "x"}).json()["name"] == "x"
        assert client.post("/embedded").json() == 2
        response = client.post("/required")
        assert response.status_code == 422
        assert [(e["loc"], e["type"]) for e in response.json()["errors"]] == [(["body"], "missing")]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 415),
        ("", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonp", 415),
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("application/vnd.api+json", 200),
        ("application/problem+json;v=1", 200),
        ("text/json", 415),
    ],
)
def test_content_types_of_json(content_type: str | None, status: int) -> None:
    """A non-empty body for JSON without Content-Type is 415; ... `application/*+json` is accepted."""
    app = quiet()

    @app.post("/")
    async def show(item: Item) -> Item:
        return item

    headers = {} if content_type is None else {"content-type": content_type}
    with TestClient(app) as client:
        assert client.post("/", content=b'{"name": "x"}', headers=headers).status_code == status
        empty = client.post("/", content=b"", headers=headers)
        assert (empty.status_code, empty.json()["errors"][0]["type"]) == (422, "missing")


def test_msgspec_kinds_are_strict_in_json_and_lax_in_text() -> None:
    """msgspec kinds are strict in JSON bodies (no "1" for 1) and lax in path, query, header, cookie and form"""

    class Counted(Struct):
        n: int
        ok: bool = False

    app = quiet()

    @app.post("/json")
    async def json(counted: Counted) -> Counted:
        return counted

    @app.post("/form")
    async def form(counted: Annotated[Counted, Form()]) -> Counted:
        return counted

    @app.get("/query/{n}")
    async def query(
        n: int,
        counted: Annotated[Counted, Query()],
        x_n: Annotated[int, Header()],
        c: Annotated[int, Cookie()],
    ) -> list[int]:
        return [n, counted.n, x_n, c]

    with TestClient(app, cookies={"c": "4"}) as client:
        errors = client.post("/json", json={"n": "1", "ok": "true"}).json()["errors"]
        assert [(e["loc"], e["type"]) for e in errors] == [(["body", "n"], "int_type"), (["body", "ok"], "bool_type")]
        assert client.post("/form", data={"n": "1", "ok": "true"}).json() == {"n": 1, "ok": True}
        assert client.get("/query/1?n=2", headers={"x-n": "3"}).json() == [1, 2, 3, 4]


def test_in_forms_empty_is_missing_absent_bools_are_false_and_local_times_are_local() -> None:
    """in forms `""` for a non-str is missing, an absent bool is False, and a naive datetime (all that datetime-local
    can send) is read in `App(timezone="UTC")`"""

    class Booking(Struct):
        title: str
        agreed: bool
        at: datetime
        seats: int = 2

    app = quiet(timezone="Europe/Berlin")

    @app.post("/")
    async def book(booking: Annotated[Booking, Form()]) -> Booking:
        return booking

    @app.post("/json")
    async def json(booking: Booking) -> Booking:
        return booking

    with TestClient(app) as client:
        answer = client.post("/", data={"title": "", "at": "2026-07-01T12:00", "seats": ""})
        assert answer.json() == {"title": "", "agreed": False, "at": "2026-07-01T10:00:00Z", "seats": 2}
        winter = client.post("/", data={"title": "x", "agreed": "on", "at": "2026-12-01T12:00:30.5", "seats": "4"})
        assert winter.json() == {"title": "x", "agreed": True, "at": "2026-12-01T11:00:30.500000Z", "seats": 4}
        errors = client.post("/", data={"title": "x", "at": ""}).json()["errors"]
        assert [(e["loc"], e["type"]) for e in errors] == [(["body", "at"], "missing")]
        naive = {"title": "x", "agreed": True, "at": "2026-07-01T12:00:00"}
        assert [e["type"] for e in client.post("/json", json=naive).json()["errors"]] == ["timezone_aware"]


def test_datetimes_are_aware_and_utc_inside() -> None:
    """Elsewhere datetimes are aware, UTC inside, and naive input is 422 unless the field says otherwise."""

    class Event(Struct):
        at: datetime
        floating: Annotated[datetime, Field(tz=False)] = datetime(2026, 1, 1)

    app = quiet()
    seen: list[Any] = []

    @app.post("/")
    async def keep(event: Event, since: datetime | None = None) -> Event:
        seen.append((event.at, since, event.floating))
        return event

    with TestClient(app) as client:
        response = client.post("/?since=2026-01-01T00:00:00-01:00", json={"at": "2026-11-22T01:30:00+01:00"})
        assert response.json() == {"at": "2026-11-22T00:30:00Z", "floating": "2026-01-01T00:00:00"}
        assert seen == [
            (datetime(2026, 11, 22, 0, 30, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC), datetime(2026, 1, 1))
        ]
        assert seen[0][0].tzinfo is UTC and seen[0][1].tzinfo is UTC
        refused = client.post("/?since=2026-01-01T00:00:00", json={"at": "2026-11-22T01:30:00"})
        assert [(e["loc"][0], e["type"]) for e in refused.json()["errors"]] == [
            ("query", "timezone_aware"),
            ("body", "timezone_aware"),
        ]
        other = client.post("/", json={"at": "2026-11-22T01:30:00Z", "floating": "2026-11-22T01:30:00Z"})
        assert [e["type"] for e in other.json()["errors"]] == ["timezone_naive"]


def test_decimal_is_a_json_string() -> None:
    """`Decimal` is a JSON string by default."""

    class Price(Struct):
        amount: Decimal

    app = quiet()

    @app.post("/")
    async def keep(price: Price) -> Price:
        return price

    with TestClient(app) as client:
        assert client.post("/", json={"amount": "1.10"}).text == '{"amount":"1.10"}'
        exact = client.post("/", content=b'{"amount": 1.10}', headers={"content-type": "application/json"})
        assert exact.text == '{"amount":"1.10"}'


# --- markers ----------------------------------------------------------------------------------------------------------


def test_default_value_markers_are_accepted() -> None:
    """Default-value markers (`q: str = Query("x")`, `user = Depends(get_user)`) are accepted, since people type them
    by habit."""
    app = quiet()

    def get_user(token: str = Header("none")) -> str:
        return f"user {token}"

    @app.post("/{n}")
    async def show(
        n: int = Path(ge=1),
        q: str = Query("x"),
        required: int = Query(...),
        session: str = Cookie("no session"),
        item: Item = Body(...),
        user=Depends(get_user),  # type: ignore[no-untyped-def]
    ) -> list[Any]:
        return [n, q, required, session, item.name, user]

    with TestClient(app) as client:
        assert client.post("/1?required=2", json={"name": "i"}, headers={"token": "t"}).json() == [
            *(1, "x", 2, "no session", "i", "user t")
        ]
        assert client.post("/0", json={"name": "i"}).status_code == 422


def test_alias_default_and_default_factory() -> None:
    """`Path Query Header Cookie Body Form File Depends`, with `alias`, `default`"""
    app = quiet()

    @app.get("/{the_id}")
    async def show(
        number: Annotated[int, Path(alias="the_id")],
        kind: Annotated[str, Query(alias="type", default="none")],
        tags: Annotated[list[str], Query(alias="tag", default_factory=list)],
        agent: Annotated[str, Header(alias="X-Agent")] = "?",
        plain_name: Annotated[str, Header(convert_underscores=False)] = "?",
        mine: Annotated[str, Cookie(alias="__Host-mine")] = "?",
    ) -> list[Any]:
        tags.append("mine")
        return [number, kind, tags, agent, plain_name, mine]

    with TestClient(app) as client:
        assert client.get("/5").json() == [5, "none", ["mine"], "?", "?", "?"]
        assert client.get("/5").json()[2] == ["mine"], "a fresh default each time"
        headers = {"x-agent": "a", "plain_name": "p", "cookie": "__Host-mine=c"}
        assert client.get("/5?type=t&tag=1&tag=2", headers=headers).json() == [
            5,
            "t",
            ["1", "2", "mine"],
            "a",
            "p",
            "c",
        ]
        errors = client.get("/x?type=t").json()["errors"]
        assert errors[0]["loc"] == ["path", "the_id"]


@pytest.mark.parametrize(
    ("annotation", "good", "bad", "kind"),
    [
        (Annotated[int, Query(gt=1)], "2", "1", "greater_than"),
        (Annotated[int, Query(ge=1)], "1", "0", "greater_than_equal"),
        (Annotated[int, Query(lt=1)], "0", "1", "less_than"),
        (Annotated[int, Query(le=1)], "1", "2", "less_than_equal"),
        (Annotated[int, Query(multiple_of=3)], "6", "7", "multiple_of"),
        (Annotated[str, Query(min_length=2)], "ab", "a", "string_too_short"),
        (Annotated[str, Query(max_length=2)], "ab", "abc", "string_too_long"),
        (Annotated[str, Query(pattern="^a+$")], "aa", "ab", "string_pattern_mismatch"),
        (Annotated[list[int], Query(max_length=1)], "1", "1&v=2", "too_long"),
        (Annotated[list[Annotated[int, Field(ge=1)]], Query()], "1", "0", "greater_than_equal"),
        (Annotated[int | None, Query(ge=1)], "1", "0", "greater_than_equal"),
        (Annotated[float, Query(gt=0, lt=1)], "0.5", "1.5", "less_than"),
        (Annotated[Decimal, Query(ge=Decimal("1.5"))], "1.5", "1.4", "greater_than_equal"),
        (Annotated[date, Query(ge=date(2026, 1, 1))], "2026-01-01", "2025-12-31", "greater_than_equal"),
    ],
)
def test_constraints(annotation: Any, good: str, bad: str, kind: str) -> None:
    """constraints (`gt ge lt le multiple_of min_length max_length pattern`)"""
    app = quiet()

    async def show(v):  # type: ignore[no-untyped-def]
        return v

    show.__annotations__ = {"v": annotation}
    app.get("/")(show)
    with TestClient(app) as client:
        assert client.get(f"/?v={good}").status_code == 200
        assert [e["type"] for e in client.get(f"/?v={bad}").json()["errors"]] == [kind]


def test_words_for_the_document_change_nothing() -> None:
    """`title`, `description`, `examples`, `deprecated`"""
    app = quiet()
    words: dict[str, Any] = {"title": "T", "description": "D", "examples": ["x"], "deprecated": True}

    @app.post("/{p}")
    async def show(
        p: Annotated[str, Path(**words)],
        q: Annotated[str, Query(**words)],
        h: Annotated[str, Header(**words)],
        c: Annotated[str, Cookie(**words)],
        b: Annotated[str, Body(**words)],
    ) -> list[str]:
        return [p, q, h, c, b]

    with TestClient(app, cookies={"c": "4"}) as client:
        assert client.post("/1?q=2", json="5", headers={"h": "3"}).json() == ["1", "2", "3", "4", "5"]


def test_an_unknown_option_of_a_marker_is_a_setup_error() -> None:
    """unknown option (a start-up mistake)"""
    with pytest.raises(SetupError, match="max_length"):
        Query(maxlength=3)


def test_annotated_aliases() -> None:
    """`Annotated[...]` as an alias, nested and with several markers"""
    Limit = Annotated[int, Query(le=100)]
    Small = Annotated[Limit, Query(le=10, alias="n")]
    app = quiet()

    @app.get("/")
    async def show(limit: Limit = 5, small: Small = 1) -> list[int]:
        return [limit, small]

    with TestClient(app) as client:
        assert client.get("/?limit=99&n=9").json() == [99, 9]
        errors = client.get("/?limit=101&n=11").json()["errors"]
        assert [(e["loc"][1], e["msg"][-3:].strip()) for e in errors] == [("limit", "100"), ("n", "10")]


# --- parameter structs ------------------------------------------------------------------------------------------------


class Filters(Struct):
    q: str = ""
    limit: Annotated[int, Field(ge=1, alias="max")] = 10
    tag: list[str] = []


class StrictFilters(Struct, forbid_unknown_fields=True):
    q: str = ""


def test_a_parameter_struct_reads_many_at_once() -> None:
    """A parameter struct (`Annotated[Filters, Query()]`) reads many at once; unknown query names are ignored unless the
    struct forbids them."""
    app = quiet()

    @app.get("/")
    async def show(filters: Annotated[Filters, Query()]) -> Filters:
        return filters

    @app.get("/strict")
    async def strict(filters: Annotated[StrictFilters, Query()], other: int = 0) -> StrictFilters:
        return filters

    with TestClient(app) as client:
        assert client.get("/?q=a&max=3&tag=x&tag=y&unknown=1").json() == {"q": "a", "max": 3, "tag": ["x", "y"]}
        assert client.get("/").json() == {"q": "", "max": 10, "tag": []}
        errors = client.get("/?max=0").json()["errors"]
        assert errors == [{**errors[0], "loc": ["query", "max"], "type": "greater_than_equal", "input": "0"}]
        assert client.get("/strict?q=a&other=1").json() == {"q": "a"}
        refused = client.get("/strict?q=a&x=1&y=2").json()["errors"]
        assert [(e["loc"], e["type"]) for e in refused] == [
            (["query", "x"], "extra_forbidden"),
            (["query", "y"], "extra_forbidden"),
        ]


class Where(Struct):
    team_id: int
    user_id: int


class Sent(Struct):
    x_trace: str = ""
    accept_language: str = ""


class Crumbs(Struct):
    session_id: str = ""


class Signup(Struct):
    name: str
    photo: UploadFile
    papers: list[UploadFile] = []
    tags: set[str] = set()


def test_parameter_structs_of_every_source() -> None:
    """A parameter struct (`Annotated[Filters, Query()]`) reads many at once (path, header, cookie, form too)"""
    app = quiet()

    @app.post("/{team_id}/{user_id}")
    async def show(
        where: Annotated[Where, Path()],
        sent: Annotated[Sent, Header()],
        crumbs: Annotated[Crumbs, Cookie()],
        signup: Annotated[Signup, Form()],
    ) -> list[Any]:
        photo = (await signup.photo.read()).decode()
        return [
            *(where.team_id, where.user_id, sent.x_trace, sent.accept_language, crumbs.session_id),
            *(signup.name, photo, len(signup.papers), sorted(signup.tags)),
        ]

    with TestClient(app, cookies={"session_id": "s"}) as client:
        response = client.post(
            "/1/2",
            headers={"x-trace": "t", "accept-language": "en"},
            data={"name": "Ann", "tags": ["b", "a"]},
            files=[("photo", ("p.png", b"png")), ("papers", ("1", b"1")), ("papers", ("2", b"2"))],
        )
        assert response.json() == [1, 2, "t", "en", "s", "Ann", "png", 2, ["a", "b"]]
        errors = client.post("/x/2", data={"name": "Ann"}).json()["errors"]
        assert [(e["loc"], e["type"]) for e in errors] == [
            (["path", "team_id"], "int_parsing"),
            (["body", "photo"], "missing"),
        ]


# --- forms and files --------------------------------------------------------------------------------------------------


def test_files_and_form_fields() -> None:
    """async def avatar(file: UploadFile, crop: Annotated[Crop, Form()]) -> Avatar"""

    class Crop(Struct):
        x: int
        y: int = 0

    app = quiet()

    @app.post("/avatar")
    async def avatar(file: UploadFile, crop: Annotated[Crop, Form()]) -> list[Any]:
        return [file.filename, file.size, crop.x, crop.y]

    @app.post("/many")
    async def many(
        files: list[UploadFile],
        raw: Annotated[bytes, File()],
        note: Annotated[str, Form()] = "",
        extra: UploadFile | None = None,
    ) -> list[Any]:
        return [[f.filename for f in files], raw.decode(), note, extra and extra.filename]

    with TestClient(app) as client:
        assert client.post("/avatar", data={"x": "3"}, files={"file": ("a.png", b"123")}).json() == ["a.png", 3, 3, 0]
        errors = client.post("/avatar", data={"x": "no", "file": "text"}).json()["errors"]
        assert {(tuple(e["loc"]), e["type"]) for e in errors} == {
            (("body", "file"), "file_type"),
            (("body", "x"), "int_parsing"),
        }
        sent = [("files", ("1", b"1")), ("files", ("2", b"2")), ("raw", ("r", b"rr"))]
        assert client.post("/many", files=sent).json() == [["1", "2"], "rr", "", None]
        assert client.post("/many", files=[*sent, ("extra", ("x", b""))]).json()[3] == "x"
        chosen_none = client.post("/many", files=[("files", ("", b"")), ("raw", ("r", b"r"))]).json()
        assert [(e["loc"], e["type"]) for e in chosen_none["errors"]] == [(["body", "files"], "missing")]


def test_a_form_may_be_urlencoded_or_multipart_and_nothing_else() -> None:
    """413 · 415 (forms)"""
    app = quiet()

    @app.post("/")
    async def show(a: Annotated[int, Form()], b: Annotated[list[str], Form()] = []) -> list[Any]:
        return [a, b]

    with TestClient(app) as client:
        assert client.post("/", data={"a": "1", "b": ["x", "y"]}).json() == [1, ["x", "y"]]
        assert client.post("/", data={"a": "1"}, files={"c": b"c"}).json() == [1, []]
        assert client.post("/", json={"a": 1}).status_code == 415
        assert client.post("/", content=b"a=1").status_code == 415
        empty = client.post("/")
        assert (empty.status_code, empty.json()["errors"][0]["type"]) == (422, "missing")


# --- what may be a handler --------------------------------------------------------------------------------------------


class Greeter:
    def __init__(self, word: str) -> None:
        self.word = word

    async def __call__(self, name: str, n: int = 1) -> str:
        return f"{self.word} {name}" * n

    async def greet(self, name: str) -> str:
        return f"{self.word}, {name}"

    def greet_in_thread(self, name: str) -> str:
        return f"{self.word}: {name}"

    @classmethod
    async def of_class(cls, name: str) -> str:
        return f"{cls.__name__} {name}"

    @staticmethod
    async def static(name: str) -> str:
        return f"static {name}"


def shout(function: Any) -> Any:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return (await function(*args, **kwargs)).upper()

    return wrapper


def hand_on(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


async def full(greeting: str, name: str, *, end: str = "!", loud: bool = False) -> str:
    text = f"{greeting} {name}{end}"
    return text.upper() if loud else text


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (Greeter("hello"), "hello Ann"),
        (Greeter("hello").greet, "hello, Ann"),
        (Greeter("hello").greet_in_thread, "hello: Ann"),
        (Greeter.of_class, "Greeter Ann"),
        (Greeter.static, "static Ann"),
        (functools.partial(full, "hi"), "hi Ann!"),
        (functools.partial(full, "hi", end="?"), "hi Ann?"),
        (functools.partial(functools.partial(full, "hi"), end="."), "hi Ann."),
        (shout(full), None),
        (shout(Greeter("hello").greet), "HELLO, ANN"),
        (hand_on(Greeter("hello").greet), "hello, Ann"),
        (functools.partial(shout(full), "hi"), "HI ANN!"),
    ],
)
def test_callables_of_every_kind_are_handlers(handler: Any, expected: str | None) -> None:
    """`functools.partial`, decorated handlers, callable objects, methods"""
    app = quiet()
    app.get("/{name}")(handler)
    with TestClient(app) as client:
        if expected is None:
            assert client.get("/Ann?greeting=hey&loud=true").text == "HEY ANN!"
            return
        assert client.get("/Ann").text == expected


def test_local_types_behind_postponed_annotations() -> None:
    """`from __future__ import annotations` and forward references"""

    class Local(Struct):
        n: int
        parent: Annotated[int, Field(ge=0)] = 0

    def below(n: int = 2) -> Local:
        return Local(n)

    app = quiet()
    app.provide(list[Local], lambda: [Local(7)])

    @app.post("/")
    async def show(local: Local, made: Annotated[Local, Depends(below)], given: list[Local]) -> list[Local]:
        return [local, made, *given]

    with TestClient(app) as client:
        assert [item["n"] for item in client.post("/?n=3", json={"n": 1}).json()] == [1, 3, 7]


def test_websocket_parameters() -> None:
    """framework type (`Request`, `WebSocket`, ...) · name in the path · ... (in a WebSocket handler)"""
    app = quiet()
    app.provide(Clock, Clock(8))

    @app.websocket("/rooms/{room}")
    async def chat(
        websocket: WebSocket, room: int, clock: Clock, q: str = "", x_a: Annotated[str, Header()] = ""
    ) -> None:
        await websocket.accept()
        await websocket.send_json([room, clock.hour, q, x_a])

    with TestClient(app) as client:
        with client.websocket_connect("/rooms/5?q=a", headers={"x-a": "b"}) as ws:
            assert ws.receive_json() == [5, 8, "a", "b"]


class Odd:
    """Nobody provides it."""


def test_parameters_behind_one_that_is_left_to_its_default() -> None:
    """(first match) ... what nobody fills keeps its default, and the others stay what they are"""
    app = quiet()

    def dependency(odd: Odd | None = None, b: int = 2, *, c: int = 3) -> list[Any]:
        return [odd, b, c]

    @app.get("/")
    async def show(
        a: int, odd: Odd | None = None, b: int = 2, d: Annotated[list[Any], Depends(dependency)] = [], *, c: int = 3
    ) -> list[Any]:
        return [a, odd, b, d, c]

    async def outside() -> Any:
        async with app.scope() as scope:
            return await scope.call(dependency, b=5)

    with TestClient(app) as client:
        assert client.get("/?a=1&b=5&c=6").json() == [1, None, 5, [None, 5, 6], 6]
    import asyncio

    assert asyncio.run(outside()) == [None, 5, 3]


def test_defaults_that_can_be_changed_are_fresh() -> None:
    """defaults and default factories: what a handler does to one is not there at the next request"""
    app = quiet()

    @app.post("/")
    async def show(
        body: Annotated[dict[str, list[int]], Body()] = {"x": [1]},
        item: Annotated[Item, Body()] = Item("given"),
        words: list[str] = ["a"],
    ) -> list[Any]:
        body["x"].append(2)
        item.qty += 1
        words.append("b")
        return [body, item.qty, words]

    with TestClient(app) as client:
        for _ in range(2):
            assert client.post("/").json() == [{"x": [1, 2]}, 2, ["a", "b"]]
            odd = client.post("/", content=b"{}", headers={"content-type": "application/json"})
            assert odd.json() == [{"x": [1, 2]}, 2, ["a", "b"]]


def test_names_of_builtins() -> None:
    """a parameter may be called anything"""
    app = quiet()

    @app.get("/{tuple}")
    async def show(
        tuple: int,
        q: Annotated[str, Query(max_length=3)],
        tags: Annotated[set[float], Query(max_length=3)],
        len: int,
        int: float,
        map: list[float],
        set: str,
        KeyError: str = "k",
    ) -> list[Any]:
        return [tuple, q, sorted(tags), len, int, map, set, KeyError]

    with TestClient(app) as client:
        answer = client.get("/1?q=abc&tags=1&len=2&int=3&map=4&set=5")
        assert answer.json() == [1, "abc", [1.0], 2, 3.0, [4.0], "5", "k"]
        assert client.get("/1?q=abcd&tags=1&len=2&int=3&map=4&set=5").status_code == 422


def test_what_the_inputs_of_a_browser_send() -> None:
    """in forms ... (all that datetime-local can send), and date, time, month-less numbers and colours"""

    class Meeting(Struct):
        day: date
        at: time
        starts: datetime
        until: Annotated[time, Field(tz=False)] = time(0, 0)
        length: timedelta | None = None
        price: Decimal | None = None
        color: str = "#000000"

    app = quiet()

    @app.post("/")
    async def book(meeting: Annotated[Meeting, Form()]) -> Meeting:
        return meeting

    @app.get("/")
    async def query(at: time) -> time:
        return at

    with TestClient(app) as client:
        sent = {"day": "2026-11-22", "at": "09:30", "until": "10:15", "starts": "2026-11-22T09:30", "price": "1.50"}
        answer = client.post("/", data=sent).json()
        assert (answer["at"], answer["until"], answer["starts"]) == ("09:30:00", "10:15:00", "2026-11-22T09:30:00Z")
        assert (answer["length"], answer["price"]) == (None, "1.50")
        errors = client.post("/", data={**sent, "at": "9:30", "until": "24:00", "starts": "2026-11-22T99:30"}).json()
        assert [(e["loc"][1], e["type"]) for e in errors["errors"]] == [
            ("at", "time_parsing"),
            ("starts", "datetime_parsing"),
            ("until", "time_parsing"),
        ]
        assert client.get("/?at=09:30").status_code == 422
        assert client.get("/?at=09:30:00").json() == "09:30:00"
