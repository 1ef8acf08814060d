"""The native server under attack: clients that are slow on purpose, that leave, that never read; and thousands of
idle ones. An ordinary client, in a process of its own, must not notice."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.blackbox.servers import ROOT, Running, Server, running
from tests.server.caller import calling, request
from tests.soak.telling import tell

pytestmark = [
    pytest.mark.soak,
    pytest.mark.serial,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux: it counts in /proc"),
]

PIER = Server("ketch", ("tests.blackbox.native", "tests.soak.pier:app", "{port}"))
ATTACKERS = 1_000
MIB = 1_048_576


@pytest.fixture
def pier() -> Iterator[Running]:
    with running(PIER) as server:
        for _ in range(50):
            server.client.get("/health")
        yield server


def gauges(server: Running) -> dict[str, int]:
    found: dict[str, int] = json.loads(server.client.get("/gauges").content)
    return found


def memory(server: Running) -> int:
    """Bytes that are the server's own now."""
    return _kilobytes(server, "Pss:", "smaps_rollup")


def peak(server: Running) -> int:
    """The most that has been resident."""
    return _kilobytes(server, "VmHWM:", "status")


def _kilobytes(server: Running, name: str, file: str) -> int:
    lines = Path(f"/proc/{server.process.pid}/{file}").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def connections(server: Running) -> int:
    """Sockets of the server's process: looked at from outside, so that it costs the server nothing."""
    count = 0
    for each in os.scandir(f"/proc/{server.process.pid}/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(each.path).startswith("socket:")
    return count


class Ordinary:
    """Somebody who only wants an answer, again and again; `taken` once the block is over."""

    def __init__(self, server: Running, seconds: float) -> None:
        command = [sys.executable, "-m", "tests.soak.pier", str(server.port), str(seconds)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)

    def told(self, beside: str) -> float:
        """Wait for the end; the 99th percentile in seconds."""
        output, _ = self._process.communicate(timeout=120)
        assert self._process.returncode == 0
        taken: list[float] = json.loads(output)
        cuts = statistics.quantiles(taken, n=100)
        tell(
            f"beside {beside}: {len(taken)} answers, p50 {cuts[49] * 1000:.2f} ms, p99 {cuts[98] * 1000:.2f} ms,"
            f" longest {max(taken) * 1000:.1f} ms"
        )
        return cuts[98]


@contextmanager
def attackers(server: Running, count: int, first: bytes, receive_buffer: int = 0) -> Iterator[list[socket.socket]]:
    """Connections on which `first` has been sent."""
    lines = []
    try:
        for _ in range(count):
            line = socket.socket()
            if receive_buffer:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            line.settimeout(20)
            line.connect(("127.0.0.1", server.port))
            line.sendall(first)
            lines.append(line)
        yield lines
    finally:
        for line in lines:
            line.close()


SLOW_HEAD = b"GET /health HTTP/1.1\r\n", b"X: y\r\n", 0
SLOW_BODY = request("POST", "/count", "Content-Length: 1000000"), b"x", 0
SLOW_READER = request("GET", "/stream/100000"), b"", 4_096
SLOW_READER_OF_A_WHOLE = request("GET", "/size/8000000"), b"", 4_096


@pytest.mark.parametrize(
    ("first", "then", "receive_buffer"),
    [SLOW_HEAD, SLOW_BODY, SLOW_READER, SLOW_READER_OF_A_WHOLE],
    ids=["header", "body", "reader", "reader of a whole"],
)
def test_a_thousand_slow_clients(pier: Running, first: bytes, then: bytes, receive_buffer: int) -> None:
    """Each is closed within ten seconds, however it dribbles, and the ordinary client does not notice."""
    count = 200 if b"/size" in first else ATTACKERS  # eight megabytes each: as many as the machine has memory for
    before = connections(pier)
    somebody = Ordinary(pier, 14)
    time.sleep(1)
    began = time.monotonic()
    with attackers(pier, count, first, receive_buffer) as lines:
        connected = time.monotonic()
        most, closed_after = 0, 0.0
        while (left := connections(pier) - before - 1) > 0 and time.monotonic() - connected < 15:
            most = max(most, left)
            for line in lines:
                with contextlib.suppress(OSError):
                    if then:
                        line.send(then, socket.MSG_DONTWAIT)
                    else:
                        line.recv(1, socket.MSG_DONTWAIT)
            time.sleep(0.3)
        closed_after = time.monotonic() - connected
    tell(f"{most} attackers were there after {connected - began:.1f} s; all were closed {closed_after:.1f} s later")
    p99 = somebody.told(f"{count} slow clients")
    assert most > count * 0.9
    assert left <= 0
    assert closed_after < 10.5
    assert p99 < 0.05


RESETS = {
    "in the head": (b"GET /health HTTP/1.1\r\nHo", 0),
    "in the body": (request("POST", "/count", "Content-Length: 100000") + b"x" * 1_000, 0),
    "in a chunk": (b"POST /count HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfff\r\nx", 0),
    "in a handler": (request("GET", "/hang"), 0),
    "in a handler that finishes": (request("POST", "/hang", body=b"x"), 0),
    "in a stream": (request("GET", "/stream/1000"), 3_000),
    "in a large answer": (request("GET", "/size/1000000"), 3_000),
    "pipelined": (request("GET", "/hang") * 20, 0),
}


def test_a_thousand_resets_of_each_kind_leave_nothing(pier: Running) -> None:
    def reset_all(times: int) -> None:
        for _ in range(times):
            for sent, read in RESETS.values():
                with calling(pier.port) as caller:
                    caller.say(sent)
                    if read:
                        caller.line.recv(read)
                    caller.line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    reset_all(100)
    settled(pier)
    before = gauges(pier)
    reset_all(1_000)
    settled(pier)
    after = gauges(pier)
    tell(f"8,000 resets: {before} before, {after} after")
    assert after["descriptors"] <= before["descriptors"]
    assert after["tasks"] <= before["tasks"]
    assert after["objects"] - before["objects"] < 1_000
    assert after["rss"] - before["rss"] < 4 * MIB
    assert "Traceback" not in pier.told()


def settled(server: Running) -> None:
    """Until the handlers of those that left have ended."""
    time.sleep(1.5)
    gauges(server)


def test_full_send_buffers_have_an_end(pier: Running) -> None:
    """Five hundred that ask for six gigabytes each and read nothing, and five hundred that ask over and over."""
    before, most = peak(pier), 0
    asked = request("GET", "/size/100000")
    with attackers(pier, 500, SLOW_READER[0], 4_096), attackers(pier, 500, asked * 100, 4_096) as asking:
        until = time.monotonic() + 6
        while time.monotonic() < until:
            for line in asking:
                with contextlib.suppress(OSError):
                    line.send(asked * 100, socket.MSG_DONTWAIT)
            most = max(most, connections(pier))
            time.sleep(0.2)
    each = (peak(pier) - before) / 1_000
    tell(f"{most} connections with full buffers: {each / 1024:.0f} KiB each at the most")
    assert most > 900
    assert each < 400 * 1024  # a piece of 64 KiB or an answer of 100 kB, the buffer, what waits to be parsed


@pytest.mark.parametrize("how", ["down", "up", "up to a slow handler", "up in chunks"])
def test_more_than_memory_passes_through(pier: Running, how: str) -> None:
    size = 30 * MIB if "slow" in how else 1_000 * MIB
    before = peak(pier)
    with calling(pier.port, timeout=120) as caller:
        if how == "down":
            caller.say(request("GET", f"/stream/{size // 65_536}"))
            received = 0
            while received < size:
                received += len(caller.line.recv(MIB))
        else:
            assert _sent_up(caller, size, how) == size
    grown = peak(pier) - before
    tell(f"{size / MIB:.0f} MiB {how}: the server grew by {grown / MIB:.1f} MiB")
    assert grown < 8 * MIB


def test_a_file_larger_than_memory(tmp_path: Path) -> None:
    """Sent by the kernel; the first and the last bytes and a few in between are looked at."""
    path, size = tmp_path / "file", 1_000 * MIB
    marks = {0: b"first", 500 * MIB - 3: b"middle", size - 4: b"last"}
    with path.open("wb") as file:
        file.truncate(size)
        for place, mark in marks.items():
            file.seek(place)
            file.write(mark)
    with running(PIER, environ={"PIER_FILE": str(path)}) as server, calling(server.port, timeout=120) as caller:
        before, cpu = peak(server), cpu_seconds(server)
        caller.say(request("GET", "/file"))
        caller._hear()
        head, _, start = caller.heard.partition(b"\r\n\r\n")
        caller.heard = b""
        assert f"content-length: {size}".encode() in head
        received, seen = len(start), {0: start[:5]}
        while received < size:
            piece = caller.line.recv(MIB)
            assert piece
            for place, mark in marks.items():
                if received <= place and place + len(mark) <= received + len(piece):
                    seen[place] = piece[place - received : place - received + len(mark)]
            received += len(piece)
        spent = cpu_seconds(server) - cpu
        grown = peak(server) - before
        assert caller.get("/health").text == "moored"
    tell(f"a file of {size / MIB:.0f} MiB: {spent:.2f} s of CPU, the server grew by {grown / MIB:.1f} MiB")
    assert received == size
    assert all(seen.get(place, mark) == mark for place, mark in marks.items())
    assert grown < 4 * MIB


def cpu_seconds(server: Running) -> float:
    words = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _sent_up(caller: Any, size: int, how: str) -> int:
    piece = b"x" * MIB
    path = "/count/slowly" if "slow" in how else "/count"
    chunks = "chunks" in how
    framing = "Transfer-Encoding: chunked" if chunks else f"Content-Length: {size}"
    caller.say(request("POST", path, framing))
    for _ in range(size // MIB):
        caller.say(b"100000\r\n" + piece + b"\r\n" if chunks else piece)
    if chunks:
        caller.say(b"0\r\n\r\n")
    return int(caller.answer("POST").body)


IDLE = 10_000
EACH = 12 * 1_024
"""Bytes an idle connection may cost the server's process (TARGETS.md)."""
HEADERS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-US,en;q=0.9",
)


def test_ten_thousand_idle_connections(pier: Running) -> None:
    """Each has asked something, as a browser does, and is kept alive."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if allowed < IDLE + 500:
        pytest.skip(f"at most {allowed} descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    asked = request("GET", "/health", *HEADERS)
    with attackers(pier, 200, asked) as warm:
        _answered(warm)
        before = memory(pier)
        with attackers(pier, IDLE - 200, asked) as idle:
            _answered(idle)
            each = (memory(pier) - before) / len(idle)
            tell(f"an idle connection: {each / 1024:.2f} KiB")
            p99 = Ordinary(pier, 15).told(f"{IDLE:,} idle connections")
    assert each <= EACH
    assert p99 < 0.005


def _answered(lines: list[socket.socket]) -> None:
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line, selectors.EVENT_READ)
        left = len(lines)
        while left:
            for key, _ in selector.select(timeout=20):
                line: Any = key.fileobj
                assert line.recv(65_536).endswith(b"moored")
                selector.unregister(line)
                left -= 1


def test_many_come_and_go(pier: Running) -> None:
    """Twenty thousand short connections from several threads: nothing is left of them."""

    def come_and_go() -> None:
        for _ in range(1_250):
            with calling(pier.port) as caller:
                assert caller.get("/health", "Connection: close").status == 200

    def all_of_them(action: Callable[[], None]) -> None:
        threads = [threading.Thread(target=action) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    all_of_them(come_and_go)
    settled(pier)
    before = gauges(pier)
    all_of_them(come_and_go)
    settled(pier)
    after = gauges(pier)
    tell(f"10,000 connections: {before} before, {after} after")
    assert after["descriptors"] <= before["descriptors"]
    assert after["objects"] - before["objects"] < 1_000
    assert after["rss"] - before["rss"] < 4 * MIB
