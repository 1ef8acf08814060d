"""The parts of a run: the load of all peers in turns, and what is measured one peer at a time."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable

from benchmarks.accounting import memory_kib
from benchmarks.alone import figures
from benchmarks.idle import idle, possible
from benchmarks.measure import PeerFailed, measure, running
from benchmarks.peers import PEERS, Peer
from benchmarks.results import Results
from benchmarks.spread import can_spread, half_load, workers

STARTS = 3
# The gentle parts are about servers: these are enough to compare with.
IDLE_PEERS = ("ketch", "uvicorn", "nginx")
WEBSOCKET_PEERS = ("ketch", "uvicorn")
TAIL_PEERS = ("ketch", "nginx", "django-bolt")


def load_part(programs: dict[str, str], results: Results, *, asked: bool) -> None:
    """All peers run; one is loaded at a time, test by test, round after round.

    So a slow minute of the machine hits them all.
    """
    with contextlib.ExitStack() as stack:
        started: dict[str, int] = {}
        for name, program in programs.items():
            tests = [test for test in results.tests if PEERS[name].measured(test, asked=asked)]
            with leaving_out(name, results):
                if tests:
                    started[name] = stack.enter_context(running(PEERS[name], program, tests))
        for number in range(results.rounds):
            say(f"round {number + 1} of {results.rounds}")
            for test in results.tests:
                names = [name for name in started if PEERS[name].measured(test, asked=asked)]
                turn = number % len(names) if names else 0
                for name in names[turn:] + names[:turn]:
                    if name not in results.out:
                        one_load(PEERS[name], started[name], test, results, warm=number == 0)
        for name in started:
            if name not in results.out:
                results.add_figures(name, {"loaded PSS MiB": memory_kib(started[name], "Pss") / 1024})


def one_load(peer: Peer, pid: int, test: str, results: Results, *, warm: bool) -> None:
    """One sample; a peer that fails under load is out with everything it had."""
    with leaving_out(peer.name, results):
        sample = measure(pid, peer.port, test, results.seconds, warm=warm)
        results.add_sample(peer.name, test, sample)
        say(f"  {peer.name:14} {test:11} {sample.cpu_us:8.1f} us  {sample.rps:8.0f}/s")


class leaving_out(contextlib.AbstractContextManager[None]):
    """A peer that fails within is out of the table, and the run goes on."""

    def __init__(self, peer: str, results: Results) -> None:
        self.peer, self.results = peer, results

    def __exit__(self, kind: object, exc: object, trace: object) -> bool:
        if not isinstance(exc, (PeerFailed, OSError)):
            return False
        say(f"{self.peer} is out: {exc}")
        self.results.leave_out(self.peer, exc)
        return True


def alone_part(programs: dict[str, str], results: Results, *, asked: bool) -> None:
    """Start, import and memory of each, with nothing else running."""
    for _ in range(STARTS):
        for name, program in programs.items():
            results.add_figures(name, figures(PEERS[name], program))
    for name in programs:
        say(f"  {name:14} start {results.figure(name, 'start ms') or 0:6.0f} ms")


def tail_part(programs: dict[str, str], results: Results, *, asked: bool) -> None:
    """Latency at half load, peers in turns, against their own full rate of this part."""
    if shutil.which("wrk") is None:
        say("left out: only wrk's script can pause")
        return
    for _ in range(results.rounds):
        for name in TAIL_PEERS:
            with soft(f"{name}, half load"):
                if name in programs and name not in results.out:
                    with running(PEERS[name], programs[name], ["T1"]) as pid:
                        full = measure(pid, PEERS[name].port, "T1", 1, warm=True)
                        found = half_load(pid, PEERS[name].port, full, results.seconds)
                    results.add_figures(name, found)
                    say(f"  {name:14} p99 {found['half load p99 ms']:.2f} ms at {found['half load rps']:.0f}/s")


def workers_part(programs: dict[str, str], results: Results, *, asked: bool) -> None:
    """One worker and two, in turns, on all cores."""
    for _ in range(results.rounds):
        for name, program in programs.items():
            for count in (1, 2):
                with soft(f"{name}, {count} workers"):
                    if can_spread(PEERS[name]):
                        results.add_figures(name, workers(PEERS[name], program, results.seconds, count))
    for figure, found in results.figures.get("ketch", {}).items():
        if "workers" in figure:
            say(f"  {figure}: {', '.join(f'{value:.1f}' for value in found)}")


def idle_part(programs: dict[str, str], results: Results, *, asked: bool) -> None:
    """Thousands of idle clients, each peer by itself in a process of its own."""
    say(f"  {possible()} of each kind")
    for name in (name for name in IDLE_PEERS if name in programs):
        for websocket in (False, True):
            with soft(f"{name}, idle"):
                if not websocket or name in WEBSOCKET_PEERS:
                    with running(PEERS[name], programs[name], []) as pid:
                        found = idle(pid, PEERS[name].port, websocket=websocket)
                    results.add_figures(name, found)
                    say(f"  {name:14} " + ", ".join(f"{key} {value:.4g}" for key, value in found.items()))


@contextlib.contextmanager
def soft(what: str):  # type: ignore[no-untyped-def]
    """A figure that cannot be taken is missing in the report; the peer stays."""
    try:
        yield
    except (PeerFailed, OSError) as exc:
        say(f"  {what}: {exc}")


def say(text: str) -> None:
    """One line to the person who waits."""
    print(text, file=sys.stderr, flush=True)


Part = Callable[..., None]
