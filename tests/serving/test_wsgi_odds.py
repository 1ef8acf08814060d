"""WSGI applications that go on where the request has ended, or is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ketch.http.problems import ContentTooLarge
from ketch.serving.wsgi import WSGIMount

SCOPE = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [], "scheme": "http"}


def ask(mount: WSGIMount, *pieces: bytes) -> list[dict[str, Any]]:
    waiting, sent = list(pieces), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    asyncio.run(asyncio.wait_for(mount(SCOPE, receive, send), 10))
    return sent


def test_an_application_that_reads_on_after_it_was_refused() -> None:
    told: list[str] = []

    def stubborn(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        for _ in range(3):
            try:
                environ["wsgi.input"].read()
            except OSError as error:
                told.append(str(error))
        start_response("200 OK", [])
        return [b"never mind"]

    with pytest.raises(ContentTooLarge):
        ask(WSGIMount(stubborn, body_limit=3), b"four", b"more")
    assert told == ["the request's body is too large"] * 3


def test_an_application_that_keeps_the_input_for_later() -> None:
    """Nobody answers there any more; it is told so instead of being left to wait."""
    kept: list[Any] = []

    def keeping(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        kept.append(environ["wsgi.input"])
        start_response("200 OK", [])
        return [b"ok"]

    assert ask(WSGIMount(keeping), b"one", b"two")[0]["status"] == 200
    with pytest.raises(OSError, match="the request is over"):
        kept[0].read()


def test_the_errors_stream_says_what_it_is() -> None:
    seen: list[tuple[bool, bool]] = []

    def asking(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        errors = environ["wsgi.errors"]
        seen.append((errors.writable(), errors.readable()))
        start_response("204 No Content", [])
        yield b""

    assert ask(WSGIMount(asking), b"")[0]["status"] == 204
    assert seen == [(True, False)]
