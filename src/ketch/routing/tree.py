"""The tree of patterns, and the walk that finds the first one that fits.

Every level of the tree is one segment. A node leads on by a table of static texts and by *edges*, one for each kind of
parameter that some pattern has there; edges are kept in the order of their `Step.key`. A node is where a pattern may
end: `leaves` says for which methods.

The walk goes down the best way first and keeps the others on a stack, so it finds the best pattern that fits and
converts, and falls back from any depth. Since the structure is a tree and each level takes one segment, a walk enters a
node at most once, whatever the path is: there is nothing to remember and nothing that could grow exponentially. Static
texts are looked up, so routes that differ in a static text cost nothing. Paths are never cut into more pieces than the
tree has levels.

Conversion happens at the leaf, because two routes may share the kind of a parameter but not its converter. Where
several edges leave one node and all routes behind an edge agree on the converter, the edge asks it first (`probe`) and
saves the walk below it.

This file does not know methods' meanings, hosts or mounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from .converters import Converter, Rank
from .segment import Segment
from .steps import Key, Step

T = TypeVar("T")
Raw = tuple[str, ...]
# (target, values or None, raw): what a walk finds.
Hit = tuple[T, tuple[object, ...] | None, Raw]


class Leaf(Generic[T]):
    """The end of one entry's pattern. `hit(raw)` is the finished answer, or None when a text does not convert."""

    __slots__ = ("converters", "hit", "order", "target")

    def __init__(self, target: T, converters: tuple[Converter, ...], order: int) -> None:
        self.target = target
        self.converters = converters
        self.order = order
        self.hit: Callable[[Raw], Hit[T] | None] = _finisher(target, [c.convert for c in converters])


class Edge(Generic[T]):
    """A way on that takes one segment (or, for a tail, all that is left)."""

    __slots__ = ("converts", "is_tail", "node", "probe", "split", "step")

    def __init__(self, step: Step, node: Node[T]) -> None:
        self.step = step
        self.node = node
        self.is_tail = step.segment.is_tail
        self.split = step.splitter.split if step.splitter is not None else None
        # Of a bare parameter: the functions that the routes behind this edge convert with, by identity.
        self.converts: dict[int, Callable[[str], object]] = {}
        self.probe: Callable[[str], object] | None = None


class Node(Generic[T]):
    """A place in the tree. `edges` are worst first, since the walk takes them from the end of a stack."""

    __slots__ = ("edges", "leaves", "only", "static")

    def __init__(self) -> None:
        self.static: dict[str, Node[T]] = {}
        self.edges: list[Edge[T]] = []
        self.leaves: dict[str, Leaf[T]] = {}
        self.only: Node[T] | None = None

    def walk(self) -> Iterator[Node[T]]:
        """This node and every node below it, in no particular order."""
        waiting = [self]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.static.values()
            waiting += [edge.node for edge in node.edges]


class Tree(Generic[T]):
    """Add everything, `seal()` once, then walk."""

    __slots__ = ("_keys", "depth", "root")

    def __init__(self) -> None:
        self.root: Node[T] = Node()
        self.depth = 1
        self._keys: dict[tuple[int, Key], Edge[T]] = {}

    def add(self, segments: Sequence[Segment], converters: Mapping[str, Converter]) -> Node[T]:
        """The node at which a pattern with these segments ends."""
        node = self.root
        for segment in segments:
            if segment.is_static:
                text = segment.literals[0]
                if text not in node.static:
                    node.static[text] = Node()
                node = node.static[text]
            else:
                node = self._edge(node, Step.of(segment, converters), converters).node
        self.depth = max(self.depth, len(segments))
        return node

    def _edge(self, node: Node[T], step: Step, converters: Mapping[str, Converter]) -> Edge[T]:
        edge = self._keys.get((id(node), step.key))
        if edge is None:
            edge = self._keys[id(node), step.key] = Edge(step, Node())
            node.edges.append(edge)
        if step.segment.is_bare:
            convert = converters[step.segment.params[0].name].convert
            edge.converts[id(convert)] = convert
        return edge

    def seal(self) -> list[Node[T]]:
        """Put edges into the order of the walk, prepare shortcuts, answer all nodes; nothing is added after this."""
        self._keys = {}
        nodes = list(self.root.walk())
        for node in nodes:
            if len(node.edges) == 1:
                edge = node.edges[0]
                node.only = edge.node if edge.step.segment.is_bare and not edge.is_tail else None
            elif node.edges:
                node.edges.sort(key=lambda edge: edge.step.key, reverse=True)
                for edge in node.edges:
                    if len(edge.converts) == 1 and edge.step.key[0] < Rank.STR:
                        edge.probe = next(iter(edge.converts.values()))
        return nodes

    def find(self, method: str, segments: Sequence[str], raw: Raw = (), floor: int = 0) -> Hit[T] | None:
        """The best leaf for `method` whose every parameter converts, or None.

        `raw` is put before the parameters' texts (a host's). Tails that would begin above level `floor` are left out.
        """
        node, at, count = self.root, 0, len(segments)
        waiting: list[tuple[Node[T], int, Raw]] = []
        while True:
            if at == count:
                leaf = node.leaves.get(method)
                hit = None if leaf is None else leaf.hit(raw)
                if hit is not None:
                    return hit
            else:
                child = node.static.get(segments[at])
                if node.edges:
                    _branch(node, segments, at, raw, floor, waiting)
                if child is not None:
                    node, at = child, at + 1
                    continue
            if not waiting:
                return None
            node, at, raw = waiting.pop()
            if at < 0:  # a tail, which begins at ~at
                raw, at = (*raw, "/".join(segments[~at:])), count

    def shapes(self, segments: Sequence[str], raw: Raw = ()) -> Iterator[tuple[Node[T], Raw]]:
        """Every node with leaves whose pattern has the path's shape, best first, whatever converts."""
        waiting: list[tuple[Node[T], int, Raw]] = [(self.root, 0, raw)]
        while waiting:
            node, at, raw = waiting.pop()
            if at < 0:
                raw, at = (*raw, "/".join(segments[~at:])), len(segments)
            if at == len(segments):
                if node.leaves:
                    yield node, raw
                continue
            _branch(node, segments, at, raw, 0, waiting, ask=False)
            child = node.static.get(segments[at])
            if child is not None:
                waiting.append((child, at + 1, raw))

    def along(self, segments: Sequence[str]) -> Iterator[tuple[Node[T], int]]:
        """Every node with leaves that the path leads through, with its level, better ways first."""
        waiting: list[tuple[Node[T], int, Raw]] = [(self.root, 0, ())]
        while waiting:
            node, at, raw = waiting.pop()
            if node.leaves:
                yield node, at
            if at < len(segments):
                _branch(node, segments, at, raw, 0, waiting, ask=False)
                child = node.static.get(segments[at])
                if child is not None:
                    waiting.append((child, at + 1, raw))


def _branch(
    node: Node[T],
    segments: Sequence[str],
    at: int,
    raw: Raw,
    floor: int,
    waiting: list[tuple[Node[T], int, Raw]],
    ask: bool = True,
) -> None:
    """Put the ways that parameters open onto the stack, worst first; `ask` probes."""
    text = segments[at]
    for edge in node.edges:
        if edge.is_tail:
            if at >= floor:
                waiting.append((edge.node, ~at, raw))
        elif edge.split is not None:
            texts = edge.split(text)
            if texts is not None:
                waiting.append((edge.node, at + 1, raw + texts))
        elif text and (edge.probe is None or not ask or _converts(edge.probe, text)):
            waiting.append((edge.node, at + 1, (*raw, text)))


def _converts(convert: Callable[[str], object], text: str) -> bool:
    try:
        convert(text)
    except ValueError:
        return False
    return True


def _finisher(target: T, converts: list[Callable[[str], Any]]) -> Callable[[Raw], Hit[T] | None]:
    """The function that makes the answer of one leaf; texts that stay texts are not touched."""
    if all(convert is str for convert in converts):
        return lambda raw: (target, raw, raw)
    if len(converts) == 1:
        convert = converts[0]

        def one(raw: Raw) -> Hit[T] | None:
            try:
                return target, (convert(raw[0]),), raw
            except ValueError:
                return None

        return one

    def many(raw: Raw) -> Hit[T] | None:
        try:
            return target, tuple([convert(text) for convert, text in zip(converts, raw, strict=True)]), raw
        except ValueError:
            return None

    return many
