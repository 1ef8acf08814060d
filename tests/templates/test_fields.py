"""Which control asks for a value, with which constraints; each attribute is checked against what the server accepts."""

from __future__ import annotations

import enum
import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch import Field, UploadFile
from ketch.binding.plan import Slot
from ketch.binding.sources import Source
from ketch.kernel.annotations import shape_of
from ketch.kernel.shapes import MISSING
from ketch.templates.fields import Control, control, html_pattern, shows, text_of, words


class Size(enum.Enum):
    SMALL = "s"
    VERY_LARGE = "xl"


class Level(enum.IntEnum):
    low = 1
    high = 2


class Labelled(enum.Enum):
    A = "a"

    @property
    def label(self) -> str:
        return "The first"


def of(annotation: Any, default: Any = MISSING, source: Source = Source.FORM) -> Control:
    slot = Slot(
        name="x",
        source=source,
        alias="x",
        shape=shape_of(annotation),
        required=default is MISSING,
        default=default,
        upload=annotation in (UploadFile, list[UploadFile]),
        many=annotation == list[UploadFile],
    )
    return control(slot)


def attributes(annotation: Any, default: Any = MISSING) -> dict[str, Any]:
    return {name: value for name, value in of(annotation, default).attributes.items() if value is not False}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, {"type": "text"}),
        (Annotated[str, Field(min_length=2, max_length=9)], {"type": "text", "minlength": "2", "maxlength": "9"}),
        (Annotated[str, Field(min_length=1)], {"type": "text"}),
        (Annotated[str, Field(max_length=200)], {"type": "text", "maxlength": "200"}),
        (Annotated[str, Field(pattern="^[a-z]+$")], {"type": "text", "pattern": "^[a-z]+$"}),
        (int, {"type": "number", "inputmode": "numeric"}),
        (Annotated[int, Field(ge=1, le=9)], {"type": "number", "min": "1", "max": "9", "inputmode": "numeric"}),
        (Annotated[int, Field(gt=0, lt=10)], {"type": "number", "min": "1", "max": "9", "inputmode": "numeric"}),
        (
            Annotated[int, Field(ge=1, multiple_of=5)],
            {"type": "number", "min": "5", "step": "5", "inputmode": "numeric"},
        ),
        (float, {"type": "number", "step": "any", "inputmode": "decimal"}),
        (Annotated[float, Field(gt=0)], {"type": "number", "min": "0", "step": "any", "inputmode": "decimal"}),
        (
            Annotated[Decimal, Field(ge=Decimal("0.5"), multiple_of=Decimal("0.2"))],
            {"type": "number", "min": "0.6", "step": "0.2", "inputmode": "decimal"},
        ),
        (date, {"type": "date"}),
        (Annotated[date, Field(ge=date(2026, 1, 2))], {"type": "date", "min": "2026-01-02"}),
        (datetime, {"type": "datetime-local"}),
        (time, {"type": "time"}),
        (timedelta, {"type": "text", "placeholder": "P1DT12H"}),
        (UUID, {"type": "text"}),
        (int | str, {"type": "text"}),
    ],
    ids=str,
)
def test_inputs(annotation: Any, expected: dict[str, Any]) -> None:
    assert of(annotation).kind == "input"
    assert attributes(annotation) == {**expected, "required": True}
    assert attributes(annotation, None) == expected
    # What may be None is asked for in the same way; whether it may be left out is its default's business.
    assert attributes(annotation | None, None) == expected


def test_long_texts_have_several_lines() -> None:
    found = of(Annotated[str, Field(max_length=201, min_length=3, pattern="x")])
    assert (found.kind, found.attributes) == ("textarea", {"minlength": "3", "maxlength": "201", "required": True})


def test_yes_or_no() -> None:
    assert (of(bool).kind, attributes(bool)) == ("checkbox", {"type": "checkbox", "value": "true"})
    perhaps = of(bool | None, None)
    assert (perhaps.kind, perhaps.blank) == ("select", True)
    assert perhaps.choices == (("true", "Yes"), ("false", "No"))


@pytest.mark.parametrize(
    ("annotation", "choices"),
    [
        (Size, (("s", "Small"), ("xl", "Very large"))),
        (Level, (("1", "Low"), ("2", "High"))),
        (Labelled, (("a", "The first"),)),
        (
            Literal["red", "dark_blue", 3, True],
            (("red", "Red"), ("dark_blue", "Dark blue"), ("3", "3"), ("true", "True")),
        ),
    ],
)
def test_choices(annotation: Any, choices: tuple[tuple[str, str], ...]) -> None:
    needed, filled, perhaps = of(annotation), of(annotation, "x"), of(annotation | None, None)
    assert {needed.kind, filled.kind, perhaps.kind} == {"select"}
    assert needed.choices == filled.choices == perhaps.choices == choices
    assert (needed.blank, filled.blank, perhaps.blank) == (True, False, True)
    several = of(list[annotation], [])
    assert (several.kind, several.choices) == ("checks", choices)


def test_several_values() -> None:
    found = of(list[int], [])
    assert (found.kind, found.attributes["type"], found.attributes["required"]) == ("inputs", "number", False)
    assert of(set[str]).attributes["required"] is True


@pytest.mark.parametrize(("annotation", "multiple"), [(UploadFile, False), (list[UploadFile], True)])
def test_files(annotation: Any, multiple: bool) -> None:
    found = of(annotation, source=Source.FILE)
    assert (found.kind, found.attributes) == ("file", {"type": "file", "multiple": multiple, "required": True})


# --- patterns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("python", "html"),
    [
        ("^a$", "^a$"),
        ("a", r"[\s\S]*(?:a)[\s\S]*"),
        ("^a", r"(?:^a)[\s\S]*"),
        ("a$", r"[\s\S]*(?:a$)"),
        (r"a\$", r"[\s\S]*(?:a\$)[\s\S]*"),
        ("a|b", r"[\s\S]*(?:a|b)[\s\S]*"),
        ("^a|b$", None),
        ("^a|b", None),
        ("^(a|b)$", "^(a|b)$"),
        ("^(a)|(b)$", None),
        ("^[a|b]$", "^[a|b]$"),
        (r"^\d{5}$", r"^\p{Nd}{5}$"),
        (r"^[\d.]+$", r"^[\p{Nd}.]+$"),
        (r"^\\d$", r"^\\d$"),
        (r"\w", None),
        (r"\bword", None),
        (r"\Aa\Z", None),
        ("(?i)a", None),
        ("(?P<a>b)", None),
        ("a++", None),
        ("", r"[\s\S]*(?:)[\s\S]*"),
    ],
)
def test_a_pattern_says_the_same_to_a_browser_or_nothing(python: str, html: str | None) -> None:
    assert html_pattern(python) == html


@given(st.from_regex(r"\^?[ab](\||\(a\|b\)|[ab])*\$?", fullmatch=True), st.text("ab\n$^", max_size=6))
def test_a_browser_refuses_nothing_that_the_server_takes(python: str, text: str) -> None:
    html = html_pattern(python)
    if html is not None and "\n" not in text and re.search(python, text):
        assert re.fullmatch(f"(?:{html})", text)


# --- texts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (1.5, "1.5"),
        (Decimal("1E+2"), "100"),
        (Decimal("0.10"), "0.10"),
        (Decimal("1E+99"), "1E+99"),
        (Decimal("NaN"), "NaN"),
        (Size.VERY_LARGE, "xl"),
        (Level.high, "2"),
        (date(2026, 2, 3), "2026-02-03"),
        (time(5, 6), "05:06"),
        (time(5, 6, 7), "05:06:07"),
        (datetime(2026, 2, 3, 4, 5), "2026-02-03T04:05"),  # noqa: DTZ001 (naive on purpose)
        (datetime(2026, 2, 3, 4, 5, 6, 7), "2026-02-03T04:05:06"),  # noqa: DTZ001
        (datetime(2026, 2, 3, 4, 5, tzinfo=UTC), "2026-02-03T05:05"),
        (timedelta(days=1, hours=2), "P1DT7200S"),
        (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    ],
)
def test_a_value_as_a_form_sends_it(value: Any, text: str) -> None:
    assert text_of(value, timezone(timedelta(hours=1))) == text


@pytest.mark.parametrize(
    ("kind", "text", "seen"),
    [
        ("number", "", True),
        ("number", "-1.5e3", True),
        ("number", "abc", False),
        ("number", "1,5", False),
        ("number", "+1", False),
        ("date", "2026-01-01", True),
        ("date", "1.1.2026", False),
        ("time", "12:30", True),
        ("time", "noon", False),
        ("datetime-local", "2026-01-01T10:00", True),
        ("datetime-local", "2026-01-01T10:00Z", False),
        ("text", "anything", True),
    ],
)
def test_what_an_input_would_not_show(kind: str, text: str, seen: bool) -> None:
    assert shows(kind, text) is seen


def test_names_in_words() -> None:
    assert [words(name) for name in ("due_date", "id", "__x__", "")] == ["Due date", "Id", "X", ""]
