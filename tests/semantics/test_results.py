"""Results: the return annotation is the response's schema and chooses its encoder."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from ketch import (
    App,
    BackgroundTasks,
    EventSourceResponse,
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    ServerSentEvent,
    SetupError,
    StreamingResponse,
    Struct,
)
from ketch.testing import TestClient


class Item(Struct):
    name: str
    qty: int = 1


class Secret(Item):
    password: str = "secret"


class Row:
    """What a database library might give."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


def serving(annotation: Any, value: Any, **options: Any) -> App:
    app = App(openapi_url=None, docs_url=None)

    async def handler():  # type: ignore[no-untyped-def]
        return value() if isinstance(value, type(lambda: 0)) else value

    if annotation is not ...:
        handler.__annotations__ = {"return": annotation}
    app.get("/", **options)(handler)
    return app


@pytest.mark.parametrize(
    ("value", "status", "kind", "body"),
    [
        ("text", 200, "text/plain; charset=utf-8", b"text"),
        (b"bytes", 200, "application/octet-stream", b"bytes"),
        (None, 204, None, b""),
        ({"a": 1}, 200, "application/json", b'{"a":1}'),
        ([1, None], 200, "application/json", b"[1,null]"),
        (5, 200, "application/json", b"5"),
        (False, 200, "application/json", b"false"),
        ((1, 2), 200, "application/json", b"[1,2]"),
        (Item("x"), 200, "application/json", b'{"name":"x","qty":1}'),
    ],
)
def test_without_an_annotation_the_value_decides(value: Any, status: int, kind: str | None, body: bytes) -> None:
    """Without an annotation the value decides: `str` text/plain, `bytes` octet-stream, `None` 204, otherwise JSON."""
    with TestClient(serving(..., value)) as client:
        response = client.get("/")
    assert (response.status_code, response.headers.get("content-type"), response.content) == (status, kind, body)


@pytest.mark.parametrize(
    ("annotation", "value", "options", "status", "body"),
    [
        (None, None, {}, 204, b""),
        (None, None, {"status_code": 202}, 202, b""),
        (Item | None, None, {}, 200, b"null"),
        (Item | None, Item("x"), {}, 200, b'{"name":"x","qty":1}'),
        (int | None, None, {"status_code": 201}, 201, b"null"),
    ],
)
def test_none(annotation: Any, value: Any, options: Any, status: int, body: bytes) -> None:
    """`-> None` is 204 (an explicit `status_code` keeps it, empty); `-> T | None` returning None is `null`, 200."""
    with TestClient(serving(annotation, value, **options)) as client:
        response = client.get("/")
    assert (response.status_code, response.content) == (status, body)


def test_response_model_wins_over_the_annotation() -> None:
    """`response_model` wins over the annotation; `response_class` exists."""
    with TestClient(serving(Secret, Secret("x"), response_model=Item)) as client:
        assert client.get("/").json() == {"name": "x", "qty": 1}
    with TestClient(serving(Item, {"anything": 1}, response_model=None)) as client:
        assert client.get("/").json() == {"anything": 1}
    with TestClient(serving(str, "<h1>x</h1>", response_class=HTMLResponse)) as client:
        response = client.get("/")
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert "content-security-policy" in response.headers
    with TestClient(serving(..., "/x", response_class=RedirectResponse), follow_redirects=False) as client:
        assert client.get("/").status_code == 307


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Item, Secret("x"), {"name": "x", "qty": 1}),
        (Item, {"name": "x", "password": "secret"}, {"name": "x", "qty": 1}),
        (Item, Row(name="x", qty=2, password="secret"), {"name": "x", "qty": 2}),
        (list[Item], [Secret("x"), Item("y")], [{"name": "x", "qty": 1}, {"name": "y", "qty": 1}]),
        (list[Item], (Secret("x") for _ in range(1)), [{"name": "x", "qty": 1}]),
        (tuple[Item, int], (Secret("x"), 1), [{"name": "x", "qty": 1}, 1]),
        (dict[str, Item], {"a": Secret("x")}, {"a": {"name": "x", "qty": 1}}),
        (Item | None, Secret("x"), {"name": "x", "qty": 1}),
        (dict[str, list[Item | None]], {"a": [Secret("x"), None]}, {"a": [{"name": "x", "qty": 1}, None]}),
    ],
)
def test_only_the_types_fields_leave(annotation: Any, value: Any, expected: Any) -> None:
    """ "Already has the annotated type" means `type(v) is T` for the value, for the elements of containers and for
    nested structured fields; anything else is copied field by field into T, and **only T's fields leave** (a subclass
    with a password field must not leak)."""
    with TestClient(serving(annotation, value)) as client:
        response = client.get("/")
    assert response.json() == expected


def test_nested_structured_fields_are_looked_at() -> None:
    """for nested structured fields"""

    @dataclasses.dataclass
    class Order:
        item: Item
        more: list[Item]

    given = Order(Secret("x"), [Secret("y")])
    with TestClient(serving(Order, given)) as client:
        assert "secret" not in client.get("/").text
    assert isinstance(given.item, Secret)


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (Item, 5),
        (Item, Row(qty=1)),
        (list[Item], Item("x")),
        (int, "five"),
        (str, 5),
        (bytes, "text"),
        (None, 5),
        (Response, {"a": 1}),
        (dict[str, Any], {"a": object()}),
        (Any, object()),
        (..., object()),
        (HTMLResponse | Item, 5),
    ],
)
def test_a_value_that_cannot_become_its_annotation(
    annotation: Any, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A value that cannot become its annotation is a logged 500 that names handler and type."""
    with TestClient(serving(annotation, value), raise_server_exceptions=False) as client:
        response = client.get("/")
    assert response.status_code == 500
    assert response.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500, "instance": "/"}
    assert "GET / -> handler" in caplog.text
    assert f"returned {type(value).__name__}" in caplog.text


@pytest.mark.parametrize("annotation", [Item | RedirectResponse, Any, Response, HTMLResponse | PlainTextResponse, ...])
def test_a_response_goes_out_as_it_is(annotation: Any) -> None:
    """a `Response` ... goes out as it is, and may stand in a union. Response members of a union skip the schema."""
    app = serving(annotation, lambda: RedirectResponse("/there", 303))
    with TestClient(app, follow_redirects=False) as client:
        response = client.get("/")
    assert (response.status_code, response.headers["location"]) == (303, "/there")


def test_every_response_class(tmp_path: Any) -> None:
    """`JSONResponse HTMLResponse PlainTextResponse RedirectResponse StreamingResponse FileResponse
    EventSourceResponse`"""
    file = tmp_path / "a.txt"
    file.write_text("file")
    made = {
        "json": lambda: JSONResponse({"a": 1}, 201),
        "html": lambda: HTMLResponse("<p>"),
        "plain": lambda: PlainTextResponse("plain"),
        "stream": lambda: StreamingResponse(iter([b"a", b"b"])),
        "file": lambda: FileResponse(file),
        "events": lambda: EventSourceResponse([ServerSentEvent(data="x")]),
    }
    app = App(openapi_url=None, docs_url=None)

    @app.get("/{name}")
    async def show(name: str) -> Response:
        response: Response = made[name]()
        response.headers["x-mine"] = "yes"
        return response

    with TestClient(app) as client:
        bodies = {name: client.get(f"/{name}") for name in made}
    assert {name: r.text for name, r in bodies.items()} == {
        "json": '{"a":1}',
        "html": "<p>",
        "plain": "plain",
        "stream": "ab",
        "file": "file",
        "events": "data: x\n\n",
    }
    assert all(r.headers["x-mine"] == "yes" for r in bodies.values())
    assert all(r.headers["x-content-type-options"] == "nosniff" for r in bodies.values())


def test_generators() -> None:
    """an (async) generator annotated `Iterator/AsyncIterator[T]` is JSON Lines, of `ServerSentEvent` an event stream"""
    app = App(openapi_url=None, docs_url=None)

    @app.get("/async")
    async def lines() -> AsyncIterator[Item]:
        yield Secret("x")
        yield Item("y")

    @app.get("/plain")
    def plain() -> Iterator[Item]:
        yield Secret("x")

    @app.get("/events")
    async def events() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(data="x", event="e", id="1")

    @app.get("/nothing-said")
    async def unsaid():  # type: ignore[no-untyped-def]
        yield 1

    with TestClient(app) as client:
        response = client.get("/async")
        assert response.headers["content-type"] == "application/jsonl"
        assert response.text == '{"name":"x","qty":1}\n{"name":"y","qty":1}\n'
        assert client.get("/plain").text == '{"name":"x","qty":1}\n'
        stream = client.get("/events")
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.text == "event: e\nid: 1\ndata: x\n\n"
        assert client.get("/nothing-said").text == "1\n"


def test_hints_in_dev(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """`-> str` returning `<...` gets a hint in `dev`. Tuples are JSON arrays; `(body, 201)` gets a hint in `dev`."""
    app = App(openapi_url=None, docs_url=None)

    @app.get("/page-of-results")
    async def page() -> str:
        return "<h1>hello</h1>"

    @app.get("/tuple-of-results")
    async def pair():  # type: ignore[no-untyped-def]
        return {"a": 1}, 201

    monkeypatch.setenv("KETCH_ENV", "dev")
    with TestClient(app) as client:
        assert client.get("/page-of-results").headers["content-type"].startswith("text/plain")
        response = client.get("/tuple-of-results")
        assert (response.status_code, response.json()) == (200, [{"a": 1}, 201])
        client.get("/page-of-results")
    assert caplog.text.count("looks like HTML") == 1
    assert caplog.text.count("looks like (body, status)") == 1


def test_an_injected_response_is_merged() -> None:
    """injected `Response`, whose status, headers and cookies are merged"""
    app = App(openapi_url=None, docs_url=None)

    async def below(response: Response) -> None:
        response.headers["x-below"] = "1"
        response.set_cookie("below", "1")

    @app.get("/", dependencies=[below])
    async def show(response: Response, tasks: BackgroundTasks) -> Item:
        response.status_code = 202
        response.headers["x-mine"] = "2"
        response.headers["content-type"] = "application/vnd.item+json"
        response.set_cookie("mine", "2")
        return Item("x")

    with TestClient(app) as client:
        response = client.get("/")
    assert response.status_code == 202
    assert response.json() == {"name": "x", "qty": 1}
    assert (response.headers["x-below"], response.headers["x-mine"]) == ("1", "2")
    assert response.headers["content-type"] == "application/vnd.item+json"
    assert dict(response.cookies) == {"below": "1", "mine": "2"}
    assert response.headers["content-length"] == str(len(response.content))


@pytest.mark.parametrize("annotation", [object, Row, list[Row], dict[str, Row], Row | None])
def test_return_types_that_nothing_can_write(annotation: Any) -> None:
    """unserialisable return type (a start-up mistake)"""
    if annotation is object:
        with TestClient(serving(annotation, 5)) as client:
            assert client.get("/").json() == 5
        return
    with pytest.raises(SetupError, match="KETCH-BIND-008"):
        _ = serving(annotation, None).runtime


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(status: int) -> None:
    """(an explicit `status_code` keeps it, empty)"""
    with TestClient(serving(Item, Item("x"), status_code=status)) as client:
        response = client.get("/")
    assert (response.status_code, response.content) == (status, b"")
    assert "content-type" not in response.headers and "content-length" not in response.headers


def test_accept_chooses_among_codecs() -> None:
    """content negotiation (JSON, MessagePack...); 406"""
    import msgspec

    with TestClient(serving(Item, Secret("x"))) as client:
        packed = client.get("/", headers={"accept": "application/msgpack, */*;q=0.1"})
        assert msgspec.msgpack.decode(packed.content) == {"name": "x", "qty": 1}
        assert packed.headers["vary"].lower() == "accept"
        assert client.get("/", headers={"accept": "image/png"}).status_code == 406
        assert client.get("/", headers={"accept": "text/html, */*"}).json()["name"] == "x"
