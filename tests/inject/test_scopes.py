"""Generators as dependencies: every way in and out, inline or in a thread, async or plain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import pytest

from ketch import App, BackgroundTasks, Depends, StreamingResponse
from ketch.inject.scope import Scope
from ketch.testing import TestClient

Log = list[str]


def plain(log: Log, name: str) -> Callable[[], Iterator[str]]:
    def generator() -> Iterator[str]:
        try:
            yield name
            log.append(f"{name} ends")
        except LookupError as error:
            log.append(f"{name} sees {error.args[0]}")
            raise

    return generator


def quick(log: Log, name: str) -> Callable[[], AsyncIterator[str]]:
    async def generator() -> AsyncIterator[str]:
        try:
            yield name
            log.append(f"{name} ends")
        except LookupError as error:
            log.append(f"{name} sees {error.args[0]}")
            raise

    return generator


def asked(*dependencies: Any, fail: bool = False) -> Any:
    """The answer of a handler that has these dependencies, and fails or not."""
    app = App(openapi_url=None, docs_url=None)

    @app.get("/", dependencies=list(dependencies))
    async def show() -> str:
        if fail:
            raise LookupError("the error")
        return "shown"

    with TestClient(app, raise_server_exceptions=False) as client:
        return client.get("/")


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("kind", [plain, quick])
@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("scope", ["function", "request"])
def test_the_end_and_the_error_reach_every_kind(kind: Any, inline: bool, scope: str, fail: bool) -> None:
    log: Log = []
    first, second = (Depends(kind(log, name), scope=scope, inline=inline) for name in ("one", "two"))
    assert asked(first, second, fail=fail).status_code == (500 if fail else 200)
    assert log == (["two sees the error", "one sees the error"] if fail else ["two ends", "one ends"])


@pytest.mark.parametrize("inline", [False, True])
def test_a_generator_that_yields_nothing(inline: bool) -> None:
    def empty() -> Iterator[int]:
        yield from ()

    async def void() -> AsyncIterator[int]:
        numbers: list[int] = []
        for number in numbers:
            yield number

    for generator in (empty, void):
        assert asked(Depends(generator, inline=inline)).status_code == 500


@pytest.mark.parametrize("fail", [False, True])
@pytest.mark.parametrize("inline", [False, True])
def test_a_generator_that_yields_twice_is_a_mistake_and_is_closed(inline: bool, fail: bool) -> None:
    """Without an error that is an error of its own; with one, the first error is what is told."""
    log: Log = []

    def twice() -> Iterator[int]:
        try:
            yield 1
        except LookupError:
            log.append("seen")
        try:
            yield 2
        finally:
            log.append("closed")

    async def again() -> AsyncIterator[int]:
        try:
            yield 1
        except LookupError:
            log.append("seen")
        try:
            yield 2
        finally:
            log.append("closed")

    for generator in (twice, again):
        log.clear()
        assert asked(Depends(generator, inline=inline), fail=fail).status_code == 500
        assert log == (["seen", "closed"] if fail else ["closed"])


@pytest.mark.parametrize("inline", [False, True])
def test_clean_up_may_tell_another_error(inline: bool) -> None:
    class Gone(Exception): ...

    def translating() -> Iterator[int]:
        try:
            yield 1
        except LookupError:
            raise Gone from None

    app = App(openapi_url=None, docs_url=None)

    @app.exception_handler(Gone)
    async def gone(request: Any, exc: Gone) -> str:
        return "gone"

    @app.get("/")
    async def show(one: Annotated[int, Depends(translating, inline=inline)]) -> str:
        raise LookupError("the error")

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/").text == "gone"


def test_everything_that_is_to_be_sent_before_a_stream_is_sent_in_order() -> None:
    """Two units of work in one request: both are flushed before the first byte, neither is closed before the last."""
    app, log = App(openapi_url=None, docs_url=None), Log()

    def unit(name: str) -> Callable[[Scope], AsyncIterator[str]]:
        async def generator(scope: Scope) -> AsyncIterator[str]:
            async def flush() -> None:
                log.append(f"flush {name}")

            scope.on_stream(flush)
            yield name
            log.append(f"close {name}")

        return generator

    first, second = unit("one"), unit("two")

    @app.get("/")
    async def show(a: Annotated[str, Depends(first)], b: Annotated[str, Depends(second)]) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            log.append("first byte")
            yield b"x"

        return StreamingResponse(pieces())

    with TestClient(app) as client:
        assert client.get("/").text == "x"
    assert log == ["flush one", "flush two", "first byte", "close two", "close one"]


def test_background_tasks_come_after_the_clean_up() -> None:
    app, log = App(openapi_url=None, docs_url=None), Log()
    one = plain(log, "one")

    @app.get("/")
    async def show(a: Annotated[str, Depends(one, scope="request")], tasks: BackgroundTasks) -> str:
        tasks.add_task(log.append, "task")
        return a

    with TestClient(app) as client:
        assert client.get("/").text == "one"
    assert log == ["one ends", "task"]
