"""The table: medians and spread of one run, ratios within it, and the targets they are held against."""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Sample
from benchmarks.peers import PEERS


@dataclass
class Results:
    """Everything one run found: samples by peer and test, memory by peer, and who is out with the reason."""

    python: str
    rounds: int
    seconds: int
    tests: list[str]
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    out: dict[str, str] = field(default_factory=dict)

    def cpu(self, peer: str, test: str) -> float | None:
        """Median CPU microseconds a request."""
        found = self.samples.get(peer, {}).get(test)
        return statistics.median(sample.cpu_us for sample in found) if found else None

    def ratio(self, peer: str, test: str, other: str, base: str) -> tuple[float, float] | None:
        """How many times `other`'s `base` this costs: the median of the rounds, and best round against best round.

        Each round is compared with itself, because a slow minute of a shared machine makes both sides slow.
        """
        ours = [sample.cpu_us for sample in self.samples.get(peer, {}).get(test, ())]
        theirs = [sample.cpu_us for sample in self.samples.get(other, {}).get(base, ())]
        if not ours or not theirs:
            return None
        return statistics.median(a / b for a, b in zip(ours, theirs, strict=False)), min(ours) / min(theirs)

    def as_json(self) -> dict[str, Any]:
        """Every sample, for whoever wants to look closer."""
        return asdict(self)


@dataclass(frozen=True)
class Target:
    """Ketch's `test` may cost at most `most` times `other`'s `base`."""

    test: str
    other: str
    base: str
    most: float


TARGETS = (
    Target("T1", "uvicorn", "T1", 1.35),
    Target("T3", "uvicorn", "T1", 1.35),
    Target("T4", "uvicorn", "T1", 1.6),
    Target("T3", "fastapi", "T3", 1 / 3),
    Target("T4", "fastapi", "T4", 1 / 3),
)


def verdicts(results: Results) -> Iterator[tuple[str, bool]]:
    """Each target this run can judge: a sentence, and whether it was reached."""
    for target in TARGETS:
        found = results.ratio("ketch", target.test, target.other, target.base)
        if found is not None:
            middle, best = found
            reached = middle <= target.most
            yield (
                f"{target.test} is {middle:.2f} x {target.other}'s {target.base} (best rounds {best:.2f}; "
                f"at most {target.most:.2f}): {'reached' if reached else 'MISSED'}",
                reached,
            )


def markdown(results: Results) -> str:
    """The whole report."""
    parts = [
        "# Benchmarks",
        "",
        "Made by `./dev bench`. CPU time per request of the whole server process tree (user and system), one worker,",
        "one core for the server and another for `wrk -t1 -c64`, keep-alive on loopback, no access log. Peers are",
        "interleaved, one under load at a time; medians, with the lowest and highest round. Only ratios within a run",
        "mean anything, because the machine is shared; each round is compared with itself.",
        "",
        f"{machine()}, CPython {results.python}, {results.rounds} rounds of {results.seconds} s.",
        "",
        "## CPU microseconds per request",
        "",
        *table(results, cpu_cell, extra="MiB"),
        "",
        "## Ratio to bare uvicorn's T1, and to the best of each column",
        "",
        *table(results, ratio_cell),
        "",
        "## Requests a second, p50 / p99 in ms",
        "",
        *table(results, rate_cell),
    ]
    judged = [f"- {sentence}" for sentence, _ in verdicts(results)]
    if judged:
        parts += ["", "## Targets for Ketch", "", *judged]
    if results.out:
        reasons = (f"- {name}: {re.sub(chr(10), ' ', reason)[:300]}" for name, reason in results.out.items())
        parts += ["", "## Out of the table", "", *reasons]
    return "\n".join(parts) + "\n"


def machine() -> str:
    """The processor and how many cores this run might use."""
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    name = model[1].strip() if model else platform.machine()
    return f"{name}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}"


def table(results: Results, cell: Any, extra: str = "") -> Iterator[str]:
    """A Markdown table of peers by tests, the cheapest first."""
    tests = results.tests
    yield "| peer | " + " | ".join(tests) + (f" | {extra} |" if extra else " |")
    yield "|---|" + "--:|" * (len(tests) + bool(extra))
    for name in sorted(results.samples, key=lambda peer: results.cpu(peer, tests[0]) or 1e9):
        cells = [cell(results, name, test) for test in tests]
        if extra:
            cells.append(f"{results.memory[name]:.0f}" if name in results.memory else "")
        yield f"| {PEERS[name].title} | " + " | ".join(cells) + " |"


def cpu_cell(results: Results, peer: str, test: str) -> str:
    found = [sample.cpu_us for sample in results.samples[peer].get(test, ())]
    return f"{statistics.median(found):.1f} ({min(found):.1f} to {max(found):.1f})" if found else ""


def ratio_cell(results: Results, peer: str, test: str) -> str:
    if results.cpu(peer, test) is None:
        return ""
    cheapest = min(results.samples, key=lambda name: results.cpu(name, test) or 1e9)
    pairs = (results.ratio(peer, test, "uvicorn", "T1"), results.ratio(peer, test, cheapest, test))
    return ", ".join(f"{pair[0]:.2f}" if pair else "-" for pair in pairs)


def rate_cell(results: Results, peer: str, test: str) -> str:
    found = results.samples[peer].get(test)
    if not found:
        return ""
    rps, p50, p99 = (statistics.median(getattr(s, key) for s in found) for key in ("rps", "p50_ms", "p99_ms"))
    return f"{rps:,.0f}, {p50:.1f} / {p99:.1f}"
