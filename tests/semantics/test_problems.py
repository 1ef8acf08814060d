"""Problems: what a request that failed is answered."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest

from ketch import (
    App,
    BackgroundTasks,
    Conflict,
    Cookie,
    Depends,
    Form,
    Header,
    HTMLResponse,
    HTTPException,
    JSONResponse,
    NotFound,
    Query,
    Request,
    Response,
    Router,
    Struct,
    Unauthorized,
)
from ketch.testing import TestClient


class Item(Struct):
    name: str
    qty: int = 1


class Login(Struct):
    user: str
    password: int
    api_token: int = 0


def quiet(**options: Any) -> App:
    return App(openapi_url=None, docs_url=None, **options)


def test_everything_that_fails_is_a_problem_document() -> None:
    """Everything that fails is `application/problem+json` (RFC 9457): `type title status detail instance`, extra
    keywords as members"""
    app = quiet()

    @app.get("/fail/{how}")
    async def fail(how: str) -> None:
        match how:
            case "members":
                raise HTTPException(409, detail="no", code="stock", type="https://x.org/p", title="Gone out", left=3)
            case "named":
                raise Conflict("no", code="stock", left=3)
            case "headers":
                raise Unauthorized(headers={"WWW-Authenticate": "Basic"})
            case "teapot":
                raise HTTPException(418)
        raise RuntimeError("secret detail")

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/fail/members")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json() == {
            "type": "https://x.org/p",
            "title": "Gone out",
            "status": 409,
            "detail": "no",
            "instance": "/fail/members",
            "code": "stock",
            "left": 3,
        }
        assert client.get("/fail/named").json()["title"] == "Conflict"
        assert client.get("/fail/headers").headers["www-authenticate"] == "Basic"
        assert client.get("/fail/teapot").status_code == 418
        crashed = client.get("/fail/else")
        assert crashed.json()["status"] == 500 and "secret" not in crashed.text
        for response in (client.get("/nowhere"), client.post("/fail/x")):
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["status"] == response.status_code


def test_errors_hold_every_problem() -> None:
    """for validation an `errors` list that holds **every** problem, each with `loc`, `msg`, `type`, `input`.
    `loc` starts with path, query, header, cookie or body (forms too), then the alias as the client sees it"""
    app = quiet()

    @app.post("/{number}")
    async def everything(
        number: int,
        items: list[Item],
        limit: Annotated[int, Query(alias="max", le=10)],
        x_count: Annotated[int, Header()],
        visits: Annotated[int, Cookie()],
    ) -> None: ...

    @app.post("/form/fields")
    async def form(a: Annotated[int, Form()], b: Annotated[int, Form(alias="bee")]) -> None: ...

    with TestClient(app, cookies={"visits": "many"}) as client:
        errors = client.post("/1?max=11", json=[{"qty": "2"}, 5], headers={"x-count": "z"}).json()["errors"]
        assert [(e["loc"], e["type"]) for e in errors] == [
            (["query", "max"], "less_than_equal"),
            (["header", "x-count"], "int_parsing"),
            (["cookie", "visits"], "int_parsing"),
            (["body", 0, "name"], "missing"),
            (["body", 0, "qty"], "int_type"),
            (["body", 1], "model_type"),
        ]
        assert all(e["msg"] for e in errors)
        assert {e["input"] for e in errors if e["loc"][0] == "query"} == {"11"}
        fields = client.post("/form/fields", data={"bee": "x"}).json()["errors"]
        assert [e["loc"] for e in fields] == [["body", "a"], ["body", "bee"]]


def test_input_is_short_and_never_a_secret() -> None:
    """`input` is at most 200 characters, never for headers, cookies or names that look secret."""
    app = quiet()

    @app.post("/login")
    async def login(
        login: Login, x_key: Annotated[int, Header()] = 0, sid: Annotated[int, Cookie()] = 0, token: int = 0
    ) -> None: ...

    @app.post("/long")
    async def long(text: int, items: list[Item]) -> None: ...

    with TestClient(app, cookies={"sid": "cookie-secret"}) as client:
        response = client.post(
            "/login?token=query-secret",
            json={"user": 5, "password": "body-secret", "api_token": "token-secret"},
            headers={"x-key": "header-secret"},
        )
        assert response.status_code == 422
        assert "-secret" not in response.text
        by_loc = {tuple(e["loc"]): e for e in response.json()["errors"]}
        assert by_loc["body", "user"]["input"] == 5
        assert len(by_loc) == 6
        long_ = client.post(f"/long?text={'x' * 1000}", json=["y" * 1000]).json()["errors"]
        assert all(len(json.dumps(e["input"], ensure_ascii=False)) <= 202 for e in long_)


def test_at_most_100_errors() -> None:
    """At most 100 errors, then `"truncated": true`."""
    app = quiet()

    @app.post("/")
    async def many(items: list[Item]) -> None: ...

    with TestClient(app) as client:
        hundred = client.post("/", json=[1] * 100).json()
        assert len(hundred["errors"]) == 100 and "truncated" not in hundred
        more = client.post("/", json=[1] * 101).json()
        assert len(more["errors"]) == 100 and more["truncated"] is True


@pytest.mark.parametrize(
    "accept", ["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html", "text/html, */*;q=0.9"]
)
def test_browsers_that_prefer_html_get_a_page(accept: str) -> None:
    """Browsers that prefer HTML get a page."""
    app = quiet()

    @app.get("/{n}")
    async def show(n: int) -> None:
        raise HTTPException(409, detail="<script>alert(1)</script>")

    with TestClient(app, raise_server_exceptions=False) as client:
        for path, status in (("/1", 409), ("/x", 422), ("/1/2", 404)):
            response = client.get(path, headers={"accept": accept})
            assert response.status_code == status
            assert response.headers["content-type"] == "text/html; charset=utf-8"
            assert "<script>" not in response.text
            policy = response.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy
        for other in ("*/*", "application/json", "application/json, text/html;q=0.5", ""):
            plain = client.get("/1", headers={"accept": other})
            assert plain.headers["content-type"] == "application/problem+json"


HOSTILE = [
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"1e999",
    b"1" * 100_000,
    b"[" * 100_000,
    b'{"name": "\\ud800"}',
    b'{"name": "\xed\xa0\x80"}',
    b'{"name": "\\u0000"}',
    b'{"name": 1e999}',
    b'{"name": "x", "qty": 1e400}',
    b'{"name": "x", "qty": NaN}',
    b'{"name": "x", "qty": ' + b"9" * 5000 + b"}",
    b"\xff\xfe",
    b"\x00",
    b"{}{}",
    b'{"name": "x"} trailing',
    b"",
    b" ",
    b"null",
    b'"\\ud800"',
]


@pytest.mark.parametrize("raw", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_nothing_a_client_sends_gives_a_500(raw: bytes, accept: str) -> None:
    """Nothing a client sends gives a 500."""
    app = quiet()

    @app.post("/item")
    async def item(item: Item) -> Item:
        return item

    @app.post("/any")
    async def anything(body: dict[str, Any]) -> dict[str, Any]:
        return body

    with TestClient(app) as client:
        for path in ("/item", "/any"):
            sent = {"content-type": "application/json", "accept": accept}
            assert client.post(path, content=raw, headers=sent).status_code in (200, 400, 406, 413, 415, 422)


# --- exception handlers -----------------------------------------------------------------------------------------------


class StockEmpty(Exception):
    pass


class VeryEmpty(StockEmpty):
    pass


class Clock:
    hour = 7


def test_exception_handlers() -> None:
    """@app.exception_handler(StockEmpty): also on a Router, and for a status code; (request, exc), the rest injected"""
    app = quiet()
    app.provide(Clock, Clock())
    inner = Router(prefix="/inner")

    @app.exception_handler(StockEmpty)
    async def empty(request: Request, exc: StockEmpty, clock: Clock) -> Response:
        return JSONResponse({"path": request.url.path, "kind": type(exc).__name__, "hour": clock.hour}, 410)

    @app.exception_handler(404)
    def nothing(request: Request, exc: HTTPException) -> HTMLResponse:
        return HTMLResponse(f"nothing: {exc.detail}", 404)

    @inner.exception_handler(404)
    async def nothing_inside(request: Request, exc: HTTPException) -> dict[str, str]:
        return {"inside": str(exc.detail)}

    @app.get("/empty")
    async def raise_empty(very: bool = False) -> None:
        raise VeryEmpty() if very else StockEmpty()

    @app.get("/missing")
    async def raise_missing() -> None:
        raise NotFound("that")

    @inner.get("/missing")
    async def raise_inside() -> None:
        raise NotFound("this")

    @inner.get("/empty")
    async def raise_empty_inside() -> None:
        raise StockEmpty()

    app.include_router(inner)
    with TestClient(app) as client:
        assert client.get("/empty").json() == {"path": "/empty", "kind": "StockEmpty", "hour": 7}
        assert client.get("/empty?very=1").json()["kind"] == "VeryEmpty"
        assert client.get("/missing").text == "nothing: that"
        assert client.get("/inner/missing").json() == {"inside": "this"}
        assert client.get("/inner/empty").status_code == 410
        assert client.get("/nowhere").text.startswith("nothing")
        assert "inside" in client.get("/inner/nowhere").json()


def test_overrides_reach_exception_handlers() -> None:
    """`override` re-solves the affected plans before it returns. (exception handlers are such plans)"""
    app = quiet()
    app.provide(Clock, Clock())

    def greet() -> str:
        return "hello"

    @app.exception_handler(StockEmpty)
    async def empty(request: Request, exc: StockEmpty, clock: Clock, word: Annotated[str, Depends(greet)]) -> str:
        return f"{clock.hour} {word}"

    @app.get("/")
    async def show() -> None:
        raise StockEmpty()

    late = Clock()
    late.hour = 22
    with TestClient(app) as client:
        assert client.get("/").text == "7 hello"
        with app.override({Clock: late, greet: lambda: "bye"}):
            assert client.get("/").text == "22 bye"
        assert client.get("/").text == "7 hello"


def test_what_exception_handlers_open_is_closed_and_what_they_ask_for_happens() -> None:
    """the rest injected (generators, BackgroundTasks, Response and app-scoped things too)"""
    app, log = quiet(), list[str]()

    async def late() -> Any:
        yield "late"
        log.append("closed late")

    async def soon() -> Any:
        yield "soon"
        log.append("closed soon")

    async def engine() -> Clock:
        return Clock()

    app.provide(Clock, engine, scope="app")

    @app.exception_handler(StockEmpty)
    async def empty(
        request: Request,
        exc: StockEmpty,
        tasks: BackgroundTasks,
        response: Response,
        clock: Clock,
        a: Annotated[str, Depends(late, scope="request")],
        b: Annotated[str, Depends(soon)],
    ) -> dict[str, Any]:
        tasks.add_task(log.append, "background")
        response.status_code = 410
        response.set_cookie("seen", "yes")
        return {"a": a, "b": b, "hour": clock.hour}

    @app.get("/")
    async def show() -> None:
        raise StockEmpty()

    with TestClient(app) as client:
        response = client.get("/")
    assert (response.status_code, response.json()) == (410, {"a": "late", "b": "soon", "hour": 7})
    assert response.cookies["seen"] == "yes"
    assert log == ["closed soon", "closed late", "background"]


@pytest.mark.parametrize("key", [500, Exception])
def test_a_handler_for_500_answers_and_the_error_is_logged(key: Any, caplog: pytest.LogCaptureFixture) -> None:
    """production shows a plain problem document and logs the traceback on every path"""
    app, log = quiet(), list[str]()

    @app.exception_handler(key)
    async def sorry(request: Request, exc: Exception, tasks: BackgroundTasks) -> JSONResponse:
        tasks.add_task(log.append, "alert")
        return JSONResponse({"sorry": type(exc).__name__}, 500)

    @app.get("/crash")
    async def crash() -> None:
        raise KeyError("x")

    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.get("/crash")
        assert (response.status_code, response.json()) == (500, {"sorry": "KeyError"})
    assert "GET /crash failed" in caplog.text and "KeyError" in caplog.text
    assert log == ["alert"]


def test_a_failing_exception_handler_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    """production shows a plain problem document and logs the traceback on every path"""
    app = quiet()

    @app.exception_handler(StockEmpty)
    async def worse(request: Request, exc: StockEmpty) -> None:
        raise ZeroDivisionError("worse")

    @app.exception_handler(500)
    async def worst(request: Request, exc: Exception) -> None:
        raise OverflowError("worst")

    @app.get("/crash")
    async def crash() -> None:
        raise StockEmpty()

    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.get("/crash")
    assert response.json()["title"] == "Internal Server Error"
    assert "worse" in caplog.text and "worst" in caplog.text


def test_handlers_that_hand_each_other_on_come_to_an_end() -> None:
    """an exception handler may raise an HTTPException, which has a handler of its own perhaps"""
    app = quiet()

    @app.exception_handler(404)
    async def to_conflict(request: Request, exc: HTTPException) -> None:
        raise Conflict("from 404")

    @app.exception_handler(409)
    async def to_missing(request: Request, exc: HTTPException) -> None:
        raise NotFound("from 409")

    with TestClient(app) as client:
        assert client.get("/").status_code in (404, 409)


def test_an_error_before_the_first_byte_of_a_stream_is_still_answered() -> None:
    """an iterator that fails before it still becomes a proper error"""
    app = quiet()

    @app.exception_handler(StockEmpty)
    async def empty(request: Request, exc: StockEmpty) -> JSONResponse:
        return JSONResponse({"empty": True}, 410)

    @app.get("/{how}")
    async def stream(how: str) -> Any:
        async def body() -> Any:
            if how == "http":
                raise NotFound("no such stream")
            if how == "mine":
                raise StockEmpty()
            if how == "crash":
                raise ValueError("x")
            yield b"x"

        from ketch import StreamingResponse

        return StreamingResponse(body())

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/http").json()["detail"] == "no such stream"
        assert client.get("/mine").json() == {"empty": True}
        assert client.get("/crash").json()["status"] == 500
        assert client.get("/well").text == "x"
