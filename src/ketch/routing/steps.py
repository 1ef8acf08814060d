"""How two patterns stand to each other: which is tried first, and whether anything decides it at all.

A *step* is one segment with the ranks of its parameters. Patterns are compared step by step from the left, and the
first step in which they differ decides:

* by rank: static, int, UUID, date, other typed, str, path. A mixed segment (`{name}.json`) has the rank of its weakest
  parameter and comes before the bare parameter of that rank.
* two mixed segments of one rank: the one whose texts the other would all take as well comes first (`v{n}.json` before
  `{n}.json`). With equal literals the parameters' ranks are compared from left to right. If they share texts and
  neither contains the other (`report-{x}` and `{x}.json`), nothing decides, and the two patterns are ambiguous.

`Step.key` sorts in this order: containing texts of another shape takes fewer literal characters, never more.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .converters import Converter, Rank
from .segment import Segment, Splitter

_ALPHABETS = {
    Rank.INT: frozenset("-0123456789"),
    Rank.DATE: frozenset("-0123456789"),
    Rank.UUID: frozenset("-0123456789abcdefABCDEF"),
}

Key = tuple[int, int, int, tuple[str, ...], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Step:
    """One segment as the tree sees it. `ranks` are its parameters'; `key` sorts steps in the order they are tried."""

    segment: Segment
    ranks: tuple[int, ...]
    key: Key = field(compare=False)
    splitter: Splitter | None = field(default=None, compare=False)

    @classmethod
    def of(cls, segment: Segment, converters: Mapping[str, Converter]) -> Step:
        if segment.is_static:
            return cls(segment, (), (Rank.STATIC, 0, 0, segment.literals, ()))
        if segment.is_tail:
            return cls(segment, (Rank.PATH,), (Rank.PATH, 1, 0, (), ()))
        # Only the pattern itself can make a parameter take slashes, only literals make a step static.
        ranks = tuple(min(max(converters[p.name].rank, Rank.INT), Rank.STR) for p in segment.params)
        if segment.is_bare:
            return cls(segment, ranks, (ranks[0], 1, 0, (), ()))
        key = (max(ranks), 0, -sum(map(len, segment.literals)), segment.literals, ranks)
        return cls(segment, ranks, key, Splitter.of(segment, ranks))


class Relation(enum.Enum):
    """What two sequences of steps are to each other."""

    APART = "no path fits both"
    DECIDED = "one is tried before the other"
    EQUAL = "they have equal ranks throughout"
    OPEN = "paths may fit both and nothing decides"


def relate(ours: Sequence[Step], theirs: Sequence[Step]) -> Relation:
    """How two patterns (or two hosts) stand to each other."""
    is_open = False
    for a, b in zip(ours, theirs, strict=False):
        if a.key != b.key:
            if not shares(a, b):
                return Relation.APART
            if not is_open and decides(a, b):
                return Relation.DECIDED
            is_open = True
        if a.segment.is_tail or b.segment.is_tail:
            return Relation.OPEN if is_open else Relation.EQUAL
    if len(ours) != len(theirs):
        return Relation.APART
    return Relation.OPEN if is_open else Relation.EQUAL


def decides(a: Step, b: Step) -> bool:
    """Whether the order of two different steps says which one is meant."""
    if a.key[:2] != b.key[:2] or a.segment.literals == b.segment.literals or a.splitter is None:
        return True
    return contains(a.segment, b.segment) or contains(b.segment, a.segment)


def contains(wide: Segment, narrow: Segment) -> bool:
    """Whether `wide` takes every text that `narrow` takes, kinds of parameters aside.

    One text is enough to know: a character that stands in no literal in the place of each of `narrow`'s parameters.
    """
    sample = "\0".join(narrow.literals)
    return Splitter(wide, 0, (1,) * len(wide.params)).split(sample) is not None


def shares(a: Step, b: Step) -> bool:
    """Whether some text fits both steps: a walk through both at once, a character at a time."""
    if a.segment.is_tail or b.segment.is_tail:
        return True
    left, right = _units(a), _units(b)
    seen, waiting = set[tuple[int, int]](), [(0, 0)]
    while waiting:
        at = waiting.pop()
        if at == (len(left), len(right)):
            return True
        if at in seen or at[0] == len(left) or at[1] == len(right):
            continue
        seen.add(at)
        (i, j), (x, y) = at, (left[at[0]], right[at[1]])
        if x[0] is None or y[0] is None or x[0] & y[0]:
            waiting += [(m, n) for m in ((i, i + 1) if x[1] else (i + 1,)) for n in ((j, j + 1) if y[1] else (j + 1,))]
    return False


def _units(step: Step) -> list[tuple[frozenset[str] | None, bool]]:
    """Each character of the literals, and each parameter as (its characters or None for any, may repeat)."""
    units: list[tuple[frozenset[str] | None, bool]] = [(frozenset(c), False) for c in step.segment.literals[0]]
    for rank, literal in zip(step.ranks, step.segment.literals[1:], strict=True):
        units.append((_ALPHABETS.get(Rank(rank)), True))
        units += [(frozenset(c), False) for c in literal]
    return units
