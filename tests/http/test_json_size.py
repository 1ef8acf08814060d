"""How many values a JSON text holds, seen without decoding it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.json_size import check_json, too_many_values
from ketch.http.limits import Limits
from ketch.http.problems import BadRequest, ContentTooLarge

TEXTS = st.text(st.sampled_from('ab,[{"\\]}:é\n'), max_size=8)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(TEXTS, inner, max_size=8),
)


def marks(value: Any) -> int:
    """Commas between elements or members, and containers."""
    match value:
        case dict():
            return 1 + max(0, len(value) - 1) + sum(map(marks, value.values()))
        case list():
            return 1 + max(0, len(value) - 1) + sum(map(marks, value))
    return 0


@given(value=VALUES, limit=st.integers(0, 40), ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_it_counts_elements_and_members(value: Any, limit: int, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    assert too_many_values(text, limit) is (marks(value) > limit)


@given(text=st.binary(max_size=300), limit=st.integers(0, 20))
def test_any_bytes_will_do(text: bytes, limit: int) -> None:
    too_many_values(text, limit)


@pytest.mark.parametrize("inner", ["a,b,c", "[{,", '\\"', "\\\\", ""])
@pytest.mark.parametrize("size", [10, 40_000])
def test_what_stands_in_strings_does_not_count(inner: str, size: int) -> None:
    text = b"[" + b",".join([b'"%s"' % inner.encode()] * size) + b"]"
    assert too_many_values(text, size) is False
    assert too_many_values(text, size - 1) is True


def test_a_large_text_within_json_is_one_value() -> None:
    table = "1,2,3\n" * 100_000
    check_json(json.dumps({"table": table}).encode(), Limits())


def test_what_is_raised() -> None:
    limits = Limits(json_values=10, json_depth=3)
    check_json(b"[[[1,2,3,4]]]", limits)
    with pytest.raises(ContentTooLarge):
        check_json(b"[1,2,3,4,5,6,7,8,9,10,11]", limits)
    with pytest.raises(BadRequest):
        check_json(b"[[[[]]]]", limits)
