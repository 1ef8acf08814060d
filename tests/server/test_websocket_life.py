"""A WebSocket's life on the native server: who waits for whom, who closes, and what takes too long."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from ketch import App, WebSocket
from ketch.http.limits import Limits
from tests.server.socket_app import SocketApp
from tests.support.frames import BINARY, CLOSE, PING, PONG, TEXT, Line, closing, frame, handshake, opened
from tests.support.native import Native, native

pytestmark = pytest.mark.serial


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def sea(request: pytest.FixtureRequest) -> Iterator[Native]:
    new_loop = asyncio.new_event_loop if request.param == "asyncio" else None
    with native(SocketApp(), new_loop=new_loop, write_timeout=1.0, ws_close_timeout=0.5) as running:
        yield running


@pytest.fixture
def app(sea: Native) -> SocketApp:
    wait_until(lambda: not sea.server.connections)  # those of the test before
    found: SocketApp = sea.server.app
    for kept in (found.ends, found.messages, found.scopes, found.errors):
        kept.clear()  # type: ignore[attr-defined]
    found.sent = 0
    found.hold = None
    return found


def wait_until(is_so: Callable[[], Any], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def let_go(sea: Native, app: SocketApp) -> None:
    wait_until(lambda: app.hold is not None)
    assert app.hold is not None
    sea.server.loop.call_soon_threadsafe(app.hold.set)


# --- closing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (closing(1000, b"done"), (1000, "done")),
        (closing(4_321, "früh".encode()), (4_321, "früh")),
        (closing(), (1005, "")),
        (b"\xff\xff", (1002, "Invalid opcode 0xf")),
        (frame(TEXT, b"\xff"), (1007, "the message is not what its frames say it is")),
        (frame(BINARY, claims=1 << 30, width=64), (1009, "the message is too big")),
    ],
)
def test_the_application_is_told_how_it_ended(sea: Native, app: SocketApp, sent: bytes, told: tuple[int, str]) -> None:
    with opened(sea.port) as line:
        line.send(sent)
        line.read_frame()
        wait_until(lambda: app.ends)
        assert app.ends == [told]


@pytest.mark.parametrize("leave", [Line.close, Line.reset])
def test_a_client_that_just_leaves(sea: Native, app: SocketApp, leave: Callable[[Line], None]) -> None:
    with opened(sea.port) as line:
        leave(line)
        wait_until(lambda: app.ends)
        assert app.ends == [(1006, "")]
    wait_until(lambda: not sea.server.connections)


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4_001, "as you wish"), (3_000, "ü" * 50)])
def test_the_application_closes(sea: Native, app: SocketApp, code: int, reason: str) -> None:
    with opened(sea.port, f"/close/{code}/{quote(reason)}") as line:
        answer = line.read_frame()
        assert (answer.code, answer.reason) == (code, reason)
        line.send(frame(TEXT, b"too late") + frame(PING) + closing(code))
        assert line.is_closed(), "after both close frames the server closes first"
        wait_until(lambda: app.ends)
        assert app.ends == [(code, reason)]


def test_an_answer_to_the_close_has_a_time_limit(sea: Native) -> None:
    began = time.monotonic()
    with opened(sea.port, "/close/1000/") as line:
        assert line.read_frame().code == 1000
        assert line.is_closed()
        assert 0.4 < time.monotonic() - began < 5


def test_both_close_at_once(sea: Native) -> None:
    with opened(sea.port, "/close/4000/ours") as line:
        line.send(closing(4_001, b"theirs"))
        assert line.read_frame().code in (4_000, 4_001)
        assert line.is_closed()


def test_a_code_that_cannot_be_sent(sea: Native, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "ketch"), opened(sea.port, "/close/70000/") as line:
        assert line.read_frame().code == 1011
    assert "WEBSOCKET /close/70000/ failed" in caplog.text


def test_an_application_that_returns(sea: Native) -> None:
    with opened(sea.port, "/returns") as line:
        assert line.read_frame().code == 1000


def test_an_application_that_raises(sea: Native, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "ketch"), opened(sea.port, "/raises") as line:
        answer = line.read_frame()
        assert (answer.code, answer.reason) == (1011, "internal error")
    assert "a leak below the waterline" in caplog.text


# --- who waits for whom -----------------------------------------------------------------------------------------------


def test_an_application_that_does_not_receive_stops_the_client(sea: Native, app: SocketApp) -> None:
    with opened(sea.port, "/held", timeout=0.5) as line:
        sent, piece = 0, frame(BINARY, b"x" * 1_000)
        with pytest.raises(TimeoutError):
            while sent < 100_000_000:
                sent += line.socket.send(piece)
        wire = next(iter(sea.server.connections))
        assert wire.talk._held < 70_000
        line.socket.settimeout(10)
        let_go(sea, app)
        assert {line.read_frame().payload for _ in range(sent // len(piece) - 1)} == {b"x" * 1_000}
        assert set(app.messages) == {b"x" * 1_000}


def test_ten_thousand_tiny_messages_at_once_are_bounded_too(sea: Native, app: SocketApp) -> None:
    with opened(sea.port, "/held") as line:
        line.send(frame(TEXT, b"") * 10_000)
        wait_until(lambda: app.hold is not None)
        time.sleep(0.1)
        wire = next(iter(sea.server.connections))
        assert len(wire.talk._queue) <= 16
        let_go(sea, app)
        assert [line.read_frame().payload for _ in range(10_000)] == [b""] * 10_000


def test_what_was_received_is_not_lost_by_a_close(sea: Native, app: SocketApp) -> None:
    with opened(sea.port, "/held") as line:
        line.send(frame(TEXT, b"1") + frame(TEXT, b"2") + closing(1000))
        wait_until(lambda: app.hold is not None)
        let_go(sea, app)
        wait_until(lambda: app.ends)
        assert app.messages == ["1", "2"]
        assert app.ends == [(1000, "")]


def test_an_application_that_is_too_slow_does_not_hold_up_the_close(sea: Native, app: SocketApp) -> None:
    with opened(sea.port, "/held") as line:
        line.send(frame(TEXT, b"unread") + closing(1000))
        assert line.read_frame().code == 1000
        assert line.is_closed()
        let_go(sea, app)
        wait_until(lambda: app.errors)
        assert isinstance(app.errors[0], OSError), "sending to a client that has left"


def test_a_client_that_does_not_read_stops_the_application_and_is_cut(sea: Native, app: SocketApp) -> None:
    stalled = sea.server.counters.write_timeouts
    with opened(sea.port, "/flood", receive_buffer=4_096) as line:
        wait_until(lambda: app.sent > 10)
        time.sleep(0.3)
        wire = next(iter(sea.server.connections))
        assert wire.transport.get_write_buffer_size() < 200_000
        before = app.sent
        time.sleep(0.1)
        assert app.sent == before
        wait_until(lambda: app.errors)
        assert isinstance(app.errors[0], OSError)
        assert sea.server.counters.write_timeouts == stalled + 1
        line.rest()
    wait_until(lambda: not sea.server.connections)


def test_a_client_that_reads_slowly_is_not_cut(sea: Native, app: SocketApp) -> None:
    with opened(sea.port, "/flood", receive_buffer=65_536) as line:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert line.read_frame().payload == b"\xa5" * 1_024
            for _ in range(40):
                line.read_frame()
            time.sleep(0.1)
        assert not app.errors


def test_pings_of_a_client_that_does_not_read_take_no_memory(sea: Native) -> None:
    with opened(sea.port, "/echo", receive_buffer=4_096, timeout=0.5) as line:
        many = frame(PING, b"x" * 125) * 1_000
        try:
            for _ in range(100):
                line.send(many)
        except (TimeoutError, ConnectionError):
            pass
        assert all(wire.transport.get_write_buffer_size() < 400_000 for wire in list(sea.server.connections))


def test_tasks_that_send_at_once_wait_one_after_the_other(sea: Native) -> None:
    with opened(sea.port, "/choir", receive_buffer=16_384) as line:
        heard: dict[str, int] = {}
        for read in line.frames():
            if read.opcode == TEXT:
                text = read.payload.decode()
                assert text == text[0] * 8_192
                heard[text[0]] = heard.get(text[0], 0) + 1
        assert heard == {str(voice): 50 for voice in range(8)}


def test_an_application_that_always_has_something_to_send_lets_others_live(sea: Native) -> None:
    with opened(sea.port, "/flood") as flooded:
        reading = threading.Thread(target=lambda: [flooded.read_frame() for _ in range(20_000)])
        reading.start()
        with opened(sea.port, timeout=5) as line:
            line.send_frame(TEXT, b"anybody there?")
            assert line.read_frame().payload == b"anybody there?"
        reading.join(20)


# --- time -------------------------------------------------------------------------------------------------------------


def test_a_silent_client_is_pinged_and_then_left() -> None:
    app = SocketApp()
    with native(app, ws_ping_interval=0.2, ws_ping_timeout=1.0, ws_close_timeout=0.5) as sea:
        with opened(sea.port) as line:
            for _ in range(2):
                assert line.read_frame()[:2] == (PING, b"")
                line.send_frame(PONG)
            assert line.read_frame()[:2] == (PING, b"")
            last = line.read_frame()
            assert (last.opcode, last.code) == (CLOSE, 1011)
            assert line.is_closed()
            wait_until(lambda: app.ends)
            assert app.ends == [(1011, "no answer to a ping")]


def test_any_sign_of_life_answers_a_ping() -> None:
    with native(SocketApp(), ws_ping_interval=0.2, ws_ping_timeout=1.0) as sea:
        with opened(sea.port) as line:
            until, opcodes = time.monotonic() + 2.5, set()
            while time.monotonic() < until:
                line.send_frame(TEXT, b"still here")
                opcodes.add(line.read_frame().opcode)
                time.sleep(0.3)
            assert CLOSE not in opcodes


def test_pings_can_be_turned_off() -> None:
    with native(SocketApp(), ws_ping_interval=None) as sea, opened(sea.port, timeout=1.2) as line:
        with pytest.raises(TimeoutError):
            line.read_frame()


def test_an_application_that_does_not_receive_is_not_taken_for_a_silent_client() -> None:
    app = SocketApp()
    with native(app, ws_ping_interval=0.2, ws_ping_timeout=0.6) as sea, opened(sea.port, "/held") as line:
        line.send(frame(TEXT, b"x" * 10_000) * 20)
        time.sleep(2)
        let_go(sea, app)
        texts = [read for read in (line.read_frame() for _ in range(20)) if read.opcode == TEXT]
        assert texts


def test_a_websocket_without_messages_may_have_an_end() -> None:
    app = SocketApp()
    with native(app, ws_idle_timeout=1.5) as sea, opened(sea.port) as line:
        began = time.monotonic()
        for _ in range(4):
            time.sleep(0.4)
            line.send_frame(TEXT, b"not yet")
            assert line.read_frame().payload == b"not yet"
            line.send_frame(PING)  # is no message
            assert line.read_frame().opcode == PONG
        assert line.read_frame().code == 1001
        assert time.monotonic() - began > 2
        wait_until(lambda: app.ends)
        assert app.ends == [(1001, "no message for too long")]


# --- the server stops -------------------------------------------------------------------------------------------------


def test_a_server_that_stops_says_so() -> None:
    app = SocketApp()
    with native(app) as sea, opened(sea.port) as line, opened(sea.port, "/held") as busy:
        ending = threading.Thread(target=sea.stop)
        ending.start()
        assert line.read_frame().code == 1001
        line.send(closing(1001))
        assert line.is_closed()
        assert busy.read_frame().code == 1001
        busy.send(closing(1001))
        let_go(sea, app)
        ending.join(10)
        assert not ending.is_alive()
        assert app.ends == [(1001, ""), (1001, "")]


def test_a_server_that_stops_does_not_wait_for_a_client_that_does_not_answer() -> None:
    with native(SocketApp(), ws_close_timeout=0.5) as sea, opened(sea.port) as line:
        began = time.monotonic()
        sea.stop()
        assert time.monotonic() - began < 8
        assert line.read_frame().code == 1001


def test_a_server_that_stops_waits_for_what_the_application_still_does() -> None:
    done = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return await SocketApp()(scope, receive, send)
        await receive()
        await send({"type": "websocket.accept"})
        assert (await receive())["code"] == 1001
        await asyncio.sleep(0.5)  # puts away what it has, after the client has gone
        done.set()

    with native(app) as sea, opened(sea.port) as line:
        ending = threading.Thread(target=sea.stop)
        ending.start()
        assert line.read_frame().code == 1001
        line.send(closing(1001))
        ending.join(10)
        assert done.is_set()


def test_a_server_that_has_no_time_just_ends() -> None:
    with native(SocketApp()) as sea, opened(sea.port) as line, opened(sea.port, "/held"):
        began = time.monotonic()
        sea.stop(now=True)
        assert time.monotonic() - began < 5
        line.rest()


# --- other things -----------------------------------------------------------------------------------------------------


def test_the_application_decides_how_large_a_message_may_be() -> None:
    sea_app = App(limits=Limits(websocket_message=3_000_000))

    @sea_app.websocket("/")
    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(str(len(text)))

    with native(sea_app, ws_max_message=None) as sea:
        with connect(f"ws://127.0.0.1:{sea.port}/", proxy=None) as client:
            client.send("x" * 2_000_000)
            assert client.recv() == "2000000"
            client.send("x" * 3_000_001)
            with pytest.raises(ConnectionClosed) as caught:
                client.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1009


def test_the_server_may_allow_less() -> None:
    with native(SocketApp(), ws_max_message=1_000) as sea, opened(sea.port) as line:
        line.send_frame(TEXT, b"x" * 1_001)
        assert line.read_frame().code == 1009


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_another_library_as_client(sea: Native, compression: str | None) -> None:
    with connect(f"ws://127.0.0.1:{sea.port}/", proxy=None, compression=compression) as client:
        for message in ("", "Ahoi", "ü€𝄞" * 50_000, b"", b"\x00\xff" * 100_000):
            client.send(message)
            assert client.recv() == message
        client.send(["in ", "frag", "ments"])
        assert client.recv() == "in fragments"
        assert client.ping().wait(5)


def test_what_is_counted(sea: Native) -> None:
    counters = sea.server.counters
    wait_until(lambda: not counters.open_websockets)
    before = counters.websockets
    with opened(sea.port) as line:
        assert (counters.websockets, counters.open_websockets) == (before + 1, 1)
        received, sent = counters.received, counters.sent
        line.send_frame(TEXT, b"x" * 100)
        line.read_frame()
        assert counters.received - received == 106
        assert counters.sent - sent == 102
    wait_until(lambda: not counters.open_websockets)


def test_a_line_in_the_access_log() -> None:
    noted: list[tuple[Any, ...]] = []

    class Log:
        def answer(self, *words: Any) -> None:
            noted.append(words[:5])

    with native(SocketApp()) as sea:
        sea.server.access_log = Log()  # type: ignore[assignment]
        for path in ("/echo?secret=1", "/deny", "/respond_at_once", "/raises_early"):
            line = Line(sea.port)
            line.ask(handshake(path))
            line.close()
    statuses = [(client, method, path, status) for client, method, path, status, _ in noted]
    paths = {b"/echo": 101, b"/deny": 403, b"/respond_at_once": 401, b"/raises_early": 500}
    assert statuses == [("127.0.0.1", "GET", path, status) for path, status in paths.items()]
    assert noted[2][4] == len(b"who?")


def test_each_runs_in_a_task_and_a_context_of_its_own() -> None:
    from contextvars import ContextVar

    whose: ContextVar[str] = ContextVar("whose")
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return await SocketApp()(scope, receive, send)
        await receive()
        seen.append((whose.get("nobody's"), asyncio.current_task()))
        whose.set(scope["path"])
        await send({"type": "websocket.accept"})
        await receive()

    with native(app) as sea, opened(sea.port, "/a"), opened(sea.port, "/b"):
        wait_until(lambda: len(seen) == 2)
        assert [name for name, _ in seen] == ["nobody's", "nobody's"]
        assert seen[0][1] is not seen[1][1] is not None


def test_nothing_is_left_of_those_that_have_gone() -> None:
    from ketch.server.wire import WebSocketConnection

    def alive() -> int:
        gc.collect()
        wires = [thing for thing in gc.get_objects() if type(thing) is WebSocketConnection]
        return sum(wire.server is sea.server for wire in wires)

    with native(SocketApp()) as sea:
        for way in ("close", "reset", "goodbye", "broken", "denied"):
            for _ in range(20):
                line = Line(sea.port)
                line.ask(handshake("/deny" if way == "denied" else "/"))
                if way == "goodbye":
                    line.send(closing(1000))
                elif way == "broken":
                    line.send(b"\xff\xff")
                line.reset() if way == "reset" else line.close()
        wait_until(lambda: not sea.server.connections and not sea.server._tasks)
        wait_until(lambda: alive() <= 1)
