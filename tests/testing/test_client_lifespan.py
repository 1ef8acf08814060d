"""When an application is started and shut down."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap

import pytest

from ketch.testing import AsyncTestClient, TestClient
from tests.testing import asgi_apps
from tests.testing.asgi_apps import App, Receive, Scope, Send, respond, show


def test_with_starts_and_stops() -> None:
    app = App(show=show)
    with TestClient(app) as client:
        assert app.events == ["up"]
        client.get("/show")
        client.get("/show")
        assert app.events == ["up"]
    assert app.events == ["up", "down"]


def test_a_client_may_be_opened_again() -> None:
    app = App(show=show)
    client = TestClient(app)
    for _ in range(2):
        with client:
            client.get("/show")
            with pytest.raises(RuntimeError, match="already open"):
                client.__enter__()
    assert app.events == ["up", "down"] * 2


def test_without_with_the_first_request_starts_and_close_stops() -> None:
    app = App(show=show)
    client = TestClient(app)
    assert app.events == []
    client.get("/show")
    assert app.events == ["up"]
    with client:  # takes over what runs already
        assert app.events == ["up"]
    assert app.events == ["up", "down"]
    client.get("/show")
    client.close()
    assert app.events == ["up", "down"] * 2
    with pytest.raises(RuntimeError, match="closed"):
        client.get("/show")


def test_a_forgotten_client_is_shut_down_when_it_is_garbage() -> None:
    app = App(show=show)
    client = TestClient(app)
    client.get("/show")
    del client
    gc.collect()
    assert app.events == ["up", "down"]


def test_a_forgotten_client_is_shut_down_at_exit() -> None:
    program = """
        from ketch.testing import TestClient
        from tests.testing.asgi_apps import App, show
        class Loud(App):
            async def lifespan(self, scope, receive, send):
                try:
                    await super().lifespan(scope, receive, send)
                finally:
                    print(self.events, flush=True)
        client = TestClient(Loud(show=show))
        client.get("/show")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "['up', 'down']", done.stderr


@pytest.mark.parametrize("lazily", [True, False])
def test_a_failing_start_is_told(lazily: bool) -> None:
    app = App(show=show)
    app.fail_start = LookupError("no database")
    client = TestClient(app)
    for _ in range(2):
        with pytest.raises(LookupError, match="no database"):
            client.get("/show") if lazily else client.__enter__()
    app.fail_start = None
    assert client.get("/show").status_code == 200
    client.close()


def test_a_failing_start_that_raises_nothing_is_told() -> None:
    async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "port taken"})

    with pytest.raises(RuntimeError, match="failed to start: port taken"):
        TestClient(refuse).__enter__()


def test_a_failing_shutdown_is_told() -> None:
    app = App(show=show)
    app.fail_stop = LookupError("stuck")
    with pytest.raises(LookupError, match="stuck"), TestClient(app):
        pass


def test_a_lifespan_that_dies_while_running_is_told() -> None:
    async def dies(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        raise LookupError("too early")

    with pytest.raises(LookupError, match="too early"), TestClient(dies):
        pass


def test_an_application_without_lifespan_works_without_with() -> None:
    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await respond(send, b"ok")

    client = TestClient(plain)
    assert client.get("/").text == "ok"
    assert client.get("/").text == "ok"
    client.close()
    with pytest.raises(AssertionError):
        client.__enter__()


@pytest.mark.parametrize("which", ["start-up", "shutdown"])
def test_a_lifespan_that_hangs_is_a_timeout(which: str) -> None:
    async def hang(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        if which == "shutdown":
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await asyncio.sleep(3600)

    with pytest.raises(TimeoutError, match=rf"waited 0\.1 s for the lifespan's {which}; .* sleep \("):
        with TestClient(hang, timeout=0.1):
            pass


def test_the_lifespan_is_asked_to_raise() -> None:
    seen: list[Scope] = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await asgi_apps.App().lifespan(scope, receive, send)

    with TestClient(note):
        pass
    assert "ketch.raise" in seen[0]["extensions"]


def test_tasks_the_application_left_behind_are_cancelled() -> None:
    ended: list[str] = []
    kept = []

    async def leave(scope: Scope, receive: Receive, send: Send) -> None:
        async def work() -> None:
            try:
                await asyncio.sleep(3600)
            finally:
                ended.append("work")

        kept.append(asyncio.create_task(work()))
        await respond(send)

    with TestClient(App(index=leave)) as client:
        client.get("/")
        assert ended == []
    assert ended == ["work"]


def test_the_async_client_starts_once_for_concurrent_first_requests() -> None:
    app = App(show=show)

    async def main() -> None:
        client = AsyncTestClient(app)
        await asyncio.gather(*(client.get("/show") for _ in range(5)))
        assert app.events == ["up"]
        await client.aclose()
        assert app.events == ["up", "down"]

    asyncio.run(main())


def test_the_async_client_starts_anew_in_another_loop() -> None:
    app = App(show=show)
    client = AsyncTestClient(app)

    async def main() -> None:
        async with client:
            assert (await client.get("/show")).status_code == 200

    asyncio.run(main())
    asyncio.run(main())
    assert app.events == ["up", "down"] * 2


def test_the_async_clients_failing_start_is_told_to_everybody() -> None:
    app = App(show=show)
    app.fail_start = LookupError("no database")

    async def main() -> None:
        client = AsyncTestClient(app)
        results = await asyncio.gather(*(client.get("/show") for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [LookupError] * 3

    asyncio.run(main())
