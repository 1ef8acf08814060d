"""The order of a request, sentence by sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest

from ketch import (
    App,
    BackgroundTasks,
    Depends,
    Forbidden,
    Form,
    HTTPException,
    Request,
    Response,
    Router,
    SetupError,
    StreamingResponse,
    Struct,
    Unauthorized,
    UploadFile,
)
from ketch.auth import OAuth2PasswordBearer
from ketch.http.limits import Limits
from ketch.middleware import CORSMiddleware
from ketch.testing import TestClient


class Order(Struct):
    sku: str
    qty: int = 1


class Unit:
    """A unit of work."""

    def __init__(self, number: int) -> None:
        self.number = number


def quiet(**options: Any) -> App:
    return App(openapi_url=None, docs_url=None, **options)


def refuse() -> None:
    raise Unauthorized("who are you?")


# --- 1. routing -------------------------------------------------------------------------------------------------------


def test_404_and_405_come_before_guards() -> None:
    """Route found (404, 405 here)."""
    app = quiet(dependencies=[refuse])

    @app.get("/orders/{order_id}")
    async def show(order_id: int) -> int:
        return order_id

    with TestClient(app) as client:
        assert client.get("/nowhere").status_code == 404
        wrong_method = client.put("/orders/1")
        assert wrong_method.status_code == 405
        assert wrong_method.headers["allow"] == "GET, HEAD, OPTIONS"
        assert client.get("/orders/1").status_code == 401


def test_options_is_204_with_allow_and_no_guards() -> None:
    """OPTIONS is 204 with `Allow` and no guards"""
    app = quiet(dependencies=[refuse])

    @app.route("/orders", methods=["GET", "POST"])
    async def orders() -> str:
        return "orders"

    with TestClient(app) as client:
        response = client.options("/orders")
        assert (response.status_code, response.content) == (204, b"")
        assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"
        assert "content-length" not in response.headers
        assert client.options("/nowhere").status_code == 404


def test_a_preflight_is_answered_before_routing() -> None:
    """a CORS preflight is answered before routing."""
    app = quiet(dependencies=[refuse])
    app.add_middleware(CORSMiddleware, allow_origins=["https://a.example"], allow_methods=["PUT"])

    @app.get("/orders")
    async def orders() -> str:
        return "orders"

    with TestClient(app) as client:
        asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}
        for path in ("/orders", "/nowhere"):
            response = client.options(path, headers=asked)
            assert response.status_code in (200, 204)
            assert response.headers["access-control-allow-origin"] == "https://a.example"
            assert "PUT" in response.headers["access-control-allow-methods"]


def test_head_runs_get_and_iterates_no_stream() -> None:
    """`HEAD` runs `GET` and drops the body without iterating a stream."""
    app, log = quiet(), list[str]()

    @app.get("/text")
    async def text() -> str:
        log.append("text")
        return "twelve bytes"

    @app.get("/stream")
    async def stream() -> AsyncIterator[int]:
        log.append("iterated")
        yield 1

    @app.get("/plain-stream")
    def plain_stream() -> StreamingResponse:
        def body() -> Iterator[bytes]:
            log.append("iterated")
            yield b"1"

        return StreamingResponse(body(), media_type="text/x-one")

    with TestClient(app) as client:
        response = client.head("/text")
        assert (response.status_code, response.content, response.headers["content-length"]) == (200, b"", "12")
        assert client.head("/stream").headers["content-type"] == "application/jsonl"
        assert client.head("/plain-stream").headers["content-type"].startswith("text/x-one")
    assert log == ["text"]


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        ("/orders/", "/orders"),
        ("/notes", "/notes/"),
        ("//orders/", "/orders"),
        ("///evil.example/../orders/", None),
        ("/orders/?q=a%20b", "/orders?q=a%20b"),
    ],
)
def test_the_other_slash_form_is_a_308(asked: str, target: str | None) -> None:
    """The other slash form is a 308 to a path whose leading slashes are collapsed to one."""
    app = quiet()
    app.route("/orders", methods=["GET", "POST"])(lambda: "orders")
    app.get("/notes/")(lambda: "notes")

    with TestClient(app, follow_redirects=False) as client:
        response = client.get(f"http://testserver{asked}")
        if target is None:
            assert not response.headers.get("location", "/x").startswith("//")
            return
        assert response.status_code == 308
        assert response.headers["location"] == target
        posted = client.post("/orders/", content=b"kept")
        assert (posted.status_code, posted.headers["location"]) == (308, "/orders")


# --- 2. guards --------------------------------------------------------------------------------------------------------


def test_guards_run_outside_in() -> None:
    """**Guards**, outside-in: `dependencies=` of app, router and route, and whatever resolves through identity."""
    log: list[str] = []

    def guard(name: str) -> Any:
        async def check() -> None:
            log.append(name)

        return check

    token = OAuth2PasswordBearer(tokenUrl="/token", auto_error=False)

    async def identity(found: Annotated[str | None, Depends(token)]) -> str:
        log.append("identity")
        return found or "nobody"

    app = quiet(dependencies=[guard("app")])
    outer = Router(prefix="/outer", dependencies=[Depends(guard("outer"))])
    inner = Router(prefix="/inner", dependencies=[guard("inner")])

    @inner.post("/", dependencies=[guard("route")])
    async def handle(order: Order, who: Annotated[str, Depends(identity)]) -> str:
        log.append("handler")
        return who

    outer.include_router(inner, dependencies=[guard("include")])
    app.include_router(outer)
    with TestClient(app) as client:
        response = client.post("/outer/inner/", json={"sku": "x"}, headers={"authorization": "Bearer t"})
        assert response.text == "t"
        assert log == ["app", "outer", "include", "inner", "route", "identity", "handler"]
        log.clear()
        assert client.post("/outer/inner/", json={}).status_code == 422
        assert log == ["app", "outer", "include", "inner", "route", "identity"]


@pytest.mark.parametrize(
    ("headers", "content", "unguarded"),
    [
        ({"content-type": "application/json"}, b'{"sku": "' + b"x" * 5000 + b'"}', 413),
        ({"content-type": "text/plain"}, b"sku", 415),
        ({}, b"{}", 415),
        ({"content-type": "application/json"}, b"{", 400),
        ({"content-type": "application/json"}, b'{"sku": "\xff"}', 400),
        ({"content-type": "application/json"}, b'{"sku": ' + b"[" * 500 + b"]" * 500 + b"}", 400),
        ({"content-type": "application/json"}, b"{}", 422),
        ({"content-type": "application/json"}, b"", 422),
    ],
)
def test_refusals_of_guards_precede_those_of_the_body(headers: dict[str, str], content: bytes, unguarded: int) -> None:
    """They run before the body is read, so 401/403 precede 413 (by length), 415, 400 (syntax, encoding, depth), 422."""
    app = quiet(limits=Limits(body=4000))
    read: list[bool] = []

    def look(request: Request) -> None:
        read.append(request.is_reading or request._streamed)
        if request.headers.get("x-refused"):
            raise Forbidden()

    @app.post("/orders", dependencies=[look])
    async def place(order: Order) -> Order:
        return order

    with TestClient(app) as client:
        assert client.post("/orders", content=content, headers=headers).status_code == unguarded
        assert client.post("/orders", content=content, headers={**headers, "x-refused": "1"}).status_code == 403
    assert read == [False, False]


def test_identity_refuses_before_the_body_is_looked_at() -> None:
    """whatever resolves through identity. They run before the body is read"""
    app = quiet()
    bearer = OAuth2PasswordBearer(tokenUrl="/token")

    @app.post("/orders")
    async def place(order: Order, token: Annotated[str, Depends(bearer)]) -> str:
        return token

    with TestClient(app) as client:
        response = client.post("/orders", content=b"{", headers={"content-type": "application/json"})
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("kind", ["json", "form", "file"])
def test_a_guard_that_declares_a_body_is_a_setup_error(kind: str) -> None:
    """A guard that declares a body is a SetupError."""

    def by_json(order: Order) -> None: ...
    def by_form(sku: Annotated[str, Form()]) -> None: ...
    def by_file(file: UploadFile) -> None: ...

    guards = {"json": by_json, "form": by_form, "file": by_file}
    app = quiet()
    app.post("/", dependencies=[guards[kind]])(lambda: None)
    with pytest.raises(SetupError) as caught:
        _ = app.runtime
    assert caught.value.code == "KETCH-BIND-007"


def test_a_guard_below_a_guard_that_declares_a_body_is_a_setup_error() -> None:
    """A guard that declares a body is a SetupError."""

    def below(order: Order) -> str:
        return order.sku

    def above(sku: Annotated[str, Depends(below)]) -> None: ...

    app = quiet()
    app.post("/", dependencies=[above])(lambda: None)
    with pytest.raises(SetupError, match="KETCH-BIND-007"):
        _ = app.runtime


# --- 3 to 9: bind, call, encode, clean-up, send, background -----------------------------------------------------------


def journal(app: App, log: list[str]) -> None:
    """An application that writes down what happens when."""

    async def function() -> AsyncIterator[int]:
        log.append("open function")
        try:
            yield 1
        except BaseException as error:
            log.append(f"roll back after {type(error).__name__}")
            raise
        log.append("commit function")

    async def late() -> AsyncIterator[int]:
        log.append("open request")
        try:
            yield 2
        finally:
            log.append("close request")

    async def sending(request: Request, call_next: Any) -> Response:
        response = await call_next(request)
        log.append(f"leaving {response.status_code}")
        return response

    app.add_middleware(sending)

    async def mail(text: str) -> None:
        log.append(f"background {text}")

    @app.post("/do/{how}")
    async def do(
        how: str,
        tasks: BackgroundTasks,
        a: Annotated[int, Depends(function)],
        b: Annotated[int, Depends(late, scope="request")],
    ) -> Any:
        log.append("call")
        tasks.add_task(mail, "one")
        if how == "raise":
            raise KeyError(how)
        if how == "refuse":
            raise HTTPException(409, detail="no")
        if how == "return":
            return Response("returned", 409)
        if how == "odd":
            return object()
        return how


@pytest.mark.parametrize(
    ("how", "status", "expected"),
    [
        ("well", 200, "commit function; leaving 200; close request; background one"),
        ("return", 409, "commit function; leaving 409; close request; background one"),
        ("refuse", 409, "roll back after HTTPException; leaving 409; close request"),
        ("raise", 500, "roll back after KeyError; close request"),
        ("odd", 500, "roll back after ResultMismatch; close request"),
    ],
)
def test_the_order_of_what_follows_the_call(how: str, status: int, expected: str) -> None:
    """6. Clean-up of function scope in reverse order of set-up: the unit of work commits here. 7. Send.
    8. Clean-up of request scope, after the last byte. 9. Background.
    An exception anywhere up to 6 rolls back; a *returned* response of any status commits"""
    app, log = quiet(), list[str]()
    journal(app, log)
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.post(f"/do/{how}").status_code == status
    assert log == ["open function", "open request", "call", *expected.split("; ")]


def test_request_scope_closes_after_the_last_byte_of_an_error_too() -> None:
    """8. Clean-up of request scope, after the last byte. / `request` after"""
    app, log = quiet(), list[str]()

    async def late() -> AsyncIterator[int]:
        try:
            yield 2
        except BaseException as error:
            log.append(f"request scope saw {type(error).__name__}")
            raise
        finally:
            log.append("request scope closed")

    @app.get("/{how}")
    async def fail(how: str, b: Annotated[int, Depends(late, scope="request")]) -> int:
        raise HTTPException(409) if how == "refuse" else ValueError(how)

    async def ask(path: str) -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            log.append(message["type"].removeprefix("http.response."))

        head = {"method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "headers": []}
        await app({"type": "http", "scheme": "http", "root_path": "", **head}, receive, send)

    import asyncio

    for path, name in (("/refuse", "HTTPException"), ("/raise", "ValueError")):
        log.clear()
        asyncio.run(ask(path))
        assert log == ["start", "body", f"request scope saw {name}", "request scope closed"]


def test_clean_up_is_in_reverse_and_encoding_is_inside() -> None:
    """5. **Flush, load, encode, inside the dependency scope** 6. Clean-up of function scope in reverse order"""
    app, log = quiet(), list[str]()

    def first() -> Iterator[str]:
        log.append("open first")
        yield "first"
        log.append("close first")

    async def second(other: Annotated[str, Depends(first)]) -> AsyncIterator[str]:
        log.append("open second")
        yield "second"
        log.append("close second")

    class Loud:
        @property
        def sku(self) -> str:
            log.append("encode")
            return "x"

        qty = 2

    @app.get("/")
    async def show(b: Annotated[str, Depends(second)], a: Annotated[str, Depends(first)]) -> Order:
        return Loud()  # type: ignore[return-value]

    with TestClient(app) as client:
        assert client.get("/").json() == {"sku": "x", "qty": 2}
    assert log == ["open first", "open second", "encode", "close second", "close first"]


def test_a_failing_commit_sends_nothing() -> None:
    """if the commit fails nothing has been sent."""
    app, log = quiet(), list[str]()

    async def unit() -> AsyncIterator[int]:
        yield 1
        raise HTTPException(409, detail="taken")

    async def mail() -> None:
        log.append("mailed")

    @app.post("/")
    async def save(tasks: BackgroundTasks, response: Response, a: Annotated[int, Depends(unit)]) -> dict[str, bool]:
        response.set_cookie("saved", "yes")
        tasks.add_task(mail)
        return {"saved": True}

    with TestClient(app) as client:
        response = client.post("/")
    assert response.status_code == 409
    assert response.json()["detail"] == "taken"
    assert "set-cookie" not in response.headers
    assert log == []


@pytest.mark.parametrize("handler", ["async-generator", "generator", "async-response", "def-response"])
@pytest.mark.parametrize("dependency", ["async", "def"])
def test_a_streamed_result_keeps_function_scope_open(handler: str, dependency: str) -> None:
    """A streamed result keeps function scope open"""
    app, log = quiet(), list[str]()

    async def opened() -> AsyncIterator[str]:
        log.append("open")
        yield "value"
        log.append("close")

    def opened_in_thread() -> Iterator[str]:
        log.append("open")
        yield "value"
        log.append("close")

    Value = Annotated[str, Depends(opened if dependency == "async" else opened_in_thread)]

    def chunks() -> Iterator[str]:
        for n in range(2):
            log.append(f"item {n}")
            yield f'"{n}"\n'

    if handler == "async-generator":

        @app.get("/")
        async def items(value: Value) -> AsyncIterator[str]:
            for n in range(2):
                log.append(f"item {n}")
                yield str(n)

    elif handler == "generator":

        @app.get("/")
        def plain_items(value: Value) -> Iterator[str]:
            for n in range(2):
                log.append(f"item {n}")
                yield str(n)

    elif handler == "async-response":

        @app.get("/")
        async def response(value: Value) -> StreamingResponse:
            return StreamingResponse(chunks())

    else:

        @app.get("/")
        def plain_response(value: Value) -> StreamingResponse:
            return StreamingResponse(chunks())

    with TestClient(app) as client:
        assert client.get("/").text == '"0"\n"1"\n'
    assert log == ["open", "item 0", "item 1", "close"]


def test_background_tasks_run_in_a_fresh_scope() -> None:
    """Background tasks run only after commit, in a fresh scope"""
    app, log = quiet(), list[str]()
    numbers = iter(range(10))

    async def open_unit() -> AsyncIterator[Unit]:
        unit = Unit(next(numbers))
        yield unit
        log.append(f"commit {unit.number}")

    app.provide(Unit, open_unit)

    async def later(text: str, unit: Unit) -> None:
        log.append(f"{text} in {unit.number}")

    def later_in_thread(text: str, unit: Unit) -> None:
        log.append(f"{text} in {unit.number}")

    @app.post("/")
    async def save(tasks: BackgroundTasks, unit: Unit) -> None:
        log.append(f"call in {unit.number}")
        tasks.add_task(later, "first")
        tasks.add_task(later_in_thread, text="second")

    with TestClient(app) as client:
        assert client.post("/").status_code == 204
    assert log == ["call in 0", "commit 0", "first in 1", "commit 1", "second in 2", "commit 2"]


def test_a_failing_background_task_is_logged_and_the_next_one_runs(caplog: pytest.LogCaptureFixture) -> None:
    """background tasks whose failures are logged"""
    app, log = quiet(), list[str]()

    def fail() -> None:
        raise RuntimeError("no mail today")

    @app.post("/mails")
    async def save(tasks: BackgroundTasks) -> None:
        tasks.add_task(fail)
        tasks.add_task(log.append, "second")

    with TestClient(app) as client:
        assert client.post("/mails").status_code == 204
    assert log == ["second"]
    assert "fail" in caplog.text and "no mail today" in caplog.text and "/mails" in caplog.text
