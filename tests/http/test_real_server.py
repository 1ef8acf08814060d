"""The same over a real server and real sockets: what only a connection that is cut, or left, can show."""

import asyncio
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from ketch.http.files import FileResponse
from ketch.http.limits import Limits
from ketch.http.multipart import UploadFile
from ketch.http.problems import HTTPException
from ketch.http.request import Request
from ketch.http.response import JSONResponse, PlainTextResponse, Response
from ketch.http.stream import EventSourceResponse, ServerSentEvent, StreamingResponse
from ketch.http.websocket import WebSocket, WebSocketDisconnect, WebSocketException

pytestmark = pytest.mark.serial

SEEN: dict[str, threading.Event] = {}


async def ticking(name: str, *, wait: bool) -> AsyncIterator[str]:
    SEEN[name] = threading.Event()
    try:
        yield "first"
        while True:
            await (asyncio.Event().wait() if wait else asyncio.sleep(0.001))
            yield "x" * 1_000
    finally:
        await asyncio.sleep(0)
        SEEN[name].set()


async def failing() -> AsyncIterator[str]:
    yield "first"
    raise RuntimeError("in the middle")


async def upload(request: Request) -> Response:
    form = await request.form()
    told: dict[str, Any] = {}
    for name, value in form.multi_items():
        told[name] = [value.filename, len(await value.read())] if isinstance(value, UploadFile) else value
    await form.close()
    return JSONResponse(told)


async def respond(request: Request) -> Response:
    path = request.scope["path"]
    if path == "/upload":
        return await upload(request)
    if path.startswith("/files"):
        return FileResponse(path.removeprefix("/files"))
    if path == "/events":
        return EventSourceResponse([ServerSentEvent({"n": 1}, id="1"), "two"])
    if path == "/quiet":
        return EventSourceResponse(ticking(path, wait=True), ping=0.05)
    if path == "/fails":
        return StreamingResponse(failing())
    return StreamingResponse(ticking(path, wait=path in ("/waits", "/unread")))


async def talk(ws: WebSocket) -> None:
    if ws.scope["path"] == "/denied":
        return await ws.send_denial_response(PlainTextResponse("members only", 401))
    await ws.accept(subprotocol=ws.subprotocols[0] if ws.subprotocols else None)
    try:
        async for message in ws.iter_json(dict[str, int]):
            await ws.send_json(message)
    except WebSocketException as error:
        await ws.close(error.code, error.reason)
    return None


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        try:
            await talk(WebSocket(scope, receive, send, Limits(websocket_message=1_000)))
        except WebSocketDisconnect:
            pass
        return
    request = Request(scope, receive, Limits(spool=1_000))
    try:
        response = await respond(request)
    except HTTPException as error:
        response = PlainTextResponse(error.detail, error.status_code)
    await response.send(send, request, head=request.method == "HEAD")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])))
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)


def ask(port: int, head: str, body: bytes = b"") -> socket.socket:
    line = socket.create_connection(("127.0.0.1", port), timeout=5)
    line.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
    return line


def read_until(line: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        piece = line.recv(65_536)
        assert piece, data
        data += piece
    return data


@pytest.mark.parametrize("path", ["/waits", "/ticks", "/quiet"])
def test_a_stream_that_is_left_is_cleaned_up(port: int, path: str) -> None:
    line = ask(port, f"GET {path} HTTP/1.1\nHost: x")
    read_until(line, b"first")
    assert not SEEN[path].is_set()
    line.close()
    assert SEEN[path].wait(5)


def test_a_stream_beside_an_unread_body_is_cleaned_up(port: int) -> None:
    line = ask(port, "POST /unread HTTP/1.1\nHost: x\nContent-Length: 100000", b"x" * 10)
    read_until(line, b"first")
    line.close()
    assert SEEN["/unread"].wait(5)


def test_pings_reach_the_client(port: int) -> None:
    line = ask(port, "GET /quiet HTTP/1.1\nHost: x")
    assert b"data: first" in read_until(line, b": ping\n\n")
    line.close()
    assert SEEN["/quiet"].wait(5)


def test_events(port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    client.request("GET", "/events")
    answer = client.getresponse()
    assert answer.read() == b'id: 1\ndata: {"n":1}\n\ndata: two\n\n'
    client.request("HEAD", "/events")  # the connection is still good
    assert client.getresponse().read() == b""
    client.close()


def test_a_failing_stream_is_cut_off(port: int) -> None:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    client.request("GET", "/fails")
    with pytest.raises(http.client.IncompleteRead) as caught:
        client.getresponse().read()
    assert caught.value.partial == b"first"
    client.close()


def test_a_shrinking_file_is_cut_off(port: int, tmp_path: Path) -> None:
    place = tmp_path / "large.bin"
    place.write_bytes(b"x" * 40_000_000)
    line = ask(port, f"GET /files{place} HTTP/1.1\nHost: x")
    head = read_until(line, b"\r\n\r\n")
    assert b"content-length: 40000000" in head
    os.truncate(place, 1_000_000)
    received = len(head.partition(b"\r\n\r\n")[2])
    while piece := line.recv(1_000_000):
        received += len(piece)
    assert received < 40_000_000
    line.close()


def test_a_large_file_arrives_whole(port: int, tmp_path: Path) -> None:
    place = tmp_path / "large.bin"
    content = os.urandom(3_000_000)
    place.write_bytes(content)
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    client.request("GET", f"/files{place}")
    assert client.getresponse().read() == content
    client.request("GET", f"/files{place}", headers={"Range": "bytes=1000000-1999999"})
    assert client.getresponse().read() == content[1_000_000:2_000_000]
    client.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_uploads(port: int, chunked: bool) -> None:
    whole = (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="../a.bin"\r\n\r\n'
        + b"x" * 2_000_000
        + b'\r\n--b\r\nContent-Disposition: form-data; name="t"\r\n\r\nhi\r\n--b--\r\n'
    )
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    body: Any = iter([whole[i : i + 50_000] for i in range(0, len(whole), 50_000)]) if chunked else whole
    client.request("POST", "/upload", body, {"Content-Type": "multipart/form-data; boundary=b"}, encode_chunked=chunked)
    answer = client.getresponse()
    assert json.loads(answer.read()) == {"f": ["a.bin", 2_000_000], "t": "hi"}
    client.request("POST", "/upload", whole[:-8], {"Content-Type": "multipart/form-data; boundary=b"})
    refused = client.getresponse()
    assert refused.status == 400
    client.close()


def test_an_upload_that_is_left_closes_its_file(port: int) -> None:
    def deleted_files() -> int:
        found = 0
        for name in os.listdir("/proc/self/fd"):
            try:
                found += "(deleted)" in os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                pass
        return found

    before = deleted_files()
    head = "POST /upload HTTP/1.1\nHost: x\nContent-Type: multipart/form-data; boundary=b\nContent-Length: 9000000"
    part = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + b"x" * 1_000_000
    line = ask(port, head, part)
    deadline = time.monotonic() + 5
    while deleted_files() == before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert deleted_files() > before
    line.close()
    while deleted_files() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert deleted_files() == before


def test_a_websocket(port: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/", subprotocols=["v1", "v2"]) as ws:  # type: ignore[list-item]
        assert ws.subprotocol == "v1"
        ws.send('{"a": 1}')
        assert ws.recv() == '{"a":1}'


@pytest.mark.parametrize(
    ("message", "code"), [("[1]", 1007), ("nonsense", 1007), (b"{}x", 1007), ('{"a": 1' + " " * 1_000 + "}", 1009)]
)
def test_a_websocket_closes_with_the_right_code(port: int, message: str | bytes, code: int) -> None:
    with connect(f"ws://127.0.0.1:{port}/") as ws:
        ws.send(message)
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv()
        assert caught.value.rcvd
        assert caught.value.rcvd.code == code


def test_a_denied_websocket(port: int) -> None:
    with pytest.raises(InvalidStatus) as caught, connect(f"ws://127.0.0.1:{port}/denied"):
        pass
    assert caught.value.response.status_code == 401
    assert caught.value.response.body == b"members only"
