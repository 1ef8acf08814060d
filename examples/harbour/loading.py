"""The first start: the airports of the world, from PyPI's `airportsdata`, into the database.

Source: https://github.com/mborsetti/airportsdata by Mike Borsetti and contributors, MIT licence. All rows go in within
one transaction, so a start that is killed half-way leaves an empty table, and the next one begins again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from ketch.data import Sessions, func, insert, select

from .models import Airport, Change, now, searchable

CHUNK = 1_000
SOURCE = "airportsdata by Mike Borsetti and contributors (MIT licence)"


class Progress(Protocol):
    """Told how many rows are in."""

    def __call__(self, done: int) -> None: ...


async def load_catalogue(sessions: Sessions, limit: int = 0) -> int:
    """Fill an empty catalogue; returns how many airports it has then. Several processes may try at once."""
    async with sessions(read_only=True) as session:
        present = await session.scalar(select(func.count()).select_from(Airport)) or 0
    if present:
        return present
    rows = read_rows()[: limit or None]
    async with sessions() as session:  # takes the writers' lock: the second process waits here, and finds it done
        if present := await session.scalar(select(func.count()).select_from(Airport)) or 0:
            return present
        # Nulls are sent like other values: otherwise each change between rows with and without one is a new statement.
        statement = insert(Airport).execution_options(render_nulls=True)
        with progress_bar(len(rows)) as told:
            for start in range(0, len(rows), CHUNK):
                await session.execute(statement, rows[start : start + CHUNK])
                told(min(start + CHUNK, len(rows)))
        session.add(Change(kind="loaded", icao="", name="Harbour", text=f"{len(rows):,} airports came in"))
    return len(rows)


def read_rows() -> list[dict[str, Any]]:
    """The data set as rows of our table. It takes a fraction of a second."""
    try:
        import airportsdata
    except ImportError:
        sys.exit("The harbour needs its data set:  pip install airportsdata")
    moment = now()
    rows = []
    for entry in airportsdata.load("ICAO").values():
        row: dict[str, Any] = {
            "icao": entry["icao"],
            "iata": entry["iata"] or None,
            "name": entry["name"],
            "city": entry["city"],
            "region": entry["subd"],
            "country": entry["country"],
            "elevation": round(entry["elevation"]),
            "latitude": entry["lat"],
            "longitude": entry["lon"],
            "timezone": entry["tz"] or "UTC",
            "changed_at": moment,
        }
        row["words"] = searchable(row)
        rows.append(row)
    return rows


@contextmanager
def progress_bar(total: int) -> Iterator[Progress]:
    """A bar on a terminal (rich's if there is rich), two lines elsewhere."""
    if not sys.stderr.isatty():
        with _plain_lines(total) as told:
            yield told
        return
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    except ImportError:
        with _plain_bar(total) as told:
            yield told
        return
    columns = (TextColumn("  Loading airports"), BarColumn(40), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("load", total=total)
        yield lambda done: bar.update(task, completed=done)


@contextmanager
def _plain_bar(total: int) -> Iterator[Progress]:
    def told(done: int) -> None:
        filled = 40 * done // max(total, 1)
        print(
            f"\r  Loading airports  {'█' * filled}{'·' * (40 - filled)}  {done:,}", end="", file=sys.stderr, flush=True
        )

    yield told
    print("\r\033[K", end="", file=sys.stderr, flush=True)


@contextmanager
def _plain_lines(total: int) -> Iterator[Progress]:
    began = time.perf_counter()
    print(f"Loading {total:,} airports ...", file=sys.stderr, flush=True)
    yield lambda done: None
    print(f"Loaded in {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)
