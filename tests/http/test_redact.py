"""What of a client's input is shown back, and anything at all as plain values."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.redact import MAX_INPUT, REDACTED, looks_secret, plain, quoted_input


class Rude:
    def __str__(self) -> str:
        raise RuntimeError("no")


class Odd:
    pass


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(alphabet=st.characters())
    | st.text(alphabet="\ud800\udfffa")
    | st.binary()
    | st.just(Rude())
    | st.builds(lambda: 10**5000),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.tuples(st.none()), inner) | st.tuples(inner)
    ),
    max_leaves=30,
)


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "userPassword",
        "new_passwd",
        "API-Key",
        "apiKey",
        "api_key",
        "access_token",
        "X-Auth-Token",
        "clientSecret",
        "Authorization",
        "credentials",
        "pin",
        "otp",
        "card_cvv",
        "session id",
        "private.key",
        "PWD",
    ],
)
def test_names_that_look_secret(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name", ["name", "email", "spinning", "description", "keyboard", "shipping", "author", "passage", "id"]
)
def test_names_that_do_not(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "loc", [["header", "x-a"], ["cookie", "a"], ["body", "password"], ["body", 0, "auth", "token", "x"]]
)
def test_secret_places_show_no_input(loc: list[str | int]) -> None:
    assert quoted_input(loc, "value") == (False, None)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x", "x"),
        (7, 7),
        (None, None),
        (True, True),
        (1.5, 1.5),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (2**64, "18446744073709551616"),
        pytest.param(10**5000, "an integer of 16610 bits", id="huge"),
        ("a" * 201, "a" * 199 + "…"),
        (b"caf\xc3\xa9\xff", "café\ufffd"),
        ("a\ud800b", "a?b"),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}),
        ({"user": "ann", "password": "hunter2"}, {"user": "ann", "password": REDACTED}),
        ([{"apiKey": ["x"]}], [{"apiKey": REDACTED}]),
        (Odd(), "<Odd>"),
        (Rude(), "<Rude>"),
        (Decimal("1.50"), "1.50"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime(2030, 1, 1, tzinfo=UTC), "2030-01-01 00:00:00+00:00"),
        ((1, 2), [1, 2]),
        ({(1, 2): 3}, {"(1, 2)": 3}),
    ],
)
def test_input_as_it_is_shown(value: Any, shown: Any) -> None:
    assert quoted_input(["body", "x"], value) == (True, shown)


def test_a_long_container_becomes_a_short_text() -> None:
    keep, shown = quoted_input(["body"], {"a": "x" * 150, "b": "y" * 150})
    assert keep
    assert isinstance(shown, str)
    assert shown.startswith('{"a":"xxx')
    assert len(shown) == MAX_INPUT


def test_cycles_and_depth_end() -> None:
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    for value in (cyclic, deep):
        assert json.dumps(plain(value)).count("[") == 13
    while deep != 1:  # freeing it at once would overflow the C stack of some Pythons
        deep = deep[0]


@given(VALUES)
def test_anything_becomes_short_json(value: Any) -> None:
    keep, shown = quoted_input(["body"], value)
    assert keep
    encoded = msgspec.json.encode(shown).decode()
    assert len(encoded if not isinstance(shown, str) else shown) <= MAX_INPUT
    msgspec.json.encode(plain(value))


def test_the_budget_bounds_the_walk() -> None:
    wide = [[[0] * 1000] * 1000] * 1000
    assert len(json.dumps(plain(wide, values=100))) < 2_000
