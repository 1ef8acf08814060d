"""Several workers, and latency at half load: what a single loaded worker does not show."""

from __future__ import annotations

from benchmarks.accounting import between, snapshot
from benchmarks.load import CONNECTIONS, load
from benchmarks.measure import Sample, failing_as, measure_call, running
from benchmarks.peers import Peer
from benchmarks.workloads import Call, call_of

BURN = Call("GET", "/burn")
HALF_LOAD_CONNECTIONS = 256


def workers(peer: Peer, program: str, seconds: int, count: int) -> dict[str, float]:
    """With so many workers on all cores: requests a second of a handler that burns 2 ms, and T1's CPU per request."""
    with running(peer, program, ["T1"], workers=count) as pid, failing_as("workers"):
        load(peer.port, BURN, 1)
        burnt = load(peer.port, BURN, seconds).rps
        plain = measure_call(pid, peer.port, call_of("T1"), seconds).cpu_us
    return {f"2 ms of work, {count} workers rps": burnt, f"T1, {count} workers us": plain}


def half_load(pid: int, port: int, full: Sample, seconds: int) -> dict[str, float]:
    """p99 of T1 in ms at about half the rate that the server reached under full load.

    wrk cannot keep a rate; its connections pause at random between two requests, so many that the rate comes out.
    """
    wanted = full.rps / 2
    pause = round(HALF_LOAD_CONNECTIONS / wanted * 1000 - full.p50_ms / (2 * CONNECTIONS))
    with failing_as("half load"):
        before = snapshot(pid)
        heard = load(port, call_of("T1"), seconds, connections=HALF_LOAD_CONNECTIONS, pause_ms=max(1, pause))
        spent = between(before, snapshot(pid))
    return {
        "half load p99 ms": heard.p99_ms,
        "half load rps": heard.rps,
        "half load us": spent / heard.requests / 1000,
    }


def can_spread(peer: Peer) -> bool:
    """True for the peer that has the handler that burns and is told how many workers it gets."""
    return peer.name == "ketch"
