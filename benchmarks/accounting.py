"""What a process tree has spent and holds, read from Linux's `/proc`.

CPU time comes from `/proc/*/task/*/schedstat` (nanoseconds on a core). Where a thread ended in between, its process is
counted from `/proc/*/stat` instead, which keeps the time of finished threads in ticks of 10 ms.
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

TICK = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


@dataclass(frozen=True)
class Spent:
    """Nanoseconds of one process: by thread, and as its stat line counts them."""

    threads: dict[str, int]
    total: int


def tree(pid: int, proc: Path = PROC) -> list[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in proc.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                children.setdefault(int(stat(entry)[1]), []).append(int(entry.name))
    found = [pid]
    for process in found:
        found += children.get(process, [])
    return found


def stat(folder: Path) -> list[str]:
    """The fields of a stat line after the name, which may hold spaces and brackets: state, parent, ..."""
    return (folder / "stat").read_text().rpartition(")")[2].split()


def snapshot(pid: int, proc: Path = PROC) -> dict[int, Spent]:
    """What every process of the tree has spent so far."""
    found: dict[int, Spent] = {}
    for process in tree(pid, proc):
        with contextlib.suppress(OSError):
            folder = proc / str(process)
            threads = {}
            for task in (folder / "task").iterdir():
                with contextlib.suppress(OSError):
                    threads[task.name] = int((task / "schedstat").read_text().split()[0])
            fields = stat(folder)
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


def memory_kib(pid: int, kind: str, proc: Path = PROC) -> int:
    """KiB held by the tree: "Rss" counts shared pages in every process, "Pss" shares them out."""
    kib = 0
    for process in tree(pid, proc):
        with contextlib.suppress(OSError):
            text = (proc / str(process) / "smaps_rollup").read_text()
            found = re.search(rf"^{kind}: +(\d+)", text, re.MULTILINE)
            kib += int(found[1]) if found else 0
    return kib
