"""The operating system's word about changed files, by watchfiles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from threading import Event

from ketch.cli.watching import directories, is_wanted

_DEBOUNCE, _STEP = 60, 20  # milliseconds: an editor writes a file in several steps, a checkout writes several files


def told(roots: list[str], stop: Event) -> Iterator[set[str]]:
    """As `watching.changes`. Directories that appear are watched from then on."""
    from watchfiles import Change, watch

    while not stop.is_set():
        watched = directories(roots)
        for found in watch(
            *watched,
            watch_filter=None,
            debounce=_DEBOUNCE,
            step=_STEP,
            recursive=False,
            stop_event=stop,
            raise_interrupt=False,
        ):
            changed = {path for _, path in found if is_wanted(path)}
            if changed:
                yield changed
            if any(kind is Change.added and os.path.isdir(path) for kind, path in found):
                news = [folder for folder in directories(roots) if folder not in set(watched)]
                if news:
                    # What was written into them before they were watched is a change as well.
                    early = {os.path.join(f, name) for f in news for name in os.listdir(f) if is_wanted(name)}
                    if early - changed:
                        yield early - changed
                    break
