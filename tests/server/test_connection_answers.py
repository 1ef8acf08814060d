"""Answers on their way out: framing, lies about it, what breaks in the middle, back-pressure, files, TLS."""

from __future__ import annotations

import asyncio
import logging
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.server.caller import Caller, Ended, calling, request
from tests.server.line_app import ByHand, Log, make_app
from tests.support.native import Native, native

LOG = Log()
LARGE = bytes(range(256)) * 40_000  # 10 MB


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "large").write_bytes(LARGE)
    (folder / "small").write_bytes(LARGE[:5_000])
    (folder / "edge").write_bytes(LARGE[:65_537])
    (folder / "empty").write_bytes(b"")
    return folder


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def server(request: pytest.FixtureRequest, folder: Path) -> Iterator[Native]:
    loop = asyncio.new_event_loop if request.param == "asyncio" else None
    with native(make_app(LOG, folder), new_loop=loop, write_timeout=1.5) as server:
        yield server


@pytest.fixture
def caller(server: Native) -> Iterator[Caller]:
    LOG.clear()
    with calling(server.port) as caller:
        yield caller


@pytest.fixture(scope="module")
def by_hand_server() -> Iterator[Native]:
    with native(ByHand(LOG)) as server:
        yield server


@pytest.fixture
def by_hand(by_hand_server: Native) -> Iterator[Caller]:
    LOG.clear()
    with calling(by_hand_server.port) as caller:
        yield caller


def eventually(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, LOG[-5:]
        time.sleep(0.01)


# --- framing ----------------------------------------------------------------------------------------------------------


def test_chunks_out(caller: Caller) -> None:
    whole = b"".join(b"%06d\n" % n for n in range(2_000))
    for _ in range(2):
        answer = caller.get("/stream/2000")
        assert (answer.headers["transfer-encoding"], answer.body) == ("chunked", whole)
    assert caller.get("/stream/0").body == b""
    head = caller.get("/stream/5", method="HEAD")
    assert "content-length" not in head.headers
    assert caller.get("/word/kiel").body == b"kiel"


def test_a_stream_to_an_old_client_ends_with_the_connection(caller: Caller) -> None:
    answer = caller.ask(request("GET", "/stream/10", "Connection: keep-alive", version="1.0"))
    assert not {"transfer-encoding", "content-length"} & set(answer.headers)
    assert answer.headers["connection"] == "close"
    assert answer.body == b"".join(b"%06d\n" % n for n in range(10))


def test_trailers_out(by_hand: Caller) -> None:
    for _ in range(2):
        answer = by_hand.get("/trailers")
        assert (answer.body, answer.trailers) == (b"abcdef", {"x-sum": "6"})
    old = by_hand.ask(request("GET", "/trailers", version="1.0"))
    assert old.body == b"abcdef"  # they have no place there


def test_an_application_does_not_frame(by_hand: Caller) -> None:
    answer = by_hand.get("/framed")
    assert answer.body == b"abc"
    assert (answer.headers["content-length"], answer.headers.get("connection")) == ("3", None)


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body(by_hand: Caller, status: int) -> None:
    answer = by_hand.get(f"/status/{status}")
    assert answer.status == status
    assert answer.headers.get("content-length") == (None if status == 204 else "4")
    assert by_hand.get("/word/kiel").body == b"kiel"  # no byte of the body was left between the two


# --- lies and failures ------------------------------------------------------------------------------------------------


@contextmanager
def nobody_else_notices(port: int, log: pytest.LogCaptureFixture, text: str) -> Iterator[None]:
    """Another connection is served before, meanwhile and afterwards; and what happened is in the log, once."""
    with log.at_level(logging.ERROR), calling(port) as other:
        assert other.get("/word/one").body == b"one"
        yield
        assert other.get("/word/two").body == b"two"
    eventually(lambda: text in log.text)
    assert len([record for record in log.records if record.exc_info and text in str(record.exc_info[1])]) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/silent", "without a whole response"),
        ("/raises", "before the answer"),
        ("/states/10/7", "shorter than the Content-Length"),
        ("/states/7/10", "longer than the Content-Length"),
        ("/states/ten/10", "not one number"),
        ("/header", "characters that no header can"),
        ("/status/99", "not the status of a response"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_before_the_first_byte_a_failure_is_a_500(
    by_hand_server: Native, by_hand: Caller, caplog: pytest.LogCaptureFixture, path: str, text: str, method: str
) -> None:
    if method == "HEAD" and path.startswith("/states") and "ten" not in path:
        pytest.skip("the body is not sent, whatever its length")
    with nobody_else_notices(by_hand_server.port, caplog, text):
        answer = by_hand.get(path, method=method)
        assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
        by_hand.rest()
    assert text not in answer.text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/begun", "in the middle"),
        ("/unfinished", "without a whole response"),
        ("/states/10/7/two", "shorter than the Content-Length"),
        ("/states/7/10/two", "longer than the Content-Length"),
    ],
)
def test_after_it_the_connection_is_cut(
    by_hand_server: Native, by_hand: Caller, caplog: pytest.LogCaptureFixture, path: str, text: str
) -> None:
    with nobody_else_notices(by_hand_server.port, caplog, text):
        by_hand.say(request("GET", path) + request("GET", "/word/never"))
        with pytest.raises(Ended):
            by_hand.answer()
        assert b"never" not in by_hand.rest()


@pytest.mark.parametrize("count", [1, 1_000])
def test_a_stream_that_breaks(server: Native, caller: Caller, caplog: pytest.LogCaptureFixture, count: int) -> None:
    with nobody_else_notices(server.port, caplog, "a stream breaks"):
        caller.say(request("GET", f"/breaks/{count}"))
        with pytest.raises(Ended):
            caller.answer()


def test_a_stream_that_breaks_before_it_begins(
    server: Native, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    with nobody_else_notices(server.port, caplog, "a stream breaks"):
        answer = caller.get("/breaks/0")
        assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
        assert caller.get("/word/kiel").body == b"kiel"


def test_a_handler_that_raises(server: Native, caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    with nobody_else_notices(server.port, caplog, "a handler breaks"):
        assert caller.get("/boom").status == 500
        assert caller.get("/word/kiel").body == b"kiel"  # the connection is none the worse


def test_messages_after_the_end(by_hand: Caller) -> None:
    assert by_hand.get("/more/one").body == b"one"
    assert by_hand.get("/word/two").body == b"two"
    eventually(lambda: "refused" in LOG)


# --- back-pressure ----------------------------------------------------------------------------------------------------


def test_whoever_makes_a_stream_waits_for_its_reader(server: Native) -> None:
    LOG.clear()
    with calling(server.port, receive_buffer=4_096) as slow:
        slow.say(request("GET", "/endless"))
        eventually(lambda: LOG.count("piece") > 0)
        time.sleep(0.5)
        made = LOG.count("piece")
        assert slow.heard == b""
        time.sleep(0.2)
        assert LOG.count("piece") == made < 512  # 8 MiB: what the kernel holds for a connection
        for _ in range(40):
            slow.line.recv(262_144)
        eventually(lambda: LOG.count("piece") > made)
    eventually(lambda: "stream left" in LOG)


def test_a_client_that_reads_nothing_is_cut_off(server: Native) -> None:
    """And one that asks meanwhile for more is not answered without end."""
    before = server.server.counters.write_timeouts
    with calling(server.port, receive_buffer=4_096) as slow:
        assert slow.get("/word/kiel").status == 200
        slow.line.setblocking(False)
        asked = request("GET", "/size/1000000")
        began = time.monotonic()
        while server.server.connections:
            try:
                slow.line.send(asked)
            except BlockingIOError:
                pass
            except OSError:
                break
            time.sleep(0.01)
            assert time.monotonic() - began < 8
        assert server.server.counters.sent < 2_000_000_000
    eventually(lambda: server.server.counters.write_timeouts > before)
    eventually(lambda: not server.server.connections)


def test_few_answers_are_made_for_a_client_that_reads_none(server: Native) -> None:
    before = server.server.counters.requests
    with calling(server.port, receive_buffer=4_096) as slow:
        for _ in range(50):
            slow.say(request("GET", "/size/5000000"))
            time.sleep(0.005)
        assert server.server.counters.requests - before <= 3
        for _ in range(50):
            assert len(slow.answer().body) == 5_000_000


@pytest.mark.parametrize("size", [20_000, 200_000, 3_000_000])
def test_a_last_answer_that_nobody_reads(server: Native, size: int) -> None:
    """However much of it the transport still holds: the connection does not stay for good."""
    with calling(server.port, receive_buffer=2_048) as slow:
        slow.say(request("GET", "/size/3000000") * 2 + request("GET", f"/size/{size}", "Connection: close"))
        eventually(lambda: bool(server.server.connections))
        eventually(lambda: not server.server.connections)


def test_a_last_answer_that_is_read_slowly_arrives_whole(server: Native) -> None:
    """Longer than anybody lingers, with a body nobody wants on its way in."""
    if server.new_loop is not None:
        pytest.skip("it takes long, and once is enough")
    with calling(server.port, receive_buffer=65_536) as slow:
        slow.say(request("GET", "/size/4000000", "Connection: close", "Content-Length: 100000") + b"x" * 50_000)
        received = b""
        began = time.monotonic()
        while piece := slow.line.recv(32_768):
            received += piece
            time.sleep(0.06)
        assert time.monotonic() - began > 6
    assert received.endswith(b"x" * 4_000_000)


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["large", "small", "edge", "empty"])
def test_files(caller: Caller, folder: Path, name: str) -> None:
    content = (folder / name).read_bytes()
    for _ in range(3):
        answer = caller.get(f"/file/{name}")
        assert answer.headers["content-length"] == str(len(content))
        assert answer.body == content
        head = caller.get(f"/file/{name}", method="HEAD")
        assert head.headers["content-length"] == str(len(content))
    if content:
        part = caller.get(f"/file/{name}", "Range: bytes=10-4000")
        assert (part.status, part.body) == (206, content[10:4_001])


def test_files_among_other_answers(caller: Caller, folder: Path) -> None:
    """What was written before and comes after does not get between the pieces that the kernel sends."""
    paths = ["/size/300000", "/file/large", "/file/small", "/word/kiel", "/file/edge", "/stream/1000", "/file/large"]
    caller.say(b"".join(request("GET", path) for path in paths))
    bodies = [caller.answer().body for _ in paths]
    assert bodies[0] == b"x" * 300_000
    assert bodies[1] == bodies[6] == LARGE
    assert [len(body) for body in bodies] == [300_000, len(LARGE), 5_000, 4, 65_537, 7_000, len(LARGE)]


def test_a_client_that_leaves_in_the_middle_of_a_file(server: Native, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(20):
        with calling(server.port, receive_buffer=4_096) as leaving:
            leaving.say(request("GET", "/file/large"))
            leaving.line.recv(1_000)
    eventually(lambda: not server.server.connections)
    eventually(lambda: not server.server._tasks)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_client_that_stops_reading_a_file(server: Native) -> None:
    with calling(server.port, receive_buffer=4_096) as slow:
        slow.say(request("GET", "/file/large"))
        slow.line.recv(1_000)
        eventually(lambda: not server.server.connections)


def test_a_file_that_is_read_slowly(server: Native) -> None:
    with calling(server.port, receive_buffer=65_536) as slow:
        slow.say(request("GET", "/file/large"))
        slow._hear()
        time.sleep(0.5)  # less than what a client may take nothing for
        assert slow.answer().body == LARGE


def test_a_file_through_asgi(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Files are offered to any application, which may be wrong about their length."""

    async def app(scope: object, receive: object, send: Callable[..., object]) -> None:
        path = scope["path"][1:]  # type: ignore[index]
        headers = [(b"content-length", b"5")] if path == "wrong" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[misc]
        name = "large" if path == "wrong" else path
        await send({"type": "http.response.pathsend", "path": str(folder / name)})  # type: ignore[misc]

    with native(app) as server, calling(server.port) as caller:
        assert caller.get("/large").body == LARGE
        assert caller.get("/small").body == LARGE[:5_000]
        assert caller.get("/wrong").status == 500
        with calling(server.port) as other:
            assert other.get("/nowhere").status == 500
    assert "the file has not the length that was stated" in caplog.text


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = str(folder / "cert.pem"), str(folder / "key.pem")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", *kind, *names, "-out", cert, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_tls(certificate: tuple[str, str], folder: Path, loop: str) -> None:
    """Everything again, encrypted: where there is no half-closing and no sendfile."""
    cert, key = certificate
    new_loop = asyncio.new_event_loop if loop == "asyncio" else None
    context = ssl.create_default_context(cafile=cert)
    with native(make_app(LOG, folder), new_loop=new_loop, tls_cert=cert, tls_key=key) as server:

        @contextmanager
        def encrypted() -> Iterator[Caller]:
            with (
                calling(server.port) as plain,
                context.wrap_socket(plain.line, server_hostname="localhost", suppress_ragged_eofs=False) as line,
            ):
                yield Caller(line)

        with encrypted() as caller:
            assert caller.get("/word/kiel").body == b"kiel"
            assert caller.get("/file/large").body == LARGE
            assert caller.get("/stream/1000").body == b"".join(b"%06d\n" % n for n in range(1_000))
            assert caller.ask(request("POST", "/echo", body=LARGE[:1_000_000])).body == LARGE[:1_000_000]
            assert caller.ask(request("GET", "/size/3000000", "Connection: close")).body == b"x" * 3_000_000
            assert caller.rest() == b""
        with encrypted() as caller:
            caller.say(request("POST", "/refused", "Content-Length: 1000000") + b"x" * 500_000)
            assert caller.answer().status == 403
            assert caller.rest() == b""
        with encrypted() as caller:
            assert caller.ask(b"BAD\r\n\r\n").status == 400
            assert caller.rest() == b""
        with calling(server.port) as plain:
            plain.say(request("GET", "/word/kiel"))
            assert b"kiel" not in plain.rest()
        eventually(lambda: not server.server.connections)
