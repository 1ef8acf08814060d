"""The closed list of what can be wrong with a value, and the words for it.

The `type` of every entry of a 422's `errors` is a key of `MESSAGES`, in pydantic's spelling, so that clients written
for it understand. `file_type` is Ketch's own. Where the value belongs to a pydantic model, `type`, `msg` and the inner
part of `loc` are pydantic's own, taken over as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ketch.http.problems import MAX_ERRORS, ErrorDetail

Loc = tuple[str | int, ...]

MAX_TEXT = 4_300
"""Digits of an integer and characters of a Decimal in text: the limit of Python's own int()."""

MESSAGES: Mapping[str, str] = {
    # presence
    "missing": "Field required",
    "extra_forbidden": "Unknown name; only the documented ones are accepted",
    "none_required": "Should be null",
    # truth and numbers: `_type` is a JSON value of another kind, `_parsing` a text that does not say one
    "bool_type": "Should be true or false",
    "bool_parsing": "Should be true or false (1, on and yes or 0, off and no will do)",
    "int_type": "Should be an integer",
    "int_parsing": "Should be an integer, written in digits",
    "int_parsing_size": f"Should be an integer of at most {MAX_TEXT:,} digits",
    "float_type": "Should be a number",
    "float_parsing": "Should be a number",
    "finite_number": "Should be a number that is not too large to calculate with",
    "decimal_type": "Should be a decimal number, as a number or in a string",
    "decimal_parsing": "Should be a decimal number",
    # limits of numbers and times
    "greater_than": "Should be greater than {limit}",
    "greater_than_equal": "Should be at least {limit}",
    "less_than": "Should be less than {limit}",
    "less_than_equal": "Should be at most {limit}",
    "multiple_of": "Should be a multiple of {limit}",
    # text and bytes
    "string_type": "Should be text",
    "string_too_short": "Should have at least {limit}",
    "string_too_long": "Should have at most {limit}",
    "string_pattern_mismatch": "Should match the pattern {limit}",
    "bytes_type": "Should be bytes, as a base64 string",
    "bytes_invalid_encoding": "Should be valid base64",
    "bytes_too_short": "Should have at least {limit}",
    "bytes_too_long": "Should have at most {limit}",
    # one of several
    "enum": "Should be {limit}",
    "literal_error": "Should be {limit}",
    # identifiers and times
    "uuid_type": "Should be a UUID in a string",
    "uuid_parsing": "Should be a UUID",
    "date_type": "Should be a date in a string",
    "date_parsing": "Should be a date, like 2030-12-31",
    "datetime_type": "Should be a date and time in a string",
    "datetime_parsing": "Should be a date and time, like 2030-12-31T23:59:59Z",
    "timezone_aware": "Should have a time zone, like Z or +01:00",
    "timezone_naive": "Should have no time zone",
    "time_type": "Should be a time in a string",
    "time_parsing": "Should be a time, like 23:59:59",
    "time_delta_type": "Should be a duration in a string",
    "time_delta_parsing": "Should be a duration, like P1DT12H",
    # containers
    "list_type": "Should be a list",
    "tuple_type": "Should be a list",
    "set_type": "Should be a list of different values",
    "frozen_set_type": "Should be a list of different values",
    "set_item_not_hashable": "Should be a value that a set can hold, not a list or an object",
    "dict_type": "Should be an object",
    "model_type": "Should be an object",
    "too_short": "Should have at least {limit}",
    "too_long": "Should have at most {limit}",
    # unions
    "union": "Should be {limit}",
    "union_tag_not_found": "Should name its kind in {limit}",
    "union_tag_invalid": "Should be one of the known kinds: {limit}",
    # files
    "file_type": "Should be a file",
    # what __post_init__ or a validator of the type says
    "value_error": "{limit}",
}


class _Failed:
    """There is no value, and the reason has been told."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "FAILED"


FAILED: Final[Any] = _Failed()


class Enough(Exception):
    """No further problem would be told: whatever collects them stops here."""


class Problems:
    """Collects errors; raises Enough when it has `limit` of them.

    One more than a client is told is collected, which is how `truncated` is known. A limit of 1 is a mere trial.
    """

    __slots__ = ("errors", "limit")

    def __init__(self, limit: int = MAX_ERRORS + 1) -> None:
        self.errors: list[ErrorDetail] = []
        self.limit = limit

    def __len__(self) -> int:
        return len(self.errors)

    def add(self, kind: str, loc: Loc, given: Any = None, limit: str = "") -> Any:
        """Tell a problem of our own `kind` at `loc`; `limit` completes its message. Returns FAILED."""
        return self.tell({"loc": list(loc), "msg": MESSAGES[kind].format(limit=limit), "type": kind, "input": given})

    def tell(self, error: ErrorDetail) -> Any:
        """Add an error in somebody else's words. Returns FAILED."""
        self.errors.append(error)
        if len(self.errors) >= self.limit:
            raise Enough
        return FAILED


def counted(number: int, noun: str) -> str:
    """`1 item`, `2 items`."""
    return f"{number} {noun}" if number == 1 else f"{number:,} {noun}s"


def choices(values: Sequence[Any], last: str = "or") -> str:
    """`'a', 'b' or 3`; a long list is cut."""
    shown = [_shown(value) for value in values[:20]]
    if len(values) > 20:
        return f"one of {', '.join(shown)}, …"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {last} {shown[-1]}"


def _shown(value: Any) -> str:
    return (
        {None: "null", True: "true", False: "false"}[value]
        if value is None or value is True or value is False
        else repr(value)
    )
