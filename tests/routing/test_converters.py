"""The kinds that a pattern can name itself accept what binding accepts for the same types, and nothing more."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest

from ketch.routing import INLINE, Rank

GUID = "12345678-1234-5678-1234-567812345678"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("str", "a b", "a b"),
        ("path", "a/b", "a/b"),
        ("int", "7", 7),
        ("int", "-007", -7),
        ("float", "1.5", 1.5),
        ("float", "-.5e2", -50.0),
        ("float", "3", 3.0),
        ("float", "3.", 3.0),
        ("uuid", GUID, UUID(GUID)),
        ("uuid", GUID.replace("-", "").upper(), UUID(GUID)),
        ("date", "2026-02-28", date(2026, 2, 28)),
    ],
)
def test_what_converts(kind: str, text: str, value: object) -> None:
    assert INLINE[kind].convert(text) == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *[("int", text) for text in ("", "-", "+7", " 7", "7 ", "7\n", "1_000", "٣", "²", "0x1", "1.0", "1" * 4301)],
        *[("float", text) for text in ("", ".", "nan", "inf", "-inf", "1e999", "1_0", "٣.0", " 1", "1e")],
        *[("uuid", text) for text in ("", "{" + GUID + "}", "urn:uuid:" + GUID, GUID[:-1], GUID + "\n")],
        *[("date", text) for text in ("", "20260228", "2026-W01-1", "2026-02-30", "2026-2-3", "2026-02-03T00:00")],
    ],
)
def test_what_does_not(kind: str, text: str) -> None:
    with pytest.raises(ValueError):
        INLINE[kind].convert(text)


def test_the_ranks_are_in_their_order() -> None:
    assert [rank.name for rank in sorted(Rank)] == ["STATIC", "INT", "UUID", "DATE", "TYPED", "STR", "PATH"]
