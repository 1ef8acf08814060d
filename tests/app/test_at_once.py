"""Two that ask at the same moment: an application is frozen once, started once, and makes each value once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ketch import App, SetupError
from ketch.app.runtime import Runtime
from ketch.testing import TestClient


class Clock:
    def now(self) -> int:
        return 7


class Slow:
    """An extension that is being set up until somebody lets go."""

    name = "slow"

    def __init__(self) -> None:
        self.entered, self.go_on, self.times = threading.Event(), threading.Event(), 0

    def setup(self, declare: Any) -> None:
        self.times += 1
        self.entered.set()
        assert self.go_on.wait(10)


def test_threads_that_ask_at_once_get_one_runtime() -> None:
    slow = Slow()
    app = App(openapi_url=None, docs_url=None, extensions=[slow])
    found: list[Runtime] = []
    threads = [threading.Thread(target=lambda: found.append(app.runtime)) for _ in range(3)]
    threads[0].start()
    assert slow.entered.wait(10)
    for thread in threads[1:]:
        thread.start()
    slow.go_on.set()
    for thread in threads:
        thread.join(10)
    assert slow.times == 1 and len(found) == 3 and found[0] is found[1] is found[2]


def test_first_requests_at_once_start_the_application_once() -> None:
    """Under a server without a lifespan the first request starts it; those that come meanwhile wait."""
    started: list[str] = []

    @asynccontextmanager
    async def lifespan(app: App) -> AsyncIterator[None]:
        started.append("begun")
        await asyncio.sleep(0.01)
        started.append("done")
        yield

    app = App(openapi_url=None, docs_url=None, lifespan=lifespan)

    @app.get("/")
    async def show() -> list[str]:
        return list(started)

    async def ask() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "scheme": "http"}
        await app(scope, receive, send)
        return sent

    async def main() -> list[list[dict[str, Any]]]:
        answers = await asyncio.gather(*(ask() for _ in range(3)))
        await app.runtime.stop()
        return answers

    for sent in asyncio.run(main()):
        assert sent[0]["status"] == 200
        assert b"".join(message.get("body", b"") for message in sent) == b'["begun","done"]'


def test_those_who_ask_at_once_for_a_value_of_the_application_get_the_same() -> None:
    app, made = App(openapi_url=None, docs_url=None), list[Clock]()

    async def clock() -> Clock:
        await asyncio.sleep(0.01)
        made.append(Clock())
        return made[-1]

    app.provide(Clock, clock, scope="app")

    async def ask() -> Any:
        async with app.scope() as scope:
            return await scope.get(Clock)

    async def main() -> list[Any]:
        return await asyncio.gather(*(ask() for _ in range(3)))

    found = asyncio.run(main())
    assert len(made) == 1 and all(one is made[0] for one in found)


def test_a_value_that_could_not_be_made_is_tried_again() -> None:
    app, tries = App(openapi_url=None, docs_url=None), list[int]()

    async def clock() -> Clock:
        tries.append(1)
        await asyncio.sleep(0)
        if len(tries) == 1:
            raise OSError("not yet")
        return Clock()

    app.provide(Clock, clock, scope="app")

    async def ask() -> Any:
        async with app.scope() as scope:
            return await scope.get(Clock)

    async def main() -> list[Any]:
        return [*await asyncio.gather(ask(), ask(), return_exceptions=True)]

    first, second = asyncio.run(main())
    assert isinstance(first, OSError) and isinstance(second, Clock)


def test_what_the_application_makes_may_have_keyword_only_needs() -> None:
    app = App(openapi_url=None, docs_url=None)

    class Watch:
        def __init__(self, *, clock: Clock) -> None:
            self.clock = clock

    app.provide(Clock, Clock())
    app.provide(Watch, Watch, scope="app")

    @app.get("/")
    async def show(watch: Watch) -> int:
        return watch.clock.now()

    with TestClient(app) as client:
        assert client.get("/").json() == 7
        assert isinstance(asyncio.run(in_scope(app, Watch)), Watch)


async def in_scope(app: App, key: Any) -> Any:
    async with app.scope() as scope:
        return await scope.get(key)


def test_a_scope_outside_a_request_knows_itself_and_no_request() -> None:
    """What a provider can have there: the scope. What it cannot have: anything of a request."""
    from ketch import Request

    app = App(openapi_url=None, docs_url=None)

    async def of_request(request: Request) -> str:
        return request.url.path

    app.provide(str, of_request, qualifier="path")

    async def main() -> None:
        async with app.scope() as scope:
            await scope.call(of_request)

    try:
        asyncio.run(main())
    except SetupError as error:
        assert error.code == "KETCH-DEP-009"
    else:
        raise AssertionError("nobody has a request here")
