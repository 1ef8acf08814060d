"""Typed WebSocket messages: the rules of JSON bodies, and every problem at once."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ketch import Struct
from ketch.binding.messages import decode_message
from ketch.http.problems import BadRequest, ValidationProblem


class Move(Struct):
    x: int
    y: int


def read(raw: bytes, kind: Any) -> Any:
    return asyncio.run(decode_message(raw, kind))


def test_a_right_message_is_typed() -> None:
    assert read(b'{"x": 1, "y": 2}', Move) == Move(1, 2)
    assert read(b'[{"x": 1, "y": 2}]', list[Move]) == [Move(1, 2)]


def test_every_problem_is_told() -> None:
    with pytest.raises(ValidationProblem) as caught:
        read(b'{"x": "1"}', Move)
    assert [(e["loc"], e["type"]) for e in caught.value.errors] == [
        (["body", "x"], "int_type"),
        (["body", "y"], "missing"),
    ]


@pytest.mark.parametrize("raw", [b"{", b'{"x": NaN, "y": 1}', b"\xff", b""])
def test_what_is_not_json(raw: bytes) -> None:
    with pytest.raises(BadRequest):
        read(raw, Move)


def test_a_large_message_is_explained_too() -> None:
    with pytest.raises(ValidationProblem) as caught:
        read(b"[" + b"1.2345678901234567e-300," * 5_000 + b"1]", list[int])
    assert len(caught.value.errors) == 100
