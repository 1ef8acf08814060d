"""The bag of attributes."""

from __future__ import annotations

import pytest

from ketch.http.state import State


def test_attributes_and_keys_are_the_same() -> None:
    inside: dict[str, object] = {"a": 1}
    state = State(inside)
    state.b = 2
    state["c"] = 3
    assert (state.a, state["b"], state.c) == (1, 2, 3)
    assert inside == {"a": 1, "b": 2, "c": 3}
    assert list(state) == ["a", "b", "c"]
    assert len(state) == 3
    assert "a" in state
    del state.a
    del state["b"]
    assert "a" not in state
    assert repr(state) == "State(c)"


def test_what_nobody_set_says_so() -> None:
    state = State()
    with pytest.raises(AttributeError, match="state has no 'db': nothing has set it"):
        _ = state.db
    with pytest.raises(AttributeError, match="state has no 'db'"):
        del state.db
    with pytest.raises(KeyError):
        state["db"]
    assert getattr(state, "db", None) is None
