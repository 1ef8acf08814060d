"""Nesting is measured without decoding, exactly for JSON and quickly for anything."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.json_depth import json_too_deep

SIZE = 2_621_440


def nesting(value: Any) -> int:
    """The meaning: containers within containers."""
    if isinstance(value, dict):
        return 1 + max(map(nesting, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(nesting, value), default=0)
    return 0


TEXTS = st.text(alphabet='[]{}"\\a,:é\n', max_size=8)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=60,
)


@given(value=VALUES, limit=st.integers(0, 12), ascii_only=st.booleans(), wrap=st.integers(0, 12))
def test_it_counts_what_a_reader_would_count(value: Any, limit: int, ascii_only: bool, wrap: int) -> None:
    for _ in range(wrap):
        value = [value, [], "]["]
    text = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert json_too_deep(text, limit) == (nesting(value) > limit)


@pytest.mark.parametrize("depth", [1, 2, 63, 64, 65, 66, 1_000, 100_000])
@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"]":', b"}]")])
def test_the_limit_itself_is_allowed(depth: int, pair: tuple[bytes, bytes]) -> None:
    levels = depth * (pair[0].count(b"[") + pair[0].count(b"{"))
    text = pair[0] * depth + b"1" + pair[1] * depth
    assert json_too_deep(text, levels) is False
    assert json_too_deep(text, levels - 1) is True


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        (b'["[[[", "]"]', False),
        (b'["\\"[[[[", 1]', False),
        (b'["\\\\", [[[1]]]]', True),
        (b'["\\\\\\"[[[[", 1]', False),
        (b'[["a"], ["b"], ["c"], [], {}, []]', False),
    ],
)
def test_brackets_in_strings_do_not_count(text: bytes, deep: bool) -> None:
    assert json_too_deep(text, 2) is deep


def test_a_depth_that_returns_across_chunks() -> None:
    flat = b"[" + b'["x"],' * 20_000 + b"[]]"
    assert json_too_deep(flat, 2) is False
    assert json_too_deep(flat, 1) is True
    assert json_too_deep(b"[" + b'["]"],' * 20_000 + b"[[[]]]]", 3) is True


HOSTILE = {
    "opens": b"[" * SIZE,
    "balanced": b"[" * (SIZE // 2) + b"]" * (SIZE // 2),
    "objects": b'{"a":' * (SIZE // 5),
    "empty strings": b'""' * (SIZE // 2),
    "strings of brackets": b'["]"]' * (SIZE // 5),
    "escapes": b'"' + b'\\"' * (SIZE // 2) + b'"' + b"[" * 70,
    "backslashes": b"[" * 70 + b"\\" * SIZE,
    "at the limit again and again": (b"[" * 64 + b"]" * 64) * (SIZE // 128),
    "at the limit with strings": (b"[" * 64 + b'"["' + b"]" * 64) * (SIZE // 131),
    "an unterminated string": b"[" * 70 + b'"' + b"a[" * (SIZE // 2),
    "closed before opened": b"]" * (SIZE // 2) + b"[" * (SIZE // 2),
}


@pytest.mark.soak
@pytest.mark.serial
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_are_not_slower_than_others(name: str) -> None:
    best = 1.0
    for _ in range(3):
        started = time.perf_counter()
        json_too_deep(HOSTILE[name], 64)
        best = min(best, time.perf_counter() - started)
    # 50 ms is the aim on a quiet machine; shared ones get some room.
    assert best < 0.15
