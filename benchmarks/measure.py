"""Measuring one server: start it pinned to a core, see that it answers rightly, load it from another, count its CPU.

The figure is CPU time per request of the whole server process tree. Linux only: it reads `/proc/*/task/*/schedstat`
(nanoseconds on a core). Where a thread ended in between, its process is counted from `/proc/*/stat` instead, which
keeps the time of finished threads in ticks of 10 ms.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import ROOT, Peer
from benchmarks.workloads import BROWSER_HEADERS, WORKLOADS, Answer, Call

TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class PeerFailed(Exception):
    """This peer cannot be measured, and the reason is the message."""


@dataclass(frozen=True)
class Sample:
    """One load of one workload: CPU microseconds a request, requests a second, latencies in milliseconds."""

    cpu_us: float
    rps: float
    p50_ms: float
    p99_ms: float


def cores() -> tuple[str, str] | None:
    """Two cores of this machine, for the server and for the load; None where there is only one."""
    allowed = sorted(os.sched_getaffinity(0))
    return (str(allowed[0]), str(allowed[1])) if len(allowed) > 1 else None


def pinned(command: list[str], which: int) -> list[str]:
    """The command bound to one core."""
    both = cores()
    return command if both is None else ["taskset", "-c", both[which], *command]


@contextlib.contextmanager
def running(peer: Peer, python: str, tests: list[str]) -> Iterator[int]:
    """The peer's server, answering these tests rightly on its port; yields its process id."""
    command = pinned(peer.command(python), 0)
    if peer.name == "nginx":
        command = [python if word == "nginx" else word for word in command]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KETCH", "VIRTUAL"))}
    environ |= {"PYTHONPATH": str(ROOT), "KETCH_ENV": "production"}
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
        )
        try:
            wait_until_it_answers(server, peer.port)
            for test in tests:
                check(peer.port, test)
        except PeerFailed as exc:
            log.seek(0)
            stop(server)
            raise PeerFailed(f"{exc}\n{log.read()[-1500:]}".rstrip()) from None
        try:
            yield server.pid
        finally:
            stop(server)


def wait_until_it_answers(server: subprocess.Popen[bytes], port: int) -> None:
    """Return once the server answers; raise `PeerFailed` if it ends or takes longer than 20 seconds."""
    deadline = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            ask(port, Call("GET", "/plaintext"))
            return
        if server.poll() is not None or time.monotonic() > deadline:
            raise PeerFailed("did not start")
        time.sleep(0.05)


def stop(server: subprocess.Popen[bytes]) -> None:
    """End the server's own process group, politely first."""
    for send, patience in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, send)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience)
            break


def ask(port: int, call: Call) -> Answer:
    """One request over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(call.method, call.target, call.body or None, dict(call.headers))
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())
    finally:
        connection.close()


def check(port: int, test: str) -> None:
    """Raise `PeerFailed` unless the workload is answered rightly and its bad requests are refused."""
    workload = WORKLOADS[test.partition("+")[0]]
    answer = ask(port, workload.call)
    if not workload.correct(answer):
        raise PeerFailed(f"{test}: wrong answer, status {answer.status}: {answer.body[:120]!r}")
    for call in workload.refused:
        status = ask(port, call).status
        if not 400 <= status < 500:
            raise PeerFailed(f"{test}: {call.method} {call.target} {call.body[:60]!r} should be refused, got {status}")
    if not workload.correct(ask(port, workload.call)):
        raise PeerFailed(f"{test}: wrong answer after bad input")


def script(test: str) -> str:
    """The wrk script of a workload: method, headers, body. A wrong status counts in wrk's own error line."""

    def lua(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    name, _, extra = test.partition("+")
    call = WORKLOADS[name].call
    headers = [*call.headers, *(BROWSER_HEADERS if extra == "headers" else ())]
    lines = [f"wrk.method = {lua(call.method)}"]
    lines += [f"wrk.headers[{lua(key)}] = {lua(value)}" for key, value in headers]
    if call.body:
        lines.append(f"wrk.body = {lua(call.body.decode())}")
    return "\n".join(lines)


def load(port: int, test: str, seconds: int, connections: int = 64) -> str:
    """Run wrk once and return what it printed."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script(test))
        file.flush()
        target = WORKLOADS[test.partition("+")[0]].call.target
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", file.name]
        done = subprocess.run(
            pinned([*command, f"http://127.0.0.1:{port}{target}"], 1), capture_output=True, text=True, check=True
        )
    return done.stdout


def measure(pid: int, port: int, test: str, seconds: int, *, warm: bool) -> Sample:
    """Load for some seconds and divide the tree's CPU time by the requests it completed; `warm` up for one before."""
    if warm:
        load(port, test, 1)
    before = snapshot(pid)
    said = load(port, test, seconds)
    spent = between(before, snapshot(pid))
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", said):
        raise PeerFailed(f"{test} under load: {bad[0]}")
    found = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec: +([\d.]+)", said)
    if found is None or rate is None or int(found[1]) == 0:
        raise PeerFailed(f"{test}: wrk completed nothing:\n{said}")
    return Sample(spent / int(found[1]) / 1000, float(rate[1]), latency(said, "50%"), latency(said, "99%"))


def latency(said: str, percentile: str) -> float:
    """One line of wrk's latency distribution, in milliseconds."""
    found = re.search(rf"^ +{percentile} +([\d.]+)(us|ms|s)$", said, re.MULTILINE)
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000}[found[2]] if found else float("nan")


# --- the CPU time of a process tree --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spent:
    """Nanoseconds of one process: by thread, and as its stat line counts them."""

    threads: dict[str, int]
    total: int


def tree(pid: int) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for process in found:
        found += children.get(process, [])
    return found


def snapshot(pid: int) -> dict[int, Spent]:
    """What every process of the tree has spent so far."""
    found: dict[int, Spent] = {}
    for process in tree(pid):
        with contextlib.suppress(OSError):
            folder = Path(f"/proc/{process}")
            threads = {}
            for task in (folder / "task").iterdir():
                with contextlib.suppress(OSError):
                    threads[task.name] = int((task / "schedstat").read_text().split()[0])
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            found[process] = Spent(threads, (int(fields[11]) + int(fields[12])) * TICK)
    return found


def between(before: dict[int, Spent], after: dict[int, Spent]) -> int:
    """Nanoseconds spent by the tree between two snapshots."""
    total = 0
    for process, now in after.items():
        then = before.get(process, Spent({}, 0))
        if then.threads.keys() <= now.threads.keys():
            total += sum(spent - then.threads.get(task, 0) for task, spent in now.threads.items())
        else:
            total += now.total - then.total
    return total


def memory_mib(pid: int) -> float:
    """Proportional set size of the tree, in MiB."""
    kib = 0
    for process in tree(pid):
        with contextlib.suppress(OSError):
            found = re.search(r"^Pss: +(\d+)", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
            kib += int(found[1]) if found else 0
    return kib / 1024
