"""Work without a search for garbage: the collector is as it was afterwards, and what was made is old."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from ketch.kernel.garbage import uncollected


@pytest.fixture(autouse=True)
def enabled() -> Iterator[None]:
    gc.enable()
    yield
    gc.enable()


def test_the_collector_rests_and_goes_on() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_who_switched_it_off_finds_it_off() -> None:
    gc.disable()
    with uncollected():
        pass
    assert not gc.isenabled()


def test_it_goes_on_after_a_mistake() -> None:
    with pytest.raises(LookupError), uncollected():
        raise LookupError
    assert gc.isenabled()


def test_what_was_made_is_old_and_found_when_it_becomes_garbage() -> None:
    with uncollected():
        kept: list[object] = [[number] for number in range(10)]
        kept.append(kept)
    assert any(one is kept for one in gc.get_objects(generation=2))
    assert gc.get_freeze_count() == 0
    gc.collect()
    del kept
    assert gc.collect() >= 1


def test_what_somebody_froze_stays_frozen() -> None:
    gc.freeze()
    try:
        with uncollected():
            pass
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
