"""The session as a mapping: lazy, aware of change in depth, strict about what comes back as it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.sessions.session import Session


def test_it_is_read_when_it_is_first_looked_at() -> None:
    asked: list[int] = []

    def read() -> Mapping[str, Any] | None:
        asked.append(1)
        return {"n": 1}

    session = Session(read)
    assert not session.touched and not session.changed and not asked
    assert session["n"] == 1 and session.get("m") is None and "n" in session and len(session) == 1
    assert asked == [1] and session.touched and not session.changed


def test_a_ticket_that_is_not_believed_is_an_empty_session() -> None:
    session = Session(lambda: None)
    assert dict(session) == {} and not session


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s.update(a=2),
        lambda s: s.pop("a"),
        lambda s: s.clear(),
        lambda s: s["list"].append(3),
        lambda s: s["map"].update(x=1),
        lambda s: s.setdefault("new", None),
        lambda s: s.renew(),
    ],
)
def test_every_change_is_noticed(change: Any) -> None:
    session = Session({"a": 1, "list": [], "map": {}})
    change(session)
    assert session.changed


@pytest.mark.parametrize("same", [lambda s: s.get("a"), lambda s: s.update(a=1), lambda s: list(s.items())])
def test_what_ends_as_it_began_is_no_change(same: Any) -> None:
    session = Session({"a": 1})
    same(session)
    assert session.touched and not session.changed


def test_data_that_was_given_stays_the_givers() -> None:
    mine: dict[str, Any] = {"list": []}
    Session(mine)["list"].append(1)
    assert mine == {"list": []}


@pytest.mark.parametrize(
    "value",
    [
        datetime(2026, 1, 1, tzinfo=UTC),
        Decimal("1.5"),
        {1, 2},
        (1, 2),
        b"x",
        object(),
        float("nan"),
        float("inf"),
        {1: 2},
        [[{1}]],
    ],
)
def test_a_value_that_would_come_back_as_another_type_is_refused_where_it_is_set(value: Any) -> None:
    session = Session()
    with pytest.raises(TypeError, match='session\\["when"\\]'):
        session["when"] = value
    assert "when" not in session


def test_a_value_hidden_in_depth_is_refused_at_the_end() -> None:
    session = Session({"rows": []})
    session["rows"].append(Decimal(1))
    with pytest.raises(TypeError, match="a Decimal, which a session cannot keep"):
        _ = session.changed


def test_what_goes_round_in_a_circle_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(TypeError, match="nested too deeply"):
        Session()["circle"] = circle


def test_keys_are_text() -> None:
    with pytest.raises(TypeError, match="a session's keys are str, not int"):
        Session()[1] = 2  # type: ignore[index]


def test_its_repr_tells_no_values() -> None:
    assert repr(Session({"user": "ann@x.org"})) == "<Session user>"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_whatever_json_can_say_is_kept_and_comes_back(data: dict[str, Any]) -> None:
    session = Session()
    session.update(data)
    assert dict(session) == data
    assert session.changed is bool(data)
    assert dict(Session(dict(session))) == data
