"""Mixed segments are taken apart in one way, which is always found when there is one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.routing import Rank
from ketch.routing.segment import Splitter
from tests.routing.making import pattern


def split(text: str, given: str, *ranks: Rank) -> tuple[str, ...] | None:
    segment = pattern("/" + text).segments[0]
    return Splitter.of(segment, ranks or (Rank.STR,) * len(segment.params)).split(given)


@pytest.mark.parametrize(
    ("text", "given", "found"),
    [
        ("{a}.json", "x.json", ("x",)),
        ("{a}.json", ".json", None),
        ("{a}.json", "x.json.json", ("x.json",)),
        ("{a}.json", "x.jso", None),
        ("v{a}", "v1", ("1",)),
        ("v{a}", "v", None),
        ("v{a}", "w1", None),
        ("a{x}a", "a", None),
        ("a{x}a", "aa", None),
        ("a{x}a", "aaa", ("a",)),
        ("{a}-{b}", "x-y", ("x", "y")),
        ("{a}-{b}", "x-y-z", ("x-y", "z")),
        ("{a}-{b}", "-y", None),
        ("{a}-{b}", "x-", None),
        ("{a}-{b}", "--x", ("-", "x")),
        ("{a}-{b}", "-", None),
        ("{a}--{b}", "x---y", ("x-", "y")),
        ("{a}-{b}-{c}", "1-2-3", ("1", "2", "3")),
    ],
)
def test_text_parameters(text: str, given: str, found: tuple[str, ...] | None) -> None:
    assert split(text, given) == found


@pytest.mark.parametrize(
    ("text", "ranks", "given", "found"),
    [
        ("{id}-{slug}", (Rank.INT, Rank.STR), "7-a-b", ("7", "a-b")),
        ("{slug}-{id}", (Rank.STR, Rank.INT), "a-b-7", ("a-b", "7")),
        ("{a}-{s}-{b}", (Rank.INT, Rank.STR, Rank.INT), "1-x-y-2", ("1", "x-y", "2")),
        ("{day}-{slug}", (Rank.DATE, Rank.STR), "2026-02-03-a-b", ("2026-02-03", "a-b")),
        ("{slug}-{day}", (Rank.STR, Rank.DATE), "a-b-2026-02-03", ("a-b", "2026-02-03")),
        ("{n}-{day}", (Rank.INT, Rank.DATE), "7-2026-02-03", ("7", "2026-02-03")),
        (
            "{id}-{slug}",
            (Rank.UUID, Rank.STR),
            "12345678-1234-5678-1234-567812345678-a-b",
            ("12345678-1234-5678-1234-567812345678", "a-b"),
        ),
    ],
)
def test_surplus_separators_go_to_the_most_tolerant(
    text: str, ranks: tuple[Rank, ...], given: str, found: tuple[str, ...]
) -> None:
    assert split(text, given, *ranks) == found


literals = st.text("ab-", max_size=2)


@given(literals, st.lists(st.text("ab-", min_size=1, max_size=2), max_size=2), literals, st.text("abx-"), st.data())
def test_it_is_what_a_regular_expression_finds(
    start: str, middles: list[str], end: str, text: str, data: st.DataObject
) -> None:
    pieces = [start, *middles, end]
    source = pieces[0] + "".join(f"{{p{n}}}{piece}" for n, piece in enumerate(pieces[1:]))
    segment = pattern("/" + source).segments[0]
    pivot = data.draw(st.integers(0, len(middles)))
    groups = ["(.+)" if n >= pivot else "(.+?)" for n in range(len(middles) + 1)]
    expression = re.escape(pieces[0]) + "".join(g + re.escape(p) for g, p in zip(groups, pieces[1:], strict=True))
    wanted = re.fullmatch(expression, text)
    found = Splitter(segment, pivot, (1,) * len(groups)).split(text)
    assert found == (wanted.groups() if wanted else None)
