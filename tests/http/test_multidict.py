"""A mapping with several values of one key."""

from __future__ import annotations

import pytest

from ketch.http.multidict import ImmutableMultiDict


def test_the_last_value_counts_and_all_are_kept() -> None:
    values = ImmutableMultiDict([("a", 1), ("b", 2), ("a", 3)])
    assert values["a"] == 3
    assert values.getlist("a") == [1, 3]
    assert values.getlist("z") == []
    assert list(values) == ["a", "b"]
    assert len(values) == 2
    assert "a" in values
    assert "z" not in values
    assert list(values.items()) == [("a", 3), ("b", 2)]
    assert values.multi_items() == [("a", 1), ("b", 2), ("a", 3)]
    assert ImmutableMultiDict(values) == values
    assert ImmutableMultiDict({"a": 1}) == ImmutableMultiDict([("a", 1)])
    assert values != {"a": 3, "b": 2}
    with pytest.raises(KeyError):
        values["z"]
    with pytest.raises(TypeError):
        hash(values)


def test_it_cannot_be_changed_from_outside() -> None:
    values = ImmutableMultiDict([("a", 1)])
    values.multi_items().append(("b", 2))
    assert values.multi_items() == [("a", 1)]
    assert repr(values) == "ImmutableMultiDict([('a', 1)])"
