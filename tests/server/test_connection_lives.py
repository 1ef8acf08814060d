"""What surrounds an answer: clients that leave, background work, clean-up, tasks and context variables."""

from __future__ import annotations

import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from tests.server.caller import Caller, calling, chunked, request
from tests.server.line_app import ByHand, Log, make_app
from tests.support.native import Native, native

LOG = Log()


@pytest.fixture(scope="module")
def server() -> Iterator[Native]:
    with native(make_app(LOG)) as server:
        yield server


@pytest.fixture
def caller(server: Native) -> Iterator[Caller]:
    LOG.clear()
    with calling(server.port) as caller:
        yield caller


def eventually(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, LOG
        time.sleep(0.01)


def reset(caller: Caller) -> None:
    """Leave as a process does that was killed."""
    caller.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    caller.line.close()


# --- clients that leave -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leave", [lambda caller: caller.line.close(), reset], ids=["closes", "resets"])
def test_who_leaves_cancels_a_get(server: Native, caller: Caller, leave: Callable[[Caller], None]) -> None:
    caller.say(request("GET", "/hang"))
    eventually(lambda: "GET begins" in LOG)
    leave(caller)
    eventually(lambda: "GET cancelled" in LOG, 0.9)
    eventually(lambda: not server.server.connections and not server.server._tasks)


@pytest.mark.parametrize(
    "raw", [request("POST", "/hang", body=b"{}"), chunked("/hang", b"{}")], ids=["length", "chunked"]
)
def test_but_not_a_post(server: Native, caller: Caller, raw: bytes) -> None:
    caller.say(raw)
    eventually(lambda: "POST begins" in LOG)
    reset(caller)
    eventually(lambda: "POST ends" in LOG)
    assert "POST cancelled" not in LOG
    eventually(lambda: not server.server._tasks)


def test_except_one_that_says_so(caller: Caller) -> None:
    caller.say(request("POST", "/stop", body=b""))
    time.sleep(0.1)
    caller.line.close()
    eventually(lambda: "stop cancelled" in LOG, 2)


def test_who_leaves_a_stream_stops_it(caller: Caller) -> None:
    """Even one that has nothing to send, and would never find out."""
    caller.say(request("GET", "/waits"))
    eventually(lambda: "stream waits" in LOG)
    reset(caller)
    eventually(lambda: "stream left" in LOG, 2)


def test_who_leaves_in_the_middle_of_a_body(server: Native, caplog: pytest.LogCaptureFixture) -> None:
    for path in ("/echo", "/count", "/count/slowly", "/hang", "/unread/slow"):
        for raw in (request("POST", path, "Content-Length: 100000") + b"x" * 70_000, chunked(path, b"x" * 9)[:-5]):
            with calling(server.port) as leaving:
                leaving.say(raw)
                time.sleep(0.01)
                reset(leaving)
    eventually(lambda: not server.server.connections and not server.server._tasks)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_requests_that_wait_behind_one_are_not_answered_when_their_client_leaves(caller: Caller) -> None:
    caller.say(request("GET", "/hang") + request("GET", "/word/never") * 3)
    eventually(lambda: "GET begins" in LOG)
    reset(caller)
    eventually(lambda: "GET cancelled" in LOG)
    time.sleep(0.1)
    assert "never" not in LOG


# --- after the answer -------------------------------------------------------------------------------------------------


def test_background_work_runs_after_the_answer_and_delays_nobody(caller: Caller) -> None:
    began = time.monotonic()
    assert caller.get("/background/one").body == b"one"
    assert caller.get("/word/two").body == b"two"
    assert time.monotonic() - began < 0.45
    assert LOG == ["two"]
    eventually(lambda: LOG == ["two", "one later"])


def test_background_work_goes_on_when_its_client_has_left(caller: Caller) -> None:
    assert caller.get("/background/one").body == b"one"
    reset(caller)
    eventually(lambda: LOG == ["one later"])


def test_what_a_request_held_is_released_after_its_answer(caller: Caller) -> None:
    """The client has its answer, and its next request does not wait for the clean-up."""
    caller.say(request("GET", "/held") + request("GET", "/word/two"))
    assert caller.answer().body == b"held"
    assert caller.answer().body == b"two"
    assert LOG == ["two"]
    eventually(lambda: "released" in LOG)


def test_an_application_that_goes_on_after_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    """As other frameworks do with background tasks; whatever becomes of it is not the connection's business."""
    LOG.clear()
    with native(ByHand(LOG)) as server, calling(server.port) as caller:
        began = time.monotonic()
        assert caller.get("/after/one").body == b"one"
        assert caller.get("/word/two").body == b"two"
        assert time.monotonic() - began < 0.25
        eventually(lambda: "after" in LOG)
        assert caller.get("/after/boom").body == b"boom"
        caller.say(request("GET", "/slow/three") * 200)
        for _ in range(200):
            assert caller.answer().body == b"three"
            time.sleep(0.003)
        eventually(lambda: "after the answer" in caplog.text)
        assert caller.get("/word/four").body == b"four"


# --- tasks ------------------------------------------------------------------------------------------------------------


def test_a_handler_has_a_task_and_a_context_of_its_own(caller: Caller) -> None:
    caller.say(request("GET", "/task") * 3)
    for _ in range(3):
        assert caller.answer().json() == {"before": "none", "same": True, "timed_out": True, "moved_on": True}


def test_threads_and_others_take_turns(caller: Caller) -> None:
    caller.say(b"".join(request("GET", f"/{kind}/{n}") for n in range(20) for kind in ("thread", "word", "slow")))
    assert [caller.answer().text for _ in range(60)] == [str(n) for n in range(20) for _ in range(3)]


def test_nothing_is_left(server: Native) -> None:
    eventually(lambda: not server.server.connections and not server.server._tasks and server.server.in_flight == 0)
