"""The bar chart that the README and the guide show: SVG by hand, readable in light and dark, no fonts, no scripts.

One column of bars a workload, one row a peer. Each column has its own linear scale; a bar longer than the column has a
notch and keeps its figure. The colours follow the reader's setting, also where the file is shown as an image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.peers import PEERS
from benchmarks.report import conditions, ordered
from benchmarks.results import Results
from benchmarks.workloads import WORKLOADS

NAMES, COLUMN, GAP, ROW, BAR, HEAD, FOOT = 190, 122, 14, 22, 12, 58, 30
LABEL = 40
# A column ends at this many times its quickest framework, so that the quick ones can still be told apart.
CAP = 8.0

STYLE = """
  .ground { fill: #ffffff }
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f }
  .title { font-size: 14px; font-weight: 600 }
  .small { font-size: 10.5px; fill: #57606a }
  .ours { font-weight: 700 }
  .bar { fill: #9aa7b4 } .bar.mine { fill: #0f7c8c } .bar.limit { fill: #c9ced4 }
  .notch { stroke: #ffffff; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .small { fill: #9198a1 }
    .bar { fill: #59636e } .bar.mine { fill: #39b8c8 } .bar.limit { fill: #3d444d }
    .notch { stroke: #0d1117 }
  }"""


def chart(results: Results) -> str:
    """The whole picture; "" where the run has nothing to draw."""
    tests = [test for test in WORKLOADS if any(results.cpu(peer, test) for peer in results.samples)]
    peers = ordered(results, tests) if tests else []
    if not peers:
        return ""
    width = NAMES + len(tests) * (COLUMN + GAP) + 8
    height = HEAD + len(peers) * ROW + FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title about">',
        '<title id="title">CPU microseconds per request, by framework and workload</title>',
        f'<desc id="about">{escape(described(results, peers, tests))}</desc>',
        f"<style>{STYLE}\n</style>",
        f'<path class="ground" d="M0 0h{width}v{height}h-{width}z"/>',
        '<text class="title" x="8" y="20">CPU microseconds per request: less is better</text>',
        *(
            f'<text x="8" y="{middle(row) + 4}"{weight(name)}>{escape(PEERS[name].title)}</text>'
            for row, name in enumerate(peers)
        ),
    ]
    for place, test in enumerate(tests):
        parts += column(results, peers, test, NAMES + place * (COLUMN + GAP))
    foot = f'<text class="small" x="8" y="{height - 10}">{escape(conditions(results))}</text>'
    return "\n".join([*parts, foot, "</svg>"]) + "\n"


def described(results: Results, peers: Sequence[str], tests: Sequence[str]) -> str:
    """The figures in words, for those who do not see the picture."""
    rows = (
        f"{PEERS[peer].title}: "
        + ", ".join(f"{test} {found:.1f}" for test in tests if (found := results.cpu(peer, test)))
        for peer in peers
    )
    return "; ".join(rows)


def column(results: Results, peers: Sequence[str], test: str, x: int) -> Iterator[str]:
    """One workload: its heading and its bars."""
    yield f'<text x="{x}" y="{HEAD - 14}">{test} <tspan class="small">{escape(WORKLOADS[test].title)}</tspan></text>'
    found = {peer: value for peer in peers if (value := results.cpu(peer, test))}
    room, longest = COLUMN - LABEL, scale(list(found.values()))
    for row, peer in enumerate(peers):
        if peer in found:
            length = max(1.5, min(1.0, found[peer] / longest) * room)
            yield from bar(x, row, length, found[peer], peer, cut=found[peer] > longest)


def bar(x: int, row: int, length: float, value: float, peer: str, *, cut: bool) -> Iterator[str]:
    """One bar with its figure."""
    kind = "bar mine" if peer.startswith("ketch") else "bar limit" if peer == "nginx" else "bar"
    top = middle(row) - BAR // 2
    yield f'<rect class="{kind}" x="{x}" y="{top}" width="{length:.1f}" height="{BAR}" rx="1.5"/>'
    if cut:
        at = x + length - 9
        yield f'<path class="notch" d="M{at:.1f} {top + BAR + 1}l4 -{BAR + 2}"/>'
    figure = f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
    yield f'<text class="small" x="{x + length + 4:.1f}" y="{middle(row) + 4}">{figure}</text>'


def scale(values: list[float]) -> float:
    """The value at which a full bar stands: the largest, but at most `CAP` times the smallest."""
    return min(max(values), CAP * min(values)) if values else math.inf


def middle(row: int) -> int:
    """The y of a row's middle."""
    return HEAD + row * ROW + ROW // 2


def weight(peer: str) -> str:
    """Ketch's own rows stand out."""
    return ' class="ours"' if peer == "ketch" else ""
