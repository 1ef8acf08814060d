"""Bodies on their way in: continued, chunked, unread, too large, too slow, bad."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.server.caller import Caller, Ended, calling, chunked, request
from tests.server.line_app import ByHand, Log, make_app
from tests.support.native import Native, native

LOG = Log()


@pytest.fixture(scope="module")
def server() -> Iterator[Native]:
    """With short limits, so that they are met here."""
    with native(
        make_app(LOG), max_body=3_000_000, body_grace=1.0, body_min_rate=1_000, header_timeout=1.5, keep_alive=1.5
    ) as server:
        yield server


@pytest.fixture
def caller(server: Native) -> Iterator[Caller]:
    LOG.clear()
    with calling(server.port) as caller:
        yield caller


@pytest.fixture
def by_hand() -> Iterator[Caller]:
    LOG.clear()
    with native(ByHand(LOG)) as server, calling(server.port) as caller:
        yield caller


def expecting(path: str, size: int) -> bytes:
    return request("POST", path, "Expect: 100-continue", f"Content-Length: {size}")


# --- Expect: 100-continue ---------------------------------------------------------------------------------------------


def test_a_body_that_waits_to_be_read(caller: Caller) -> None:
    for _ in range(2):
        assert caller.ask(expecting("/echo", 4)).status == 100
        caller.say(b"body")
        assert caller.answer().body == b"body"


def test_a_body_that_waits_behind_other_requests(caller: Caller) -> None:
    """100 is said in its turn, not before the answers that come first."""
    caller.say(request("GET", "/word/one") * 3 + request("GET", "/slow/two") + expecting("/echo", 4))
    assert [caller.answer().text for _ in range(4)] == ["one", "one", "one", "two"]
    assert caller.answer().status == 100
    assert caller.ask(b"body" + request("GET", "/word/three") + expecting("/echo", 4)).body == b"body"
    assert [caller.answer().text, caller.answer().status] == ["three", 100]


def test_a_body_that_came_without_waiting(caller: Caller) -> None:
    """Nobody needs to be told to continue any more."""
    assert caller.ask(expecting("/echo", 4) + b"body").body == b"body"
    assert caller.is_quiet(0.05)


@pytest.mark.parametrize(("path", "status"), [("/refused", 403), ("/unread", 200), ("/nowhere", 404)])
def test_a_body_that_nobody_wants(caller: Caller, path: str, status: int) -> None:
    """The answer comes at once, and says that the connection ends: nobody knows whether the body follows."""
    answer = caller.ask(expecting(path, 4))
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert caller.rest() == b""


def test_a_body_that_is_too_large_to_be_sent(caller: Caller) -> None:
    answer = caller.ask(expecting("/echo", 3_000_001))
    assert (answer.status, answer.headers["content-type"]) == (413, "application/problem+json")
    assert caller.rest() == b""


def test_another_expectation(caller: Caller) -> None:
    assert caller.get("/word/kiel", "Expect: the-unexpected").status == 417


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(server: Native) -> None:
    """It waits a second for a 100 where none comes."""
    command = [
        "curl",
        "-sS",
        "-m",
        "10",
        "-H",
        "Expect: 100-continue",
        "--expect100-timeout",
        "8",
        "--data-binary",
        "@-",
    ]
    for path, expected in (("/count", b'{"size":100000}'), ("/unread", b"not read")):
        began = time.monotonic()
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{server.port}{path}"], input=b"x" * 100_000, capture_output=True, check=True
        )
        assert done.stdout == expected
        assert time.monotonic() - began < 5


# --- chunks -----------------------------------------------------------------------------------------------------------


def test_extensions_and_trailers(caller: Caller) -> None:
    raw = b"POST /echo HTTP/1.1\r\nHost: sea\r\nTransfer-Encoding: chunked\r\n\r\n"
    raw += b'3;name=value;q="a;b"\r\nabc\r\n0002;x\r\nde\r\n0\r\nx-sum: 5\r\nx-more: yes\r\n\r\n'
    assert caller.ask(raw).body == b"abcde"
    assert caller.ask(chunked("/echo")).body == b""
    assert caller.get("/word/kiel").body == b"kiel"


@pytest.mark.parametrize(
    "bad",
    [
        b"x\r\n",
        b"-1\r\n",
        b"0x5\r\nabcde\r\n",
        b"5\nabcde\r\n",
        b"3\r\nabcd\r\n",
        b"1" * 20 + b"\r\n",
        b"0\r\nbad trailer\r\n\r\n",
    ],
)
@pytest.mark.parametrize("path", ["/echo", "/unread/slow", "/hang"])
def test_bad_chunks(caller: Caller, bad: bytes, path: str) -> None:
    """Refused, once, whatever the handler does about it."""
    caller.say(chunked(path, b"good")[:-5])
    time.sleep(0.02)
    caller.say(bad)
    answer = caller.answer()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert caller.rest() == b""


def test_bad_chunks_after_the_answer(caller: Caller) -> None:
    caller.say(chunked("/unread", b"good")[:-5])
    assert caller.answer().text == "not read"
    try:
        caller.say(b"nonsense\r\n" * 10)
    except OSError:
        pass
    assert caller.rest() == b""


def test_chunks_that_are_too_much(caller: Caller) -> None:
    """`max_body` counts what is in the chunks, not what is around them."""
    inside = chunked("/count", *[b"x" * 3] * 10_000)
    assert caller.ask(inside).json() == {"size": 30_000}
    over = chunked("/count", *[b"x" * 300_000] * 10, b"x")
    caller.say(over[:1_000_000])
    time.sleep(0.02)
    caller.say(over[1_000_000:])
    assert caller.answer().status == 413
    assert caller.rest() == b""


def test_exactly_as_much_as_is_allowed(caller: Caller) -> None:
    assert caller.ask(chunked("/count", *[b"x" * 30] * 100_000)).json() == {"size": 3_000_000}
    assert caller.ask(request("POST", "/count", body=b"x" * 3_000_000)).json() == {"size": 3_000_000}


# --- not read ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/unread", "/unread/slow", "/refused", "/nowhere"])
@pytest.mark.parametrize("how", ["length", "chunked"])
def test_an_answer_that_does_not_wait_for_the_body(caller: Caller, path: str, how: str) -> None:
    """It can be read although the client goes on sending; the connection ends after it."""
    body = b"x" * 2_500_000
    raw = request("POST", path, body=body) if how == "length" else chunked(path, body)
    sent: list[bool] = []

    def send() -> None:
        try:
            caller.say(raw[:1_000])
            time.sleep(0.05)
            caller.say(raw[1_000:])
            sent.append(True)
        except OSError:
            sent.append(False)

    thread = threading.Thread(target=send)
    thread.start()
    thread.join()
    answer = caller.answer()
    assert answer.status in (200, 403, 404)
    assert answer.headers["connection"] == "close"
    assert caller.rest() == b""
    assert sent == [True]


def test_whoever_asks_for_the_body_after_the_answer(by_hand: Caller) -> None:
    """Is told that there is no more, and waits for nothing."""
    by_hand.say(request("POST", "/unread/x", "Content-Length: 100") + b"x" * 10)
    assert by_hand.answer().headers["connection"] == "close"
    deadline = time.monotonic() + 5
    while "disconnected" not in LOG:
        assert time.monotonic() < deadline
        time.sleep(0.01)


# --- too slow ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/echo", "/count"])
def test_a_body_that_comes_too_slowly(server: Native, caller: Caller, path: str) -> None:
    before = server.server.counters.body_timeouts
    caller.say(request("POST", path, "Content-Length: 100000"))
    began = time.monotonic()
    while caller.is_quiet(0.1):
        caller.say(b"x")
        assert time.monotonic() - began < 5
    answer = caller.answer()
    assert (answer.status, answer.json()["status"]) == (408, 408)
    assert caller.rest() == b""
    assert server.server.counters.body_timeouts == before + 1
    assert time.monotonic() - began < 5


def test_a_slow_reader_of_a_body_is_no_slow_client(caller: Caller) -> None:
    """The handler takes its time; the client is not to blame, and is made to wait meanwhile."""
    body = b"x" * 2_900_000
    assert caller.ask(request("POST", "/count/slowly", body=body)).json() == {"size": len(body)}


def test_a_head_that_comes_too_slowly(server: Native, caller: Caller) -> None:
    """Dribbling does not help."""
    began = time.monotonic()
    caller.say(b"GET /word/kiel HTTP/1.1\r\n")
    while caller.is_quiet(0.1):
        caller.say(b"X-A: b\r\n")
        assert time.monotonic() - began < 4
    assert caller.answer().status == 408
    assert caller.rest() == b""


def test_a_second_head_that_comes_too_slowly(caller: Caller) -> None:
    assert caller.get("/word/kiel").status == 200
    caller.say(b"GET /word/ki")
    assert caller.answer().status == 408


def test_a_connection_on_which_nothing_comes(server: Native, caller: Caller) -> None:
    began = time.monotonic()
    assert caller.answer().status == 408
    with calling(server.port) as idle:
        idle.get("/word/kiel")
        assert idle.rest() == b""  # nothing is said to a connection that was only kept alive
    assert time.monotonic() - began < 6


# --- the server's own limits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (request("GET", "/" + "x" * 9_000), 414),
        (request("GET", "/", *[f"x-{n}: 1" for n in range(200)]), 431),
        (request("GET", "/", "x: " + "y" * 70_000), 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 70_000, 431),
        (request("GET", "/", version="2.0"), 505),
        (request("POST", "/", "Transfer-Encoding: gzip, chunked"), 501),
        (b"CONNECT sea:80 HTTP/1.1\r\nHost: sea:80\r\n\r\n", 501),
        (request("POST", "/", "Transfer-Encoding: chunked", "Content-Length: 5"), 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (request("POST", "/", "Content-Length: 3000001"), 413),
    ],
    ids=["URL", "headers", "head", "half a head", "version", "coding", "CONNECT", "smuggling", "TLS", "body"],
)
def test_limits_are_problems(caller: Caller, raw: bytes, status: int) -> None:
    caller.say(raw)
    answer = caller.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], set(problem)) == (status, {"type", "title", "status", "detail"})
    assert caller.rest() == b""


def test_a_body_that_is_broken_off(caller: Caller) -> None:
    caller.say(request("POST", "/count", "Content-Length: 100000") + b"x" * 50_000)
    caller.line.close()
    with pytest.raises((Ended, OSError)):
        caller.answer()
