"""Middleware: order, what it wraps, what it sees."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ketch import (
    App,
    HTTPException,
    PlainTextResponse,
    Request,
    Response,
    Router,
    SetupError,
    StreamingResponse,
    WebSocket,
)
from ketch.testing import TestClient
from ketch.testing.client import WebSocketDenied


def quiet(**options: Any) -> App:
    return App(openapi_url=None, docs_url=None, **options)


def named(name: str, log: list[str]) -> Any:
    async def middleware(request: Request, call_next: Any) -> Response:
        log.append(f"{name} in")
        response = await call_next(request)
        log.append(f"{name} out {response.status_code}")
        response.headers.setdefault("x-seen", name)
        return response

    return middleware


def test_order() -> None:
    """`middleware=[a, b]`: a is outermost; each `add_middleware` goes outside those before it, as in Starlette."""
    log: list[str] = []
    app = quiet(middleware=[named("a", log), named("b", log)])
    app.add_middleware(named("c", log))

    @app.middleware("http")
    async def d(request: Request, call_next: Any) -> Response:
        log.append("d in")
        response: Response = await call_next(request)
        return response

    @app.get("/", middleware=[named("route 1", log), named("route 2", log)])
    async def show() -> str:
        log.append("handler")
        return "x"

    with TestClient(app) as client:
        client.get("/")
    assert [line for line in log if not line.endswith("200")] == [
        *("d in", "c in", "a in", "b in", "route 1 in", "route 2 in", "handler")
    ]


def test_app_middleware_wraps_everything_and_router_middleware_its_prefix() -> None:
    """App middleware wraps everything including 404; Router middleware runs after matching, including that Router's
    404/405."""
    log: list[str] = []
    app = quiet(middleware=[named("app", log)])
    orders = Router(prefix="/orders", middleware=[named("orders", log)])
    items = Router(prefix="/items", middleware=[named("items", log)])

    @orders.get("/{n}")
    async def show(n: int) -> int:
        log.append(f"handler {n}")
        return n

    @items.get("")
    async def all_items() -> list[int]:
        return []

    orders.include_router(items)
    app.include_router(orders)
    with TestClient(app) as client:
        for method, path, status, expected in (
            ("GET", "/orders/1", 200, "app in; orders in; handler 1; orders out 200; app out 200"),
            ("GET", "/orders/1/2", 404, "app in; orders in; orders out 404; app out 404"),
            ("PUT", "/orders/1", 405, "app in; orders in; orders out 405; app out 405"),
            ("GET", "/orders/x", 422, "app in; orders in; orders out 422; app out 422"),
            ("GET", "/ordersx", 404, "app in; app out 404"),
            ("GET", "/orders/items", 200, "app in; orders in; items in; items out 200; orders out 200; app out 200"),
            ("GET", "/orders/items/9", 404, "app in; orders in; items in; items out 404; orders out 404; app out 404"),
        ):
            log.clear()
            assert client.request(method, path).status_code == status, path
            assert log == expected.split("; "), path


def test_guards_of_a_prefix_do_not_run_for_its_misses() -> None:
    """A prefix's owner for errors is the longest Router prefix on segment boundaries; its middleware and error handlers
    run, its dependencies do not."""
    log: list[str] = []

    def guard() -> None:
        log.append("guard")

    app = quiet()
    orders = Router(prefix="/orders", middleware=[named("orders", log)], dependencies=[guard])

    @orders.exception_handler(404)
    async def missing(request: Request, exc: HTTPException) -> PlainTextResponse:
        return PlainTextResponse("no such order", 404)

    @orders.get("/{n}")
    async def show(n: int) -> int:
        return n

    app.include_router(orders)
    with TestClient(app) as client:
        assert client.get("/orders/1/2").text == "no such order"
        assert client.get("/ordersx").text != "no such order"
        assert log == ["orders in", "orders out 404"]


def test_routers_may_share_a_prefix() -> None:
    """Routers may share a prefix; only two that both declare exception handlers or middleware there are a
    SetupError."""
    log: list[str] = []

    def build(second_too: bool) -> App:
        app = quiet()
        one = Router(prefix="/x", middleware=[named("one", log)])
        two = Router(prefix="/x", middleware=[named("two", log)] if second_too else [])
        one.get("/1")(lambda: 1)
        two.get("/2")(lambda: 2)
        app.include_router(one)
        app.include_router(two)
        return app

    with TestClient(build(False)) as client:
        assert client.get("/x/1").json() == 1
        log.clear()
        assert client.get("/x/2").json() == 2
        assert log == []
        client.get("/x/3")
        assert log == ["one in", "one out 404"]
    with pytest.raises(SetupError, match="KETCH-APP-007"):
        _ = build(True).runtime


def test_a_returned_response_denies_a_websocket() -> None:
    """For a WebSocket it wraps the handshake, and a returned Response denies it."""
    log: list[str] = []

    async def gate(request: Any, call_next: Any) -> Response:
        if request.query_params.get("ticket") != "1":
            return PlainTextResponse("no ticket", 403, headers={"x-gate": "closed"})
        response: Response = await call_next(request)
        log.append(f"handshake {response.status_code}")
        response.headers["x-gate"] = "open"
        response.set_cookie("gate", "open")
        return response

    app = quiet(middleware=[gate])
    rooms = Router(prefix="/rooms", middleware=[named("rooms", log)])

    @rooms.websocket("/{n}")
    async def room(websocket: WebSocket, n: int) -> None:
        await websocket.accept()
        log.append("handler")
        await websocket.send_json(n)

    app.include_router(rooms)
    with TestClient(app) as client:
        with pytest.raises(WebSocketDenied) as denied:
            with client.websocket_connect("/rooms/1"):
                pass
        assert (denied.value.response.status_code, denied.value.response.text) == (403, "no ticket")
        assert denied.value.response.headers["x-gate"] == "closed"
        with client.websocket_connect("/rooms/1?ticket=1") as ws:
            assert ws.receive_json() == 1
        assert client.cookies["gate"] == "open"
        assert log == ["rooms in", "rooms out 101", "handshake 101", "handler"]
        with pytest.raises(WebSocketDenied) as lost:
            with client.websocket_connect("/nowhere?ticket=1"):
                pass
        assert lost.value.response.status_code == 404


def test_asgi_style_classes_wrap_the_edge() -> None:
    """ASGI-style classes `(app, **options)` (Sentry, OpenTelemetry) wrap the ASGI edge"""
    log: list[str] = []

    class Wrapper:
        def __init__(self, app: Any, name: str) -> None:
            self.app, self.name = app, name

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            log.append(f"{self.name} {scope['type']}")
            await self.app(scope, receive, send)

    app = quiet()
    app.add_middleware(Wrapper, name="first")
    app.add_middleware(named("plain", log))
    app.add_middleware(Wrapper, name="second")
    app.get("/")(lambda: "x")
    with TestClient(app) as client:
        log.clear()
        client.get("/")
    assert log == ["second http", "first http", "plain in", "plain out 200"]


@pytest.mark.parametrize("wrong", ["def", "no-arguments", "three", "object", "factory-fails"])
def test_middleware_of_the_wrong_shape(wrong: str) -> None:
    """guard or middleware of the wrong shape (a start-up mistake)"""

    def plain(request: Any, call_next: Any) -> None: ...
    async def without() -> None: ...
    async def three(a: Any, b: Any, c: Any) -> None: ...

    class Options:
        def __init__(self, *, size: int) -> None: ...
        async def __call__(self, request: Any, call_next: Any) -> Response: ...

    app = quiet()
    made: Any = {"def": plain, "no-arguments": without, "three": three, "object": 5, "factory-fails": Options}[wrong]
    app.add_middleware(made)
    with pytest.raises(SetupError, match="KETCH-MW-00"):
        _ = app.runtime


def test_middleware_may_answer_replace_and_wrap() -> None:
    """`(request, call_next) -> Response`."""

    async def cached(request: Request, call_next: Any) -> Response:
        if request.url.path == "/cached":
            return PlainTextResponse("from the cache")
        response: Response = await call_next(request)
        if request.url.path == "/replaced":
            return PlainTextResponse("replaced", 201)
        if isinstance(response, StreamingResponse):
            inner = response.body_iterator

            async def louder() -> Any:
                async for chunk in inner:
                    yield chunk.upper()

            response.body_iterator = louder()
        return response

    closed: list[str] = []
    app = quiet(middleware=[cached])

    @app.get("/{rest:path}")
    async def stream(rest: str, request: Request) -> StreamingResponse:
        async def body() -> Any:
            try:
                yield b"abc"
            finally:
                closed.append(rest)

        return StreamingResponse(body())

    with TestClient(app) as client:
        assert client.get("/cached").text == "from the cache"
        assert client.get("/replaced").text == "replaced"
        assert client.get("/stream").text == "ABC"
    assert closed == ["stream"]


def test_exceptions_pass_through_middleware_and_http_exceptions_are_responses() -> None:
    """Exceptions nobody handles propagate through the middleware; request mistakes are responses for it"""
    seen: list[str] = []

    async def watch(request: Request, call_next: Any) -> Response:
        try:
            response: Response = await call_next(request)
        except ValueError as error:
            seen.append(f"raised {error}")
            raise
        seen.append(f"answered {response.status_code}")
        return response

    async def refuse(request: Request, call_next: Any) -> Response:
        if request.url.path == "/refused":
            raise HTTPException(402, detail="pay")
        response: Response = await call_next(request)
        return response

    app = quiet(middleware=[watch, refuse])

    @app.get("/{how}")
    async def show(how: str) -> None:
        raise ValueError(how) if how == "crash" else HTTPException(409)

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/crash").status_code == 500
        assert client.get("/conflict").status_code == 409
        assert client.get("/nowhere/x").status_code == 404
        refused = client.get("/refused")
        assert (refused.status_code, refused.json()["detail"]) == (402, "pay")
    assert seen == ["raised crash", "answered 409", "answered 404"]


def test_context_variables_set_in_middleware_reach_the_handler() -> None:
    """Every async handler runs in a Task with its own Context, so `current_task`, time-outs ... and context variables
    just work."""
    import contextvars

    word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="none")

    async def setting(request: Request, call_next: Any) -> Response:
        word.set(request.url.path)
        response: Response = await call_next(request)
        response.headers["x-word"] = word.get()
        return response

    app = quiet(middleware=[setting])

    @app.get("/async")
    async def in_loop() -> list[Any]:
        seen = word.get()
        word.set("changed by the handler")
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return [seen, asyncio.current_task() is not None]

    @app.get("/def")
    def in_thread() -> list[Any]:
        return [word.get(), True]

    with TestClient(app) as client:
        assert client.get("/async").json() == ["/async", True]
        assert client.get("/def").json() == ["/def", True]
        assert client.get("/async").json()[0] == "/async"
    assert word.get() == "none"
