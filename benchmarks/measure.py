"""Measuring one server: start it pinned to a core, see that it answers rightly, load it from another, count its CPU.

The figure is CPU time per request of the whole server process tree (`accounting.py`).
"""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.accounting import between, snapshot
from benchmarks.load import LoadFailed, load, pinned
from benchmarks.peers import Peer
from benchmarks.places import ROOT
from benchmarks.workloads import WORKLOADS, Answer, Call, base, call_of, refused_of

PATIENCE = 20.0
WARM_UP = 300


class PeerFailed(Exception):
    """This peer cannot be measured, and the reason is the message."""


@dataclass(frozen=True)
class Sample:
    """One load of one test: CPU microseconds a request, requests a second, latencies in milliseconds."""

    cpu_us: float
    rps: float
    p50_ms: float
    p99_ms: float


@contextlib.contextmanager
def running(
    peer: Peer, program: str, tests: list[str], *, workers: int = 1, environ: Mapping[str, str] | None = None
) -> Iterator[int]:
    """The peer's server, answering these tests rightly on its port; yields its process id.

    One worker is bound to one core; several may use all of them. Raises `PeerFailed` with the server's last words.
    """
    command = peer.command(program, workers)
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", peer.port), timeout=1):
        raise PeerFailed(f"something else listens on port {peer.port} already")
    with tempfile.TemporaryFile("w+") as log:
        server = start(pinned(command, 0) if workers == 1 else command, log.fileno(), environ or {})
        try:
            wait_until_it_answers(server, peer.port)
            check_silence(peer.port, log.fileno())
            for test in tests:
                check(peer.port, test)
        except PeerFailed as exc:
            stop(server)
            log.seek(0)
            raise PeerFailed(f"{exc}\n{log.read()[-1500:]}".rstrip()) from None
        except BaseException:
            stop(server)
            raise
        try:
            yield server.pid
        finally:
            stop(server)


def check_silence(port: int, log: int, requests: int = 20) -> None:
    """Raise `PeerFailed` for a server that writes a line a request: an access log costs more than some servers do."""
    before = os.fstat(log).st_size
    with failing_as("access log"):
        warm_up(port, Call("GET", "/plaintext"), requests)
    time.sleep(0.1)  # some log from a thread of their own
    if os.fstat(log).st_size - before > 10 * requests:
        raise PeerFailed("it writes an access log")


def start(command: list[str], log: int, more: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """The server in a session of its own, with a clean environment and the repository's root to import from."""
    environ = clean_environ() | {"PYTHONUNBUFFERED": "1", "KETCH_ENV": "production", **more}
    return subprocess.Popen(
        command, cwd=ROOT, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
    )


def clean_environ() -> dict[str, str]:
    """The environment without settings of Python's, Ketch's or another virtual environment's, and with our root."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KETCH", "VIRTUAL"))}
    return {**kept, "PYTHONPATH": str(ROOT)}


def wait_until_it_answers(server: subprocess.Popen[bytes], port: int, pause: float = 0.05) -> None:
    """Return once the server answers; raise `PeerFailed` if it ends or takes longer than `PATIENCE`."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            ask(port, Call("GET", "/plaintext"))
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise PeerFailed("did not start")
        time.sleep(pause)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server's own process group, politely first."""
    for send, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, send)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)  # a worker that outlived its parent


def ask(port: int, call: Call) -> Answer:
    """One request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        return exchange(connection, call)
    finally:
        connection.close()


def exchange(connection: http.client.HTTPConnection, call: Call) -> Answer:
    """One request over this connection."""
    connection.request(call.method, call.target, call.body or None, dict(call.headers))
    response = connection.getresponse()
    headers = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, headers, response.read())


def check(port: int, test: str) -> None:
    """Raise `PeerFailed` unless the test is answered rightly and its bad requests are refused."""
    workload, call = WORKLOADS[base(test)], call_of(test)
    with failing_as(test):
        answer = ask(port, call)
        if not workload.correct(answer):
            raise PeerFailed(f"{test}: wrong answer, status {answer.status}: {answer.body[:120]!r}")
        for bad in refused_of(test):
            status = ask(port, bad).status
            if not 400 <= status < 500:
                raise PeerFailed(f"{test}: {bad.method} {bad.target} {bad.body[:60]!r} should be refused, got {status}")
        if not workload.correct(ask(port, call)):
            raise PeerFailed(f"{test}: wrong answer after bad input")


@contextlib.contextmanager
def failing_as(test: str) -> Iterator[None]:
    """Turn what goes wrong on the way into `PeerFailed`."""
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError, LoadFailed) as exc:
        raise PeerFailed(f"{test}: {str(exc) or type(exc).__name__}") from exc


def warm_up(port: int, call: Call, requests: int = WARM_UP) -> None:
    """Some hundred requests over one connection, so that the interpreter has specialised the code they run."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        for _ in range(requests):
            exchange(connection, call)
    finally:
        connection.close()


def measure(pid: int, port: int, test: str, seconds: int, *, warm: bool) -> Sample:
    """Load for some seconds and divide the tree's CPU time by the requests it completed; `warm` it up before."""
    with failing_as(test):
        if warm:
            warm_up(port, call_of(test))
        return measure_call(pid, port, call_of(test), seconds)


def measure_call(pid: int, port: int, call: Call, seconds: int) -> Sample:
    """The same for any request, without a warm-up."""
    before = snapshot(pid)
    heard = load(port, call, seconds)
    spent = between(before, snapshot(pid))
    return Sample(spent / heard.requests / 1000, heard.rps, heard.p50_ms, heard.p99_ms)
