"""The tables of one run as Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence

from benchmarks.peers import PEERS
from benchmarks.results import Results
from benchmarks.targets import verdicts
from benchmarks.workloads import WORKLOADS, extra

Cell = Callable[[Results, str, str], str]

ALONE = ("start ms", "import ms", "start RSS MiB", "start PSS MiB", "loaded PSS MiB", "1,000 routes s")
IDLE = ("idle connection KiB", "idle WebSocket KiB", "ping p99 ms")
SPREAD = ("half load p99 ms", "half load rps", "half load us")

HOW = """\
Made by `./dev bench`. CPU time per request of the whole server process tree (user and system), one worker, one core for
the server and another for the load, keep-alive on loopback, no access log. Peers are interleaved, one under load at a
time; medians, with the lowest and highest round. Only ratios within a run mean anything, because machines are shared;
each round is compared with itself. A peer stands in the table only if it answered rightly and refused bad input."""


def markdown(results: Results) -> str:
    """The whole report."""
    plain = [test for test in results.tests if not extra(test)]
    varied = [test for test in results.tests if extra(test)]
    parts = ["# Benchmarks", "", HOW, "", conditions(results)]
    if plain and results.samples:
        parts += section("CPU microseconds per request", table(results, plain, cpu_cell))
        parts += section("Ratio to nginx's T1, and to the best peer of each column", table(results, plain, ratio_cell))
    if varied and results.samples:
        parts += section("With browser headers, awaiting once, plain functions", table(results, varied, cpu_cell))
    if plain and results.samples:
        parts += section("Requests a second, p50 / p99 in ms", table(results, plain, rate_cell))
    for title, names in (("Before and after the load", ALONE), ("10,000 idle clients", IDLE), ("Half load", SPREAD)):
        parts += section(title, figures_table(results, names))
    parts += section("Several workers", several_workers(results))
    marks = {True: "reached", False: "MISSED"}
    parts += section("Targets for Ketch", (f"- {found.text}: {marks[found.reached]}" for found in verdicts(results)))
    parts += section(
        "Versions", (f"- {PEERS[name].title}: {', '.join(found)}" for name, found in results.versions.items())
    )
    reasons = (f"- {name}: {' '.join(reason.split())[:300]}" for name, reason in results.out.items())
    return "\n".join([*parts, *section("Out of the table", reasons)]) + "\n"


def conditions(results: Results) -> str:
    """Where, when and with what."""
    when = f"{results.date}: " if results.date else ""
    return (
        f"{when}{results.machine}, CPython {results.python}, {results.generator}, "
        f"{results.rounds} round{'s' * (results.rounds > 1)} of {results.seconds} s."
    )


def section(title: str, lines: Iterator[str]) -> list[str]:
    """A heading and its lines; nothing where there are no lines."""
    found = list(lines)
    return ["", f"## {title}", "", *found] if found else []


def table(results: Results, tests: Sequence[str], cell: Cell) -> Iterator[str]:
    """A table of peers by tests, the cheapest first; what it cannot do is left blank."""
    titles = [f"{test} {WORKLOADS[test].title}" if test in WORKLOADS else test for test in tests]
    yield "| peer | " + " | ".join(titles) + " |"
    yield "|---|" + "--:|" * len(tests)
    for name in ordered(results, tests):
        yield f"| {PEERS[name].title} | " + " | ".join(cell(results, name, test) for test in tests) + " |"


def ordered(results: Results, tests: Sequence[str]) -> list[str]:
    """The peers that have any of these tests, by the first test they have."""

    def place(name: str) -> tuple[float, ...]:
        return tuple(results.cpu(name, test) or math.inf for test in tests)

    return sorted((name for name in results.samples if min(place(name)) < math.inf), key=place)


def cpu_cell(results: Results, peer: str, test: str) -> str:
    found = [sample.cpu_us for sample in results.samples[peer].get(test, ())]
    return f"{statistics.median(found):.1f} ({min(found):.1f} to {max(found):.1f})" if found else ""


def ratio_cell(results: Results, peer: str, test: str) -> str:
    best = results.best(test)
    pairs = (results.ratio(peer, test, "nginx", "T1"), results.ratio(peer, test, best or "", test))
    return ", ".join(f"{pair[0]:.2f}" if pair else "-" for pair in pairs) if any(pairs) else ""


def rate_cell(results: Results, peer: str, test: str) -> str:
    found = results.samples[peer].get(test)
    if not found:
        return ""
    rps, p50, p99 = (statistics.median(getattr(s, key) for s in found) for key in ("rps", "p50_ms", "p99_ms"))
    return f"{rps:,.0f}, {p50:.1f} / {p99:.1f}"


def figures_table(results: Results, names: Sequence[str]) -> Iterator[str]:
    """A table of peers by figures, in the order of the peers' list; only columns and rows that hold something."""
    columns = [name for name in names if any(name in found for found in results.figures.values())]
    rows = [peer for peer in PEERS if any(results.figure(peer, name) is not None for name in columns)]
    if columns and rows:
        yield "| peer | " + " | ".join(columns) + " |"
        yield "|---|" + "--:|" * len(columns)
    for peer in rows:
        yield f"| {PEERS[peer].title} | " + " | ".join(figure_cell(results, peer, name) for name in columns) + " |"


def figure_cell(results: Results, peer: str, name: str) -> str:
    found = results.figures.get(peer, {}).get(name)
    if not found:
        return ""
    if len(found) == 1:
        return f"{found[0]:,.4g}"
    return f"{statistics.median(found):,.4g} ({min(found):,.4g} to {max(found):,.4g})"


def several_workers(results: Results) -> Iterator[str]:
    """One line a figure; only Ketch has them."""
    for name in results.figures.get("ketch", {}):
        if "workers" in name:
            yield f"- {name}: {figure_cell(results, 'ketch', name)}"
