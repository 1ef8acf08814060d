"""JSON bodies: msgspec's rules, every problem with its place."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pytest
from msgspec import Meta, Struct, field

from ketch.binding.error_types import MESSAGES
from ketch.http.problems import BadRequest, ValidationProblem
from tests.binding.asking import alike, json_body, json_errors

T = TypeVar("T")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"

    @classmethod
    def _missing_(cls, value: object) -> Colour | None:
        return cls.RED if value == "rouge" else None


class Broken(enum.Enum):
    ONE = "one"

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise KeyError(value)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Flags(enum.IntFlag):
    READ = 1
    WRITE = 2


class Item(Struct):
    sku: Annotated[str, Meta(max_length=5)]
    qty: Annotated[int, Meta(ge=1)] = 1


class Order(Struct, rename="camel", kw_only=True):
    customer_name: str
    items: list[Item] = []
    note: str | None = None
    by_code: dict[str, Item] = field(default_factory=dict, name="codes")


class Strict(Struct, forbid_unknown_fields=True):
    a: int


class Cat(Struct, tag="cat", tag_field="kind"):
    lives: int = 9


class Dog(Struct, tag="dog", tag_field="kind", forbid_unknown_fields=True):
    tricks: list[str] = []


class One(Struct, tag=1):
    x: int = 0


class Two(Struct, tag=2):
    x: int = 0


class Point(Struct, array_like=True):
    x: int
    y: int = 5


class StrictPoint(Struct, array_like=True, forbid_unknown_fields=True):
    x: int


class TaggedPoint(Struct, array_like=True, tag="p", tag_field="kind"):
    x: int = 0


class TaggedLine(Struct, array_like=True, tag="l", tag_field="kind"):
    y: int = 0


class Node(Struct):
    value: int
    children: list[Node] = []


class Box(Struct, Generic[T]):
    content: T
    more: Box[T] | None = None


class Patch(Struct):
    name: str | msgspec.UnsetType | None = msgspec.UNSET
    size: int | msgspec.UnsetType = msgspec.UNSET


@dataclasses.dataclass
class Account:
    name: str
    tags: list[str] = dataclasses.field(default_factory=list)
    limit: int = dataclasses.field(default=10, kw_only=True)

    def __post_init__(self) -> None:
        if self.name == "root":
            raise ValueError("root is taken")


class Movie(TypedDict):
    title: str
    year: NotRequired[int]


class Pair(NamedTuple):
    left: int
    right: str = "r"


@attrs.define
class Plane:
    seats: int = attrs.field(validator=attrs.validators.ge(2))
    _crew: int = 3


NUMBERS = [
    "0",
    "-0",
    "1",
    "-1",
    "1.0",
    "1.5",
    "-0.0",
    "1e2",
    "1E400",
    "9" * 25,
    "9" * 400,
    "18446744073709551616",
    "1e-400",
]
TEXTS = [
    '""',
    '"a"',
    '"1"',
    '"1.5"',
    '"red"',
    '"rouge"',
    '"aGk="',
    '"aGk"',
    '"\\u00e9"',
    '"abc\\n"',
    '"NaN"',
    '"nope"',
    '"1_0"',
]
TIMES = [
    '"2030-01-02"',
    '"2030-02-30"',
    '"12:30:00"',
    '"12:30:00Z"',
    '"P1DT2H"',
    '"P1Y"',
    '"12345678-1234-5678-1234-567812345678"',
    '"12345678123456781234567812345678"',
]
OTHERS = [
    "null",
    "true",
    "false",
    "[]",
    "{}",
    "[1]",
    '["a"]',
    "[1,1]",
    '[1,"a"]',
    "[[1]]",
    '{"a":1}',
    '{"1":1}',
    '{"a":null}',
]
RECORDS = [
    '{"sku":"abc"}',
    '{"sku":"abc","qty":0}',
    '{"sku":"abcdef","qty":2,"x":1}',
    '{"customerName":"n","items":[{"sku":"a"}],"codes":{"k":{"sku":"b"}}}',
    '{"customer_name":"n"}',
    '{"kind":"cat"}',
    '{"kind":"dog","tricks":["sit"]}',
    '{"kind":"dog","x":1}',
    '{"kind":"cow"}',
    '{"kind":1}',
    '{"type":1,"x":2}',
    '{"type":2}',
    '{"type":true}',
    '{"type":"1"}',
    '["p",1]',
    '["l"]',
    '["q"]',
    "[1,2,3]",
    '[1,"b"]',
    '{"value":1,"children":[{"value":2,"children":[{"value":3}]}]}',
    '{"value":1,"children":[{"value":"x"}]}',
    '{"content":1,"more":{"content":2}}',
    '{"content":"x"}',
    '{"name":"ann","tags":["x"],"limit":3}',
    '{"name":"root"}',
    '{"name":null,"size":1}',
    '{"size":null}',
    '{"title":"x","year":1,"z":2}',
    '{"title":"x","year":null}',
    '{"seats":1}',
    '{"seats":4,"_crew":2}',
]
BODIES = [*NUMBERS, *TEXTS, *TIMES, *OTHERS, *RECORDS]

TYPES: list[Any] = [
    Any,
    None,
    bool,
    int,
    float,
    str,
    bytes,
    Decimal,
    UUID,
    dt.date,
    dt.time,
    dt.timedelta,
    Annotated[dt.time, Meta(tz=True)],
    Annotated[dt.time, Meta(tz=False)],
    Annotated[int, Meta(ge=0, lt=100)],
    Annotated[int, Meta(gt=0, multiple_of=3)],
    Annotated[float, Meta(gt=0, le=1.5)],
    Annotated[str, Meta(min_length=1, max_length=2)],
    Annotated[str, Meta(pattern="^a")],
    Annotated[bytes, Meta(max_length=1)],
    Annotated[list[int], Meta(min_length=1, max_length=1)],
    Annotated[set[int], Meta(max_length=1)],
    Annotated[dict[str, int], Meta(min_length=1)],
    Colour,
    Broken,
    Level,
    Flags,
    Literal["a", 1, None],
    Literal[True, 5],
    list[Any],
    list[int],
    set[int],
    frozenset[str],
    tuple[int, ...],
    tuple[int, str],
    tuple[()],
    dict[str, int],
    dict[int, int],
    dict[Any, Any],
    dict[Colour, int],
    dict[Level, int],
    dict[Annotated[int, Meta(ge=2)], int],
    int | None,
    int | float,
    float | int,
    int | Decimal,
    int | str,
    int | Literal["a"],
    list[int] | dict[str, int] | None,
    Item,
    Order,
    Strict,
    Cat,
    Cat | Dog,
    Cat | Dog | None,
    Cat | Dog | int,
    One | Two,
    Point,
    StrictPoint,
    TaggedPoint,
    TaggedPoint | TaggedLine,
    Node,
    Box[int],
    Patch,
    Item | None,
    Item | int,
    Account,
    Movie,
    Pair,
    Plane,
    list[Item | None],
    dict[str, list[Item]],
]


@pytest.mark.parametrize("annotation", TYPES, ids=lambda kind: str(kind)[:60])
def test_accepts_what_msgspec_accepts_and_nothing_else(annotation: Any) -> None:
    decoder = msgspec.json.Decoder(annotation)
    for text in BODIES:
        try:
            expected = decoder.decode(text)
        except msgspec.ValidationError:
            with pytest.raises(ValidationProblem):
                json_body(annotation, text)
        else:
            assert alike(json_body(annotation, text), expected), text


MALFORMED = [
    b"{",
    b'{"a":1,}',
    b"[1,]",
    b"01",
    b"1.",
    b".5",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"nul",
    b"1 2",
    b"'a'",
    b'"\x01"',
    b'"\\x"',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'{"\\ud800":1}',
    b'"\xff"',
    b'{"\xff":1}',
    b"\xef\xbb\xbf1",
    b"   ",
    b"[" * 65 + b"]" * 65,
    b"[" * 100_000,
    b'{"a":' * 65 + b"1" + b"}" * 65,
]


@pytest.mark.parametrize("text", MALFORMED, ids=lambda text: repr(text[:20]))
@pytest.mark.parametrize("annotation", [Any, Item, list[int]])
def test_what_is_not_json_is_a_bad_request(annotation: Any, text: bytes) -> None:
    with pytest.raises(BadRequest):
        json_body(annotation, text)


def test_sixty_four_levels_are_deep_enough() -> None:
    text = '{"value":1,"children":[' * 32 + "]}" * 32
    assert isinstance(json_body(Node, text), Node)


@pytest.mark.parametrize(
    ("annotation", "text", "errors"),
    [
        (Order, "{}", [(["customerName"], "missing")]),
        (Order, "[]", [([], "model_type")]),
        (
            Order,
            '{"items":[{"sku":"abcdef"},{"qty":0},5],"codes":{"k":{"sku":1}}}',
            [
                (["customerName"], "missing"),
                (["items", 0, "sku"], "string_too_long"),
                (["items", 1, "sku"], "missing"),
                (["items", 1, "qty"], "greater_than_equal"),
                (["items", 2], "model_type"),
                (["codes", "k", "sku"], "string_type"),
            ],
        ),
        (
            Strict,
            '{"a":"x","b":1,"c":2}',
            [(["a"], "int_type"), (["b"], "extra_forbidden"), (["c"], "extra_forbidden")],
        ),
        (Cat | Dog, "{}", [([], "union_tag_not_found")]),
        (Cat | Dog, '{"kind":"cow"}', [([], "union_tag_invalid")]),
        (Cat | Dog, '{"kind":"cat","lives":"x"}', [(["lives"], "int_type")]),
        (Cat | Dog, "1", [([], "model_type")]),
        (Cat, '{"kind":"dog"}', [(["kind"], "literal_error")]),
        (Item | int, '{"sku":1}', [([], "union")]),
        (Item | None, '{"sku":1}', [(["sku"], "string_type")]),
        (Point, '["x"]', [([0], "int_type")]),
        (Point, "[]", [([0], "missing")]),
        (StrictPoint, "[1,2]", [([], "too_long")]),
        (TaggedPoint, "[]", [([0], "literal_error")]),
        (Pair, "[]", [([0], "missing")]),
        (Pair, '{"left":1}', [([], "tuple_type")]),
        (tuple[int, str], "[1]", [([], "too_short")]),
        (tuple[int, str], '["a","b","c"]', [([], "too_long"), ([0], "int_type")]),
        (dict[int, int], '{"x":"y"}', [(["x", "[key]"], "int_parsing"), (["x"], "int_type")]),
        (dict[UUID, Any], '{"x":1}', [(["x", "[key]"], "uuid_parsing")]),
        (dict[Colour, Any], '{"x":1}', [(["x", "[key]"], "enum")]),
        (dict[str, int], "[]", [([], "dict_type")]),
        (list[int], '{"a":1}', [([], "list_type")]),
        (set[int], "1", [([], "set_type")]),
        (frozenset[int], "1", [([], "frozen_set_type")]),
        (set[Any], "[1,[2]]", [([1], "set_item_not_hashable")]),
        (Annotated[list[int], Meta(max_length=1)], "[1,2]", [([], "too_long")]),
        (int, "true", [([], "int_type")]),
        (int, "1.0", [([], "int_type")]),
        (int, "1" * 4_301, [([], "int_parsing_size")]),
        (list[int], "[1," + "1" * 4_301 + ', "9"]', [([1], "int_parsing_size"), ([2], "int_type")]),
        (float, "1e400", [([], "finite_number")]),
        (float, "9" * 400, [([], "finite_number")]),
        (float, '"1"', [([], "float_type")]),
        (Any, '{"a":[1,1e999]}', [(["a", 1], "finite_number")]),
        (bool, "1", [([], "bool_type")]),
        (str, "1", [([], "string_type")]),
        (bytes, "1", [([], "bytes_type")]),
        (bytes, '"a"', [([], "bytes_invalid_encoding")]),
        (Annotated[bytes, Meta(max_length=1)], '"aGk="', [([], "bytes_too_long")]),
        (Decimal, "true", [([], "decimal_type")]),
        (Decimal, '"x"', [([], "decimal_parsing")]),
        (UUID, "1", [([], "uuid_type")]),
        (UUID, '"x"', [([], "uuid_parsing")]),
        (dt.date, "1", [([], "date_type")]),
        (dt.date, '"2030-02-30"', [([], "date_parsing")]),
        (dt.time, "1", [([], "time_type")]),
        (dt.time, '"25:00:00"', [([], "time_parsing")]),
        (dt.timedelta, "1", [([], "time_delta_type")]),
        (dt.timedelta, '"P1Y"', [([], "time_delta_parsing")]),
        (dt.datetime, "1", [([], "datetime_type")]),
        (dt.datetime, '"2030"', [([], "datetime_parsing")]),
        (dt.datetime, '"2030-01-01T00:00:00"', [([], "timezone_aware")]),
        (dt.datetime, '"0001-01-01T00:00:00+05:00"', [([], "datetime_parsing")]),
        (dt.datetime, '"9999-12-31T23:59:59-05:00"', [([], "datetime_parsing")]),
        (Annotated[dt.datetime, Meta(tz=False)], '"2030-01-01T00:00:00Z"', [([], "timezone_naive")]),
        (Annotated[dt.time, Meta(tz=True)], '"10:00:00"', [([], "timezone_aware")]),
        (Annotated[dt.time, Meta(tz=False)], '"10:00:00Z"', [([], "timezone_naive")]),
        (Colour, '"green"', [([], "enum")]),
        (Literal["a", 1], "true", [([], "literal_error")]),
        (None, "1", [([], "none_required")]),
        (int | str | None, "[]", [([], "union")]),
        (Annotated[int, Meta(gt=0)], "0", [([], "greater_than")]),
        (Annotated[int, Meta(lt=0)], "0", [([], "less_than")]),
        (Annotated[int, Meta(le=0)], "1", [([], "less_than_equal")]),
        (Annotated[int, Meta(multiple_of=2)], "1", [([], "multiple_of")]),
        (Annotated[int, Meta(gt=5, multiple_of=2)], "1", [([], "greater_than"), ([], "multiple_of")]),
        (
            Annotated[str, Meta(min_length=2, pattern="b")],
            '"a"',
            [([], "string_too_short"), ([], "string_pattern_mismatch")],
        ),
        (Account, '{"name":"root"}', [([], "value_error")]),
        (list[Account], '[{"name":"a"},{"name":"root"}]', [([1], "value_error")]),
        (Plane, '{"seats":1}', [([], "value_error")]),
        (Box[int], '{"content":1,"more":{"content":"x"}}', [(["more", "content"], "int_type")]),
        (Patch, '{"name":1,"size":null}', [(["name"], "string_type"), (["size"], "int_type")]),
    ],
)
def test_every_problem_has_its_place_and_type(annotation: Any, text: str, errors: list[Any]) -> None:
    assert json_errors(annotation, text) == errors
    assert all(kind in MESSAGES for _, kind in errors)


def test_datetimes_are_in_utc() -> None:
    made = json_body(list[dt.datetime], '["2030-01-01T12:00:00+02:00", "2030-01-01T12:00:00Z"]')
    assert made == [dt.datetime(2030, 1, 1, 10, tzinfo=dt.UTC), dt.datetime(2030, 1, 1, 12, tzinfo=dt.UTC)]
    assert all(value.tzinfo is dt.UTC for value in made)
    naive = json_body(Annotated[dt.datetime, Meta(tz=False)], '"2030-01-01T12:00:00"')
    assert naive == dt.datetime(2030, 1, 1, 12)  # noqa: DTZ001


@pytest.mark.parametrize("text", ["0.1000000000000000055511151231257827", "1.10", "1e400", "1" * 5_000, '"1.10"'])
def test_decimals_keep_their_digits(text: str) -> None:
    assert str(json_body(Decimal, text)) == str(msgspec.json.decode(text, type=Decimal))


def test_the_last_of_repeated_names_counts() -> None:
    assert json_body(Strict, '{"a":"x","a":2}') == Strict(2)


def test_foreign_constraints_count_the_same() -> None:
    import annotated_types as at

    assert json_errors(Annotated[int, at.Ge(3)], "2") == [([], "greater_than_equal")]
    assert json_errors(Annotated[int | None, at.Ge(3)], "2") == [([], "greater_than_equal")]
    assert json_body(Annotated[int | None, at.Ge(3)], "null") is None
    assert json_errors(Annotated[Decimal, at.Gt(1), at.MultipleOf(Decimal("0.1"))], '"0.25"') == [
        ([], "greater_than"),
        ([], "multiple_of"),
    ]
    assert json_errors(Annotated[Decimal, at.Gt(1)], '"NaN"') == [([], "greater_than")]
    assert json_errors(Annotated[Decimal, at.MultipleOf(3)], "1e999999") == [([], "multiple_of")]
    assert json_errors(Annotated[dt.date, at.Ge(dt.date(2030, 1, 1))], '"2029-01-01"') == [([], "greater_than_equal")]


@pytest.mark.parametrize(
    ("value", "step", "fits"),
    [
        ("0.3", 0.1, True),
        ("0.35", 0.1, False),
        ("1e3", 0.01, True),
        ("1000000000.5", 1.0, False),
        ("123456.78", 0.01, True),
        ("0", 0.1, True),
        ("-0.7", 0.1, True),
        ("7", 0.5, True),
    ],
)
def test_multiples_of_fractions_are_what_people_take_them_for(value: str, step: float, fits: bool) -> None:
    import annotated_types as at

    if fits:
        assert json_body(Annotated[float, at.MultipleOf(step)], value) == float(value)
    else:
        assert json_errors(Annotated[float, at.MultipleOf(step)], value) == [([], "multiple_of")]


class Left(Struct):
    child: Left | Right | None = None
    a: int = 0


class Right(Struct):
    child: Left | Right | None = None
    b: int = 0


def test_unions_of_plain_records_take_the_first_that_fits() -> None:
    made = json_body(Left | Right, '{"b":"x","child":{"a":"x","b":2}}')
    assert made == Left(child=Right(b=2))


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (float | int, "1", 1),
        (Decimal | float, "1.5", 1.5),
        (Decimal | float | int, "1", 1),
        (Decimal | float, '"1.5"', Decimal("1.5")),
        (float | Level, "1", Level.LOW),
        (float | Level, "7", 7.0),
        (Annotated[int, Meta(ge=5)] | float, "1", 1.0),
        (Literal[1] | float, "2", 2.0),
        (str | dt.date, '"2030-01-01"', "2030-01-01"),
        (dt.date | str, '"2030-01-01"', dt.date(2030, 1, 1)),
        (dt.date | str, '"2030"', "2030"),
        (Cat | Dog | dict[str, int], '{"kind":"cat"}', Cat()),
        (Cat | Dog | dict[str, int], '{"kind":1}', {"kind": 1}),
    ],
)
def test_which_member_of_a_union_is_meant(annotation: Any, text: str, value: Any) -> None:
    assert alike(json_body(annotation, text), value)


def test_nested_unions_are_not_tried_for_ever() -> None:
    deep = '{"child":' * 60 + '{"a":"x","b":"x"}' + "}" * 60
    assert json_errors(Left | Right, deep) == [([], "union")]
    good = '{"child":' * 60 + '{"a":"x","b":1}' + "}" * 60
    assert isinstance(json_body(Left | Right, good), Left)


def test_a_hundred_and_one_problems_are_enough() -> None:
    with pytest.raises(ValidationProblem) as caught:
        json_body(list[int], '["a"' + ',"a"' * 90_000 + "]")
    assert len(caught.value.errors) == 100
    assert caught.value.truncated


def test_what_was_sent_is_shown_shortened_and_without_secrets() -> None:
    class Login(Struct):
        password: int
        name: Annotated[str, Meta(max_length=3)]

    with pytest.raises(ValidationProblem) as caught:
        json_body(Login, '{"password":"hunter2","name":"' + "x" * 10_000 + '"}')
    password, name = caught.value.errors
    assert "input" not in password
    assert len(name["input"]) <= 200


def test_other_exceptions_of_a_type_are_its_own_mistakes() -> None:
    @dataclasses.dataclass
    class Faulty:
        a: int

        def __post_init__(self) -> None:
            raise LookupError("oops")

    with pytest.raises(LookupError, match="oops"):
        json_body(Faulty, '{"a":1}')


def test_init_false_fields_are_not_the_clients() -> None:
    @dataclasses.dataclass
    class Sum:
        a: int
        total: int = dataclasses.field(init=False, default=0)

        def __post_init__(self) -> None:
            self.total += self.a

    assert json_body(Sum, '{"a":1,"total":100}') == Sum(1)
