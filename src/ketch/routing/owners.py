"""Who owns a path: the Router with the longest prefix, whose middleware and error handlers run even for its 404s."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from ketch.kernel.origin import UNKNOWN

from .converters import Converter
from .pattern import Pattern, parse_pattern
from .tree import Leaf, Tree

T = TypeVar("T")


class Owners(Generic[T]):
    """Prefixes on segment boundaries: `/orders` owns `/orders` and `/orders/7`, not `/ordersheet`.

    Prefixes may have parameters, which take any one segment. "" and "/" own everything. Of two prefixes with equally
    many segments the more exact one owns. Prefixes of one shape under different parameter names are one prefix; the
    last one given owns it. Raises SetupError for a malformed prefix.
    """

    __slots__ = ("_tree",)

    def __init__(self, prefixes: Mapping[str, T]) -> None:
        self._tree: Tree[T] = Tree()
        for prefix, owner in prefixes.items():
            pattern = parse_pattern(prefix.rstrip("/"), UNKNOWN)
            node = self._tree.add(pattern.segments, _converters(pattern))
            node.leaves[""] = Leaf(owner, (), 0)
        self._tree.seal()

    def find(self, path: str) -> T | None:
        """The owner of a decoded path, or None. Linear in the path's length up to the deepest prefix."""
        best: T | None = None
        deepest = -1
        for node, level in self._tree.along(path[1:].split("/", self._tree.depth)):
            if level > deepest:
                best, deepest = node.leaves[""].target, level
        return best


def _converters(pattern: Pattern) -> dict[str, Converter]:
    return {param.name: param.converter for param in pattern.params}
