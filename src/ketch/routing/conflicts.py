"""Routes that cannot live together: found while a table is built, told together, each with both places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

from ketch.kernel.errors import Place, SetupError

from .entry import Entry, Mount
from .hosts import HostPattern
from .pattern import parse_pattern
from .steps import Relation, Step, decides, relate, shares
from .tree import Node


@dataclass(slots=True)
class Pair:
    """Two declarations that contradict each other for `methods`."""

    first: Entry[Any]
    second: Entry[Any]
    methods: list[str] = field(default_factory=list)


class Conflicts:
    """Collects contradictions; one route with several methods is told once for all of them."""

    def __init__(self) -> None:
        self._pairs: dict[object, Pair] = {}

    def add(self, first: Entry[Any], second: Entry[Any]) -> None:
        key = (str(first.host), first.pattern.text, first.origin, str(second.host), second.pattern.text, second.origin)
        pair = self._pairs.setdefault(key, Pair(first, second))
        if second.method not in pair.methods:
            pair.methods.append(second.method)

    def errors(self) -> Iterator[SetupError]:
        for pair in self._pairs.values():
            yield _describe(pair)


def _describe(pair: Pair) -> SetupError:
    first, second, methods = pair.first, pair.second, ", ".join(pair.methods)
    ours, theirs = first.where, second.where
    places = [_place("first", first, methods), _place("second", second, methods)]
    if ours == theirs and _kinds(first) == _kinds(second):
        fix = "Remove one of them, or give it another method or path."
        if first.origin == second.origin:
            fix = "Both come from the same line: is its Router included twice?"
        why = "Only one of them could ever be called."
        return SetupError("KETCH-ROUTE-011", f"{methods} {ours} is declared twice.", places=places, why=why, fix=fix)
    what = f"{methods} {ours} and {methods} {theirs} are ambiguous."
    if relate(_steps(first), _steps(second)) is Relation.EQUAL:
        why = "They match the same paths with equal ranks throughout, so nothing says which one is meant."
        fix = "Give one of them a static segment or a stricter type, or keep one and decide in its handler."
    else:
        why = "Some paths fit both, and neither of the two is the more exact one."
        fix = "Tell them apart by a static segment, or make the texts around the parameters exclude each other."
    return SetupError("KETCH-ROUTE-012", what, places=places, why=why, fix=fix)


def _place(label: str, entry: Entry[Any], methods: str) -> Place:
    return Place(label, entry.origin, "" if entry.origin.text else f"{methods} {entry.where}")


def _kinds(entry: Entry[Any]) -> list[str]:
    return [entry.converter(name).name for name in entry.names]


def _steps(entry: Entry[Any]) -> list[Step]:
    converters = {name: entry.converter(name) for name in entry.pattern.names}
    return [Step.of(segment, converters) for segment in entry.pattern.segments]


def open_pairs(nodes: Iterable[Node[Any]], entries: Sequence[Entry[Any]]) -> Iterator[tuple[Entry[Any], Entry[Any]]]:
    """Entries of one tree, given by its nodes, whose order nothing decides although paths may fit both.

    That happens only below two mixed segments that share texts, so only such edges are looked at.
    """
    for node in nodes:
        if len(node.edges) < 2:
            continue
        mixed = [edge for edge in node.edges if edge.split is not None]
        for a, b in combinations(mixed, 2):
            if decides(a.step, b.step) or not shares(a.step, b.step):
                continue
            for ours, theirs in product(_orders_below(a.node), _orders_below(b.node)):
                first, second = entries[min(ours, theirs)], entries[max(ours, theirs)]
                if first.method == second.method and relate(_steps(first), _steps(second)) is Relation.OPEN:
                    yield first, second


def _orders_below(node: Node[Any]) -> Iterator[int]:
    for inner in node.walk():
        yield from (leaf.order for leaf in inner.leaves.values())


def host_errors(entries: Iterable[Entry[Any]]) -> Iterator[SetupError]:
    """Hosts of which nothing says which is tried first, and hosts that name a parameter of a path."""
    seen: dict[HostPattern, Entry[Any]] = {}
    for entry in entries:
        if entry.host is None:
            continue
        for name in entry.host.names:
            if name in entry.pattern.names:
                yield _double_name(entry, name)
        if entry.host not in seen:
            yield from (_ambiguous_hosts(other, entry) for other in seen.values() if _is_open(other, entry))
            seen[entry.host] = entry


def _is_open(first: Entry[Any], second: Entry[Any]) -> bool:
    return relate(_host_steps(first), _host_steps(second)) is Relation.OPEN


def _host_steps(entry: Entry[Any]) -> list[Step]:
    host = entry.host
    assert host is not None
    converters = {name: entry.converter(name) for name in host.names}
    return [Step.of(segment, converters) for segment in host.segments]


def _ambiguous_hosts(first: Entry[Any], second: Entry[Any]) -> SetupError:
    return SetupError(
        "KETCH-ROUTE-012",
        f'The hosts "{first.host}" and "{second.host}" are ambiguous.',
        places=[_place("first", first, first.method), _place("second", second, second.method)],
        why="Some hosts fit both, and neither of the two is the more exact one.",
        fix="Make the texts around the parameters exclude each other.",
    )


def _double_name(entry: Entry[Any], name: str) -> SetupError:
    return SetupError(
        "KETCH-ROUTE-004",
        f'"{{{name}}}" is in the host "{entry.host}" and in the path "{entry.pattern.text}".',
        places=[_place("route", entry, entry.method)],
        why="Each parameter has one value, so each name can stand only once.",
        fix="Give one of them another name.",
    )


def mount_levels(mounts: Iterable[Mount[Any]]) -> tuple[dict[tuple[str, ...], Mount[Any]], list[SetupError]]:
    """Mounts by the segments of their prefixes, and what is wrong with them (KETCH-ROUTE-013 and patterns' codes)."""
    found: dict[tuple[str, ...], Mount[Any]] = {}
    errors: list[SetupError] = []
    for mount in mounts:
        try:
            pattern = parse_pattern(mount.prefix.rstrip("/"), mount.origin, label="mount")
        except SetupError as error:
            errors.append(error)
            continue
        segments = tuple(segment.literals[0] for segment in pattern.segments)
        if not pattern.is_static:
            errors.append(_bad_mount(mount))
        elif segments in found:
            errors.append(_double_mount(found[segments], mount))
        else:
            found[segments] = mount
    return found, errors


def _bad_mount(mount: Mount[Any]) -> SetupError:
    return SetupError(
        "KETCH-ROUTE-013",
        f'The mount "{mount.prefix}" has a parameter.',
        places=[Place("mount", mount.origin, "" if mount.origin.text else f'"{mount.prefix}"')],
        why="A mounted application sees only what follows its prefix; nobody would receive the parameter.",
        fix="Mount it below static text.",
    )


def _double_mount(first: Mount[Any], second: Mount[Any]) -> SetupError:
    labelled = (("first", first), ("second", second))
    return SetupError(
        "KETCH-ROUTE-013",
        f'Two applications are mounted at "{second.prefix.rstrip("/") or "/"}".',
        places=[Place(label, m.origin, "" if m.origin.text else f'"{m.prefix}"') for label, m in labelled],
        why="Only one of them could ever be called.",
        fix="Remove one of them, or give it another prefix.",
    )
