"""Start, freeze, groups, classes, URLs, hosts, health."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest

from ketch import App, Depends, HTTPException, Query, Request, Router, SetupError, Struct, options
from ketch.testing import AsyncTestClient, TestClient


class Note(Struct):
    text: str


class Notes:
    def __init__(self) -> None:
        self.all: dict[int, str] = {1: "one"}


def quiet(**options: Any) -> App:
    return App(openapi_url=None, docs_url=None, **options)


# --- freeze -----------------------------------------------------------------------------------------------------------


def test_freeze_at_the_first_request_and_no_later_declaration() -> None:
    """Freeze happens at lifespan start, else before the first request; a later declaration is a SetupError."""
    app = quiet()
    router = Router(prefix="/r")
    app.get("/")(lambda: "x")
    app.include_router(router)
    scope = {
        "type": "http",
        "path": "/",
        "method": "GET",
        "scheme": "http",
        "root_path": "",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [],
    }
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    assert sent[0]["status"] == 200
    for declare in (
        lambda: app.get("/late")(lambda: "x"),
        lambda: app.provide(Notes, Notes()),
        lambda: app.add_middleware(object()),
        lambda: app.include_router(Router()),
        lambda: app.mount("/m", app),
        lambda: app.exception_handler(404)(lambda request, exc: None),
        lambda: app.resource("/res")(type("R", (), {"get": lambda self: 1})),
        lambda: app.static("/static", "."),
        lambda: router.get("/late")(lambda: "x"),
    ):
        with pytest.raises(SetupError, match="KETCH-APP-002"):
            declare()
    # A second event loop finds the same application.
    asyncio.run(app(dict(scope), receive, send))
    assert [m["status"] for m in sent if "status" in m] == [200, 200]


def test_a_mistake_can_be_mended_and_tried_again() -> None:
    """all reported together, each with both places and the fix"""

    class Adding:
        name = "adding"

        def setup(self, declare: Any) -> None:
            router = Router(prefix="/added")
            router.get("/x")(lambda: "added")
            declare.router(router)
            declare.middleware(passing)
            declare.provide(Notes, Notes())

    async def passing(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    app = quiet(extensions=[Adding()])
    routes = app.declared.routes

    @app.get("/{n}")
    async def show(m: int) -> None: ...

    messages = []
    for _ in range(3):
        with pytest.raises(SetupError) as caught:
            _ = app.runtime
        messages.append(str(caught.value))
    assert len(set(messages)) == 1, "the same each time: nothing was set up twice"
    assert [fault.code for fault in caught.value.faults] == ["KETCH-BIND-002"]
    routes.clear()
    app.declared.order.clear()
    app.get("/y")(lambda: "y")
    with TestClient(app) as client:
        assert client.get("/added/x").text == "added"
        assert client.get("/y").text == "y"


def test_all_mistakes_at_once() -> None:
    """A mistake is found before the first request, all mistakes at once, each naming both places."""
    app = quiet()

    @app.get("/{a}")
    async def first(b: int) -> None: ...

    @app.get("/x")
    async def second(notes: Notes) -> None: ...

    @app.post("/x")
    async def third(one: Note, two: Note) -> None: ...

    with pytest.raises(SetupError) as caught:
        _ = app.runtime
    assert [fault.code for fault in caught.value.faults] == ["KETCH-BIND-002", "KETCH-BIND-003", "KETCH-BIND-004"]
    assert all(len(fault.places) >= 2 for fault in caught.value.faults)


def test_extensions_set_up_in_order_and_close_in_reverse() -> None:
    """Extensions set up in list order and close in reverse; they may register commands."""
    log: list[str] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def setup(self, declare: Any) -> None:
            log.append(f"set up {self.name}")
            declare.command(f"do-{self.name}", lambda: None)

        @contextlib.asynccontextmanager
        async def lifespan(self, app: App) -> AsyncIterator[None]:
            log.append(f"start {self.name}")
            yield
            log.append(f"stop {self.name}")

    async def engine() -> AsyncIterator[Notes]:
        log.append("make engine")
        yield Notes()
        log.append("close engine")

    @contextlib.asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[dict[str, Any]]:
        log.append("start app")
        yield {"answer": 42}
        log.append("stop app")

    app = quiet(extensions=[Named("a"), Named("b")], lifespan=lifespan)
    app.provide(Notes, engine, scope="app")

    @app.get("/")
    async def show(request: Request, notes: Notes) -> int:
        return int(request.state.answer)

    with TestClient(app) as client:
        assert client.get("/").json() == 42
    assert set(app.commands) == {"do-a", "do-b"}
    assert log == [
        *("set up a", "set up b", "start a", "start b", "make engine", "start app"),
        *("stop app", "close engine", "stop b", "stop a"),
    ]


@pytest.mark.parametrize("failing", ["extension", "lifespan", "provider"])
def test_a_failed_start_leaves_what_had_started(failing: str) -> None:
    """close in reverse (after a failed start too)"""
    log: list[str] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def setup(self, declare: Any) -> None: ...

        @contextlib.asynccontextmanager
        async def lifespan(self, app: App) -> AsyncIterator[None]:
            if failing == "extension" and self.name == "b":
                raise OSError(failing)
            try:
                yield
            finally:
                log.append(f"stop {self.name}")

    def engine() -> Notes:
        if failing == "provider":
            raise OSError(failing)
        return Notes()

    @contextlib.asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        if failing == "lifespan":
            raise OSError(failing)
        yield

    app = quiet(extensions=[Named("a"), Named("b")], lifespan=lifespan)
    app.provide(Notes, engine, scope="app")

    @app.get("/")
    async def show(notes: Notes) -> None: ...

    with pytest.raises(OSError, match=failing):
        with TestClient(app):
            pass
    assert log == (["stop a"] if failing == "extension" else ["stop b", "stop a"])


def test_the_same_router_in_two_applications() -> None:
    """Router as described there, nested (and shared)"""
    shared = Router(prefix="/shared", tags=["s"])

    @shared.get("/{n}")
    async def show(n: int, notes: Notes) -> list[Any]:
        return [n, notes.all[1]]

    first, second = quiet(), quiet()
    for app, word in ((first, "one"), (second, "two")):
        notes = Notes()
        notes.all[1] = word
        app.provide(Notes, notes)
        app.include_router(shared, prefix="/a")
        app.include_router(shared, prefix="/b")
    with TestClient(first) as one, TestClient(second) as two:
        assert one.get("/a/shared/1").json() == [1, "one"]
        assert two.get("/b/shared/2").json() == [2, "two"]


def test_async_client_and_concurrent_requests() -> None:
    """Sync `TestClient` and async `AsyncTestClient`"""
    app = quiet()
    running = 0
    most = 0

    async def count() -> AsyncIterator[int]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        yield running
        running -= 1

    @app.get("/")
    async def show(n: Annotated[int, Depends(count)]) -> int:
        await asyncio.sleep(0.01)
        return n

    async def main() -> list[int]:
        async with AsyncTestClient(app) as client:
            answers = await asyncio.gather(*[client.get("/") for _ in range(10)])
        return [answer.status_code for answer in answers]

    assert asyncio.run(main()) == [200] * 10
    assert (running, most) == (0, 10)


# --- groups and classes -----------------------------------------------------------------------------------------------


def test_groups() -> None:
    """orders = Router(prefix="/orders", tags=["orders"], dependencies=[signed_in], middleware=[...])  (entries need no
    Depends(...))"""
    seen: list[str] = []

    def signed_in(user: Annotated[str, Query()] = "") -> None:
        seen.append(user)
        if not user:
            raise HTTPException(401)

    orders = Router(prefix="/orders", tags=["orders"], dependencies=[signed_in], status_code=202)

    @orders.get("/{n}")
    async def show_order(n: int) -> int:
        return n

    app = quiet()
    app.include_router(orders, prefix="/api", tags=["api"])
    with TestClient(app) as client:
        assert client.get("/api/orders/1").status_code == 401
        response = client.get("/api/orders/1?user=ann")
        assert (response.status_code, response.json()) == (202, 1)
    (route,) = app.runtime.routes
    assert list(route.options["tags"]) == ["api", "orders"]


def test_resources() -> None:
    """one path a resource; collection and item are two classes. `@options(status_code=202)`: per-method options"""
    app = quiet()
    app.provide(Notes, Notes())
    made: list[int] = []

    @app.resource("/notes/{note_id}")
    class NoteResource:
        def __init__(self, notes: Notes) -> None:
            made.append(1)
            self.notes = notes

        async def get(self, note_id: int) -> Note:
            return Note(self.notes.all[note_id])

        @options(status_code=202)
        async def put(self, note_id: int, note: Note) -> Note:
            self.notes.all[note_id] = note.text
            return note

        def delete(self, note_id: int) -> None:
            del self.notes.all[note_id]

        async def helper(self) -> None: ...

    with TestClient(app) as client:
        assert client.get("/notes/1").json() == {"text": "one"}
        changed = client.put("/notes/1", json={"text": "two"})
        assert (changed.status_code, changed.json()) == (202, {"text": "two"})
        assert client.delete("/notes/1").status_code == 204
        wrong = client.post("/notes/1")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "DELETE, GET, HEAD, OPTIONS, PUT")
    assert made == [1]


def test_a_resource_with_request_scoped_arguments_is_made_for_each_request() -> None:
    """A resource is app-scoped (one instance) if all its constructor arguments are, otherwise constructed per
    request."""
    app = quiet()
    app.provide(Notes, Notes)
    seen: list[Any] = []

    @app.resource("/x")
    class X:
        def __init__(self, notes: Notes, q: str = "none") -> None:
            seen.append(self)
            self.q = q

        async def get(self) -> str:
            return self.q

    with TestClient(app) as client:
        assert [client.get("/x?q=a").text, client.get("/x").text] == ["a", "none"]
    assert len(seen) == 2 and seen[0] is not seen[1]


def test_url_for() -> None:
    """`request.url_for(show_order, id=7)` or `url_for("orders.show_order", id=7)`. Ambiguous names for `url_for` are
    errors."""
    orders = Router(prefix="/orders")
    more = Router(prefix="/more", name="orders2")

    @orders.get("/{id}")
    async def show_order(id: int) -> int:
        return id

    @orders.get("/{id}/again", name="again")
    async def again(id: int) -> int:
        return id

    @more.get("/x", name="again")
    async def other() -> None: ...

    app = quiet()
    app.include_router(orders)
    app.include_router(more)

    @app.get("/urls")
    async def urls(request: Request) -> list[str]:
        return [
            str(request.url_for(show_order, id=7)),
            str(request.url_for("orders.show_order", id=8)),
            app.url_path_for("orders.again", id=9),
            app.url_for(show_order, id=1),
        ]

    with TestClient(app) as client:
        assert client.get("/urls").json() == [
            *("http://testserver/orders/7", "http://testserver/orders/8", "/orders/9/again", "/orders/1")
        ]
    with pytest.raises(LookupError, match="again"):
        app.url_path_for("again", id=9)
    with pytest.raises(LookupError):
        app.url_path_for("orders.show_ordr", id=9)
    with pytest.raises(LookupError):
        app.url_path_for(show_order)


def test_root_path() -> None:
    """under a root path"""
    app = quiet()

    @app.get("/x/{n}")
    async def show(n: int, request: Request) -> list[str]:
        return [str(request.url_for(show, n=n)), str(request.base_url)]

    with TestClient(app, root_path="/root") as client:
        expected = ["http://testserver/root/x/1", "http://testserver/root/"]
        assert client.get("/root/x/1").json() == expected
        assert client.get("/x/1").json() == expected
        slash = client.get("/root/x/1/", follow_redirects=False)
        assert (slash.status_code, slash.headers["location"]) == (308, "/root/x/1")


@pytest.mark.parametrize("kind", ["none", "async", "def", "class"])
def test_health(kind: str) -> None:
    """`/health` style endpoints by one line"""
    app = quiet()
    notes = Notes()
    app.provide(Notes, notes)

    async def check_async(notes: Notes) -> None:
        if not notes.all:
            raise HTTPException(503, detail="no notes")

    def check(notes: Notes) -> None:
        if not notes.all:
            raise HTTPException(503, detail="no notes")

    class Check:
        async def __call__(self, notes: Notes) -> None:
            await check_async(notes)

    app.health("/up", {"none": None, "async": check_async, "def": check, "class": Check()}[kind])
    with TestClient(app) as client:
        assert client.get("/up").json() == {"status": "ok"}
        notes.all.clear()
        assert client.get("/up").status_code == (200 if kind == "none" else 503)


def test_unknown_options_and_names_are_start_up_mistakes() -> None:
    """unknown option; misspelt extension name (start-up mistakes)"""
    app = quiet()
    with pytest.raises(SetupError, match="status_code"):
        app.get("/", statuscode=3)  # type: ignore[call-arg]
    with pytest.raises(SetupError, match="KETCH-EXT-001"):
        _ = quiet(extensions=["databse"]).runtime
    with pytest.raises(SetupError):
        Router(prefx="/x")  # type: ignore[call-arg]
    with pytest.raises(SetupError, match="KETCH-APP-003"):
        app.include_router(App())  # type: ignore[arg-type]
        app.include_router(5)  # type: ignore[arg-type]


def test_app_state_and_request_state() -> None:
    """`app.state`, `request.state`"""
    app = quiet()
    app.state.count = 1

    async def stamp(request: Request, call_next: Any) -> Any:
        request.state.stamp = "s"
        return await call_next(request)

    app.add_middleware(stamp)

    @app.get("/")
    async def show(request: Request) -> list[Any]:
        request.app.state.count += 1
        return [request.state.stamp, request.app.state.count, getattr(request.state, "other", None)]

    with TestClient(app) as client:
        assert client.get("/").json() == ["s", 2, None]
        assert client.get("/").json() == ["s", 3, None]


def test_methods_of_a_resource_that_need_no_instance() -> None:
    """methods as handlers"""
    app = quiet()
    app.provide(Notes, Notes())

    @app.resource("/x/{n}")
    class X:
        def __init__(self, notes: Notes) -> None:
            self.notes = notes

        @staticmethod
        async def get(n: int) -> int:
            return n

        @classmethod
        def put(cls, n: int) -> str:
            return f"{cls.__name__} {n}"

        async def post(self, n: int) -> str:
            return self.notes.all[n]

    with TestClient(app) as client:
        assert client.get("/x/4").json() == 4
        assert client.put("/x/4").text == "X 4"
        assert client.post("/x/1").text == "one"


def test_options_of_middleware_are_checked_at_the_start() -> None:
    """unknown option (a start-up mistake)"""

    class Wrapper:
        def __init__(self, app: Any, size: int) -> None: ...

    for options_ in ({}, {"sise": 4}):
        app = quiet()
        app.add_middleware(Wrapper, **options_)
        with pytest.raises(SetupError, match="KETCH-MW-001"):
            _ = app.runtime


def test_every_route_has_its_own_middleware() -> None:
    """per-route `middleware=`"""

    def stamping(text: str) -> Any:
        async def stamp(request: Request, call_next: Any) -> Any:
            response = await call_next(request)
            response.headers["x-stamp"] = text
            return response

        return stamp

    app = quiet()
    for n in range(20):
        app.get(f"/{n}", middleware=[stamping(str(n))], name=f"r{n}")(lambda: "x")
    with TestClient(app) as client:
        assert [client.get(f"/{n}").headers["x-stamp"] for n in range(20)] == [str(n) for n in range(20)]
