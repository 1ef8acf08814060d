"""A client that leaves: GET and streams are cancelled with their clean-up run, other methods finish."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ketch import App, Depends, Request
from ketch.serving import flight


class Leaving:
    """A request whose client goes away when told to."""

    def __init__(self, app: App, method: str, path: str) -> None:
        self.app = app
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [],
            "scheme": "http",
            "root_path": "",
            "extensions": {},
        }
        self.gone = asyncio.Event()
        self.sent: list[Any] = []
        self.first = True

    async def receive(self) -> dict[str, Any]:
        if self.first:
            self.first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self.gone.is_set():
            raise OSError("the connection is closed")
        self.sent.append(message)

    def start(self) -> asyncio.Task[None]:
        return asyncio.ensure_future(self.app(self.scope, self.receive, self.send))


def slow_app(log: list[str]) -> App:
    app = App(openapi_url=None, docs_url=None)

    async def resource() -> AsyncIterator[int]:
        try:
            yield 1
        except BaseException as error:
            log.append(f"clean-up after {type(error).__name__}")
            raise
        log.append("clean-up")

    async def work(request: Request, r: int = Depends(resource)) -> str:
        log.append("begin")
        await asyncio.sleep(0.3)
        log.append("end")
        return "done"

    app.route("/work", methods=["GET", "POST"])(work)
    app.delete("/cancel", cancel_on_disconnect=True)(work)

    @app.get("/stream")
    async def stream(r: int = Depends(resource)) -> AsyncIterator[int]:
        for n in range(100):
            yield n
            await asyncio.sleep(0.01)

    return app


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/work", ["begin", "clean-up after CancelledError"]),
        ("POST", "/work", ["begin", "end", "clean-up"]),
        ("DELETE", "/cancel", ["begin", "clean-up after CancelledError"]),
    ],
)
def test_who_is_cancelled(method: str, path: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flight, "_SWEEP", 0.03)

    async def main() -> list[str]:
        log: list[str] = []
        client = Leaving(slow_app(log), method, path)
        task = client.start()
        await asyncio.sleep(0.1)
        client.gone.set()
        await asyncio.wait([task], timeout=2)
        assert task.done()
        return log

    assert asyncio.run(main()) == expected


def test_a_stream_stops_and_its_scope_is_closed_after_the_last_byte() -> None:
    async def main() -> tuple[list[str], int]:
        log: list[str] = []
        client = Leaving(slow_app(log), "GET", "/stream")
        task = client.start()
        await asyncio.sleep(0.1)
        assert log == []  # still open: the stream reads from it
        client.gone.set()
        await asyncio.wait([task], timeout=2)
        assert task.done()
        return log, len(client.sent)

    log, sent = asyncio.run(main())
    assert log == ["clean-up"]
    assert 2 <= sent < 60
