"""HTTP dates, against the standard library's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.dates import http_date, parse_http_date

MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_dates_are_written_as_others_write_them_and_read_back(when: datetime) -> None:
    aware = when.replace(microsecond=0, tzinfo=UTC)
    assert http_date(aware) == format_datetime(aware, usegmt=True)
    assert parse_http_date(http_date(aware)) == aware


def test_any_timezone_and_fraction() -> None:
    assert http_date(MOMENT.astimezone(timezone(timedelta(hours=5)))) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert http_date(MOMENT.timestamp() + 0.9) == "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        " Sun, 06 Nov 1994 08:49:37 GMT ",
    ],
)
def test_the_three_forms(text: str) -> None:
    assert parse_http_date(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nix 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT; x",
    ],
)
def test_what_is_no_date_is_ignored(text: str) -> None:
    assert parse_http_date(text) is None


def test_a_leap_second_is_the_second_before() -> None:
    assert parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT") == datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC)


def test_two_digit_years_are_not_far_ahead() -> None:
    far = (datetime.now(UTC).year + 60) % 100
    parsed = parse_http_date(f"Monday, 01-Jan-{far:02} 00:00:00 GMT")
    assert parsed is not None
    assert parsed.year <= datetime.now(UTC).year + 50


@given(st.text(max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    parse_http_date(text)
