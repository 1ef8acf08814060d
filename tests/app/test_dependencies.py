"""Dependencies as people use them: order, clean-up, caching, scopes, overrides."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest

from ketch import App, BackgroundTasks, Depends, Header, HTTPException, Query, Request, Response, Router, Security
from ketch.testing import TestClient


def quiet() -> App:
    return App(openapi_url=None, docs_url=None)


def test_functions_classes_generators_and_nesting() -> None:
    app, log = quiet(), list[str]()

    async def first(limit: int = 3) -> int:
        log.append("first")
        return limit

    def second(a: Annotated[int, Depends(first)]) -> Iterator[int]:
        log.append("open second")
        yield a * 10
        log.append("close second")

    async def third(b: Annotated[int, Depends(second)], a: Annotated[int, Depends(first)]) -> AsyncIterator[int]:
        log.append("open third")
        yield a + b
        log.append("close third")

    class Window:
        def __init__(self, offset: int = 0, total: int = Depends(third)) -> None:
            self.offset, self.total = offset, total

    @app.get("/")
    async def show(window: Annotated[Window, Depends()]) -> dict[str, int]:
        log.append("handler")
        return {"offset": window.offset, "total": window.total}

    with TestClient(app) as client:
        assert client.get("/?limit=2&offset=5").json() == {"offset": 5, "total": 22}
    assert log == ["first", "open second", "open third", "handler", "close third", "close second"]


def test_use_cache_false_calls_again() -> None:
    app, calls = quiet(), list[int]()

    def count() -> int:
        calls.append(1)
        return len(calls)

    @app.get("/")
    async def show(
        a: int = Depends(count), b: int = Depends(count), c: int = Depends(count, use_cache=False)
    ) -> list[int]:
        return [a, b, c]

    with TestClient(app) as client:
        assert client.get("/").json() == [1, 1, 2]


def test_clean_up_sees_the_error_and_cannot_swallow_it() -> None:
    app, seen = quiet(), list[str]()

    async def swallow() -> AsyncIterator[int]:
        try:
            yield 1
        except ValueError:
            seen.append("async saw it")

    def swallow_too(a: int = Depends(swallow)) -> Iterator[int]:
        try:
            yield a
        except ValueError:
            seen.append("sync saw it")

    @app.get("/")
    async def show(a: int = Depends(swallow_too)) -> int:
        raise ValueError("no")

    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.get("/")
    assert response.status_code == 500
    assert response.json()["status"] == 500
    assert seen == ["sync saw it", "async saw it"]


def test_clean_up_may_raise_another_error() -> None:
    app = quiet()

    async def translating() -> AsyncIterator[int]:
        try:
            yield 1
        except KeyError:
            raise HTTPException(409, detail="translated") from None

    @app.get("/")
    async def show(a: int = Depends(translating)) -> int:
        raise KeyError("x")

    with TestClient(app) as client:
        assert client.get("/").status_code == 409


def test_a_failing_clean_up_sends_nothing_of_the_result() -> None:
    """The unit of work commits before a byte goes out: if that fails the client hears of it."""
    app = quiet()

    async def unit() -> AsyncIterator[int]:
        yield 1
        raise HTTPException(503, detail="commit failed")

    @app.post("/")
    async def save(a: int = Depends(unit)) -> dict[str, bool]:
        return {"saved": True}

    with TestClient(app) as client:
        assert client.post("/").status_code == 503


def test_request_scope_closes_after_the_last_byte_and_function_scope_before() -> None:
    app, log = quiet(), list[str]()

    async def early() -> AsyncIterator[int]:
        yield 1
        log.append("function scope closed")

    async def late() -> AsyncIterator[int]:
        yield 2
        log.append("request scope closed")

    @app.middleware("http")
    async def note(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        log.append("response ready")
        return response

    @app.get("/")
    async def show(a: int = Depends(early), b: int = Depends(late, scope="request")) -> int:
        return a + b

    with TestClient(app) as client:
        assert client.get("/").json() == 3
    assert log == ["function scope closed", "response ready", "request scope closed"]


def test_app_scope_is_made_once_and_closed_at_shutdown() -> None:
    app, log = quiet(), list[str]()

    async def pool() -> AsyncIterator[list[int]]:
        log.append("open")
        yield [0]
        log.append("close")

    @app.get("/")
    async def show(p: Annotated[list[int], Depends(pool, scope="app")]) -> int:
        p[0] += 1
        return p[0]

    with TestClient(app) as client:
        assert [client.get("/").json() for _ in range(3)] == [1, 2, 3]
        assert log == ["open"]
    assert log == ["open", "close"]


class Clock:
    def now(self) -> int:
        return 7


class Frozen(Clock):
    def now(self) -> int:
        return 0


def test_by_type_with_qualifier_and_factory() -> None:
    app = quiet()
    app.provide(Clock, Clock())
    app.provide(Clock, Frozen, qualifier="test")
    app.provide(dict, factory=lambda: {"made": 1})

    @app.get("/")
    async def show(clock: Clock, frozen: Annotated[Clock, "test"], d: dict) -> list[int]:  # type: ignore[type-arg]
        return [clock.now(), frozen.now(), d["made"]]

    with TestClient(app) as client:
        assert client.get("/").json() == [7, 0, 1]


def test_override_is_felt_by_handlers_resources_and_dependencies_and_ends() -> None:
    app = quiet()
    app.provide(Clock, Clock())

    def stamp(clock: Clock) -> int:
        return clock.now() * 10

    @app.resource("/resource")
    class Times:
        def __init__(self, clock: Clock) -> None:
            self.clock = clock

        async def get(self) -> int:
            return self.clock.now()

    @app.get("/")
    async def show(clock: Clock, s: Annotated[int, Depends(stamp)]) -> list[int]:
        return [clock.now(), s]

    with TestClient(app) as client:
        assert (client.get("/").json(), client.get("/resource").json()) == ([7, 70], 7)
        with app.override({Clock: Frozen()}):
            assert (client.get("/").json(), client.get("/resource").json()) == ([0, 0], 0)
        with app.override({stamp: lambda: 99}):
            assert client.get("/").json() == [7, 99]
        app.dependency_overrides[stamp] = lambda: 5
        assert client.get("/").json() == [7, 5]
        app.dependency_overrides.clear()
        assert (client.get("/").json(), client.get("/resource").json()) == ([7, 70], 7)


def test_a_resource_is_one_instance_if_all_it_needs_is_app_scoped() -> None:
    app, made = quiet(), list[str]()
    app.provide(Clock, Clock())

    @app.resource("/one")
    class One:
        def __init__(self, clock: Clock) -> None:
            made.append("one")

        async def get(self) -> None: ...

    @app.resource("/each")
    class Each:
        def __init__(self, q: int = 0) -> None:
            made.append("each")

        async def get(self) -> None: ...

    with TestClient(app) as client:
        for _ in range(2):
            client.get("/one")
            client.get("/each")
    assert sorted(made) == ["each", "each", "one"]


def test_def_handler_and_its_def_dependencies_share_one_thread_hop() -> None:
    app, names = quiet(), list[str]()

    def here() -> Iterator[str]:
        names.append(threading.current_thread().name)
        yield "x"
        names.append(threading.current_thread().name)

    def there(a: str = Depends(here)) -> str:
        names.append(threading.current_thread().name)
        return a

    @app.get("/")
    def show(a: str = Depends(there)) -> str:
        names.append(threading.current_thread().name)
        return a

    @app.get("/inline", inline=True)
    def inline() -> str:
        return threading.current_thread().name

    with TestClient(app) as client:
        assert client.get("/").text == "x"
        assert len(names) == 4 and len(set(names)) == 1 and names[0].startswith("ketch-worker")
        assert not client.get("/inline").text.startswith("ketch-worker")


def test_guards_run_before_the_body_is_read_and_what_they_made_is_shared() -> None:
    app, calls = quiet(), list[str]()

    def token(x_token: Annotated[str | None, Header()] = None) -> str:
        calls.append("token")
        if x_token != "secret":
            raise HTTPException(401)
        return x_token

    router = Router(prefix="/in", dependencies=[token])

    @router.post("/side")
    async def side(item: dict[str, int], t: Annotated[str, Depends(token)]) -> str:
        return t

    app.include_router(router)
    with TestClient(app) as client:
        assert client.post("/in/side", content=b"{", headers={"content-type": "text/plain"}).status_code == 401
        right = {"x-token": "secret", "content-type": "application/json"}
        assert client.post("/in/side", content=b"{", headers=right).status_code == 400
        assert client.post("/in/side", content=b'{"a": 1}', headers=right).text == "secret"
    assert calls == ["token"] * 3


def test_security_dependencies_run_as_guards() -> None:
    app = quiet()

    class Scheme:
        scheme_name = "token"

        async def __call__(self, request: Request) -> str:
            if request.headers.get("authorization") is None:
                raise HTTPException(401)
            return "ann"

    async def user(name: Annotated[str, Depends(Scheme())]) -> str:
        return name

    @app.post("/")
    async def save(item: dict[str, int], me: Annotated[str, Security(user, scopes=["write"])]) -> str:
        return me

    with TestClient(app) as client:
        assert client.post("/", content=b"{").status_code == 401
        assert client.post("/", json={"a": 1}, headers={"authorization": "x"}).text == "ann"


def test_injected_response_and_background_tasks() -> None:
    app, done = quiet(), list[str]()
    app.provide(Clock, Clock())

    async def later(word: str, clock: Clock) -> None:
        done.append(f"{word} {clock.now()}")

    def failing() -> None:
        raise RuntimeError("in the background")

    async def cookie(response: Response) -> None:
        response.set_cookie("seen", "1")

    @app.post("/", dependencies=[cookie])
    async def save(response: Response, background: BackgroundTasks) -> dict[str, int]:
        response.status_code = 202
        response.headers["x-a"] = "b"
        background.add_task(failing)
        background.add_task(later, "mail")
        return {"a": 1}

    with TestClient(app) as client:
        answer = client.post("/")
    assert (answer.status_code, answer.headers["x-a"], answer.cookies["seen"]) == (202, "b", "1")
    assert done == ["mail 7"]


def test_the_container_outside_a_request() -> None:
    app = quiet()
    log = list[str]()

    async def clock() -> AsyncIterator[Clock]:
        yield Clock()
        log.append("closed")

    app.provide(Clock, clock)

    def report(title: str, clock: Clock, times: int = 2) -> str:
        return title * times + str(clock.now())

    async def main() -> str:
        async with app.scope() as scope:
            assert (await scope.get(Clock)) is (await scope.get(Clock))
            text: str = await scope.call(report, "a")
            assert log == []
        return text

    assert asyncio.run(main()) == "aa7"
    assert log == ["closed"]


def test_what_is_given_may_be_positional_only() -> None:
    app = quiet()
    app.provide(Clock, Clock())

    def report(title: str, /, clock: Clock) -> str:
        return title + str(clock.now())

    async def main() -> tuple[str, list[int], int]:
        async with app.scope() as scope:
            return await scope.call(report, "a"), await scope.call(sorted, [2, 1]), await scope.call(max, 1, 3)

    assert asyncio.run(main()) == ("a7", [1, 2], 3)


@pytest.mark.parametrize("path", ["/a", "/b"])
def test_parameters_may_be_called_like_what_the_printed_function_uses(path: str) -> None:
    """request, scope, query, raw, decode, to_int, search, step: names of parameters and dependencies alike."""
    app = quiet()

    def to_int(query: int = 1) -> int:
        return query

    @app.get("/a")
    async def call(
        to_int: int = Depends(to_int),
        scope: int = 2,
        values: str = "v",
        search: Annotated[str, Query(pattern="a")] = "a",
    ) -> list[Any]:
        return [to_int, scope, values, search]

    @app.get("/b")
    async def interpret(interpret: int = 1, plan: int = 2, bound: int = 3, UNBOUND: int = 4) -> list[Any]:
        return [interpret, plan, bound, UNBOUND]

    with TestClient(app) as client:
        answer = client.get(path)
        wrong = client.get(f"{path}?query=x&plan=y")
    assert answer.json() == ([1, 2, "v", "a"] if path == "/a" else [1, 2, 3, 4])
    assert wrong.status_code == 422
