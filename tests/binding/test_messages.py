"""Typed WebSocket messages: the rules of JSON bodies, and every problem at once."""

from __future__ import annotations

import asyncio
import enum
from typing import Annotated, Any

import msgspec
import pytest

from ketch import Body, Struct
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


def test_a_type_with_something_unhashable_in_it() -> None:
    kind = Annotated[list[Move], Body(examples=[[{"x": 1, "y": 2}]]), ["not", "hashable"]]
    assert read(b'[{"x": 1, "y": 2}]', kind) == [Move(1, 2)]
    with pytest.raises(ValidationProblem):
        read(b'[{"x": 1}]', kind)


def test_what_only_the_interpreter_can_read_is_read() -> None:
    class Level(enum.Enum):
        LOW = 1
        HALF = 2.5

    assert read(b"[1, 2.5]", list[Level]) == [Level.LOW, Level.HALF]


def test_more_types_than_are_remembered() -> None:
    """A type made for each message, which would fill the memory if all were kept."""
    for number in range(600):
        kind = msgspec.defstruct(f"Made{number}", [("x", int)])
        assert read(b'{"x": 1}', kind).x == 1
