"""What breaks under a request from outside: the disk, a file that is replaced, a connection that cannot be asked."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ketch import App, FileResponse, Request, StreamingResponse, UploadFile
from ketch.http.request import ClientDisconnect
from ketch.testing import TestClient

Sent = list[dict[str, Any]]


def quiet() -> App:
    return App(openapi_url=None, docs_url=None)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_a_500_and_the_next_upload_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    app, opened = quiet(), list[Any]()

    @app.post("/")
    async def upload(file: UploadFile) -> int:
        return len(await file.read())

    def full(**_: Any) -> Any:
        opened.append(open("/dev/full", "w+b", buffering=0))  # noqa: SIM115 (the upload closes it)
        return opened[-1]

    with TestClient(app, raise_server_exceptions=False) as client:
        with monkeypatch.context() as patch:
            patch.setattr(tempfile, "TemporaryFile", full)
            assert client.post("/", files={"file": b"x" * 5_000_000}).status_code == 500
            assert client.post("/", files={"file": b"small enough for memory"}).json() == 23
        assert client.post("/", files={"file": b"x" * 5_000_000}).json() == 5_000_000
    assert opened and all(file.closed for file in opened)


def test_a_file_that_became_a_folder_while_it_was_being_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the file and its opening anything may happen to it."""
    file, folder = tmp_path / "report.txt", tmp_path / "folder"
    file.write_text("report")
    folder.mkdir()
    app, opened, real = quiet(), list[int](), os.fstat

    @app.get("/")
    async def show() -> FileResponse:
        return FileResponse(file)

    def folder_instead(descriptor: int) -> os.stat_result:
        opened.append(descriptor)
        return folder.stat()

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/").text == "report"
        with monkeypatch.context() as patch:
            patch.setattr(os, "fstat", folder_instead)
            assert client.get("/").status_code == 404
        assert client.get("/").text == "report"
    with pytest.raises(OSError):
        real(opened[0])  # it was closed


def talk(app: App, *messages: dict[str, Any] | BaseException) -> Sent:
    """What a server gets from the application whose client says this."""
    waiting, sent = list(messages), Sent()

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        message = waiting.pop(0)
        if isinstance(message, BaseException):
            raise message
        return message

    async def send(message: Any) -> None:
        sent.append(dict(message))
        await asyncio.sleep(0)

    async def main() -> None:
        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": [], "scheme": "http"}
        await asyncio.wait_for(app(scope, receive, send), 10)
        await app.runtime.stop()

    asyncio.run(main())
    return sent


def piece(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def echoing(log: list[str]) -> App:
    """Sends back what it reads while it reads it."""
    app = quiet()

    @app.post("/")
    async def echo(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                yield b"begins,"
                async for part in request.stream():
                    yield part
            except ClientDisconnect:
                log.append("left")
                raise
            finally:
                log.append("closed")

        return StreamingResponse(pieces())

    return app


def test_a_body_is_read_while_the_answer_goes_out() -> None:
    log: list[str] = []
    sent = talk(echoing(log), piece(b"one,"), piece(b"two,"), piece(b"three", more=False))
    assert b"".join(message.get("body", b"") for message in sent) == b"begins,one,two,three"
    assert log == ["closed"]


@pytest.mark.parametrize("end", [{"type": "http.disconnect"}, OSError("the line is broken")])
def test_a_client_that_leaves_in_the_middle_of_both(end: Any) -> None:
    """A connection that cannot be asked any more is one that has gone."""
    log: list[str] = []
    sent = talk(echoing(log), piece(b"one,"), end)
    assert log[-1] == "closed"
    assert not any(message.get("more_body") is False for message in sent if message["type"].endswith("body"))
