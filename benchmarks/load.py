"""Loading a server: wrk where there is one, else a generator of our own, which is slower and says so."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.places import ROOT
from benchmarks.workloads import Call

CONNECTIONS = 64


class LoadFailed(Exception):
    """The load met errors; the message says which."""


class NothingCompleted(LoadFailed):
    """Not one request was answered: the server hangs, or the generator got no processor time."""


@dataclass(frozen=True)
class Heard:
    """What one load saw: requests completed, requests a second, latencies in milliseconds."""

    requests: int
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
    return command if both is None or not shutil.which("taskset") else ["taskset", "-c", both[which], *command]


def load(port: int, call: Call, seconds: int, *, connections: int = CONNECTIONS, pause_ms: int = 0) -> Heard:
    """Ask over so many kept connections for some seconds; each pauses up to twice `pause_ms` between two requests.

    Raises `LoadFailed` for a refused or broken answer.
    """
    if shutil.which("wrk") is None:
        return load_without_wrk(port, call, seconds, connections)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script(call, pause_ms))
        file.flush()
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", file.name]
        command = pinned([*command, f"http://127.0.0.1:{port}{call.target}"], 1)
        try:
            return heard(printed(command))
        except NothingCompleted:  # a busy machine may starve it for a second; a server that hangs will fail again
            return heard(printed(command))


def printed(command: list[str]) -> str:
    """What a generator prints. Raises `LoadFailed` if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise LoadFailed((done.stderr or done.stdout).strip()[-300:])
    return done.stdout


@contextlib.contextmanager
def core_awake(wanted: bool) -> Iterator[None]:
    """Keep the load's core from falling asleep, by a loop of the lowest class that anything else displaces at once.

    A server that is slower than the generator wakes it with nearly every answer. To wake a virtual core that sleeps
    costs the server microseconds of its own time, which a server as quick as the generator never pays.
    """
    if not wanted or not shutil.which("chrt"):
        yield
        return
    spinner = subprocess.Popen(pinned(["chrt", "--idle", "0", "sh", "-c", "while :; do :; done"], 1))
    try:
        yield
    finally:
        spinner.kill()
        spinner.wait()


def script(call: Call, pause_ms: int = 0) -> str:
    """The wrk script of a request: method, headers, body, pauses. A wrong status counts in wrk's own error line."""

    def lua(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = [f"wrk.method = {lua(call.method)}"]
    lines += [f"wrk.headers[{lua(key)}] = {lua(value)}" for key, value in call.headers]
    if call.body:
        lines.append(f"wrk.body = {lua(call.body.decode())}")
    if pause_ms:
        lines.append(f"function delay() return math.random(0, {2 * pause_ms}) end")
    return "\n".join(lines)


def heard(said: str) -> Heard:
    """wrk's report. Raises `LoadFailed` if it saw errors or nothing at all."""
    if bad := re.search(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)", said):
        raise LoadFailed(bad[0])
    found = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec: +([\d.]+)", said)
    if found is None or rate is None or int(found[1]) == 0:
        raise NothingCompleted(f"wrk completed nothing:\n{said}")
    return Heard(int(found[1]), float(rate[1]), latency(said, "50%"), latency(said, "99%"))


def latency(said: str, percentile: str) -> float:
    """One line of wrk's latency distribution, in milliseconds."""
    found = re.search(rf"^ +{percentile} +([\d.]+)(us|ms|s|m)$", said, re.MULTILINE)
    return float(found[1]) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[found[2]] if found else float("nan")


def load_without_wrk(port: int, call: Call, seconds: int, connections: int) -> Heard:
    """The same by `generator.py`: the figure per request holds, the server may be bored in between."""
    headers = dict(call.headers)
    words = [
        str(port),
        str(seconds),
        str(connections),
        call.method,
        call.target,
        call.body.decode(),
        json.dumps(headers),
    ]
    command = pinned([sys.executable, str(ROOT / "benchmarks" / "generator.py"), *words], 1)
    return Heard(**json.loads(printed(command)))
