"""Medians, ratios, verdicts, tables and the chart, from made-up samples."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks.chart import CAP, chart, scale
from benchmarks.measure import Sample
from benchmarks.peers import PEERS
from benchmarks.publish import BEGIN, END, short_table, with_table
from benchmarks.report import markdown, ordered
from benchmarks.results import Results, rounded
from benchmarks.targets import TARGETS, Figure, FigureRatio, Ratio, verdicts
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parent.parent.parent
SVG = "{http://www.w3.org/2000/svg}"


def results(**costs: dict[str, list[float]]) -> Results:
    """A run in which each peer (with _ for -) had these CPU times, by test."""
    found = Results("3.13.0", 3, 2, ["T1", "T2", "T3", "T4", "T5", "T1+headers"], "a machine, 2 cores", "1 May 2026")
    for peer, tests in costs.items():
        for test, values in tests.items():
            for value in values:
                found.add_sample(peer.replace("_", "-"), test, Sample(value, 1e6 / value, 1.0, 2.0))
    return found


@pytest.fixture
def run() -> Results:
    found = results(
        ketch={"T1": [12.0, 10.0, 30.0], "T3": [14.0, 14.0, 14.0], "T1+headers": [15.0]},
        nginx={"T1": [8.0, 8.0, 10.0], "T1+headers": [10.0]},
        django_bolt={"T1": [16.0, 15.0, 30.0], "T3": [20.0, 20.0, 20.0]},
        fastapi={"T1": [120.0, 100.0, 300.0], "T3": [196.0, 196.0, 196.0]},
    )
    found.add_figures("ketch", {"start ms": 150.0, "T1, 1 workers us": 10.0, "T1, 2 workers us": 10.5})
    found.add_figures("ketch", {"2 ms of work, 1 workers rps": 490.0, "2 ms of work, 2 workers rps": 850.0})
    return found


def test_median_and_ratio_of_rounds(run: Results) -> None:
    assert run.cpu("ketch", "T1") == 12.0
    assert run.cpu("ketch", "T9") is None
    assert run.ratio("ketch", "T1", "nginx", "T1") == (1.5, 1.25)
    assert run.ratio("ketch", "T2", "nginx", "T2") is None


def test_the_best_peer_is_never_ketch_itself(run: Results) -> None:
    assert run.best("T1") == "nginx"
    assert run.best("T3") == "django-bolt"
    assert run.best("T5") is None


def test_json_gives_the_same_back(run: Results) -> None:
    run.leave_out("flask", "wrong answer")
    again = Results.from_json(run.as_json())
    assert again.samples["nginx"] == run.samples["nginx"]
    assert again.as_json() == run.as_json()
    assert (again.figures, again.out, again.tests) == (run.figures, run.out, run.tests)
    assert rounded([float("nan"), 1234.567, {"a": 0.00012345}]) == [None, 1235.0, {"a": 0.0001234}]


def test_a_peer_that_is_out_has_no_figures(run: Results) -> None:
    run.leave_out("fastapi", "T4:\n  accepted qty 0")
    text = markdown(run)
    assert "- fastapi: T4: accepted qty 0" in text
    assert "FastAPI" not in text.partition("## Out of the table")[0]


def test_verdicts(run: Results) -> None:
    told = {found.text.partition(" (")[0]: found.reached for found in verdicts(run)}
    assert told == {
        "T1 is 1.50 x nginx's T1": True,
        "T1+headers is 1.50 x nginx's T1+headers": True,
        "T1 is 0.75 x django-bolt's T1": True,
        "T3 is 0.70 x django-bolt's T3": True,
        "T1 is 0.10 x fastapi's T1": True,
        "T3 is 0.07 x fastapi's T3": True,
        "2 ms of work, 2 workers rps is 1.73 x 2 ms of work, 1 workers rps": False,
        "T1, 2 workers us is 1.05 x T1, 1 workers us": True,
        "start ms: 150": True,
    }


def test_a_missed_ratio(run: Results) -> None:
    missed = Ratio("T1", "nginx", "T1", 1.4, 1.2).judge(run)
    assert missed is not None
    assert (missed.text, missed.reached) == (
        "T1 is 1.50 x nginx's T1 (best rounds 1.25; at most 1.40, aim 1.20)",
        False,
    )
    assert Figure("import ms", 80).judge(run) is None
    assert FigureRatio("start ms", "nginx", "start ms", 2).judge(run) is None


def test_every_target_names_what_can_be_measured() -> None:
    for target in TARGETS:
        if isinstance(target, Ratio):
            assert PEERS[target.peer].takes(target.test), target
            assert PEERS[target.other].takes(target.base), target
            assert PEERS[target.peer].measured(target.test, asked=False), target
            assert PEERS[target.other].measured(target.base, asked=False), target


def test_the_tables(run: Results) -> None:
    text = markdown(run)
    assert "1 May 2026: a machine, 2 cores, CPython 3.13.0, wrk -t1 -c64, 3 rounds of 2 s." in text
    assert "1 round of 1 s." in markdown(Results("3.13.0", 1, 1, ["T1"]))
    assert "| Ketch | 12.0 (10.0 to 30.0) |  | 14.0 (14.0 to 14.0) |  |  |" in text
    assert "| Ketch | 1.50, 1.50 |  | 1.75, 0.70 |  |  |" in text
    assert re.search(r"^\| Ketch \| 15\.0 \(15\.0 to 15\.0\) \|$", text, re.MULTILINE)
    assert ordered(run, ["T1"]) == ["nginx", "ketch", "django-bolt", "fastapi"]
    assert "- 2 ms of work, 2 workers rps: 850" in text


def test_a_run_without_load_has_a_report() -> None:
    empty = Results("3.13.0", 1, 1, ["T1"])
    empty.add_figures("uvicorn", {"idle connection KiB": 10.0})
    text = markdown(empty)
    assert "| uvicorn, no framework | 10 |" in text
    assert "per request\n\n|" not in text


def test_the_chart_is_svg_that_says_what_it_shows(run: Results) -> None:
    drawn = chart(run)
    root = ElementTree.fromstring(drawn)
    assert root.get("role") == "img"
    assert "django-bolt (Rust): T1 16.0, T3 20.0" in (root.findtext(f"{SVG}desc") or "")
    bars = root.findall(f"{SVG}rect")
    assert len(bars) == 4 + 3
    assert [bar.get("class") for bar in bars].count("bar mine") == 2
    width = float(root.get("width") or 0)
    assert all(float(bar.get("x") or 0) + float(bar.get("width") or 0) < width for bar in bars)
    assert "prefers-color-scheme: dark" in drawn
    assert "script" not in drawn
    assert chart(Results("3.13.0", 1, 1, ["T1"])) == ""


def test_a_bar_beyond_the_column_is_cut_and_keeps_its_figure() -> None:
    assert scale([10.0, 20.0]) == 20.0
    assert scale([10.0, 10_000.0]) == 10.0 * CAP
    drawn = chart(results(nginx={"T1": [8.0]}, drf={"T1": [2_400.0]}))
    assert drawn.count('<path class="notch"') == 1
    assert ">2,400</text>" in drawn


def test_the_readmes_part_is_replaced(run: Results) -> None:
    page = with_table(f"before\n{BEGIN}\nold\n{END}\nafter\n", short_table(run))
    assert page.startswith(f"before\n{BEGIN}\n| |")
    assert page.endswith(f"|\n{END}\nafter\n")
    assert "| Ketch | 12.0 |  | 14.0 |  |  |" in page
    assert with_table(page, short_table(run)) == page


def test_what_is_shown_is_what_was_measured() -> None:
    """README and guide against results.json: nobody edits a figure by hand."""
    kept = Results.from_json((ROOT / "benchmarks" / "results.json").read_text("utf-8"))
    readme = (ROOT / "README.md").read_text("utf-8")
    assert with_table(readme, short_table(kept)) == readme
    assert (ROOT / "docs" / "performance.svg").read_text("utf-8") == chart(kept)
    assert (ROOT / "benchmarks" / "results.md").read_text("utf-8") == markdown(kept)


def test_results_hold_known_names() -> None:
    kept = json.loads((ROOT / "benchmarks" / "results.json").read_text("utf-8"))
    assert set(kept["samples"]) <= set(PEERS)
    assert {test.partition("+")[0] for test in kept["tests"]} <= set(WORKLOADS)
