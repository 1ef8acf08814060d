"""CPU time and memory of a process tree, from a made-up `/proc` and from a real one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.accounting import TICK, Spent, between, memory_kib, snapshot, tree


def process(proc: Path, pid: int, parent: int, threads: dict[int, int], *, name: str = "it", ticks: int = 0) -> None:
    """A process with threads and the nanoseconds each has spent."""
    folder = proc / str(pid)
    fields = ["S", str(parent), *["0"] * 9, str(ticks), "1", *["0"] * 20]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "stat").write_text(f"{pid} ({name}) {' '.join(fields)}\n")
    (folder / "smaps_rollup").write_text("00400000-7fff ---p 0 00:00 0 [rollup]\nRss:     300 kB\nPss:     120 kB\n")
    for thread, spent in threads.items():
        (folder / "task" / str(thread)).mkdir(parents=True, exist_ok=True)
        (folder / "task" / str(thread) / "schedstat").write_text(f"{spent} 17 3\n")


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A server 10 with two workers, one of them with a child, beside a stranger."""
    (tmp_path / "self").mkdir()
    process(tmp_path, 10, 1, {10: 1_000})
    process(tmp_path, 11, 10, {11: 2_000, 12: 500}, name="a (worker) of two")
    process(tmp_path, 13, 10, {13: 3_000})
    process(tmp_path, 14, 13, {14: 4_000})
    process(tmp_path, 20, 1, {20: 1_000_000})
    return tmp_path


def test_the_tree_is_the_process_and_its_descendants(proc: Path) -> None:
    assert sorted(tree(10, proc)) == [10, 11, 13, 14]
    assert tree(14, proc) == [14]


def test_a_name_with_brackets_does_not_confuse(proc: Path) -> None:
    process(proc, 30, 10, {30: 1}, name="evil) S 20 (")
    assert 30 in tree(10, proc)


def test_threads_are_counted_in_nanoseconds(proc: Path) -> None:
    before = snapshot(10, proc)
    process(proc, 11, 10, {11: 2_700, 12: 600})
    process(proc, 20, 1, {20: 9_000_000})
    assert between(before, snapshot(10, proc)) == 800


def test_a_new_thread_and_a_new_process_count_whole(proc: Path) -> None:
    before = snapshot(10, proc)
    process(proc, 10, 1, {10: 1_000, 15: 70})
    process(proc, 16, 10, {16: 400})
    assert between(before, snapshot(10, proc)) == 470


def test_a_process_whose_thread_ended_is_counted_by_its_stat_line() -> None:
    before = {1: Spent({"1": 100, "2": 5_000}, 10 * TICK)}
    assert between(before, {1: Spent({"1": 200}, 14 * TICK)}) == 4 * TICK


def test_a_process_that_vanished_is_not_counted(proc: Path) -> None:
    before = snapshot(10, proc)
    for task in (proc / "14" / "task").rglob("schedstat"):
        task.unlink()
    (proc / "14" / "stat").unlink()
    assert between(before, snapshot(10, proc)) == 0


def test_memory_of_the_tree(proc: Path) -> None:
    assert memory_kib(10, "Pss", proc) == 4 * 120
    assert memory_kib(10, "Rss", proc) == 4 * 300


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="needs Linux's /proc")
def test_a_real_child_is_seen_working() -> None:
    source = "import sys; sum(range(3_000_000)); print('done', flush=True); sys.stdin.read()"
    before = snapshot(os.getpid())
    with subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in tree(os.getpid())
        spent = between({child.pid: Spent({}, 0)}, snapshot(child.pid))
        assert memory_kib(child.pid, "Rss") > 1_000
        assert between(before, snapshot(os.getpid())) >= spent
        child.communicate()
    assert 1_000_000 < spent < 20_000_000_000
