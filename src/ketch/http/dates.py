"""HTTP dates: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_DATE = re.compile(
    r"(?:[A-Z][a-z]{2,8},? )"
    r"(?:(?P<d>\d{2})[ -](?P<m>[A-Z][a-z]{2})[ -](?P<y>\d{4}|\d{2}) (?P<t>\d{2}:\d{2}:\d{2}) GMT"
    r"|(?P<am>[A-Z][a-z]{2}) (?P<ad>[ \d]\d) (?P<at>\d{2}:\d{2}:\d{2}) (?P<ay>\d{4}))",
    re.ASCII,
).fullmatch


def http_date(when: datetime | float) -> str:
    """`when` (an aware datetime, or seconds since the epoch) as an HTTP date, whole seconds, always English and GMT."""
    seconds = when.timestamp() if isinstance(when, datetime) else when
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(int(seconds // 1))
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


def parse_http_date(text: str) -> datetime | None:
    """An HTTP date in any of its three forms, as an aware datetime in UTC; None if it is none (to be ignored)."""
    match = _DATE(text.strip())
    if match is None:
        return None
    day, month, year, clock = (match["d"], match["m"], match["y"], match["t"])
    if day is None:
        day, month, year, clock = match["ad"], match["am"], match["ay"], match["at"]
    if month not in _MONTHS:
        return None
    hour, minute, second = (int(part) for part in clock.split(":"))
    try:
        return datetime(_full_year(year), _MONTHS.index(month) + 1, int(day), hour, minute, min(second, 59), tzinfo=UTC)
    except ValueError:
        return None


def _full_year(digits: str) -> int:
    """Two digits mean the year that is not more than 50 years ahead (RFC 9110, section 5.6.7)."""
    if len(digits) == 4:
        return int(digits)
    now = datetime.now(UTC).year
    year = now - now % 100 + int(digits)
    return year - 100 if year > now + 50 else year
