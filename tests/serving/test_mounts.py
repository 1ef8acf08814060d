"""Mounts as such: what the mounted application is given, and what stands around it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ketch import App, Depends, HTTPException, Request, Response, Router, SetupError, WebSocket
from ketch.serving.mounts import Mounted
from ketch.testing import TestClient, WebSocketDenied


class Teller:
    """An ASGI application that remembers the scopes it saw, and answers with `headers`."""

    def __init__(self, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.scopes: list[Any] = []
        self.headers = headers or []
        self.body = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        self.scopes.append(scope)
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept", "headers": self.headers})
            await send({"type": "websocket.close"})
            return
        self.body, more = b"", True
        while more:
            message = await receive()
            self.body, more = self.body + message.get("body", b""), message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": self.headers})
        await send({"type": "http.response.body", "body": scope["path"].encode()})


@pytest.mark.parametrize(
    ("server_root", "mount", "asked", "root", "path"),
    [
        ("", "/old", "/old/x", "/old", "/old/x"),
        ("", "/old", "/old", "/old", "/old/"),
        ("", "/old/", "/old/", "/old", "/old/"),
        ("", "/old", "/old//x", "/old", "/old//x"),
        ("", "/old", "/old/old/x", "/old", "/old/old/x"),
        ("", "/", "/x", "", "/x"),
        ("", "/a b", "/a%20b/%C3%A4", "/a b", "/a b/ä"),
        ("", "/old", "/%6Fld/x", "/old", "/old/x"),
        ("/api", "/old", "/api/old/x", "/api/old", "/api/old/x"),
        ("/api", "/old", "/api/old", "/api/old", "/api/old/"),
        ("/api/", "/old", "/old/x", "/api/old", "/api/old/x"),  # a server that leaves its root path out
    ],
)
def test_paths(server_root: str, mount: str, asked: str, root: str, path: str) -> None:
    app, teller = App(), Teller()
    app.mount(mount, teller)
    with TestClient(app, root_path=server_root) as client:
        assert client.get(asked).text == path
    (scope,) = teller.scopes
    assert (scope["root_path"], scope["path"]) == (root, path)
    assert scope["raw_path"] == asked.encode()


@pytest.mark.parametrize(("asked", "path"), [("/old", "/"), ("/old/x", "/x"), ("/old/old/x", "/old/x")])
def test_the_prefix_can_be_left_out(asked: str, path: str) -> None:
    app, teller = App(), Teller()
    app.mount("/old", teller, strip_prefix=True)
    with TestClient(app) as client:
        assert client.get(asked).text == path
    assert teller.scopes[0]["root_path"] == "/old"


@pytest.mark.parametrize("asked", ["/older", "/ol", "/x/old"])
def test_prefixes_end_at_segments(asked: str) -> None:
    app = App()
    app.mount("/old", Teller())
    with TestClient(app) as client:
        assert client.get(asked).status_code == 404


def test_an_application_of_our_own() -> None:
    log: list[str] = []

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[dict[str, str]]:
        log.append("started")
        yield {"inner": "state"}
        log.append("stopped")

    inner = App(lifespan=lifespan)

    @inner.get("/things/{name}")
    async def thing(name: str, request: Request) -> dict[str, str]:
        link = str(request.url_for(thing, name="b c"))
        return {"name": name, "url": str(request.url), "link": link, "state": request.state.inner}

    @inner.get("/boom")
    async def boom() -> str:
        raise ValueError("inner")

    @inner.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.scope["root_path"])

    middle, outer = App(), App()
    middle.mount("/middle", inner)
    outer.mount("/outer", middle)
    with TestClient(outer, raise_server_exceptions=False) as client:
        assert log == ["started"]
        url = "http://testserver/outer/middle/things"
        told = client.get("/outer/middle/things/a%2Fb").json()
        assert told == {"name": "a/b", "url": f"{url}/a%2Fb", "link": f"{url}/b%20c", "state": "state"}
        slash = client.get("/outer/middle/things/x/", follow_redirects=False)
        assert (slash.status_code, slash.headers["location"]) == (308, "/outer/middle/things/x")
        assert client.get("/outer/middle/boom").json()["instance"] == "/outer/middle/boom"
        assert client.get("/outer/middle/docs").status_code == 200
        with client.websocket_connect("/outer/middle/ws") as ws:
            assert ws.receive_text() == "/outer/middle"
    assert log == ["started", "stopped"]
    with TestClient(outer) as client, pytest.raises(ValueError, match="inner"):
        client.get("/outer/middle/boom")


# --- lifespans --------------------------------------------------------------------------------------------------------


async def raises_at_once(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        raise ValueError("HTTP only")
    await answer_ok(send)


async def returns_at_once(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await answer_ok(send)


async def takes_it_for_a_request(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await answer_ok(send)
    if scope["type"] == "lifespan":
        await receive()  # for ever


async def fails_to_listen(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        raise KeyError("not a lifespan at all")
    await answer_ok(send)


async def answer_ok(send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.mark.parametrize("other", [raises_at_once, returns_at_once, takes_it_for_a_request, fails_to_listen])
def test_applications_without_a_lifespan(other: Callable[..., Any], caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    app.mount("/other", other)
    with TestClient(app) as client:
        assert client.get("/other").text == "ok"
    logged = [record.getMessage() for record in caplog.records]
    expected = ["the mounted application fails_to_listen failed at its start, and runs without a lifespan"]
    assert logged == (expected if other is fails_to_listen else [])


@pytest.mark.parametrize("silent", [False, True])
def test_one_that_cannot_start(silent: bool) -> None:
    log: list[str] = []

    async def sinks(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "" if silent else "no water"})
        raise OSError("no water")

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        log.append("up")
        yield
        log.append("down")

    app = App(lifespan=lifespan)
    app.mount("/sinks", sinks)
    with pytest.raises(RuntimeError, match="sinks did not start: no water"), TestClient(app):
        pass
    assert log == ["up", "down"]


def test_one_that_cannot_stop(caplog: pytest.LogCaptureFixture) -> None:
    async def stuck(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "the anchor"})

    app = App()
    app.mount("/stuck", stuck)
    with TestClient(app):
        pass
    assert [record.getMessage() for record in caplog.records] == [
        "the mounted application stuck did not stop well (the anchor)"
    ]


# --- what stands around a mount ---------------------------------------------------------------------------------------


async def keyholder(request: Request) -> str:
    if request.headers.get("x-key") != "open":
        raise HTTPException(401)
    return "key"


def test_guards_of_a_router() -> None:
    app, teller = App(), Teller()
    router = Router(prefix="/vault", dependencies=[keyholder])
    router.mount("/old", teller)
    app.include_router(router)
    with TestClient(app) as client:
        assert client.get("/vault/old/x").status_code == 401
        assert client.get("/vault/old/x", headers={"x-key": "open"}).text == "/vault/old/x"
        with app.override({keyholder: lambda: "no matter"}):
            assert client.get("/vault/old/x").status_code == 200
        assert client.get("/vault/old/x").status_code == 401
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/vault/old/ws"):
            pass
        assert denied.value.response.status_code == 401
    assert [scope["type"] for scope in teller.scopes] == ["http", "http"]


def test_guards_of_the_application() -> None:
    app = App(dependencies=[keyholder])
    app.mount("/old", Teller())
    with TestClient(app) as client:
        assert client.get("/old").status_code == 401


def test_a_guards_clean_up_waits_for_the_mounted_application() -> None:
    log: list[str] = []

    async def unit() -> AsyncIterator[None]:
        log.append("open")
        yield
        log.append("close")

    async def other(scope: Any, receive: Any, send: Any) -> None:
        log.append(f"{scope['type']} begins")
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            await answer_ok(send)
        log.append(f"{scope['type']} ends")

    app = App()
    router = Router(dependencies=[Depends(unit)])
    router.mount("/old", other)
    app.include_router(router)
    with TestClient(app) as client:
        log.clear()
        client.get("/old")
        assert log == ["open", "http begins", "http ends", "close"]
        log.clear()
        with client.websocket_connect("/old"):
            pass
        assert log == ["open", "websocket begins", "websocket ends", "close"]


def test_middleware_of_a_router() -> None:
    seen: list[tuple[str, int]] = []

    async def stamp(request: Any, call_next: Any) -> Response:
        response: Response = await call_next(request)
        seen.append((request.scope["type"], response.status_code))
        response.headers["x-stamp"] = "router"
        return response

    app, other = App(), Teller([(b"x-own", b"1")])
    router = Router(prefix="/r", middleware=[stamp])
    router.mount("/old", other)
    app.include_router(router)
    app.mount("/bare", other)
    with TestClient(app) as client:
        assert dict(client.get("/r/old").headers) == {"x-own": "1", "x-stamp": "router"}
        assert dict(client.get("/bare").headers) == {"x-own": "1"}
        with client.websocket_connect("/r/old") as ws:
            assert ws.headers == [(b"x-own", b"1"), (b"x-stamp", b"router")]
    assert seen == [("http", 200), ("websocket", 101)]


@pytest.mark.parametrize(
    ("own", "change", "together"),
    [
        ([], "set", [("x", "ours")]),
        ([("x", "theirs")], "set", [("x", "ours")]),
        ([("x", "theirs"), ("X", "too")], "set", [("x", "ours")]),
        ([("x", "theirs")], "default", [("x", "theirs")]),
        ([], "default", [("x", "ours")]),
        ([("x", "theirs")], "raw", [("x", "theirs")]),
        ([("vary", "Accept")], "vary", [("vary", "Accept, Origin, Cookie")]),
        ([("vary", "*")], "vary", [("vary", "*")]),
        ([("set-cookie", "a=1")], "cookie", [("set-cookie", "a=1"), ("set-cookie", "b=2")]),
    ],
)
def test_headers_put_on_the_answer(own: list[tuple[str, str]], change: str, together: list[tuple[str, str]]) -> None:
    async def middleware(request: Any, call_next: Any) -> Response:
        response: Response = await call_next(request)
        if change == "set":
            response.headers["X"] = "ours"
        elif change == "default":
            response.headers.setdefault("X", "ours")
        elif change == "raw":
            response.raw_headers.append((b"x", b"ours"))
        elif change == "vary":
            response.headers.add_vary("Origin")
            response.headers.add_vary("Cookie")
        else:
            response.headers.append("set-cookie", "b=2")
        return response

    app = App()
    app.mount("/old", Teller([(name.encode(), value.encode()) for name, value in own]))
    app.add_middleware(middleware)
    with TestClient(app) as client:
        assert client.get("/old").headers.multi_items() == together


def test_a_mounted_answer_begins_without_headers() -> None:
    assert Mounted(None).raw_headers == []


def test_a_body_that_middleware_has_read() -> None:
    async def reads(request: Request, call_next: Any) -> Any:
        assert await request.body() == b"abc"
        return await call_next(request)

    app, teller = App(), Teller()
    app.mount("/old", teller)
    app.add_middleware(reads)
    with TestClient(app) as client:
        client.post("/old", content=b"abc")
    assert teller.body == b"abc"


def test_a_piece_that_was_taken_too_early() -> None:
    async def peeks(request: Request, call_next: Any) -> Any:
        assert not await request.is_disconnected()
        return await call_next(request)

    app, teller = App(), Teller()
    app.mount("/old", teller)
    app.add_middleware(peeks)
    with TestClient(app) as client:
        client.post("/old", content=b"abc" * 100_000)
    assert teller.body == b"abc" * 100_000


def test_a_failure_after_the_answer_is_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails_late(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await answer_ok(send)
        raise ValueError("too late to matter")

    app = App()
    app.mount("/late", fails_late)
    with TestClient(app, raise_server_exceptions=False) as client, caplog.at_level(logging.ERROR):
        assert client.get("/late").text == "ok"
    assert "too late to matter" in caplog.text


def test_a_failure_before_the_answer_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("no answer")

    app = App()
    app.mount("/fails", fails)
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/fails").json()["status"] == 500
    assert "no answer" in caplog.text


# --- what can be mounted ----------------------------------------------------------------------------------------------


def test_what_is_no_application() -> None:
    app = App()
    app.mount("/x", "not an application")
    app.mount("/y", lambda one: None)
    with pytest.raises(SetupError) as caught, TestClient(app):
        pass
    assert [fault.code for fault in caught.value.faults] == ["KETCH-APP-009", "KETCH-APP-009"]


def test_a_host_group_cannot_have_mounts() -> None:
    app = App()
    router = Router(host="api.example.org")
    router.mount("/x", Teller())
    app.include_router(router)
    with pytest.raises(SetupError) as caught, TestClient(app):
        pass
    assert caught.value.code == "KETCH-APP-009"
    assert "every host" in str(caught.value)


class Endpoint:
    """A class whose instances are awaited, as Starlette's HTTPEndpoint is."""

    def __init__(self, scope: Any, receive: Any, send: Any) -> None:
        self.send = send

    def __await__(self) -> Any:
        return answer_ok(self.send).__await__()


class Object:
    def wsgi_app(self, environ: Any, start_response: Any, extra: int = 0) -> list[bytes]:
        start_response("200 OK", [])
        return [b"ok"]


@pytest.mark.parametrize("other", [Endpoint, Object().wsgi_app])
def test_unusual_applications(other: Any) -> None:
    app = App()
    app.mount("/x", other)
    with TestClient(app) as client:
        assert client.get("/x").text == "ok"


def test_handlers_know_the_outer_prefix() -> None:
    """A dependency of the mount's guards sees the request as it came."""
    paths: list[str] = []

    async def watch(request: Request) -> None:
        paths.append(request.url.path)

    app, router = App(), Router(prefix="/r", dependencies=[watch])
    router.mount("/old", Teller())
    app.include_router(router)
    with TestClient(app) as client:
        client.get("/r/old/x")
    assert paths == ["/r/old/x"]
