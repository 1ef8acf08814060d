"""JSON and other codecs' values to typed values: datetimes in every container, types msgspec cannot build alone."""

# ruff: noqa: UP007 (what people write is what is tested)
from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict, Union

import attrs
import msgspec
import pydantic
import pytest
from annotated_types import Ge, MaxLen

from ketch import Field, Struct
from ketch.binding.decode import json_decoder, value_builder
from ketch.binding.native import is_native
from ketch.kernel.annotations import shape_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
SENT = "2026-11-22T13:00:00+01:00"


class AtStruct(Struct):
    at: datetime
    rest: tuple[int, datetime] | None = None


class FrozenStruct(Struct, frozen=True):
    at: datetime


@dataclasses.dataclass(frozen=True)
class AtData:
    at: datetime


class AtTyped(TypedDict):
    at: datetime
    other: NotRequired[datetime]


class AtTuple(NamedTuple):
    n: int
    at: datetime


@attrs.frozen
class AtAttrs:
    at: datetime


class Chain(Struct):
    at: datetime
    next: Chain | None = None


class Plain(Struct):
    n: int
    more: list[Plain] = []


class Size(enum.IntEnum):
    S = 1


class Word(enum.Enum):
    A = "a"


class Cat(Struct, tag="cat"):
    lives: Annotated[int, Ge(1)]


class Dog(Struct, tag="dog"):
    name: Annotated[str, MaxLen(3)]
    friend: Cat | Dog | None = None


class Pet(pydantic.BaseModel):
    name: str


class Spot(NamedTuple):
    x: Annotated[int, Ge(0)] = 0
    y: int | None = None


class Up(Struct, tag="up", tag_field="way", array_like=True):
    by: Annotated[int, Ge(1)]


class Down(Struct, tag="down", tag_field="way", array_like=True, forbid_unknown_fields=True):
    by: Annotated[int, Ge(1)] = 1


class Row(Struct, array_like=True):
    n: Annotated[int, Ge(0)]
    m: int = 0


@dataclasses.dataclass
class Aliased:
    first: Annotated[int, Field(alias="the first")]
    made: int = dataclasses.field(init=False, default=7)


@attrs.define
class Converted:
    text: str = attrs.field(converter=str.strip)


class Strict(Struct, forbid_unknown_fields=True, tag=True):
    n: Annotated[int, Ge(0)]


@pytest.mark.parametrize(
    ("annotation", "sent", "expected"),
    [
        (datetime, SENT, NOON),
        (list[datetime], [SENT], [NOON]),
        (set[datetime], [SENT, "2026-11-22T12:00:00Z"], {NOON}),
        (frozenset[datetime], [SENT], frozenset({NOON})),
        (tuple[datetime, ...], [SENT], (NOON,)),
        (tuple[int, datetime], [1, SENT], (1, NOON)),
        (dict[str, datetime], {"a": SENT}, {"a": NOON}),
        (Union[int, datetime, None], SENT, NOON),
        (Union[int, datetime, None], 5, 5),
        (Union[int, list[datetime]], [SENT], [NOON]),
        (AtStruct, {"at": SENT, "rest": [1, SENT]}, AtStruct(NOON, (1, NOON))),
        (FrozenStruct, {"at": SENT}, FrozenStruct(NOON)),
        (AtData, {"at": SENT}, AtData(NOON)),
        (AtTyped, {"at": SENT}, {"at": NOON}),
        (AtTyped, {"at": SENT, "other": SENT}, {"at": NOON, "other": NOON}),
        (AtTuple, [1, SENT], AtTuple(1, NOON)),
        (AtAttrs, {"at": SENT}, AtAttrs(NOON)),
        (Chain, {"at": SENT, "next": {"at": SENT}}, Chain(NOON, Chain(NOON))),
        (Union[AtTyped, int], {"at": SENT}, {"at": NOON}),
        (Union[AtStruct, None], {"at": SENT}, AtStruct(NOON)),
        (Annotated[datetime, Field(tz=False)], "2026-11-22T12:00:00", datetime(2026, 11, 22, 12)),  # noqa: DTZ001
        (list[Annotated[datetime, Field(tz=False)]], ["2026-11-22T12:00:00"], [datetime(2026, 11, 22, 12)]),  # noqa: DTZ001
        (Plain, {"n": 1, "more": [{"n": 2}]}, Plain(1, [Plain(2)])),
    ],
)
def test_datetimes_are_utc_wherever_they_are(annotation: Any, sent: Any, expected: Any) -> None:
    shape = shape_of(annotation)
    for made in (json_decoder(shape)(msgspec.json.encode(sent)), value_builder(shape)(sent)):
        assert made == expected
        assert type(made) is type(expected)
    if expected is NOON:
        assert json_decoder(shape)(msgspec.json.encode(sent)).tzinfo is UTC


@pytest.mark.parametrize(
    ("annotation", "sent", "expected"),
    [
        (Annotated[int, Ge(1)], 1, 1),
        (list[Annotated[int, Ge(1)]], [1, 2], [1, 2]),
        (set[Annotated[int, Ge(1)]], [1, 1], {1}),
        (tuple[Annotated[int, Ge(1)], str], [1, "x"], (1, "x")),
        (dict[str, Annotated[int, Ge(1)]], {"a": 1}, {"a": 1}),
        (dict[int, Annotated[int, Ge(1)]], {"5": 1}, {5: 1}),
        (dict[Word, Annotated[int, Ge(1)]], {"a": 1}, {Word.A: 1}),
        (dict[Annotated[str, MaxLen(2)], Any], {"ab": [1]}, {"ab": [1]}),
        (Annotated[list[int], MaxLen(2)], [1, 2], [1, 2]),
        (Annotated[Decimal, Ge(1)], "1.5", Decimal("1.5")),
        (Annotated[date, Ge(date(2026, 1, 1))], "2026-01-01", date(2026, 1, 1)),
        (Annotated[datetime, Ge(NOON)], SENT, NOON),
        (Annotated[time, Field(tz=True)], "12:00:00Z", time(12, tzinfo=UTC)),
        (list[Annotated[time, Field(tz=False)]], ["12:00:00"], [time(12)]),
        (Union[Size, Annotated[float, Ge(0)]], 1, Size.S),
        (Union[Size, Annotated[float, Ge(0)]], 0.5, 0.5),
        (Union[Annotated[float, Ge(0)], int], 3, 3),
        (Union[Literal[5], Annotated[Decimal, Ge(0)]], 5, 5),
        (Union[Word, Annotated[int, Ge(0)], None], None, None),
        (Union[Word, Annotated[int, Ge(0)], None], "a", Word.A),
        (Union[list[int], Annotated[str, MaxLen(3)]], "abc", "abc"),
        (Union[str, date, None], "2026-11-22", "2026-11-22"),
        (Union[Cat, Dog], {"type": "cat", "lives": 9}, Cat(9)),
        (
            Union[Cat, Dog, None],
            {"type": "dog", "name": "Rex", "friend": {"type": "cat", "lives": 1}},
            Dog("Rex", Cat(1)),
        ),
        (Union[Cat, Dog, None], None, None),
        (Strict, {"type": "Strict", "n": 1}, Strict(1)),
        (Strict, {"n": 1}, Strict(1)),
        (Aliased, {"the first": 1}, Aliased(1)),
        (Converted, {"text": " x "}, Converted("x")),
        (list[Pet], [{"name": "x"}], [Pet(name="x")]),
        (Union[Pet, int], {"name": "x"}, Pet(name="x")),
        (Union[Pet, int], 5, 5),
        (tuple[Pet, Annotated[int, Ge(0)]], [{"name": "x"}, 1], (Pet(name="x"), 1)),
        (timedelta, "PT90S", timedelta(seconds=90)),
        (Spot, [], Spot()),
        (Spot, [1], Spot(1)),
        (list[Spot], [[1, 2], [3]], [Spot(1, 2), Spot(3)]),
        (Row, [1], Row(1)),
        (Row, [1, 2, 3], Row(1, 2)),
        (Up, ["up", 2, "more"], Up(2)),
        (Union[Up, Down], ["down"], Down()),
        (Union[Up, Down, None], ["up", 3], Up(3)),
        (Union[Up, Down, None], None, None),
    ],
)
def test_what_is_built_from_plain_values(annotation: Any, sent: Any, expected: Any) -> None:
    shape = shape_of(annotation)
    for made in (json_decoder(shape)(msgspec.json.encode(sent)), value_builder(shape)(sent)):
        assert made == expected
        assert type(made) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "sent"),
    [
        (datetime, "2026-11-22T12:00:00"),
        (list[datetime], ["2026-11-22T12:00:00"]),
        (Annotated[datetime, Field(tz=False)], SENT),
        (Annotated[int, Ge(1)], 0),
        (Annotated[int, Ge(1)], "1"),
        (Annotated[int, Ge(1)], True),
        (list[Annotated[int, Ge(1)]], [1, 0]),
        (list[Annotated[int, Ge(1)]], {"a": 1}),
        (tuple[Annotated[int, Ge(1)], str], [1]),
        (dict[str, Annotated[int, Ge(1)]], [1]),
        (dict[int, Annotated[int, Ge(1)]], {"x": 1}),
        (Annotated[list[int], MaxLen(2)], [1, 2, 3]),
        (Annotated[time, Field(tz=True)], "12:00:00"),
        (Union[Size, Annotated[float, Ge(0)]], -1),
        (Union[Cat, Dog], {"type": "cat", "lives": 0}),
        (Union[Cat, Dog], {"type": "cow"}),
        (Union[Cat, Dog], {"type": 1}),
        (Union[Cat, Dog], {}),
        (Union[Cat, Dog], None),
        (Strict, {"type": "other", "n": 1}),
        (Strict, {"n": 1, "m": 2}),
        (Strict, {"n": -1}),
        (Aliased, {"first": 1}),
        (Aliased, {"the first": 1, "made": 5, "": object}),
        (Union[Pet, Cat], {"name": 5}),
        (list[Pet], [{}]),
        (Spot, {}),
        (Spot, {"x": 1}),
        (Spot, [1, 2, 3]),
        (Spot, [-1]),
        (Row, {"n": 1}),
        (Row, []),
        (Up, [2]),
        (Up, []),
        (Down, ["down", 1, 2]),
        (Union[Up, Down], {"way": "up", "by": 1}),
        (Union[Up, Down], []),
        (Union[Up, Down], [1]),
        (Union[Up, Down], ["across"]),
        (Union[Up, Down], ["up", 0]),
    ],
)
def test_what_is_refused(annotation: Any, sent: Any) -> None:
    shape = shape_of(annotation)
    if isinstance(sent, dict) and object in sent.values():
        sent = {"the first": "x"}
    for attempt in (lambda: json_decoder(shape)(msgspec.json.encode(sent)), lambda: value_builder(shape)(sent)):
        with pytest.raises((ValueError, TypeError, LookupError)):
            attempt()


def test_what_msgspec_builds_alone() -> None:
    native = {kind: is_native(shape_of(kind)) for kind in (Plain, AtStruct, AtData, Aliased, Converted, Cat)}
    assert native == {Plain: True, AtStruct: True, AtData: True, Aliased: False, Converted: False, Cat: False}


def test_pydantic_reads_no_more_than_json() -> None:
    decode = json_decoder(shape_of(Pet))
    assert decode(b'{"name": "x"}') == Pet(name="x")
    for text in (b'{"name": NaN}', b'{"name": "x", "n": Infinity}', b"{"):
        with pytest.raises(ValueError, match=r"."):
            decode(text)


def test_a_type_that_no_body_can_say() -> None:
    class Unknown:
        pass

    with pytest.raises(TypeError, match="cannot be read from a body"):
        json_decoder(shape_of(list[Unknown]))


def test_another_codecs_datetimes_are_put_into_utc() -> None:
    """MessagePack has datetimes of its own."""
    given = datetime(2026, 11, 22, 13, tzinfo=timezone(timedelta(hours=1)))
    raw = msgspec.msgpack.encode({"at": given})
    assert value_builder(shape_of(AtStruct))(msgspec.msgpack.decode(raw)).at == NOON
