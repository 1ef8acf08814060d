"""Work that makes no garbage need not be searched for it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for cyclic garbage inside the block; what it leaves behind counts as old.

    PERF: where thousands of objects are made and all of them kept, looking for garbage among them takes a fifth of the
    time (freezing 1,000 routes) to a third (documenting them).
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            _age()
            gc.enable()


def _age() -> None:
    """Put every object into the oldest generation, unless somebody has put some out of reach (`gc.freeze`).

    PERF: without it the search that was put off happens as soon as it is allowed again: a tenth of freezing.
    """
    if hasattr(gc, "freeze") and not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()
