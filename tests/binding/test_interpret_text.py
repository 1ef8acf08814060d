"""The grammar of texts, and the reasons given for what it refuses."""

from __future__ import annotations

import datetime as dt
import enum
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from ketch.binding.error_types import FAILED, MESSAGES, Enough, Problems
from ketch.binding.interpret_text import TextReader
from ketch.kernel.annotations import shape_of
from ketch.kernel.shapes import ListShape, TupleShape


class Size(enum.Enum):
    SMALL = "s"
    ONE = 1
    HALF = 0.5
    YES = True


class Level(enum.IntEnum):
    LOW = 1


def says(annotation: Any, text: str, zone: dt.tzinfo | None = None) -> Any:
    """The value, or the type of the first error."""
    problems = Problems()
    value = TextReader(problems, zone).value(shape_of(annotation), text, ("query", "q"))
    assert (value is FAILED) == bool(problems)
    return problems.errors[0]["type"] if problems else value


UTC = dt.UTC
SOME_ID = "12345678-1234-5678-1234-567812345678"


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "", ""),
        (str, " a ", " a "),
        (int, "0", 0),
        (int, "-0", 0),
        (int, "007", 7),
        (int, "9" * 4_300, int("9" * 4_300)),
        (int, "-" + "9" * 4_300, -int("9" * 4_300)),
        (int, "9" * 4_301, "int_parsing_size"),
        (int, "9" * 1_000_000, "int_parsing_size"),
        (int, "", "int_parsing"),
        (int, "+1", "int_parsing"),
        (int, " 1", "int_parsing"),
        (int, "1\n", "int_parsing"),
        (int, "1_000", "int_parsing"),
        (int, "1.0", "int_parsing"),
        (int, "١", "int_parsing"),
        (int, "0x10", "int_parsing"),
        (int, "--1", "int_parsing"),
        (float, "1", 1.0),
        (float, "1.", 1.0),
        (float, ".5", 0.5),
        (float, "-.5e+1", -5.0),
        (float, "1E5", 1e5),
        (float, "1e-400", 0.0),
        (float, "1e400", "finite_number"),
        (float, "nan", "float_parsing"),
        (float, "inf", "float_parsing"),
        (float, ".", "float_parsing"),
        (float, "1e", "float_parsing"),
        (float, "1_0", "float_parsing"),
        (float, "1 ", "float_parsing"),
        (bool, "1", True),
        (bool, "TRUE", True),
        (bool, "oN", True),
        (bool, "y", True),
        (bool, "0", False),
        (bool, "No", False),
        (bool, "off", False),
        (bool, "f", False),
        (bool, "", "bool_parsing"),
        (bool, "2", "bool_parsing"),
        (bool, " true", "bool_parsing"),
        (Decimal, "1.10", Decimal("1.10")),
        (Decimal, "-.5E-3", Decimal("-0.0005")),
        (Decimal, "NaN", "decimal_parsing"),
        (Decimal, "1_0", "decimal_parsing"),
        (Decimal, "1e9999999999999999999", "decimal_parsing"),
        (Decimal, "9" * 4_301, "decimal_parsing"),
        (UUID, SOME_ID, UUID(SOME_ID)),
        (UUID, SOME_ID.replace("-", ""), UUID(SOME_ID)),
        (UUID, f"{{{SOME_ID}}}", "uuid_parsing"),
        (dt.date, "2030-01-02", dt.date(2030, 1, 2)),
        (dt.date, "2030-02-30", "date_parsing"),
        (dt.time, "10:00:00", dt.time(10)),
        (dt.time, "10:00", "time_parsing"),
        (dt.timedelta, "P1DT1S", dt.timedelta(1, 1)),
        (dt.timedelta, "x", "time_delta_parsing"),
        (dt.datetime, "2030-01-01T10:00:00Z", dt.datetime(2030, 1, 1, 10, tzinfo=UTC)),
        (dt.datetime, "2030-01-01T10:00:00+02:00", dt.datetime(2030, 1, 1, 8, tzinfo=UTC)),
        (dt.datetime, "2030-01-01T10:00:00", "timezone_aware"),
        (dt.datetime, "2030-01-01T10:00", "datetime_parsing"),
        (dt.datetime, "0001-01-01T00:00:00+01:00", "datetime_parsing"),
        (dt.datetime, "\ud800", "datetime_parsing"),
        (Annotated[dt.datetime, Meta(tz=False)], "2030-01-01T10:00:00", dt.datetime(2030, 1, 1, 10)),  # noqa: DTZ001
        (Annotated[dt.datetime, Meta(tz=False)], "2030-01-01T10:00:00Z", "timezone_naive"),
        (Annotated[dt.time, Meta(tz=True)], "10:00:00", "timezone_aware"),
        (Annotated[dt.time, Meta(tz=False)], "10:00:00Z", "timezone_naive"),
        (bytes, "aGk=", b"hi"),
        (bytes, "a", "bytes_invalid_encoding"),
        (Size, "s", Size.SMALL),
        (Size, "01", Size.ONE),
        (Size, ".50", Size.HALF),
        (Size, "SMALL", "enum"),
        (Level, "1", Level.LOW),
        (Level, "2", "enum"),
        (Literal["1", 1], "1", "1"),
        (Literal["a", 1, True, None], "01", 1),
        (Literal["a", 2, True, None], "on", True),
        (Literal["a", None], "None", "literal_error"),
        (int | None, "5", 5),
        (int | None, "null", "int_parsing"),
        (int | None, "", "int_parsing"),
        (int | str, "5", 5),
        (int | str, "x", "x"),
        (str | int, "5", "5"),
        (int | bool | None, "yes", True),
        (int | bool, "2.5", "union"),
        (Annotated[int, Meta(ge=5)] | bool, "1", True),
        (dt.date | dt.datetime, "2030-01-01T00:00:00Z", dt.datetime(2030, 1, 1, tzinfo=UTC)),
        (Annotated[int, Meta(gt=5)], "5", "greater_than"),
        (Annotated[int, Meta(ge=5)], "4", "greater_than_equal"),
        (Annotated[int, Meta(lt=5)], "5", "less_than"),
        (Annotated[int, Meta(le=5)], "6", "less_than_equal"),
        (Annotated[int, Meta(multiple_of=5)], "6", "multiple_of"),
        (Annotated[float, Meta(multiple_of=0.1)], "0.3", 0.3),
        (Annotated[str, Meta(min_length=2)], "é", "string_too_short"),
        (Annotated[str, Meta(max_length=2)], "éé", "éé"),
        (Annotated[str, Meta(max_length=2)], "éééé", "string_too_long"),
        (Annotated[str, Meta(pattern="^[a-z]+$")], "ab1", "string_pattern_mismatch"),
    ],
)
def test_the_grammar(annotation: Any, text: str, value: Any) -> None:
    said = says(annotation, text)
    assert said == value
    assert type(said) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2030-07-01T10:00", dt.datetime(2030, 7, 1, 8, tzinfo=UTC)),
        ("2030-01-01T10:00", dt.datetime(2030, 1, 1, 9, tzinfo=UTC)),
        ("2030-01-01T10:00:30", dt.datetime(2030, 1, 1, 9, 0, 30, tzinfo=UTC)),
        ("2030-01-01T10:00:30.5", dt.datetime(2030, 1, 1, 9, 0, 30, 500_000, tzinfo=UTC)),
        ("2030-01-01T10:00:00Z", dt.datetime(2030, 1, 1, 10, tzinfo=UTC)),
        ("2030-01-01T25:00", "datetime_parsing"),
        ("2030-02-30T10:00", "datetime_parsing"),
        ("2030-01-01T10", "datetime_parsing"),
        ("0001-01-01T00:00", "datetime_parsing"),
    ],
)
def test_forms_read_naive_datetimes_in_the_applications_time_zone(text: str, value: Any) -> None:
    said = says(dt.datetime, text, ZoneInfo("Europe/Berlin"))
    assert said == value
    assert isinstance(said, str) or said.tzinfo is UTC


def test_forms_leave_naive_datetimes_where_they_are_asked_for() -> None:
    naive = Annotated[dt.datetime, Meta(tz=False)]
    assert says(naive, "2030-01-01T10:00", ZoneInfo("Europe/Berlin")) == dt.datetime(2030, 1, 1, 10)  # noqa: DTZ001


def test_every_item_of_a_list_is_told() -> None:
    problems = Problems()
    shape = shape_of(list[int])
    assert isinstance(shape, ListShape)
    assert TextReader(problems).values(shape, ["1", "x", "2", ""], ("query", "n")) is FAILED
    assert [(error["loc"], error["input"]) for error in problems.errors] == [
        (["query", "n", 1], "x"),
        (["query", "n", 3], ""),
    ]


@pytest.mark.parametrize(
    ("annotation", "texts", "value"),
    [
        (list[int], ["1", "1"], [1, 1]),
        (set[int], ["1", "1"], {1}),
        (frozenset[str], ["a"], frozenset("a")),
        (tuple[int, ...], ["1", "2"], (1, 2)),
        (tuple[int, str], ["1", "2"], (1, "2")),
        (tuple[int, str], ["1"], "too_short"),
        (tuple[int, str], ["1", "2", "3"], "too_long"),
        (Annotated[list[int], Meta(min_length=2)], ["1"], "too_short"),
        (Annotated[set[int], Meta(min_length=2)], ["1", "1"], "too_short"),
        (Annotated[list[int], Meta(max_length=1)], ["1", "1"], "too_long"),
        (list[Annotated[int, Meta(ge=5)]], ["1"], "greater_than_equal"),
    ],
)
def test_lists(annotation: Any, texts: list[str], value: Any) -> None:
    problems = Problems()
    shape = shape_of(annotation)
    assert isinstance(shape, ListShape | TupleShape)
    said = TextReader(problems).values(shape, texts, ("query", "n"))
    assert (problems.errors[0]["type"] if problems else said) == value


def test_messages_name_the_limit_and_the_choices() -> None:
    problems = Problems()
    reader = TextReader(problems)
    reader.value(shape_of(Annotated[int, Meta(ge=5)]), "1", ("query", "n"))
    reader.value(shape_of(Level | None), "x", ("query", "n"))
    reader.value(shape_of(int | bool), "x", ("query", "n"))
    reader.value(shape_of(Annotated[str, Meta(max_length=1)]), "xx", ("query", "n"))
    assert [error["msg"] for error in problems.errors] == [
        "Should be at least 5",
        "Should be 1",
        "Should be an integer or true or false",
        "Should have at most 1 character",
    ]


SCALARS: list[Any] = [int, float, bool, Decimal, UUID, dt.date, dt.datetime, dt.time, dt.timedelta, bytes, Size, Level]


@given(text=st.text() | st.text(alphabet="0123456789-+.eEtruefalsTZ:P", max_size=30), kind=st.sampled_from(SCALARS))
def test_any_text_gives_a_value_or_a_documented_problem(text: str, kind: Any) -> None:
    problems = Problems()
    value = TextReader(problems, UTC).value(shape_of(kind), text, ("query", "q"))
    if value is FAILED:
        assert problems.errors[0]["type"] in MESSAGES
    else:
        assert isinstance(value, kind)


def test_a_trial_stops_at_its_first_problem() -> None:
    with pytest.raises(Enough):
        TextReader(Problems(limit=1)).value(shape_of(int), "x", ())
