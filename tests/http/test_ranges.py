from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.ranges import Span, UnsatisfiableRange, merge, parse_range


@pytest.mark.parametrize(
    ("field", "spans"),
    [
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-99", [(0, 10)]),
        ("bytes=5-", [(5, 10)]),
        ("bytes=-3", [(7, 10)]),
        ("bytes=-30", [(0, 10)]),
        ("BYTES=1-2", [(1, 3)]),
        ("bytes= 1-2 , 5-6", [(1, 3), (5, 7)]),
        ("bytes=1-2,,5-6,", [(1, 3), (5, 7)]),
        ("bytes=5-6,1-2", [(5, 7), (1, 3)]),
        ("bytes=0-4,2-7", [(0, 8)]),
        ("bytes=0-4,5-6", [(0, 7)]),
        ("bytes=8-9,0-1,1-2", [(8, 10), (0, 3)]),
        ("bytes=0-1,50-60", [(0, 2)]),
        ("bytes=0-9,-1", [(0, 10)]),
        ("bytes=3-" + "9" * 5_000, [(3, 10)]),
        ("bytes=" + "0" * 5_000 + "3-4", [(3, 5)]),
    ],
)
def test_spans(field: str, spans: list[tuple[int, int]]) -> None:
    assert parse_range(field, 10, limit=16) == spans


@pytest.mark.parametrize(
    "field",
    [
        "bytes=",
        "bytes=,",
        "bytes=a-b",
        "bytes=1",
        "bytes=-",
        "bytes=--1",
        "bytes=5-2",
        "bytes=1-2-3",
        "bytes=10-",
        "bytes=-0",
        "bytes=" + "9" * 5_000 + "-",
        "bytes=٣-٤",
        "bytes=0x1-2",
        "bytes=1-2;3-4",
    ],
)
def test_what_cannot_be_sent(field: str) -> None:
    with pytest.raises(UnsatisfiableRange):
        parse_range(field, 10, limit=16)


@pytest.mark.parametrize("field", ["items=0-1", "0-1", "", "seconds=1-2"])
def test_other_units_are_ignored(field: str) -> None:
    assert parse_range(field, 10, limit=16) is None


def test_an_empty_file_has_no_ranges() -> None:
    assert parse_range("bytes=0-5", 0, limit=16) is None
    assert parse_range("bytes=-5", 0, limit=16) is None


def test_the_number_of_ranges_is_bounded() -> None:
    assert parse_range("bytes=" + ",".join(f"{i}-{i}" for i in range(0, 32, 2)), 100, limit=16) is not None
    with pytest.raises(UnsatisfiableRange, match="at most 16"):
        parse_range("bytes=" + ",".join(["0-0"] * 17), 100, limit=16)
    with pytest.raises(UnsatisfiableRange):
        parse_range("bytes=" + "," * 60_000, 100, limit=16)


spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda s: Span(s[0], s[0] + s[1])), min_size=1, max_size=16
)


@given(spans)
def test_merging_covers_the_same_bytes_once(asked: list[Span]) -> None:
    merged = merge(asked)
    assert {i for s in merged for i in range(*s)} == {i for s in asked for i in range(*s)}
    ordered = sorted(merged)
    assert all(a.stop < b.start for a, b in pairwise(ordered))
    firsts = [min(i for i, s in enumerate(asked) if m.start <= s.start and s.stop <= m.stop) for m in merged]
    assert firsts == sorted(firsts)


@given(st.text(alphabet="0123456789-, bytes=x", max_size=60), st.integers(0, 50))
def test_any_field_gives_spans_inside_or_a_refusal(text: str, length: int) -> None:
    try:
        found = parse_range("bytes=" + text, length, limit=16)
    except UnsatisfiableRange:
        return
    if found is not None:
        assert all(0 <= start < stop <= length for start, stop in found)
        assert sum(stop - start for start, stop in found) <= length
