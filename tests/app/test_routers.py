"""Routers: nesting, options, middleware order, who answers for misses, resources, names."""

from __future__ import annotations

from typing import Any

import pytest

from ketch import App, HTTPException, NotFound, Request, Response, Router, options
from ketch.testing import TestClient


def quiet(**words: Any) -> App:
    return App(openapi_url=None, docs_url=None, **words)


def marking(word: str, log: list[str]) -> Any:
    async def middleware(request: Request, call_next: Any) -> Response:
        log.append(f"> {word}")
        response: Response = await call_next(request)
        log.append(f"< {word} {response.status_code}")
        return response

    return middleware


def test_middleware_order() -> None:
    log: list[str] = []
    app = quiet(middleware=[marking("a", log), marking("b", log)])
    app.add_middleware(marking("outer", log))
    router = Router(prefix="/r", middleware=[marking("r1", log), marking("r2", log)])

    @router.get("/x", middleware=[marking("route", log)])
    async def x() -> str:
        log.append("handler")
        return "x"

    app.include_router(router)
    with TestClient(app) as client:
        client.get("/r/x")
        assert [line for line in log if line[0] != "<"] == [
            "> outer",
            "> a",
            "> b",
            "> r1",
            "> r2",
            "> route",
            "handler",
        ]
        log.clear()
        assert client.get("/r/nothing").status_code == 404
        assert log == [
            "> outer",
            "> a",
            "> b",
            "> r1",
            "> r2",
            "< r2 404",
            "< r1 404",
            "< b 404",
            "< a 404",
            "< outer 404",
        ]
        log.clear()
        assert client.post("/r/x").status_code == 405
        assert "< r1 405" in log
        log.clear()
        assert client.get("/rx").status_code == 404
        assert not any("r1" in line for line in log)


def test_nested_routers_join_prefix_names_tags_and_guards() -> None:
    app, seen = quiet(), list[str]()
    outer = Router(prefix="/api", tags=["api"], dependencies=[lambda: seen.append("outer")])
    inner = Router(prefix="/orders", tags=["orders"], dependencies=[lambda: seen.append("inner")])

    @inner.get("/{id}", dependencies=[lambda: seen.append("route")])
    async def show_order(id: int, request: Request) -> str:
        return str(request.url_for("api.orders.show_order", id=id + 1))

    outer.include_router(inner)
    app.include_router(outer, prefix="/v1")
    with TestClient(app) as client:
        assert client.get("/v1/api/orders/6").text == "http://testserver/v1/api/orders/7"
    assert seen == ["outer", "inner", "route"]
    route = next(r for r in app.runtime.routes if r.name.endswith("show_order"))
    assert list(route.options["tags"]) == ["api", "orders"]


def test_exception_handlers_of_the_longest_prefix_win() -> None:
    app = quiet()
    shop = Router(prefix="/shop")

    class Empty(Exception):
        pass

    @app.exception_handler(Empty)
    async def app_empty(request: Request, exc: Empty) -> dict[str, str]:
        return {"by": "app"}

    @shop.exception_handler(Empty)
    def shop_empty(request: Request, exc: Empty) -> dict[str, str]:
        return {"by": "shop", "what": str(exc)}

    @shop.exception_handler(404)
    async def shop_404(request: Request, exc: HTTPException) -> Response:
        return Response("no such thing in the shop", 404)

    @shop.get("/x")
    async def x() -> None:
        raise Empty("stock")

    @app.get("/y")
    async def y() -> None:
        raise Empty

    app.include_router(shop)
    with TestClient(app) as client:
        assert client.get("/shop/x").json() == {"by": "shop", "what": "stock"}
        assert client.get("/y").json() == {"by": "app"}
        assert client.get("/shop/none").text == "no such thing in the shop"
        assert client.get("/none").json()["title"] == "Not Found"


def test_resource_options_head_and_allow() -> None:
    app = quiet()

    @app.resource("/notes/{note_id}", tags=["notes"])
    class Note:
        async def get(self, note_id: int) -> dict[str, int]:
            return {"id": note_id}

        @options(status_code=202)
        async def put(self, note_id: int, note: dict[str, str]) -> dict[str, str]:
            return note

        def delete(self, note_id: int) -> None: ...

    with TestClient(app) as client:
        assert client.get("/notes/3").json() == {"id": 3}
        assert client.put("/notes/3", json={"a": "b"}).status_code == 202
        assert client.delete("/notes/3").status_code == 204
        head = client.head("/notes/3")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "8")
        answer = client.options("/notes/3")
        assert (answer.status_code, answer.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PUT")
        refused = client.post("/notes/3")
        assert (refused.status_code, refused.headers["allow"]) == (405, "DELETE, GET, HEAD, OPTIONS, PUT")


def test_the_other_slash_form_redirects_and_keeps_query_and_method() -> None:
    app = quiet()

    @app.post("/a/b")
    async def save() -> str:
        return "saved"

    with TestClient(app) as client:
        answer = client.post("/a/b/?x=1", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (308, "/a/b?x=1")
        assert client.post("/a/b/").text == "saved"
        hostile = client.post("//evil.example//a/b/", follow_redirects=False)
        assert hostile.status_code == 404 or not hostile.headers["location"].startswith("//")


def test_falling_through_and_422_for_the_best_ranked_shape() -> None:
    app = quiet()

    @app.get("/{a}/{b}")
    async def numbers(a: int, b: int) -> str:
        return "numbers"

    @app.get("/{a}/x")
    async def words(a: str) -> str:
        return f"words {a}"

    with TestClient(app) as client:
        assert client.get("/1/2").text == "numbers"
        assert client.get("/1/x").text == "words 1"
        assert client.get("/w/x").text == "words w"
        errors = client.get("/p/q").json()["errors"]
    assert [error["loc"] for error in errors] == [["path", "a"], ["path", "b"]]


def test_percent_encoding_is_decoded_once_per_segment() -> None:
    app = quiet()

    @app.get("/files/{name}/info")
    async def info(name: str) -> str:
        return name

    with TestClient(app) as client:
        assert client.get("/files/a%2Fb/info").text == "a/b"
        assert client.get("/files/a%252Fb/info").text == "a%2Fb"
        assert client.get("/files/%C3%A9/info").text == "é"
        assert client.get("/files/%ff/info").status_code == 400


def test_host_groups() -> None:
    app = quiet()
    tenants = Router(host="{tenant}.example.org")

    @tenants.get("/")
    async def tenant_home(tenant: str) -> str:
        return tenant

    @app.get("/")
    async def home() -> str:
        return "home"

    app.include_router(tenants)
    with TestClient(app) as client:
        assert client.get("/", headers={"host": "blue.example.org:8000"}).text == "blue"
        assert client.get("/", headers={"host": "example.org"}).text == "home"


def test_middleware_sees_unhandled_errors_and_http_errors_as_responses() -> None:
    app, log = quiet(), list[str]()

    @app.middleware("http")
    async def watch(request: Request, call_next: Any) -> Response:
        try:
            response: Response = await call_next(request)
        except ZeroDivisionError:
            log.append("saw it")
            raise
        log.append(str(response.status_code))
        return response

    @app.get("/fail")
    async def fail() -> float:
        return 1 / 0

    @app.get("/missing")
    async def missing() -> None:
        raise NotFound("no order 7", order=7)

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/fail").status_code == 500
        problem = client.get("/missing")
    assert log == ["saw it", "404"]
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "no order 7",
        "instance": "/missing",
        "order": 7,
    }


def test_server_errors_are_raised_in_tests_unless_told_otherwise() -> None:
    app = quiet()

    @app.get("/fail")
    async def fail() -> float:
        return 1 / 0

    with TestClient(app) as client, pytest.raises(ZeroDivisionError):
        client.get("/fail")


def test_websocket_guards_origin_and_middleware() -> None:
    from ketch import WebSocket
    from ketch.testing.client import WebSocketDenied

    app, log = quiet(), list[str]()

    @app.middleware("http")
    async def around(request: Any, call_next: Any) -> Response:
        response: Response = await call_next(request)
        log.append(str(response.status_code))
        response.headers["x-around"] = "yes"
        return response

    @app.websocket("/ws/{room}")
    async def chat(socket: WebSocket, room: str, times: int = 1) -> None:
        await socket.accept()
        async for text in socket.iter_text():
            await socket.send_text(f"{room}:{text}" * times)

    with TestClient(app) as client:
        with client.websocket_connect("/ws/blue?times=2") as ws:
            ws.send_text("hi")
            assert ws.receive_text() == "blue:hiblue:hi"
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/nope"):
            pass
        assert denied.value.response.status_code == 404
        foreign = {"cookie": "a=b", "origin": "https://evil.example"}
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/ws/blue", headers=foreign):
            pass
        assert denied.value.response.status_code == 403
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/ws/blue?times=x"):
            pass
        assert denied.value.response.status_code == 422
        with client.websocket_connect("/ws/blue", headers={"cookie": "a=b", "origin": "http://testserver"}) as ws:
            ws.send_text("x")
            assert ws.receive_text() == "blue:x"
    assert log[0] == "101"
