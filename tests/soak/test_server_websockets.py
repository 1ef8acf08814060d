"""The native server with many WebSockets: what an idle one costs, and what hostile ones cannot do."""

from __future__ import annotations

import json
import resource
import statistics
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.blackbox.servers import Running, Server, running
from tests.soak.telling import tell
from tests.support.frames import BINARY, DEFLATE, PONG, TEXT, Line, closing, deflated, frame, handshake

pytestmark = [
    pytest.mark.soak,
    pytest.mark.serial,
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux: it counts in /proc"),
]

NATIVE = Server("ketch", ("tests.blackbox.native", "tests.soak.buoys:app", "{port}"))
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-US,en;q=0.9",
    "Cache-Control: no-cache",
    "Pragma: no-cache",
    "Origin: http://test",
    f"{DEFLATE}; client_max_window_bits",
)
IDLE = 10_000
EACH = 24 * 1_024
"""Bytes an idle WebSocket may cost the server's process (TARGETS.md)."""


@contextmanager
def sea() -> Iterator[Running]:
    with running(NATIVE) as server:
        yield server


def gauges(server: Running) -> dict[str, int]:
    found: dict[str, int] = json.loads(server.client.get("/gauges").content)
    return found


def opened(server: Running, path: str = "/echo", **options: Any) -> Line:
    line = Line(server.port, **options)
    assert line.ask(handshake(path, *BROWSER)) == 101
    return line


def spoken(line: Line) -> Line:
    """After a message in each direction, both compressed."""
    words = b"a message that is worth compressing, " * 20
    line.send(frame(TEXT, deflated(words), reserved=4))
    assert line.read_frame().reserved == 4
    return line


def wait_until(is_so: Callable[[], bool], seconds: float) -> float:
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, "it never happened"
        time.sleep(0.1)
    return time.monotonic() - began


def test_ten_thousand_idle_websockets() -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most < IDLE + 500:
        pytest.skip(f"at most {most} descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with sea() as server:
        warm = [spoken(opened(server)) for _ in range(200)]
        before = gauges(server)["rss"]
        idle = [spoken(opened(server)) for _ in range(IDLE - 200)]
        each = (gauges(server)["rss"] - before) / len(idle)
        trips = _round_trips(opened(server), 15)
        tell(f"an idle WebSocket: {each / 1024:.1f} KiB; round trips beside {IDLE:,}: {_shown(trips)}")
        for line in (*warm, *idle):
            line.close()
    assert each <= EACH


def _round_trips(line: Line, seconds: float) -> list[float]:
    """Round trips of a message while the server pings the silent ones."""
    trips, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        line.send_frame(TEXT, b"there and back")
        line.read_frame()
        trips.append(time.perf_counter() - began)
        time.sleep(0.005)
    return trips


def _shown(trips: list[float]) -> str:
    cuts = statistics.quantiles(trips, n=100)
    return f"p50 {cuts[49] * 1000:.2f} ms, p99 {cuts[98] * 1000:.2f} ms, longest {max(trips) * 1000:.1f} ms"


def test_nothing_is_left_of_five_thousand_that_have_gone() -> None:
    def visit(server: Running, number: int) -> None:
        line = opened(server)
        way = number % 6
        if way == 0:
            line.send(closing(1000))
            line.rest()
        elif way == 1:
            line.send(b"\xff\xff")
        elif way == 2:
            line.send(frame(BINARY, b"half", claims=100_000))
        elif way == 3:
            spoken(line).send(frame(TEXT, deflated(b"x" * 100)[:5], fin=False, reserved=4))
        elif way == 4:
            line.reset()
        line.close()

    with sea() as server:
        for number in range(1_000):
            visit(server, number)
        wait_until(lambda: gauges(server)["descriptors"] < 30, 15)
        before = gauges(server)
        for number in range(5_000):
            visit(server, number)
        wait_until(lambda: gauges(server)["descriptors"] <= before["descriptors"], 15)
        after = gauges(server)
    more = {name: after[name] - before[name] for name in after}
    tell(f"after 5,000 WebSockets: {more}")
    assert after["tasks"] <= before["tasks"]
    assert after["objects"] - before["objects"] < 2_000
    assert after["rss"] - before["rss"] < 8 * 2**20


def test_five_hundred_that_do_not_read_are_cut_within_ten_seconds() -> None:
    with sea() as server:
        client = opened(server)
        before = gauges(server)
        stalled = [opened(server, "/flood", receive_buffer=4_096) for _ in range(500)]
        trips = _round_trips(client, 3)
        during = gauges(server)
        took = wait_until(lambda: gauges(server)["tasks"] <= before["tasks"], 20)
        tell(
            f"500 that do not read: {(during['rss'] - before['rss']) / 500 / 1024:.0f} KiB each, "
            f"gone {3 + took:.1f} s later; another's round trips: {_shown(trips)}"
        )
        for line in stalled:
            line.close()
    assert (during["rss"] - before["rss"]) / 500 < 160 * 1_024
    assert 3 + took < 11


def test_bombs_do_not_inflate() -> None:
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = b"".join(compressor.compress(bytes(2**20)) for _ in range(256))
    bomb = frame(BINARY, (zeros + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4], reserved=4)
    with sea() as server:
        before = gauges(server)["rss"]
        lines = [opened(server) for _ in range(50)]
        for line in lines:
            line.send(bomb)
        assert [line.read_frame().code for line in lines] == [1009] * 50
        after = gauges(server)["rss"]
        for line in lines:
            line.close()
    tell(f"50 bombs of 256 MiB: {after - before:+,} bytes")
    assert after - before < 64 * 2**20


def test_silent_clients_that_answer_pings_stay() -> None:
    with sea() as server:
        lines = [opened(server, timeout=30) for _ in range(50)]
        for _ in range(2):
            for line in lines:
                assert line.read_frame().payload == b""
                line.send_frame(PONG)
        assert gauges(server)["tasks"] >= 50
        for line in lines:
            line.close()
