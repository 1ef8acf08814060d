"""`app.wsgi` (PEP 3333): the errands between the server's thread and the loop, and the life of that loop."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
import threading
import time
import wsgiref.validate
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ketch import App, BackgroundTasks, Request, StreamingResponse
from ketch.serving.wsgi import as_wsgi
from ketch.serving.wsgi_scope import scope_of

SEEN: list[str] = []


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[dict[str, str]]:
    SEEN.append("started")
    yield {"from": "lifespan"}


app = App(lifespan=lifespan)


@app.get("/who")
async def who(request: Request) -> dict[str, Any]:
    return {"url": str(request.url), "client": request.client, "state": request.state.__getattr__("from")}


@app.post("/size")
async def size(request: Request) -> dict[str, int]:
    pieces = [len(piece) async for piece in request.stream(limit=100_000_000)]
    return {"size": sum(pieces), "most": max(pieces, default=0)}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def made() -> AsyncIterator[bytes]:
        try:
            for n in range(1_000):
                SEEN.append(f"made {n}")
                yield b"x" * 10
        finally:
            await asyncio.sleep(0)
            SEEN.append("closed")

    return StreamingResponse(made())


@app.get("/breaks")
async def breaks() -> StreamingResponse:
    async def made() -> AsyncIterator[bytes]:
        yield b"first"
        raise ValueError("broken in the middle")

    return StreamingResponse(made())


@app.get("/later")
async def later(tasks: BackgroundTasks) -> str:
    async def work() -> None:
        await asyncio.sleep(0.05)
        SEEN.append("later")

    tasks.add_task(work)
    return "now"


@app.get("/gone")
async def gone(request: Request) -> bool:
    return await request.is_disconnected()


class Call:
    """One call of a WSGI application, as a server makes it. Iterating is up to the test, `rest` does all of it."""

    def __init__(self, wsgi: Callable[..., Iterable[bytes]] = app.wsgi, **environ: Any) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "8000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "example.org",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            **environ,
        }
        self.body: Any = wsgi(self.environ, self.start_response)

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
        self.status, self.headers = int(status[:3]), dict(headers)
        return lambda data: None

    def rest(self) -> bytes:
        try:
            return b"".join(self.body)
        finally:
            close = getattr(self.body, "close", None)
            if close is not None:
                close()


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def post(body: bytes, **environ: Any) -> Call:
    length = {"CONTENT_LENGTH": str(len(body))} if "wsgi.input_terminated" not in environ else {}
    return Call(REQUEST_METHOD="POST", PATH_INFO="/size", **{"wsgi.input": io.BytesIO(body), **length, **environ})


def test_a_request() -> None:
    call = Call(PATH_INFO="/who", REMOTE_ADDR="10.0.0.1", REMOTE_PORT="123", QUERY_STRING="a=%20")
    assert call.status == 200
    assert call.headers["content-type"] == "application/json"
    body = call.rest()
    assert body == b'{"url":"http://example.org/who?a=%20","client":["10.0.0.1",123],"state":"lifespan"}'
    assert call.headers["content-length"] == str(len(body))
    assert SEEN.count("started") == 1


def test_the_standard_librarys_judgement() -> None:
    call = Call(wsgiref.validate.validator(app.wsgi), PATH_INFO="/who")
    assert call.rest().startswith(b"{")
    missing = Call(wsgiref.validate.validator(app.wsgi), PATH_INFO="/nowhere", REQUEST_METHOD="HEAD")
    assert (missing.rest(), missing.status) == (b"", 404)


@pytest.mark.parametrize("size", [0, 1, 65_536, 1_000_000])
@pytest.mark.parametrize("terminated", [False, True])
def test_bodies_come_in_pieces(size: int, terminated: bool) -> None:
    extra = {"wsgi.input_terminated": True} if terminated else {}
    assert post(b"x" * size, **extra).rest() == b'{"size":%d,"most":%d}' % (size, min(size, 65_536))


def test_no_more_is_read_than_the_length_says() -> None:
    both = io.BytesIO(b"abc" + b"the next request")
    assert post(b"", **{"wsgi.input": both, "CONTENT_LENGTH": "3"}).rest() == b'{"size":3,"most":3}'
    assert both.read() == b"the next request"


def test_without_a_length_there_is_no_body() -> None:
    unending = io.BytesIO(b"abc")
    assert post(b"", **{"wsgi.input": unending, "CONTENT_LENGTH": ""}).rest() == b'{"size":0,"most":0}'


@pytest.mark.parametrize("length", ["nonsense", "-1", "1e3", "9" * 5_000])
def test_a_length_that_is_none(length: str) -> None:
    call = post(b"abc", CONTENT_LENGTH=length)
    assert call.status == 400


def test_a_body_that_ends_too_soon() -> None:
    assert post(b"abc", CONTENT_LENGTH="10").status == 400


def test_an_input_that_fails() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise TimeoutError("the line is dead")

    with pytest.raises(TimeoutError, match="the line is dead"):
        post(b"", **{"wsgi.input": Broken(), "CONTENT_LENGTH": "10"})


def test_a_stream_waits_for_the_server() -> None:
    SEEN.clear()
    call = Call(PATH_INFO="/stream")
    assert next(call.body) == b"x" * 10
    time.sleep(0.05)
    assert [line for line in SEEN if line.startswith("made")] == ["made 0"]
    next(call.body)
    assert call.rest() == b"x" * 10 * 998
    wait_for(lambda: "closed" in SEEN)


def test_close_ends_a_stream() -> None:
    SEEN.clear()
    call = Call(PATH_INFO="/stream")
    next(call.body)
    call.body.close()
    wait_for(lambda: "closed" in SEEN)
    assert len(SEEN) < 10
    assert list(call.body) == []
    call.body.close()  # twice is no harm


def test_close_cancels_what_does_not_end_by_itself() -> None:
    ended = threading.Event()

    async def stubborn(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                try:
                    await send({"type": "http.response.body", "body": b"x", "more_body": True})
                except OSError:
                    await asyncio.sleep(100)
        finally:
            ended.set()

    call = Call(as_wsgi(stubborn))
    next(call.body)
    call.body.close()
    assert ended.wait(5)


def test_a_client_that_has_left_is_seen() -> None:
    messages: list[str] = []

    async def listens(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        messages.append((await receive())["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        left = asyncio.create_task(receive())
        with pytest.raises(OSError, match="the client has left"):
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        messages.append((await left)["type"])
        messages.append((await receive())["type"])

    call = Call(as_wsgi(listens))
    assert next(call.body) == b"x"
    call.body.close()
    wait_for(lambda: len(messages) == 3)
    assert messages == ["http.request", "http.disconnect", "http.disconnect"]


def test_background_work_does_not_hold_the_answer() -> None:
    SEEN.clear()
    assert Call(PATH_INFO="/later").rest() == b"now"
    assert "later" not in SEEN
    wait_for(lambda: "later" in SEEN)


def test_asking_whether_the_client_is_there_loses_nothing() -> None:
    assert Call(PATH_INFO="/gone").rest() == b"false"


def test_a_stream_that_breaks_is_raised() -> None:
    call = Call(PATH_INFO="/breaks")
    assert next(call.body) == b"first"
    with pytest.raises(ValueError, match="broken in the middle"):
        next(call.body)
    assert list(call.body) == []


async def raises(scope: Any, receive: Any, send: Any) -> None:
    raise ValueError("at once")


async def silent(scope: Any, receive: Any, send: Any) -> None:
    return


async def begins(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def disorderly(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.body", "body": b"x"})


async def cancels_itself(scope: Any, receive: Any, send: Any) -> None:
    raise asyncio.CancelledError


@pytest.mark.parametrize("other", [raises, silent, begins, disorderly, cancels_itself])
def test_applications_that_do_not_answer_are_500(other: Any) -> None:
    call = Call(as_wsgi(other))
    assert (call.status, call.rest()) == (500, b"Internal Server Error")


def test_headers_of_the_connection_are_the_servers() -> None:
    async def other(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"Connection", b"close"), (b"transfer-encoding", b"chunked"), (b"x-a", b"\xe4")]
        await send({"type": "http.response.start", "status": 799, "headers": headers})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await send({"type": "http.response.body"})

    call = Call(as_wsgi(other))
    assert (call.status, call.headers, call.rest()) == (799, {"x-a": "\xe4"}, b"")


def test_a_failed_start_is_told_and_tried_again() -> None:
    tries: list[int] = []

    @asynccontextmanager
    async def fails_once(app: App) -> AsyncIterator[None]:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("no water under the keel")
        yield

    other = App(lifespan=fails_once)
    other.health()
    with pytest.raises(RuntimeError, match="no water under the keel"):
        Call(other.wsgi, PATH_INFO="/health")
    assert Call(other.wsgi, PATH_INFO="/health").status == 200


def test_many_threads() -> None:
    answers: list[bytes] = []

    def ask() -> None:
        for _ in range(20):
            answers.append(post(b"x" * 100_000).rest())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [b'{"size":100000,"most":65536}'] * 160
    assert sum(thread.name == "ketch-wsgi-loop" for thread in threading.enumerate()) == 1


# --- the scope --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "path", "raw", "root"),
    [
        ({"PATH_INFO": "/x"}, "/x", b"/x", ""),
        ({"PATH_INFO": ""}, "/", b"/", ""),
        ({"SCRIPT_NAME": "/app", "PATH_INFO": ""}, "/app/", b"/app/", "/app"),
        ({"SCRIPT_NAME": "/app/", "PATH_INFO": "/x"}, "/app/x", b"/app/x", "/app"),
        ({"PATH_INFO": "/\xc3\xa4 b"}, "/ä b", b"/%C3%A4%20b", ""),
        ({"PATH_INFO": "/\xff"}, "/\ufffd", b"/%FF", ""),
        ({"PATH_INFO": "/a/b", "RAW_URI": "/a%2Fb?x"}, "/a/b", b"/a%2Fb", ""),
        ({"PATH_INFO": "/a/b", "REQUEST_URI": "http://x.org/a%2Fb"}, "/a/b", b"/a%2Fb", ""),
        ({"PATH_INFO": "/", "REQUEST_URI": "http://x.org"}, "/", b"/", ""),
        ({"PATH_INFO": "/rewritten", "REQUEST_URI": "/as-sent"}, "/rewritten", b"/rewritten", ""),
        ({"PATH_INFO": "/%", "REQUEST_URI": "/%25"}, "/%", b"/%25", ""),
        ({"PATH_INFO": "/%"}, "/%", b"/%25", ""),
    ],
)
def test_paths(environ: dict[str, Any], path: str, raw: bytes, root: str) -> None:
    scope = scope_of({"REQUEST_METHOD": "GET", **environ})
    assert (scope["path"], scope["raw_path"], scope["root_path"]) == (path, raw, root)


def test_the_rest_of_the_scope() -> None:
    scope = scope_of(
        {
            "REQUEST_METHOD": "PUT",
            "QUERY_STRING": "a=%C3\xa4",
            "SERVER_NAME": "h",
            "SERVER_PORT": "81",
            "SERVER_PROTOCOL": "HTTP/1.0",
            "wsgi.url_scheme": "https",
            "HTTP_X_ONE": "\xe4",
            "HTTP_CONTENT_LENGTH": "9",
            "CONTENT_LENGTH": "3",
            "CONTENT_TYPE": "",
        }
    )
    assert scope["headers"] == [(b"x-one", b"\xe4"), (b"content-length", b"3")]
    assert (scope["method"], scope["scheme"], scope["http_version"]) == ("PUT", "https", "1.0")
    assert (scope["server"], scope["client"], scope["query_string"]) == (("h", 81), None, b"a=%C3\xa4")


# --- processes --------------------------------------------------------------------------------------------------------

PROCESS = """
import asyncio, io, os, sys, time
from contextlib import asynccontextmanager
from ketch import App, BackgroundTasks

@asynccontextmanager
async def lifespan(app):
    print(os.getpid() == first, "start", flush=True)
    yield
    await asyncio.to_thread(time.sleep, 0)
    print(os.getpid() == first, "stop", flush=True)

app = App(lifespan=lifespan)
first = os.getpid()

@app.get("/sync")
def sync() -> str:
    return "sync"

@app.get("/later")
async def later(tasks: BackgroundTasks) -> str:
    async def work():
        await asyncio.sleep(0.1)
        print(os.getpid() == first, "later", flush=True)
    tasks.add_task(work)
    return "now"

def ask(path):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "wsgi.input": io.BytesIO(), "HTTP_HOST": "x"}
    body = app.wsgi(environ, lambda status, headers, exc_info=None: None)
    print(os.getpid() == first, b"".join(body).decode(), flush=True)
"""


def process(script: str) -> list[str]:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROCESS + script]  # fork() beside threads
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_application_stops_when_the_process_ends() -> None:
    assert process("ask('/sync'); ask('/later')") == ["True start", "True sync", "True now", "True later", "True stop"]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="needs os.fork")
def test_a_child_process_begins_anew() -> None:
    told = process(
        """
ask("/sync")
child = os.fork()
if child:
    os.waitpid(child, 0)
ask("/sync")
sys.exit()
"""
    )
    assert told == [
        *("True start", "True sync"),
        *("False start", "False sync", "False stop"),
        *("True sync", "True stop"),
    ]
