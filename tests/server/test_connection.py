"""Requests on a connection, over real sockets: split, pipelined, kept alive, closed."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.server.caller import Caller, calling, chunked, request
from tests.server.line_app import ByHand, Log, make_app
from tests.support.native import Native, native


@pytest.fixture(scope="module", params=["ketch", "asgi", "ketch on asyncio"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Both ways an application is called, and both loops."""
    app = ByHand(Log()) if request.param == "asgi" else make_app(Log())
    with native(app, new_loop=asyncio.new_event_loop if "asyncio" in request.param else None) as server:
        yield server.port


@pytest.fixture
def caller(port: int) -> Iterator[Caller]:
    with calling(port) as caller:
        yield caller


EVERY_KIND = [
    ("GET", request("GET", "/word/kiel?a=%20b", "X-Long: " + "x" * 40), b"kiel"),
    ("HEAD", request("HEAD", "/word/kiel"), b""),
    ("POST", request("POST", "/echo", body=b"0123456789"), b"0123456789"),
    ("POST", chunked("/echo", b"01234", b"56789", trailers="x-sum: 1\r\n"), b"0123456789"),
    ("GET", b"\r\nGET /word/kiel HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", b"kiel"),
]


@pytest.mark.parametrize(("method", "raw", "body"), EVERY_KIND, ids=["GET", "HEAD", "POST", "chunked", "HTTP/1.0"])
def test_a_request_split_at_every_byte(caller: Caller, method: str, raw: bytes, body: bytes) -> None:
    """On one connection, so that what is kept of one request would spoil the next."""
    caller.line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(1, len(raw)):
        caller.say(raw[:at])
        time.sleep(0.001)
        caller.say(raw[at:])
        answer = caller.answer(method)
        assert (answer.status, answer.body) == (200, body)
    caller.say(*(raw[at : at + 1] for at in range(len(raw))))
    assert caller.answer(method).body == body
    assert caller.is_quiet(0.05)


def mixed(count: int) -> Iterator[tuple[str, bytes, bytes]]:
    """Requests of every kind, some of which have to wait; what each is answered."""
    for n in range(count):
        word = b"%03d" % n
        kind = n % 6
        if kind == 0:
            yield "GET", request("GET", f"/word/{n:03d}"), word
        elif kind == 1:
            yield "GET", request("GET", f"/slow/{n:03d}"), word
        elif kind == 2:
            yield "HEAD", request("HEAD", f"/word/{n:03d}"), b""
        elif kind == 3:
            yield "POST", request("POST", "/echo", body=word * 50), word * 50
        elif kind == 4:
            yield "POST", chunked("/echo", word, word * 30), word * 31
        else:
            yield "POST", request("POST", "/echo", body=b""), b""


@pytest.mark.parametrize("piece", [None, 1_000, 37], ids=["at once", "pieces", "small pieces"])
def test_a_hundred_pipelined_requests(caller: Caller, piece: int | None) -> None:
    """Answered in order, and a bad one ends the connection after those before it."""
    whole = list(mixed(100))
    raw = b"".join(each for _, each, _ in whole) + b"BAD\r\n\r\n" + request("GET", "/word/never")
    caller.say(*([raw] if piece is None else (raw[at : at + piece] for at in range(0, len(raw), piece))))
    for method, _, body in whole:
        answer = caller.answer(method)
        assert (answer.status, answer.body) == (200, body)
    bad = caller.answer()
    assert (bad.status, bad.headers["connection"]) == (400, "close")
    assert caller.rest() == b""


def test_pipelining_of_more_than_is_kept(caller: Caller) -> None:
    """Far more waits than a connection keeps: the client is made to wait, and everything is answered."""
    one = request("POST", "/echo", body=b"x" * 5_000)
    count = 400
    thread = threading.Thread(target=caller.say, args=(one * count,))
    thread.start()
    for _ in range(count):
        assert len(caller.answer("POST").body) == 5_000
    thread.join()


@pytest.mark.parametrize(
    ("version", "lines", "stays", "said"),
    [
        ("1.1", (), True, None),
        ("1.1", ("Connection: keep-alive",), True, None),
        ("1.1", ("Connection: close",), False, "close"),
        ("1.1", ("Connection: Foo, CLOSE",), False, "close"),
        ("1.0", (), False, "close"),
        ("1.0", ("Connection: keep-alive",), True, "keep-alive"),
        ("1.0", ("Connection: Keep-Alive, close",), False, "close"),
    ],
)
def test_keep_alive(caller: Caller, version: str, lines: tuple[str, ...], stays: bool, said: str | None) -> None:
    for _ in range(3 if stays else 1):
        answer = caller.ask(request("GET", "/word/kiel", *lines, version=version))
        assert (answer.body, answer.headers.get("connection")) == (b"kiel", said)
    if not stays:
        assert caller.rest() == b""


def test_what_follows_a_last_request_is_not_answered(caller: Caller) -> None:
    caller.say(request("GET", "/word/one", "Connection: close") + request("GET", "/word/two") * 1_000)
    assert caller.answer().body == b"one"
    assert caller.rest() == b""


def test_head_is_get_without_a_body(caller: Caller) -> None:
    got, head = caller.get("/word/kiel"), caller.get("/word/kiel", method="HEAD")
    assert {**got.headers, "date": ""} == {**head.headers, "date": ""}
    assert head.headers["content-length"] == "4"
    assert caller.get("/word/next").body == b"next"


def test_an_upgrade_to_something_else_is_ignored(caller: Caller) -> None:
    for lines in (
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        ("Connection: upgrade", "Upgrade: TLS/1.0"),
        ("Upgrade: websocket",),  # not allowed by Connection
    ):
        assert caller.get("/word/kiel", *lines).body == b"kiel"


def test_the_date(caller: Caller) -> None:
    said = caller.get("/word/kiel").headers["date"]
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", said)
    then = time.mktime(time.strptime(said, "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone
    assert abs(time.time() - then) < 3


def test_half_a_head_and_the_end(port: int) -> None:
    with calling(port) as caller:
        caller.say(b"GET /word/kiel HTTP/1.1\r\nHo")
        caller.line.shutdown(socket.SHUT_WR)
        assert caller.rest() == b""


def test_a_request_and_the_end(port: int) -> None:
    """What needs no waiting is answered also to a client that says at once that it has nothing more to say."""
    for _ in range(20):
        with calling(port) as caller:
            assert caller.get("/word/first").status == 200
            caller.say(request("GET", "/word/kiel") + request("GET", "/word/kiel"))
            time.sleep(0.005)
            caller.line.shutdown(socket.SHUT_WR)
            assert caller.rest().count(b"kiel") == 2


@pytest.fixture
def server() -> Iterator[Native]:
    with native(make_app(Log()), max_connections=3) as server:
        yield server


def test_too_many_connections(server: Native) -> None:
    with calling(server.port) as one, calling(server.port) as two, calling(server.port) as three:
        for each in (one, two, three):
            assert each.get("/word/kiel").status == 200
        for _ in range(5):
            with calling(server.port) as four:
                answer = four.get("/word/kiel")
                assert (answer.status, answer.headers["connection"]) == (503, "close")
                assert answer.headers["content-type"] == "application/problem+json"
                assert four.rest() == b""
        assert one.get("/word/kiel").status == 200
        three.line.close()
        deadline = time.monotonic() + 10
        while True:
            with calling(server.port) as four:
                if four.get("/word/kiel").status == 200:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert server.server.counters.refused >= 5


def test_a_response_that_closes(caller: Caller) -> None:
    answer = caller.get("/closing")
    assert (answer.body, answer.headers["connection"]) == (b"bye", "close")
    assert caller.rest() == b""
