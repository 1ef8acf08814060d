"""Who holds the event loop is told in dev, with the line that does it; nobody else is."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from ketch import App
from ketch.serving.loopwatch import LoopWatch
from ketch.testing import TestClient

pytestmark = pytest.mark.serial


async def watched(seconds: float, threshold: float = 0.1) -> None:
    watch = LoopWatch(threshold)
    await asyncio.sleep(0.05)
    if seconds:
        time.sleep(seconds)  # noqa: ASYNC251 (that is the mistake)
    await asyncio.sleep(0.1)
    watch.stop()


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "ketch.loop"]


def test_the_line_that_holds_it_is_named(caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(watched(0.3))
    (message,) = told(caplog)
    assert "in watched: time.sleep(seconds)" in message
    held = int(message.partition(" held the event loop for ")[2].partition(" ms")[0])
    assert 200 <= held <= 1500


def test_short_work_is_no_matter(caplog: pytest.LogCaptureFixture) -> None:
    # A busy machine can make anything long: the threshold is far above what is done here.
    asyncio.run(watched(0.02, threshold=2.0))
    assert told(caplog) == []


def test_it_ends_with_its_loop() -> None:
    async def leave() -> LoopWatch:
        return LoopWatch()

    watch = asyncio.run(leave())
    watch._thread.join(3)
    assert not watch._thread.is_alive()


@pytest.mark.parametrize(("mode", "told_there"), [("dev", True), ("test", False), ("production", False)])
def test_a_handler_in_an_application(
    mode: str, told_there: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KETCH_ENV", mode)
    app = App(openapi_url=None, docs_url=None)

    @app.get("/slow")
    async def slow() -> str:
        time.sleep(0.3)  # noqa: ASYNC251
        return "done"

    @app.get("/threaded")
    def threaded() -> str:
        time.sleep(0.3)
        return "done"

    with caplog.at_level(logging.WARNING), TestClient(app) as client:
        time.sleep(0.05)
        assert client.get("/threaded").text == "done"
        assert told(caplog) == []
        assert client.get("/slow").text == "done"
        time.sleep(0.05)
    assert bool(told(caplog)) is told_there
    if told_there:
        assert told(caplog)[0].startswith("GET /slow -> slow held the event loop")
        assert "in slow: time.sleep(0.3)" in told(caplog)[0]
