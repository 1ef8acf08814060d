"""Where the microseconds of a request go: `./dev bench PROFILE=1 [PEERS=ketch,nginx] [TESTS=T1,T4]`. Needs perf.

Three loads a test. The first gives the CPU time per request and, sampled by perf, its share by shared object: kernel,
interpreter, loop, encoder, Ketch's compiled modules. The second, with the interpreter's own support for perf, gives the
functions that take most; Python functions are shown by name, and all figures are then a little higher. The third counts
system calls with strace (where it is installed), which slows the server down but not their number.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.accounting import tree
from benchmarks.load import load
from benchmarks.measure import PeerFailed, failing_as, measure, running
from benchmarks.peers import PEERS, Peer
from benchmarks.workloads import call_of

SAMPLES_A_SECOND = 2_000
FUNCTIONS = 25
# Shared objects by what they are; the first pattern that matches names the part.
PARTS = {
    "kernel": r"\[kernel|\[vdso\]|\[guest",
    "uvloop": r"^loop\.",
    "msgspec": r"^_core\.cpython",
    "interpreter": r"^(lib)?python",
    "C library": r"^libc\.|^libm\.|^ld-linux|libpthread",
}


def profile(peer: Peer, program: str, test: str, seconds: int) -> str:
    """The profile of one peer's test as Markdown. Raises `PeerFailed`."""
    with running(peer, program, [test]) as pid:
        cost = measure(pid, peer.port, test, seconds, warm=True).cpu_us
        objects = shares(pid, peer.port, test, seconds, "dso")
        calls = system_calls(pid, peer.port, test)
    with running(peer, program, [test], environ={"PYTHONPERFSUPPORT": "1"}) as pid:
        functions = shares(pid, peer.port, test, seconds, "sym")
    lines = [f"### {peer.title}, {test}: {cost:.1f} us", "", "| part | us | share |", "|---|--:|--:|"]
    lines += [f"| {name} | {cost * share:.1f} | {share:.0%} |" for name, share in grouped(objects).items()]
    lines += ["", f"System calls a request: {calls or 'not counted (strace is not installed)'}", ""]
    lines += ["| function | us |", "|---|--:|"]
    lines += [f"| `{name}` | {cost * share:.2f} |" for name, share in list(functions.items())[:FUNCTIONS]]
    return "\n".join(lines) + "\n"


def shares(pid: int, port: int, test: str, seconds: int, sort: str) -> dict[str, float]:
    """Each shared object's ("dso") or function's ("sym") share of the tree's samples under load, the largest first."""
    with tempfile.TemporaryDirectory() as folder, failing_as(test):
        data = str(Path(folder) / "perf.data")
        processes = ",".join(map(str, tree(pid)))
        command = ["perf", "record", "--quiet", "-F", str(SAMPLES_A_SECOND), "-p", processes, "-o", data]
        recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            load(port, call_of(test), seconds)
        finally:
            recorder.terminate()
            recorder.wait(30)
        report = ["perf", "report", "--stdio", "-i", data, "--sort", sort, "--percent-limit", "0"]
        said = subprocess.run(report, capture_output=True, text=True)
    if said.returncode:
        raise PeerFailed(f"perf: {said.stderr.strip()[-300:]}")
    return dict(sampled(said.stdout))


def sampled(said: str) -> Iterator[tuple[str, float]]:
    """The lines of perf's report: what, and its share of 1."""
    for line in said.splitlines():
        if found := re.match(r"\s*([\d.]+)%\s+(?:\[[.k]\]\s+)?(\S.*?)\s*$", line):
            yield found[2], float(found[1]) / 100


def grouped(objects: dict[str, float]) -> dict[str, float]:
    """Shares by part, the largest first; what is in no group keeps its own name."""
    found: dict[str, float] = {}
    for name, share in objects.items():
        part = next(
            (part for part, pattern in PARTS.items() if re.search(pattern, name)), name.partition(".cpython")[0]
        )
        found[part] = found.get(part, 0.0) + share
    return dict(sorted(((name, share) for name, share in found.items() if share >= 0.005), key=lambda pair: -pair[1]))


def system_calls(pid: int, port: int, test: str) -> str:
    """System calls a request by name, the frequent ones; "" without strace."""
    if shutil.which("strace") is None:
        return ""
    with tempfile.NamedTemporaryFile("r") as file, failing_as(test):
        processes = [word for process in tree(pid) for word in ("-p", str(process))]
        tracer = subprocess.Popen(["strace", "-c", "-f", "-qq", "-o", file.name, *processes], stderr=subprocess.DEVNULL)
        try:
            requests = load(port, call_of(test), 1).requests
        finally:
            tracer.terminate()
            tracer.wait(30)
        return ", ".join(
            f"{name} {count / requests:.2f}" for name, count in counted(file.read()) if count > requests / 50
        )


def counted(said: str) -> list[tuple[str, int]]:
    """strace's summary: calls by name."""
    rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", said, re.MULTILINE)
    return [(name, int(count)) for count, name in rows if name != "total"]


def profiles(programs: dict[str, str], tests: list[str], seconds: int) -> None:
    """Print the profile of each peer and test that can be had."""
    if shutil.which("perf") is None:
        raise SystemExit("perf is not installed (Debian: apt install linux-perf)")
    for name, program in programs.items():
        for test in (test for test in tests if PEERS[name].takes(test)):
            try:
                print(profile(PEERS[name], program, test, seconds), flush=True)
            except PeerFailed as exc:
                print(f"{name}, {test}: {exc}\n", flush=True)
