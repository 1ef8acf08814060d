"""Dependencies: providers, scopes, overrides, threads, resources."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from ketch import App, Depends, Header, HTTPException, Request, Security, SetupError, Struct, WebSocket
from ketch.auth import OAuth2PasswordBearer, SecurityScopes
from ketch.testing import TestClient


class Clock:
    def __init__(self, hour: int = 7) -> None:
        self.hour = hour


class Engine:
    """Lives as long as the application."""


class Unit:
    """Lives as long as a request."""


@dataclass
class Notes:
    clock: Clock


class Settings(Struct):
    name: str = "x"


def quiet(**options: Any) -> App:
    return App(openapi_url=None, docs_url=None, **options)


def refused(app: App) -> str:
    with pytest.raises(SetupError) as caught:
        _ = app.runtime
    return caught.value.code


# --- provide ----------------------------------------------------------------------------------------------------------


def make_clock() -> Clock:
    return Clock(1)


async def make_clock_async() -> Clock:
    return Clock(2)


def open_clock() -> Iterator[Clock]:
    yield Clock(3)


async def open_clock_async() -> AsyncIterator[Clock]:
    yield Clock(4)


class Maker:
    def __init__(self, hour: int) -> None:
        self.hour = hour

    def make(self) -> Clock:
        return Clock(self.hour)

    async def open(self) -> AsyncIterator[Clock]:
        yield Clock(self.hour)


@pytest.mark.parametrize(
    ("thing", "hour"),
    [
        (make_clock, 1),
        (make_clock_async, 2),
        (open_clock, 3),
        (open_clock_async, 4),
        (Maker(5).make, 5),
        (Maker(6).open, 6),
        (functools.partial(Clock, 8), 8),
        (functools.partial(make_clock_async), 2),
        (Clock, 7),
        (lambda: Clock(9), 9),
    ],
)
def test_factories(thing: Any, hour: int) -> None:
    """`provide(T, x)`: functions, generators, methods, partials and classes are factories (function scope)"""
    app = quiet()
    app.provide(Clock, thing)
    seen: list[Clock] = []

    @app.get("/")
    async def show(clock: Clock, again: Clock) -> int:
        assert clock is again
        seen.append(clock)
        return clock.hour

    with TestClient(app) as client:
        assert [client.get("/").json(), client.get("/").json()] == [hour, hour]
    assert seen[0] is not seen[1]


def test_anything_else_is_a_value() -> None:
    """anything else is a value (app scope); `value=`, `factory=`, `scope=` say otherwise."""

    class Callable_:
        def __call__(self) -> Clock:
            return Clock(5)

    app, calls = quiet(), list[int]()
    clock = Clock()
    app.provide(Clock, clock)
    app.provide(Callable_, Callable_())
    app.provide(type, value=Clock)
    app.provide(Unit, factory=Callable_())

    def once() -> Engine:
        calls.append(1)
        return Engine()

    app.provide(Engine, once, scope="app")

    @app.get("/")
    async def show(a: Clock, b: Callable_, c: type, d: Unit, e: Engine) -> list[Any]:
        return [a is clock, isinstance(b, Callable_), c is Clock, isinstance(d, Clock), isinstance(e, Engine)]

    with TestClient(app) as client:
        assert client.get("/").json() == [True] * 5
        client.get("/")
    assert calls == [1]


def test_two_of_one_type() -> None:
    """two of one type: `Annotated[Redis, "cache"]`."""
    app = quiet()
    app.provide(Clock, Clock(1))
    app.provide(Clock, lambda: Clock(2), qualifier="late")

    @app.get("/")
    async def show(clock: Clock, late: Annotated[Clock, "late"]) -> list[int]:
        return [clock.hour, late.hour]

    with TestClient(app) as client:
        assert client.get("/").json() == [1, 2]


def test_a_handler_resource_command_and_test_just_ask() -> None:
    """A handler, resource, task, command or test then just asks for `Clock`."""
    app = quiet()
    app.provide(Clock, open_clock_async)

    @app.get("/")
    async def show(clock: Clock) -> int:
        return clock.hour

    @app.resource("/res")
    class Res:
        def __init__(self, clock: Clock) -> None:
            self.clock = clock

        async def get(self) -> int:
            return self.clock.hour

    @app.command("tell")
    async def tell(clock: Clock, factor: int = 10) -> int:
        return clock.hour * factor

    async def outside() -> list[int]:
        async with app.scope() as scope:
            clock = await scope.get(Clock)
            assert await scope.get(Clock) is clock
            return [clock.hour, await scope.call(tell), await scope.call(tell, factor=2)]

    with TestClient(app) as client:
        assert (client.get("/").json(), client.get("/res").json()) == (4, 4)
    assert asyncio.run(outside()) == [4, 40, 8]


# --- scopes -----------------------------------------------------------------------------------------------------------


def test_scopes() -> None:
    """Scopes have FastAPI's meanings: `function` cleans up before sending (Ketch's default, also for generators),
    `request` after, `app` at shutdown."""
    app, log = quiet(), list[str]()

    def opening(name: str) -> Any:
        async def opened() -> AsyncIterator[str]:
            log.append(f"open {name}")
            yield name
            log.append(f"close {name}")

        return opened

    app.provide(Engine, opening("app"), scope="app")

    @app.get("/")
    async def show(
        engine: Engine,
        late: Annotated[str, Depends(opening("request"), scope="request")],
        soon: Annotated[str, Depends(opening("function"))],
    ) -> str:
        return "x"

    async def watching(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        log.append("send")
        return response

    app.add_middleware(watching)
    with TestClient(app) as client:
        assert log == ["open app"]
        client.get("/")
    assert log == [
        *("open app", "open request", "open function", "close function", "send", "close request", "close app")
    ]


@pytest.mark.parametrize(("outer", "inner"), [("app", "function"), ("app", "request"), ("request", "function")])
def test_what_lives_longer_must_not_hold_what_lives_shorter(outer: str, inner: str) -> None:
    """request-scoped value injected into an app-scoped one (a start-up mistake)"""
    app = quiet()
    app.provide(Unit, lambda: Unit(), scope=inner)

    def engine(unit: Unit) -> Engine:
        return Engine()

    app.provide(Engine, engine, scope=outer)

    @app.get("/")
    async def show(engine: Engine) -> None: ...

    assert refused(app) == "KETCH-DEP-003"


def test_cycles_and_missing_providers() -> None:
    """Solved at start-up; cycles, missing providers and scope mistakes are start-up errors."""

    def one(other: Unit) -> Engine: ...  # type: ignore[empty-body]
    def other(one: Engine) -> Unit: ...  # type: ignore[empty-body]
    def asks(clock: Clock) -> Unit: ...  # type: ignore[empty-body]

    app = quiet()
    app.provide(Engine, one)
    app.provide(Unit, other)
    app.get("/")(lambda engine=Depends(one): None)
    assert refused(app) == "KETCH-DEP-001"
    app = quiet()
    app.provide(Unit, asks)
    app.get("/")(lambda unit=Depends(asks): None)
    assert refused(app) == "KETCH-BIND-003"


def test_start_and_stop_twice() -> None:
    """`app` at shutdown (and again at the next start)"""
    app, log = quiet(), list[str]()

    async def engine() -> AsyncIterator[Engine]:
        log.append("open")
        yield Engine()
        log.append("close")

    app.provide(Engine, engine, scope="app")

    @app.get("/")
    def show(engine: Engine) -> str:
        return type(engine).__name__

    for _ in range(3):
        with TestClient(app) as client:
            assert [client.get("/").text for _ in range(3)] == ["Engine"] * 3
    assert log == ["open", "close"] * 3


def test_an_app_scoped_failure_at_start_closes_what_was_opened() -> None:
    """generators with clean-up on success, error, cancellation and disconnect"""
    app, log = quiet(), list[str]()

    async def engine() -> AsyncIterator[Engine]:
        yield Engine()
        log.append("closed engine")

    async def broken(engine: Engine) -> Clock:
        raise OSError("no clock today")

    @contextlib.asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        log.append("never")
        yield

    app.lifespan = lifespan
    app.provide(Engine, engine, scope="app")
    app.provide(Clock, broken, scope="app")

    @app.get("/")
    async def show(clock: Clock) -> None: ...

    with pytest.raises(OSError, match="no clock today"):
        with TestClient(app):
            pass
    assert log == ["closed engine"]


# --- overrides --------------------------------------------------------------------------------------------------------


def test_override_in_tests() -> None:
    """`with app.override({Clock: fake}):` in tests; `app.dependency_overrides` works too."""
    app = quiet()
    app.provide(Clock, Clock(1))

    def number() -> int:
        return 1

    @app.get("/")
    async def show(clock: Clock, n: Annotated[int, Depends(number)]) -> list[int]:
        return [clock.hour, n]

    with TestClient(app) as client:
        with app.override({Clock: Clock(2)}):
            assert client.get("/").json() == [2, 1]
            with app.override({Clock: lambda: Clock(3), number: lambda: 3}):
                assert client.get("/").json() == [3, 3]
            assert client.get("/").json() == [2, 1]
        app.dependency_overrides[number] = lambda: 4
        assert client.get("/").json() == [1, 4]
        app.dependency_overrides = {}
        assert client.get("/").json() == [1, 1]
        app.dependency_overrides = {number: lambda: 5}
        assert client.get("/").json() == [1, 5]
        assert app.dependency_overrides.pop(number)() == 5
        assert client.get("/").json() == [1, 1]
        app.dependency_overrides.update({number: lambda: 6})
        app.dependency_overrides.clear()
        assert client.get("/").json() == [1, 1]
        with pytest.raises(SetupError, match="KETCH-DEP-007"):
            app.dependency_overrides[number] = 5


def test_an_override_while_requests_run_is_felt_by_the_next_ones_only() -> None:
    """`override` re-solves the affected plans before it returns."""
    app = quiet()

    def number() -> int:
        return 1

    def other(name: Annotated[str, Header(alias="host")]) -> int:
        return 2

    entered, go_on = threading.Event(), threading.Event()

    async def guard(n: Annotated[int, Depends(number)], request: Request) -> int:
        if request.url.path == "/slow":
            entered.set()
            await asyncio.to_thread(go_on.wait, 5)
        return n * 10

    @app.get("/{how}", dependencies=[guard])
    async def show(how: str, n: Annotated[int, Depends(number)], m: Annotated[int, Depends(guard)]) -> list[int]:
        return [n, m]

    answers: list[Any] = []
    with TestClient(app) as client, TestClient(app) as slow:
        waiting = threading.Thread(target=lambda: answers.append(slow.get("/slow").json()))
        waiting.start()
        assert entered.wait(5)
        with app.override({number: other}):
            assert client.get("/quick").json() == [2, 20]
            go_on.set()
            waiting.join()
            assert client.get("/quick").json() == [2, 20]
        assert client.get("/quick").json() == [1, 10]
    assert answers == [[1, 10]]


def test_an_override_that_does_not_fit_leaves_all_as_it_was() -> None:
    """`override` re-solves the affected plans before it returns."""
    app = quiet()

    def number() -> int:
        return 1

    def needs(clock: Clock) -> int:
        return 2

    @app.get("/")
    async def show(n: Annotated[int, Depends(number)]) -> int:
        return n

    with TestClient(app) as client:
        with pytest.raises(SetupError, match="KETCH-BIND-003"):
            with app.override({number: needs}):
                raise AssertionError("never here")
        assert client.get("/").json() == 1
        with pytest.raises(SetupError, match="KETCH-BIND-003"):
            app.dependency_overrides[number] = needs
        assert client.get("/").json() == 1 and not app.dependency_overrides


def test_an_override_may_need_what_nobody_had_asked_for_at_start_up() -> None:
    """`override` re-solves the affected plans before it returns."""
    app, log = quiet(), list[str]()

    async def engine() -> AsyncIterator[Engine]:
        log.append("open")
        yield Engine()
        log.append("close")

    app.provide(Engine, engine, scope="app")
    app.provide(Clock, Clock(1))

    def from_engine(engine: Engine) -> Clock:
        return Clock(2)

    @app.get("/")
    async def show(clock: Clock) -> int:
        return clock.hour

    with TestClient(app) as client:
        with app.override({Clock: from_engine}):
            assert [client.get("/").json() for _ in range(2)] == [2, 2]
        assert client.get("/").json() == 1
    assert log == ["open", "close"]


def test_an_override_reaches_what_is_app_scoped() -> None:
    """re-solves the affected plans"""
    app = quiet()
    app.provide(Clock, Clock(1))

    def engine(clock: Clock) -> Notes:
        return Notes(clock)

    app.provide(Notes, engine, scope="app")

    @app.resource("/res")
    class Res:
        def __init__(self, notes: Notes) -> None:
            self.notes = notes

        async def get(self) -> int:
            return self.notes.clock.hour

    @app.get("/")
    async def show(notes: Notes) -> int:
        return notes.clock.hour

    with app.override({Clock: Clock(2)}):
        client = TestClient(app)
        client.__enter__()
        assert [client.get("/").json(), client.get("/res").json()] == [2, 2]
    assert [client.get("/").json(), client.get("/res").json()] == [1, 1]
    client.close()


# --- threads ----------------------------------------------------------------------------------------------------------


def test_def_handlers_and_dependencies_share_one_hop() -> None:
    """A `def` handler and its `def` dependencies run in one thread hop together, clean-up included; a `def` dependency
    of an async handler takes one hop unless `Depends(f, inline=True)`; classes construct inline."""
    app, threads = quiet(), dict[str, Any]()

    def here() -> str:
        return threading.current_thread().name

    def below() -> str:
        threads["below"] = here()
        return "below"

    def opened(b: Annotated[str, Depends(below)]) -> Iterator[str]:
        threads["open"] = here()
        yield b
        threads["close"] = here()

    class Made:
        def __init__(self) -> None:
            threads["class"] = here()

    @app.get("/def")
    def in_thread(o: Annotated[str, Depends(opened)], made: Annotated[Made, Depends()]) -> str:
        threads["handler"] = here()
        return o

    @app.get("/async")
    async def on_loop(
        b: Annotated[str, Depends(below)], made: Annotated[Made, Depends()], o: Annotated[str, Depends(opened)]
    ) -> str:
        threads["handler"] = here()
        return b

    @app.get("/inline")
    async def inline(b: Annotated[str, Depends(below, inline=True)]) -> str:
        threads["handler"] = here()
        return b

    @app.get("/inline-handler", inline=True)
    def inline_handler(b: Annotated[str, Depends(below, inline=True)]) -> str:
        threads["handler"] = here()
        return b

    with TestClient(app) as client:
        client.get("/def")
        assert len({threads[name] for name in ("below", "open", "handler", "close")}) == 1
        assert threads["handler"].startswith("ketch-worker")
        threads.clear()
        client.get("/async")
        loop = threads["handler"]
        assert not loop.startswith("ketch-worker") and threads["class"] == loop
        assert all(threads[name].startswith("ketch-worker") for name in ("below", "open", "close"))
        for path in ("/inline", "/inline-handler"):
            threads.clear()
            client.get(path)
            assert threads["below"] == threads["handler"] == loop


def test_a_full_pool_is_a_503() -> None:
    """`def` handlers run in a bounded thread pool"""
    app = quiet(threads=1)
    begun, go_on = threading.Event(), threading.Event()

    @app.get("/")
    def show() -> str:
        begun.set()
        go_on.wait(5)
        return "done"

    with TestClient(app) as client:
        app.runtime.threads.queue = 0
        answers: list[int] = []
        other = threading.Thread(target=lambda: answers.append(client.get("/").status_code))
        other.start()
        assert begun.wait(5)
        with TestClient(app) as second:
            refused = second.get("/")
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "1"
        go_on.set()
        other.join()
    assert answers == [200]


# --- generators -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["async", "def"])
@pytest.mark.parametrize("handler", ["async", "def"])
def test_a_generator_that_never_yields_or_twice_says_so(how: str, handler: str) -> None:
    """generators with clean-up: one `yield`"""
    app = quiet()

    async def never_async(times: int = 0) -> AsyncIterator[int]:
        for n in range(times):
            yield n

    def never(times: int = 0) -> Iterator[int]:
        yield from range(times)

    Value = Annotated[int, Depends(never_async if how == "async" else never)]
    if handler == "async":

        @app.get("/")
        async def show(n: Value) -> int:
            return n

    else:

        @app.get("/")
        def show_in_thread(n: Value) -> int:
            return n

    with TestClient(app) as client:
        assert client.get("/?times=1").json() == 0
        with pytest.raises(RuntimeError, match="did not yield"):
            client.get("/")
        with pytest.raises(RuntimeError, match="yielded twice"):
            client.get("/?times=2")


def test_all_clean_up_runs_though_some_fails() -> None:
    """clean-up on success, error: each in reverse order, whatever the others do"""
    app, log = quiet(), list[str]()

    def opening(name: str, fails: bool = False) -> Any:
        async def opened() -> AsyncIterator[str]:
            try:
                yield name
            except BaseException as error:
                log.append(f"{name} saw {type(error).__name__}")
                raise
            finally:
                log.append(f"close {name}")
                if fails:
                    raise ZeroDivisionError(name)

        return opened

    @app.get("/{how}")
    async def show(
        how: str,
        a: Annotated[str, Depends(opening("a"))],
        late: Annotated[str, Depends(opening("late"), scope="request")],
        b: Annotated[str, Depends(opening("b", fails=True))],
        c: Annotated[str, Depends(opening("c"))],
    ) -> str:
        if how == "fail":
            raise HTTPException(409)
        return how

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/well").status_code == 500
        assert log == ["close c", "close b", "a saw ZeroDivisionError", "close a", *log[4:]]
        assert log[-1] == "close late"
        log.clear()
        assert client.get("/fail").status_code == 500
    assert log[:5] == ["c saw HTTPException", "close c", "b saw HTTPException", "close b", "a saw ZeroDivisionError"]
    assert log[-1] == "close late"


# --- security ---------------------------------------------------------------------------------------------------------


def test_security_scopes_add_up() -> None:
    """`Security` scopes and `OAuth2PasswordBearer`-style callables as FastAPI users know them"""
    app = quiet()
    bearer = OAuth2PasswordBearer(tokenUrl="/token", scopes={"read": "", "write": ""})

    async def user(scopes: SecurityScopes, token: Annotated[str, Depends(bearer)]) -> dict[str, Any]:
        return {"token": token, "scopes": scopes.scopes, "text": scopes.scope_str}

    async def active(found: Annotated[dict[str, Any], Security(user, scopes=["read"])]) -> dict[str, Any]:
        return found

    @app.get("/")
    async def show(
        me: Annotated[dict[str, Any], Security(active, scopes=["write"])],
        plain: Annotated[dict[str, Any], Depends(user)],
    ) -> list[Any]:
        return [me, plain]

    with TestClient(app) as client:
        assert client.get("/").status_code == 401
        given = client.get("/", headers={"authorization": "Bearer t"}).json()
    assert given == [
        {"token": "t", "scopes": ["write", "read"], "text": "write read"},
        {"token": "t", "scopes": [], "text": ""},
    ]


def test_dependencies_in_websockets() -> None:
    """generators with clean-up on success, error, cancellation and disconnect (WebSocket handlers too)"""
    app, log = quiet(), list[str]()

    def opening(name: str) -> Any:
        async def opened() -> AsyncIterator[str]:
            try:
                yield name
            except BaseException as error:
                log.append(f"{name} saw {type(error).__name__}")
                raise
            finally:
                log.append(f"close {name}")

        return opened

    async def guard(a: Annotated[str, Depends(opening("guard"))], deny: bool = False) -> None:
        if deny:
            raise HTTPException(403)

    @app.websocket("/ws", dependencies=[guard])
    async def chat(
        websocket: WebSocket,
        late: Annotated[str, Depends(opening("late"), scope="request")],
        soon: Annotated[str, Depends(opening("soon"))],
    ) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            if text == "crash":
                raise KeyError(text)
            await websocket.send_text(text)

    with TestClient(app, raise_server_exceptions=False) as client:
        with client.websocket_connect("/ws") as ws:
            ws.send_text("x")
            assert ws.receive_text() == "x"
        assert log == ["close soon", "close guard", "close late"]
        log.clear()
        with client.websocket_connect("/ws") as ws:
            ws.send_text("crash")
            with contextlib.suppress(Exception):
                ws.receive_text()
        assert [line for line in log if line.startswith("close")] == ["close soon", "close guard", "close late"]
        log.clear()
        with contextlib.suppress(Exception):
            with client.websocket_connect("/ws?deny=1"):
                pass
        assert log == ["guard saw HTTPException", "close guard"]


# --- callables of every kind ------------------------------------------------------------------------------------------


@dataclass
class Role:
    """As people write parametrised dependencies; a dataclass's instance has no hash."""

    name: str

    def __call__(self, role: str = "") -> str:
        if role != self.name:
            raise HTTPException(403, detail=self.name)
        return role


@dataclass
class Numbers:
    n: int

    async def __call__(self) -> AsyncIterator[int]:
        yield self.n

    def double(self) -> int:
        return self.n * 2


@dataclass
class Handler:
    async def __call__(self, x: int = 1) -> int:
        return x


def test_callable_objects_without_a_hash() -> None:
    """`Depends(f)` (functions, classes, generators with clean-up, cached per request, nested)"""
    app = quiet()
    admin, numbers = Role("admin"), Numbers(4)

    @app.get("/", dependencies=[admin, Depends(Role("admin"), inline=True)])
    async def show(
        role: Annotated[str, Depends(admin)],
        n: Annotated[int, Depends(numbers)],
        double: Annotated[int, Depends(numbers.double)],
    ) -> list[Any]:
        return [role, n, double]

    app.get("/handler")(Handler())

    async def outside() -> Any:
        async with app.scope() as scope:
            return await scope.call(Handler())

    with TestClient(app) as client:
        assert client.get("/?role=admin").json() == ["admin", 4, 8]
        assert client.get("/").status_code == 403
        assert client.get("/handler?x=5").json() == 5
    assert asyncio.run(outside()) == 1


def test_an_unknown_scope_is_a_start_up_mistake() -> None:
    """`scope="app"|"function"|"request"`"""

    def nothing() -> None: ...

    for wrong in ("guard", "parameter", "provider"):
        app = quiet()
        if wrong == "guard":
            app.get("/", dependencies=[Depends(nothing, scope="session")])(lambda: None)
        elif wrong == "parameter":
            app.get("/")(lambda a=Depends(nothing, scope="session"): None)
        with pytest.raises(SetupError, match="KETCH-DEP-005"):
            if wrong == "provider":
                app.provide(Unit, nothing, scope="session")
            _ = app.runtime


@pytest.mark.parametrize(
    ("given", "code"),
    [({}, "KETCH-DEP-006"), ({"value": 1, "factory": make_clock}, "KETCH-DEP-006"), ({"factory": make_clock}, "")],
)
def test_provide_needs_exactly_one_thing(given: dict[str, Any], code: str) -> None:
    """`value=`, `factory=`, `scope=` say otherwise."""
    app = quiet()
    if code:
        with pytest.raises(SetupError, match=code):
            app.provide(Clock, **given)
    else:
        app.provide(Clock, **given)


def test_one_type_provided_twice() -> None:
    """two of one type: `Annotated[Redis, "cache"]`. (without a qualifier it is a mistake that shows both places)"""
    app = quiet()
    app.provide(Clock, Clock())
    app.provide(Clock, Clock())
    with pytest.raises(SetupError, match="qualifier"):
        _ = app.runtime


def test_outside_a_request() -> None:
    """the same container outside a request (command line, tests, later jobs)"""
    app, log = quiet(), list[str]()

    def threaded() -> Iterator[Unit]:
        log.append(f"open {threading.current_thread().name.startswith('ketch-worker')}")
        yield Unit()
        log.append("close")

    def engine(unit: str = "x") -> Engine:
        return Engine()

    app.provide(Unit, threaded)
    app.provide(Engine, lambda: Engine(), scope="app")

    def report(unit: Unit, engine: Engine, again: Unit, clock: Clock | None = None, /, *, n: int = 1) -> list[Any]:
        return [unit is again, type(engine).__name__, clock, n]

    def needs_request(request: Request) -> None: ...
    def below(n: Annotated[int, Depends(needs_request)]) -> None: ...
    def unknown(clock: Clock) -> None: ...

    async def main() -> None:
        async with app.scope() as scope:
            assert await scope.call(report, n=3) == [True, "Engine", None, 3]
            one, two = await asyncio.gather(scope.get(Engine), app.scope().get(Engine))
            assert one is two
            with pytest.raises(SetupError, match="KETCH-DEP-002"):
                await scope.get(Clock)
            with pytest.raises(SetupError, match="KETCH-DEP-009"):
                await scope.call(below)
            with pytest.raises(SetupError, match="KETCH-BIND-003"):
                await scope.call(unknown)
        assert log == ["open True", "close"]
        with pytest.raises(ZeroDivisionError):
            async with app.scope() as scope:
                await scope.get(Unit)
                raise ZeroDivisionError

    asyncio.run(main())
