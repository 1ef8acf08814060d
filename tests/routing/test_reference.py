"""The table against a matcher so plain that one sees it is right: try every pattern, take the best that fits.

It shares no code with the table but the parser, the converters and the names of the ranks.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import Any

from hypothesis import given, note
from hypothesis import strategies as st

from ketch.kernel.errors import SetupError
from ketch.routing import INLINE, Entry, Miss, MissKind, Rank, Segment, Table
from tests.routing.making import entry

Vector = tuple[Any, ...]
APPETITE = {"int": 0, "uuid": 1, "date": 1, "float": 2, "str": 3, "": 3}
WIDTH = {"uuid": 32, "date": 10}


def kinds(segment: Segment) -> list[str]:
    return [param.kind for param in segment.params]


def fit(segment: Segment, text: str) -> tuple[str, ...] | None:
    """The parameters' texts, by regular expression."""
    own = kinds(segment)
    pivot = max(range(len(own)), key=lambda n: (APPETITE[own[n]], -n), default=0)
    source = re.escape(segment.literals[0])
    for n, (kind, literal) in enumerate(zip(own, segment.literals[1:], strict=True)):
        source += (
            f"(.{{{WIDTH.get(kind, 1) if len(own) > 1 or any(segment.literals) else 1},}}{'' if n >= pivot else '?'})"
        )
        source += re.escape(literal)
    found = re.fullmatch(source, text, re.DOTALL)
    return found.groups() if found else None


def weight(segment: Segment) -> Vector:
    ranks = tuple(int(INLINE[kind or "str"].rank) for kind in kinds(segment))
    if not ranks:
        return (Rank.STATIC, 0, 0, ("",), ())
    if segment.is_bare:
        return (ranks[0], 1, 0, ("",), ())
    return (max(ranks), 0, -len("".join(segment.literals)), segment.literals, ranks)


def texts_of(one: Entry[str], segments: list[str]) -> tuple[str, ...] | None:
    """The texts of all parameters if the path has the pattern's shape."""
    own = list(one.pattern.segments) or [Segment(("",))]
    found: list[str] = []
    if own[-1].is_tail:
        if len(segments) < len(own):
            return None
        segments = [*segments[: len(own) - 1], "/".join(segments[len(own) - 1 :])]
        found = [segments.pop()]
        own.pop()
    if len(own) != len(segments):
        return None
    taken: list[str] = []
    for segment, text in zip(own, segments, strict=True):
        texts = fit(segment, text)
        if texts is None:
            return None
        taken += texts
    return (*taken, *found)


def vector(one: Entry[str]) -> Vector:
    return tuple(weight(segment) for segment in one.pattern.segments or [Segment(("",))])


def shape(one: Entry[str]) -> Vector:
    """Equal for two patterns exactly if nothing distinguishes them."""
    own = one.pattern.segments or (Segment(("",)),)
    return tuple((weight(segment), segment.literals) for segment in own)


def decided(one: Entry[str], other: Entry[str]) -> bool:
    """Whether the first difference of two patterns that fit one path is one of rank, or one holds more literal text."""
    a, b = next(((a, b) for a, b in zip(vector(one), vector(other), strict=False) if a != b), ((), ()))
    return a[:3] != b[:3] or a[3:4] == b[3:4] != ()


def convert(one: Entry[str], texts: tuple[str, ...]) -> tuple[object, ...] | None:
    try:
        return tuple(one.converter(name).convert(text) for name, text in zip(one.names, texts, strict=True))
    except ValueError:
        return None


def reference(entries: list[Entry[str]], method: str, segments: list[str]) -> object:
    """(target, values, texts), or the set of allowed methods, or None."""
    fitting = [(one, texts) for one in entries if (texts := texts_of(one, segments)) is not None]
    own = [(one, texts) for one, texts in fitting if one.method == method]
    if method == "HEAD":
        taken = {shape(one) for one, _ in own}
        own += [(one, texts) for one, texts in fitting if one.method == "GET" and shape(one) not in taken]
    own.sort(key=lambda pair: vector(pair[0]))
    for (one, _), (other, _) in pairwise(own):
        assert one.method != other.method or decided(one, other), "two routes that nothing decides were accepted"
    for one, texts in own:
        values = convert(one, texts)
        if values is not None:
            return one.target, values, texts
    if own:
        return own[0][0].target, None, own[0][1]
    methods = {one.method for one, _ in fitting}
    return (
        tuple(sorted(methods | {"OPTIONS"} | ({"HEAD"} & {"HEAD" for m in methods if m == "GET"}))) if methods else None
    )


GUID = "12345678-1234-5678-1234-567812345678"
SEGMENTS = (
    *("a", "b", "7", "", "{p}", "{p}", "{p:int}", "{p:int}", "{p:uuid}", "{p:date}", "{p:float}", "{p:path}"),
    *("{p}.json", "v{p}.json", "v{p:int}", "{p}-{q}", "{p:int}-{q}", "{p}-{q:int}", "a{p}", "{p}b", "{p:date}-{q}"),
)
TEXTS = (
    *("a", "b", "7", "8", "", "-3", "1.5", "2026-02-03", GUID, "x", "x.json", "v7.json", "v7", "vx", "7-x", "x-7"),
    *("1-2-3", "ab", "aab", "abb", "2026-02-03-x", "a-b", "é", "a/b", "%", ".."),
)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    chosen = draw(st.lists(st.sampled_from(SEGMENTS), max_size=4))
    while "" in chosen[:-1]:
        chosen.remove("")
    if any("path" in segment for segment in chosen):
        cut = next(n for n, segment in enumerate(chosen) if "path" in segment)
        chosen = chosen[: cut + 1]
    named = [re.sub(r"\b([pq])\b", rf"\g<1>{n}", segment) for n, segment in enumerate(chosen)]
    return "".join("/" + segment for segment in named)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Entry[str]], Table[str]]:
    """Routes in any order; those that the table refuses are left out, after a look at whether it was right."""
    methods = st.sampled_from(("GET", "POST", "HEAD", "DELETE"))
    wanted = draw(st.lists(st.tuples(methods, patterns()), min_size=1, max_size=14))
    kept: list[Entry[str]] = []
    built: Table[str] = Table(())
    for number, (method, text) in enumerate(wanted):
        one = entry(method, text, target=f"{number} {method} {text}")
        try:
            built = Table([*kept, one])
        except SetupError as error:
            same = [other for other in kept if other.method == method and shape(other) == shape(one)]
            assert same or "neither of the two is the more exact one" in str(error)
            if not same:
                assert any(collides(one, other) for other in kept)
            continue
        kept.append(one)
    return kept, built


@cache
def _samples(segment: Segment) -> tuple[str, ...]:
    fills = ("7", "x", "ab", "b", "1.5", "v7.json", "a-b", "7-7", "2026-02-03")
    made = [segment.literals[0] + literal.join([""]) for literal in segment.literals[:1]]
    for literal in segment.literals[1:]:
        made = [start + fill + literal for start in made for fill in fills]
    return tuple(made)


def collides(one: Entry[str], other: Entry[str]) -> bool:
    """Whether some made-up path fits both."""
    ours, theirs = one.pattern.segments, other.pattern.segments
    for a, b in zip(ours, theirs, strict=False):
        if a.is_tail or b.is_tail:
            return True
        if not any(fit(b, text) is not None for text in _samples(a)) and not any(
            fit(a, text) is not None for text in _samples(b)
        ):
            # `a{p}` and `{p}b` share "a" + "b"
            mixed = [a.literals[0] + "x" + b.literals[-1], b.literals[0] + "x" + a.literals[-1]]
            middle = "".join(a.literals[1:-1]) + "y" + "".join(b.literals[1:-1])
            mixed += [start[:-1] + "7" + middle + "7" + a.literals[-1] for start in (a.literals[0] + "z",)]
            if not any(fit(a, text) is not None and fit(b, text) is not None for text in mixed):
                return False
    return len(ours) == len(theirs)


@st.composite
def requests(draw: st.DrawFn) -> list[str]:
    segments = draw(st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5))
    return segments


@given(tables(), st.lists(requests(), min_size=1, max_size=12), st.sampled_from(("GET", "HEAD", "POST", "OPTIONS")))
def test_the_table_answers_as_the_plain_matcher(
    made: tuple[list[Entry[str]], Table[str]], asked: list[list[str]], method: str
) -> None:
    entries, built = made
    for segments in asked:
        raw = "".join("/" + _encode(text) for text in segments).encode()
        note(f"{method} {raw!r} {[one.target for one in entries]}")
        wanted = reference(entries, method, segments)
        found = built.match_raw(method, raw)
        if not any("/" in text for text in segments):
            assert built.match(method, "/" + "/".join(segments)) == found
        if isinstance(found, Miss):
            if found.kind in (MissKind.METHOD_NOT_ALLOWED, MissKind.OPTIONS):
                assert found.allow == wanted
                assert (found.kind is MissKind.OPTIONS) == (method == "OPTIONS")
            else:
                assert wanted is None
                check_other_form(entries, built, segments, found)
        else:
            assert found == wanted


def check_other_form(entries: list[Entry[str]], built: Table[str], segments: list[str], found: Miss) -> None:
    """A redirect leads to something; without one, nothing is at the other slash form."""
    if found.kind is MissKind.REDIRECT:
        again = built.match_raw("GET", found.redirect.encode())
        assert not isinstance(again, Miss) or again.kind is MissKind.METHOD_NOT_ALLOWED
        return
    other = segments[:-1] if segments[-1] == "" else [*segments, ""]
    if other and other[0] != "" and "." not in other and ".." not in other:
        assert all(texts_of(one, other) is None for one in entries)


def _encode(text: str) -> str:
    """Every second character escaped, so that decoding has work to do."""
    return "".join(
        "".join(f"%{byte:02x}" for byte in char.encode()) if n % 2 or not char.isalnum() or not char.isascii() else char
        for n, char in enumerate(text)
    )


@given(patterns(), st.data())
def test_what_is_built_matches_with_the_same_texts(text: str, data: st.DataObject) -> None:
    from ketch.routing import BuildError

    one = entry("GET", text)
    strings = st.text(st.sampled_from("a7-/.é%") | st.characters(codec="utf-8"), max_size=6)
    samples = {"int": "7", "uuid": GUID, "date": "2026-02-03", "float": "1.5"}
    params = {p.name: samples.get(p.kind) or data.draw(strings) for p in one.pattern.params}
    try:
        path = one.pattern.build(params)
    except BuildError:
        return
    found = Table([one]).match_raw("GET", path.encode())
    assert isinstance(found, tuple)
    assert found[2] == tuple(params.values())
