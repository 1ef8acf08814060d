"""WSGI applications inside (PEP 3333): what they are given, what they may do, and how streams flow."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
import time
import wsgiref.validate
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from ketch import App
from ketch.http.problems import ContentTooLarge
from ketch.inject.threads import Threads
from ketch.serving.wsgi import WSGIMount
from ketch.serving.wsgi_mount import AHEAD
from ketch.testing import TestClient, WebSocketDenied

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def mounted(wsgi: WSGI, **options: Any) -> TestClient:
    app = App(**options)
    app.mount("/old", wsgi)
    return TestClient(app, raise_server_exceptions=False)


def environ_for(path: str = "/old", method: str = "GET", **request: Any) -> dict[str, Any]:
    seen: dict[str, Any] = {}

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        seen["body"] = environ["wsgi.input"].read()
        start_response("204 No Content", [])
        return []

    with mounted(wsgi) as client:
        client.request(method, path, **request)
    return seen


# --- environ ----------------------------------------------------------------------------------------------------------


def test_the_environ() -> None:
    environ = environ_for(
        "/old/a%20b?x=1&y=%C3%A4",
        "POST",
        content=b"abc",
        headers=[
            ("content-type", "text/x-own"),
            ("x-one", "1"),
            ("x-one", "2"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("x_spoofed", "1"),
            ("x-latin", b"\xe4"),
        ],
    )
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "/old",
        "PATH_INFO": "/a b",
        "QUERY_STRING": "x=1&y=%C3%A4",
        "REQUEST_URI": "/old/a%20b?x=1&y=%C3%A4",
        "CONTENT_TYPE": "text/x-own",
        "CONTENT_LENGTH": "3",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "testclient",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": "testserver",
        "HTTP_X_ONE": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_LATIN": "\xe4",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "body": b"abc",
    }
    assert {key: environ.get(key) for key in expected} == expected
    assert not [key for key in environ if "SPOOFED" in key or key in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH")]


@pytest.mark.parametrize(
    ("path", "info"),
    [
        ("/old", "/"),
        ("/old/", "/"),
        ("/old/x/", "/x/"),
        ("/old/%E2%82%AC", "/\xe2\x82\xac"),
        ("/old/a%2Fb", "/a/b"),
        ("/old/a%252Fb", "/a%2Fb"),
        ("/old//x", "//x"),
        ("/%6Fld/x", "/x"),
    ],
)
def test_path_info(path: str, info: str) -> None:
    environ = environ_for("/old", extensions={"target": path.encode()})
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/old", info)


def test_no_body_means_no_length() -> None:
    environ = environ_for()
    assert "CONTENT_LENGTH" not in environ
    assert "CONTENT_TYPE" not in environ
    assert environ["body"] == b""


def test_the_standard_librarys_judgement() -> None:
    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(5) + environ["wsgi.input"].read(10)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    with mounted(wsgiref.validate.validator(wsgi)) as client:
        assert client.post("/old/x?y", content=b"0123456789").content == b"0123456789"


@pytest.mark.parametrize("chunked", [False, True])
def test_every_way_to_read(chunked: bool) -> None:
    body = b"one\ntwo\n" + b"x" * 200_000 + b"\nlast"

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        read = environ["wsgi.input"]
        pieces = [read.read(2), read.readline(), read.readline(2), read.readline()]
        pieces += [read.read(0), read.read(100_000), *read, read.read(), read.read(10), read.readline()]
        start_response("200 OK", [])
        return [b"".join(pieces), str([len(piece) for piece in pieces]).encode()]

    with mounted(wsgi) as client:
        content: Any = iter([body[:7], body[7:150_000], body[150_000:]]) if chunked else body
        answer = client.post("/old", content=content).content
    assert answer == body + b"[2, 2, 2, 2, 0, 100000, 100001, 4, 0, 0, 0]"


def test_errors_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        print("one\ntwo", end="", file=environ["wsgi.errors"])
        environ["wsgi.errors"].writelines([" and a half\n", "\n", "three"])
        start_response("204 No Content", [])
        return []

    with mounted(wsgi) as client, caplog.at_level(logging.ERROR, "ketch.wsgi"):
        client.get("/old")
    assert [r.getMessage() for r in caplog.records if r.name == "ketch.wsgi"] == ["one", "two and a half", "three"]


# --- start_response, write, the iterable ------------------------------------------------------------------------------


def test_one_piece_gets_its_length() -> None:
    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 Fine", [("X-A", "1"), ("X-A", "2"), ("Connection", "close"), ("Keep-Alive", "1")])
        return [b"abc"]

    with mounted(wsgi) as client:
        answer = client.get("/old")
        assert answer.headers.multi_items() == [("x-a", "1"), ("x-a", "2"), ("content-length", "3")]
        assert client.head("/old").headers["content-length"] == "3"


@pytest.mark.parametrize(
    ("pieces", "length"), [([], "0"), ([b""], "0"), ([b"a", b"b"], None), (iter([b"a"]), None), ((b"a",), "1")]
)
def test_lengths(pieces: Any, length: str | None) -> None:
    def wsgi(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        return pieces

    with mounted(wsgi) as client:
        assert client.get("/old").headers.get("content-length") == length


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
)
def test_answers_without_a_body(method: str, status: str) -> None:
    closed = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    def wsgi(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response(status, [("X-Own", "1")])
        return pieces()

    with mounted(wsgi) as client:
        answer = client.request(method, "/old")
    assert (answer.status_code, answer.content, answer.headers["x-own"]) == (int(status[:3]), b"", "1")
    assert closed.is_set()


def test_write() -> None:
    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"one ")
        write(b"")
        write(b"two ")
        return [b"three"]

    with mounted(wsgi) as client:
        assert client.get("/old").content == b"one two three"


def test_start_response_may_come_with_the_first_piece() -> None:
    def wsgi(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("201 Created", [])
        yield b""
        yield b"x"

    with mounted(wsgi) as client:
        answer = client.get("/old")
    assert (answer.status_code, answer.content) == (201, b"x")


def test_an_error_may_replace_the_head_until_it_has_gone() -> None:
    import sys

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-A", "1")])
        try:
            raise ValueError("changed my mind")
        except ValueError:
            start_response("503 Later", [("X-B", "2")], sys.exc_info())
        return [b"sorry"]

    with mounted(wsgi) as client:
        answer = client.get("/old")
    assert (answer.status_code, answer.text, answer.headers.get("x-a")) == (503, "sorry", None)


def test_an_error_after_the_head_is_raised_again(caplog: pytest.LogCaptureFixture) -> None:
    import sys

    def wsgi(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"x" * 10
        try:
            raise ValueError("too late")
        except ValueError:
            start_response("503 Later", [], sys.exc_info())

    with mounted(wsgi) as client:
        with pytest.raises(Exception, match="broke off"):
            client.get("/old")
    assert "too late" in caplog.text


def twice(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    start_response("200 OK", [])
    return []


def never(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return []


def body_first(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    return [b"x"]


def text(environ: dict[str, Any], start_response: Any) -> list[Any]:
    start_response("200 OK", [])
    return ["text"]


def raises(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    raise ValueError("in the application")


def raises_in_iteration(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    raise ValueError("in the iterable")
    yield b""


def returns_none(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", [])


def splits_headers(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("200 OK", [("X-A", "a\r\nX-B: b")])
    return []


def odd_status(environ: dict[str, Any], start_response: Any) -> Any:
    start_response("OK", [])
    return []


@pytest.mark.parametrize(
    "wsgi", [twice, never, body_first, text, raises, raises_in_iteration, returns_none, odd_status]
)
def test_mistakes_are_500(wsgi: WSGI, caplog: pytest.LogCaptureFixture) -> None:
    with mounted(wsgi) as client:
        answer = client.get("/old")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "GET /old" in caplog.text


def test_headers_cannot_be_split(caplog: pytest.LogCaptureFixture) -> None:
    with mounted(splits_headers) as client:
        answer = client.get("/old")
    assert (answer.status_code, answer.headers.get("x-b")) == (400, None)
    assert "cannot be a header value" in caplog.text


class Closing:
    """An iterable that remembers in which threads it was used."""

    def __init__(self, pieces: Iterable[bytes], fail: bool = False) -> None:
        self._pieces = iter(pieces)
        self._fail = fail
        self.threads = {threading.get_ident()}
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self.threads.add(threading.get_ident())
        return next(self._pieces)

    def close(self) -> None:
        self.threads.add(threading.get_ident())
        self.closed.set()
        if self._fail:
            raise ValueError("in close")


@pytest.mark.parametrize("fail", [False, True])
def test_everything_happens_in_one_thread_and_ends_with_close(fail: bool, caplog: pytest.LogCaptureFixture) -> None:
    made: list[Closing] = []

    def wsgi(environ: dict[str, Any], start_response: Any) -> Closing:
        start_response("200 OK", [])
        made.append(Closing([b"x" * 100_000] * 10, fail))
        return made[0]

    with mounted(wsgi) as client:
        assert len(client.get("/old").content) == 1_000_000  # what close does is no matter of the client's
    assert made[0].closed.is_set()
    assert len(made[0].threads) == 1
    assert made[0].threads != {threading.get_ident()}
    assert ("in close" in caplog.text) is fail


# --- flow -------------------------------------------------------------------------------------------------------------


class Line:
    """The server's side by hand: `take` lets one message through, `leave` disconnects."""

    def __init__(self, body: Iterable[bytes] = (), method: str = "GET", threads: Threads | None = None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.may_send = asyncio.Semaphore(0)
        self.body: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.asked = 0
        pieces = list(body)
        for i, piece in enumerate(pieces or [b""]):
            message = {"type": "http.request", "body": piece, "more_body": i + 1 < len(pieces)}
            self.body.put_nowait(message)
        runtime = type("Runtime", (), {"threads": threads})
        self.scope = {
            "type": "http",
            "method": method,
            "path": "/",
            "query_string": b"",
            "headers": [],
            "app": type("Host", (), {"runtime": runtime}),
        }

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        return await self.body.get()

    async def send(self, message: Any) -> None:
        await self.may_send.acquire()
        self.sent.append(message)

    def take(self, count: int = 1) -> None:
        for _ in range(count):
            self.may_send.release()

    def leave(self) -> None:
        self.body.put_nowait({"type": "http.disconnect"})

    @property
    def received(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (what it waits for happens in another thread)
            await asyncio.sleep(0.005)


def test_the_application_waits_for_a_slow_client() -> None:
    made = 0

    def wsgi(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        nonlocal made
        start_response("200 OK", [])
        for _ in range(100):
            made += 1
            yield b"x" * 65_536

    async def run() -> None:
        line = Line()
        task = asyncio.create_task(WSGIMount(wsgi)(line.scope, line.receive, line.send))
        await until(lambda: made >= AHEAD // 65_536)
        await asyncio.sleep(0.1)
        assert made <= 2 * (AHEAD // 65_536) + 2  # what waits, and what is being sent
        before = made
        line.take(2)
        await until(lambda: made > before)
        line.take(1_000)
        await task
        assert len(line.received) == 100 * 65_536
        assert line.sent[-1].get("more_body", False) is False

    asyncio.run(run())


def test_the_client_waits_for_a_slow_application() -> None:
    go = threading.Event()

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(10)
        go.wait(10)
        size = 10 + len(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [str(size).encode()]

    async def run() -> None:
        line = Line([b"x" * 100_000] * 50, "POST")
        line.take(10)
        task = asyncio.create_task(WSGIMount(wsgi)(line.scope, line.receive, line.send))
        await until(lambda: line.asked)
        await asyncio.sleep(0.1)
        assert line.asked <= 2
        go.set()
        await task
        assert line.received == b"5000000"

    asyncio.run(run())


def test_request_and_response_may_stream_together() -> None:
    def wsgi(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        while piece := environ["wsgi.input"].read1(100):
            yield piece.upper()

    async def run() -> None:
        line = Line([b"a"])
        line.body.get_nowait()
        line.take(100)
        task = asyncio.create_task(WSGIMount(wsgi)(line.scope, line.receive, line.send))
        for n in range(5):
            line.body.put_nowait({"type": "http.request", "body": b"p%d" % n, "more_body": True})
            await until(lambda n=n: line.received.endswith(b"P%d" % n))  # type: ignore[misc]
        line.body.put_nowait({"type": "http.request", "body": b""})
        await task
        assert line.received == b"P0P1P2P3P4"

    asyncio.run(run())


def test_a_client_that_leaves_ends_the_iteration() -> None:
    made: list[Closing] = []

    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 65_536

    def wsgi(environ: dict[str, Any], start_response: Any) -> Closing:
        start_response("200 OK", [])
        made.append(Closing(endless()))
        return made[0]

    async def run() -> None:
        line = Line()
        task = asyncio.create_task(WSGIMount(wsgi)(line.scope, line.receive, line.send))
        line.take(3)
        await until(lambda: len(line.sent) == 3)
        assert not made[0].closed.is_set()
        line.leave()
        await asyncio.wait_for(task, 10)
        assert made[0].closed.is_set()

    asyncio.run(run())


def test_write_raises_once_the_client_has_left() -> None:
    told: list[str] = []

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        try:
            while True:
                write(b"x" * 65_536)
        except ConnectionError as error:
            told.append(str(error))
            raise

    async def run() -> None:
        line = Line()
        task = asyncio.create_task(WSGIMount(wsgi)(line.scope, line.receive, line.send))
        line.take(2)
        await until(lambda: len(line.sent) == 2)
        line.leave()
        await asyncio.wait_for(task, 10)

    asyncio.run(run())
    assert told == ["the client has left"]


def test_a_client_that_leaves_during_its_upload(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            told.append(str(error))
            raise
        return []

    app = App()
    app.mount("/old", wsgi)

    async def run() -> None:
        line = Line([b"x", b"y"], "POST")
        line.body.get_nowait()
        line.body.get_nowait()
        line.body.put_nowait({"type": "http.request", "body": b"x", "more_body": True})
        line.leave()
        line.scope["path"] = "/old"
        await asyncio.wait_for(app(line.scope, line.receive, line.send), 10)
        assert line.sent == []
        await app.runtime.stop()

    asyncio.run(run())
    assert told == ["the client left while it was sending its request"]
    assert caplog.records == []


@pytest.mark.parametrize("when", ["reading", "waiting for room", "working"])
def test_cancellation_waits_for_the_thread(when: str) -> None:
    entered, ended = threading.Event(), threading.Event()

    def wsgi(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        entered.set()
        try:
            if when == "reading":
                environ["wsgi.input"].read()
            elif when == "working":
                time.sleep(0.1)
            start_response("200 OK", [])
            while True:
                yield b"x" * 65_536
        finally:
            ended.set()

    async def run() -> None:
        line = Line()
        if when == "reading":
            line.body.get_nowait()
        task = asyncio.create_task(WSGIMount(wsgi)(line.scope, line.receive, line.send))
        await until(entered.is_set)
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asyncio.shield(task), 10)
        assert ended.is_set() or when == "working"

    asyncio.run(run())


def test_mounts_borrow_three_quarters_of_the_threads() -> None:
    go, running, most = threading.Event(), [0], [0]

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        running[0] += 1
        most[0] = max(most[0], running[0])
        go.wait(10)
        running[0] -= 1
        start_response("200 OK", [])
        return [b"ok"]

    async def run() -> None:
        threads = Threads(4)
        lines = [Line(threads=threads) for _ in range(8)]
        for line in lines:
            line.take(10)
        tasks = [asyncio.create_task(WSGIMount(wsgi)(line.scope, line.receive, line.send)) for line in lines]
        await until(lambda: running[0] == 3)
        await asyncio.sleep(0.05)
        assert await asyncio.wait_for(threads(lambda: "not held up"), 5) == "not held up"
        go.set()
        await asyncio.gather(*tasks)
        assert most[0] == 3
        assert all(line.received == b"ok" for line in lines)
        threads.close()

    asyncio.run(run())


def test_too_many_requests_are_503() -> None:
    go = threading.Event()

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        go.wait(10)
        start_response("200 OK", [])
        return [b"ok"]

    app = App(threads=1)
    app.mount("/old", wsgi)

    async def run() -> None:
        await app.runtime.start()
        app.runtime.threads.queue = 1
        lines = [Line() for _ in range(3)]
        tasks = []
        for line in lines:
            line.scope["path"] = "/old"
            line.take(10)
            tasks.append(asyncio.create_task(app(line.scope, line.receive, line.send)))
            await asyncio.sleep(0.01)
        await tasks[2]
        assert lines[2].sent[0]["status"] == 503
        assert (b"retry-after", b"1") in lines[2].sent[0]["headers"]
        go.set()
        await asyncio.gather(*tasks)
        assert [line.sent[0]["status"] for line in lines[:2]] == [200, 200]
        await app.runtime.stop()

    asyncio.run(run())


# --- limits and refusals ----------------------------------------------------------------------------------------------


def limited(body: Iterable[bytes], length: bool) -> tuple[int, bytes]:
    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            size = len(environ["wsgi.input"].read())
        except OSError:
            start_response("200 OK", [])
            return [b"a polite answer that is not the truth"]
        start_response("200 OK", [])
        return [str(size).encode()]

    async def run() -> tuple[int, bytes]:
        line = Line(body, "POST")
        if length:
            line.scope["headers"] = [(b"content-length", b"%d" % sum(map(len, body)))]
        line.take(10)
        try:
            await WSGIMount(wsgi, body_limit=1_000)(line.scope, line.receive, line.send)
        except ContentTooLarge as error:
            return error.status_code, b""
        return line.sent[0]["status"], line.received

    return asyncio.run(run())


@pytest.mark.parametrize("length", [False, True])
def test_a_body_limit(length: bool) -> None:
    assert limited([b"x" * 500, b"x" * 500], length) == (200, b"1000")
    assert limited([b"x" * 500, b"x" * 501], length) == (413, b"")


def test_there_are_no_websockets() -> None:
    app = App()
    app.mount("/old", WSGIMount(never))  # as an ASGI application of its own
    app.mount("/older", never)
    with TestClient(app) as client:
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/older/ws"):
            pass
        assert denied.value.response.status_code == 404
        with pytest.raises(RuntimeError, match="serves requests"), client.websocket_connect("/old/ws"):
            pass


def test_it_stands_alone_too() -> None:
    """Without a Ketch application around it has threads of its own, and knows no lifespan."""

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    client = TestClient(WSGIMount(wsgi))
    assert client.get("/x").text == "/x"
    # Bytes that are not UTF-8 arrive as they were sent.
    assert client.get("/", extensions={"target": b"/%FF%41"}).content == "/\xffA".encode()
    client.close()


def test_context_variables_reach_the_thread() -> None:
    from ketch.http.request_id import request_id
    from ketch.middleware import RequestIDMiddleware

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [str(request_id.get()).encode()]

    app = App()
    app.mount("/old", wsgi)
    app.add_middleware(RequestIDMiddleware)
    with TestClient(app) as client:
        answer = client.get("/old")
    assert answer.text == answer.headers["x-request-id"]


def test_the_input_is_a_file() -> None:
    kinds: list[bool] = []

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        with io.TextIOWrapper(environ["wsgi.input"], "utf-8") as text:
            kinds.append(text.read() == "ä")
        start_response("204 No Content", [])
        return []

    with mounted(wsgi) as client:
        client.post("/old", content="ä".encode())
    assert kinds == [True]
