"""Byte ranges (RFC 9110, section 14): a Range field and a length become spans to send.

Overlapping and adjacent spans are merged, so what is sent is never longer than the whole; the number of ranges is
bounded before anything is built, and numbers of any length are read in linear time.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_SPEC = re.compile(r"[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*")
_HUGE = 10**18  # longer than any file: larger numbers mean the same and are not converted


class Span(NamedTuple):
    """Bytes `start` up to, not including, `stop`."""

    start: int
    stop: int


class UnsatisfiableRange(ValueError):
    """The ranges cannot be sent: malformed, too many, or all beyond the end. The message says which."""


def parse_range(field: str, length: int, *, limit: int) -> list[Span] | None:
    """The spans that a Range field asks of a representation of `length` bytes, merged, in the order asked for.

    None means: ignore the field and send everything (another unit than bytes, or an empty representation).
    `limit` is the most ranges one request may name. Raises UnsatisfiableRange: answer 416.
    """
    unit, equals, text = field.partition("=")
    if not equals or unit.strip(" \t").lower() != "bytes":
        return None
    if text.count(",") >= limit:
        raise UnsatisfiableRange(f"at most {limit} ranges may be asked for at once")
    asked = [_range_spec(spec) for spec in text.split(",") if spec.strip(" \t")]
    if not asked:
        raise UnsatisfiableRange("the Range field names no range")
    if length == 0:
        return None  # some clients send a Range with everything; an empty file has nothing to cut
    spans = [span for span in (_clip(first, last, length) for first, last in asked) if span is not None]
    if not spans:
        raise UnsatisfiableRange(f"all ranges are beyond the end of {length} bytes")
    return merge(spans)


def merge(spans: list[Span]) -> list[Span]:
    """Join spans that overlap or touch; each result stands where its first member stood (RFC 9110, 15.3.7.2)."""
    if len(spans) == 1:
        return spans
    merged: list[tuple[int, Span]] = []
    for order, span in sorted(enumerate(spans), key=lambda item: item[1]):
        if merged and span.start <= merged[-1][1].stop:
            first, previous = merged[-1]
            merged[-1] = (min(first, order), Span(previous.start, max(previous.stop, span.stop)))
        else:
            merged.append((order, span))
    return [span for _, span in sorted(merged)]


def _range_spec(text: str) -> tuple[int | None, int | None]:
    found = _SPEC.fullmatch(text)
    if found is None:
        raise UnsatisfiableRange("the Range field is malformed")
    if found[3] is not None:
        return None, _number(found[3])
    first = _number(found[1])
    last = _number(found[2]) if found[2] else None
    if last is not None and last < first:
        raise UnsatisfiableRange("a range ends before it begins")
    return first, last


def _clip(first: int | None, last: int | None, length: int) -> Span | None:
    if first is None:  # the last so many bytes
        count = min(last or 0, length)
        return Span(length - count, length) if count else None
    if first >= length:
        return None
    return Span(first, length if last is None else min(last + 1, length))


def _number(digits: str) -> int:
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= 18 else _HUGE
