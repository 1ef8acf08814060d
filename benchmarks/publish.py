"""Where a whole run shows: `results.json`, `results.md`, the chart in the guide, and a short table in the README.

The README's table stands between two comments and is made from `results.json`; a test holds the two equal.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.chart import chart
from benchmarks.peers import PEERS
from benchmarks.places import ROOT
from benchmarks.report import markdown, ordered
from benchmarks.results import Results
from benchmarks.workloads import WORKLOADS

BEGIN, END = "<!-- bench: made from benchmarks/results.json -->", "<!-- bench: end -->"


def write(results: Results, folder: Path) -> None:
    """The three files of a run, all made from the figures as `results.json` rounds them."""
    results = Results.from_json(results.as_json())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(results.as_json(), "utf-8")
    (folder / "results.md").write_text(markdown(results), "utf-8")
    if drawn := chart(results):
        (folder / "results.svg").write_text(drawn, "utf-8")


def publish(results: Results, root: Path = ROOT) -> None:
    """Replace the committed results, the chart and the README's table by this run's."""
    results = Results.from_json(results.as_json())
    write(results, root / "benchmarks")
    (root / "benchmarks" / "results.svg").replace(root / "docs" / "performance.svg")
    page = root / "README.md"
    text = page.read_text("utf-8")
    if BEGIN in text:
        page.write_text(with_table(text, short_table(results)), "utf-8")


def with_table(page: str, table: str) -> str:
    """The page with the part between the comments replaced."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def short_table(results: Results) -> str:
    """Peers by workloads, medians only."""
    tests = [test for test in WORKLOADS if test in results.tests]
    lines = ["| | " + " | ".join(WORKLOADS[test].title for test in tests) + " |", "|---|" + "--:|" * len(tests)]
    for peer in ordered(results, tests):
        cells = (results.cpu(peer, test) for test in tests)
        lines.append(f"| {PEERS[peer].title} | " + " | ".join("" if c is None else f"{c:,.1f}" for c in cells) + " |")
    return "\n".join(lines)
