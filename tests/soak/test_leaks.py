"""Twenty thousand requests of every kind leave nothing behind in the server's process."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.soak.serving import Server, serving
from tests.soak.telling import tell
from tests.soak.visitors import VISITORS
from tests.soak.wire import Wire

pytestmark = [
    pytest.mark.soak,
    pytest.mark.serial,
    pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux: it counts in /proc"),
]

WARM_UP = 4_000
REQUESTS = 20_000
VISITORS_AT_ONCE = 32
# What may differ afterwards. Memory that was freed stays with the allocator in pieces, so RSS is the one that moves.
RSS_GROWTH = 8 * 2**20
OBJECTS_GROWTH = 2_000
EXACT = ("tasks", "threads", "descriptors", "temporary_files", "requests", "opened")


async def visit(port: int, names: list[str]) -> Counter[str]:
    """Make these visits, some at once; how many of each kind there were."""
    line, done = iter(names), Counter[str]()

    async def one_after_the_other() -> None:
        wire = Wire(port)
        for name in line:
            try:
                await VISITORS[name][1](wire)
            except (OSError, EOFError, AssertionError) as error:
                error.add_note(f"visitor {name}")
                raise
            done[name] += 1
        await wire.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(VISITORS_AT_ONCE):
            group.create_task(one_after_the_other())
    return done


def names(count: int, seed: int) -> list[str]:
    """`count` visits, every kind among them, in a random order."""
    weights = [weight for weight, _ in VISITORS.values()]
    dice = random.Random(seed)
    chosen = [*VISITORS, *dice.choices(list(VISITORS), weights, k=count - len(VISITORS))]
    dice.shuffle(chosen)
    return chosen


# Those who wait for something that is pooled: threads, connections to the database.
POOLED = (
    "in_a_thread",
    "reads_rows",
    "writes_rows",
    "reads_rows_in_a_thread",
    "lines_in_a_thread",
    "large_upload",
    "fails_after_the_flush",
)


async def warm_up(port: int) -> Counter[str]:
    """Fill every pool to its brim with crowds of one kind, then everything once over."""
    visits = Counter[str]()
    for name in POOLED:
        visits += await visit(port, [name] * 200)
    return visits + await visit(port, names(WARM_UP, 1))


def at_rest(server: Server) -> dict[str, int]:
    """The gauges once they stand still: clients that left are noticed within a second, or a few."""
    before: dict[str, int] = {}
    for _ in itertools.repeat(None, 40):
        now = server.get("/gauges")
        if all(now[name] == before.get(name) for name in EXACT) and now["requests"] == 1:
            return dict(now)
        before = now
        time.sleep(1)
    raise AssertionError(f"the server does not come to rest: {before}")


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """After a warm-up that fills pools and caches: the same descriptors, tasks, threads, temporary files, requests in
    flight and open dependencies as before, less than 8 MiB more of memory, and nothing in the log but what was meant
    to fail."""
    with serving("tests.soak.afloat:app", tmp_path, ready="/gauges", SOAK_FOLDER=str(tmp_path)) as server:
        visits = asyncio.run(warm_up(server.port))
        before = after = at_rest(server)
        tell(f"warmed up by {visits.total():,}: {shown(before)}")
        for half in (2, 3):
            started = time.monotonic()
            visits += (done := asyncio.run(visit(server.port, names(REQUESTS // 2, half))))
            rate = done.total() / (time.monotonic() - started)
            after = at_rest(server)
            tell(f"{done.total():,} more of {len(done)} kinds, {rate:.0f}/s: {shown(after)}")
        assert {name: after[name] for name in EXACT} == {name: before[name] for name in EXACT}, after["task_names"]
        assert after["objects"] - before["objects"] < OBJECTS_GROWTH
        assert after["rss"] - before["rss"] < RSS_GROWTH
        check_log(server.words(), visits)


def check_log(words: str, visits: Counter[str]) -> None:
    """Each failure that was meant is told once, and no other."""
    meant = {
        "GET /fails failed": visits["fails"],
        "GET /def-fails failed": visits["fails_in_a_thread"],
        "POST /rows failed": visits["fails_after_the_flush"],
        "GET /fails-midway failed": visits["fails_midway"],
        # Raised once more, so that the server closes the connection in the middle of the answer.
        "ERROR:    Exception in ASGI application": visits["fails_midway"],
        # Uvicorn says so whenever a handshake is denied with a response.
        "ERROR:    ASGI callable returned without completing handshake.": visits["is_denied"],
    }
    told = Counter(line for line in words.splitlines() if line.endswith(" failed") or line.startswith("ERROR"))
    assert told == meant, words[-8_000:]
    assert "never awaited" not in words
    assert "was never retrieved" not in words
    assert "was destroyed" not in words


def shown(gauges: dict[str, int]) -> str:
    exact = ", ".join(f"{gauges[name]} {name.replace('_', ' ')}" for name in EXACT)
    return f"{exact}, {gauges['objects']:,} objects, RSS {gauges['rss'] / 2**20:.1f} MiB"
