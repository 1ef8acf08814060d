"""The table of routes: built once from everything declared, then asked once per request.

Order of an answer: the best route that fits and converts; a mount; the best route that fits but does not convert (its
binding explains why: 422); other methods of that path (405, or the list for OPTIONS); the other slash form (308); 404.

Routes that name a host are asked before those that do not, and hosts rank like paths, label by label. A mount comes
after every route except a `{rest:path}` that begins above the mount's own prefix: a catch-all does not hide a mount.

PERF: most requests are answered by `shortcut.py` and meet nothing here; only applications that use hosts go without.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from ketch.kernel.errors import SetupError

from .conflicts import Conflicts, host_errors, mount_levels, open_pairs
from .converters import Converter
from .entry import MALFORMED, NOT_FOUND, WEBSOCKET, Entry, Miss, MissKind, Mount, MountHit
from .hosts import HostPattern, host_labels
from .percent import decode, encode_segment
from .segment import Segment
from .shortcut import End, Shortcut, Stop
from .tree import Hit, Leaf, Node, Raw, Tree

if TYPE_CHECKING:
    from .explain import Tried

__all__ = ["Entry", "Hit", "Miss", "MissKind", "Mount", "MountHit", "Table"]

T = TypeVar("T")

# PERF: looking for a number in bytes takes 10 ns, looking for b"%" 260 (CPython first tries to read it as a number).
_PERCENT, _SLASH = ord("%"), ord("/")
_ROOT = (Segment(("",)),)


class Table(Generic[T]):
    """Immutable once built.

    Raises one SetupError for all duplicates and ambiguities (KETCH-ROUTE-004, 011, 012, 013), each naming both places.
    """

    __slots__ = (
        "_depth",
        "_entries",
        "_groups",
        "_hosts",
        "_levels",
        "_mounts",
        "_prefixes",
        "_tree",
        "shortcut",
    )

    def __init__(self, entries: Iterable[Entry[T]], mounts: Iterable[Mount[T]] = ()) -> None:
        self._entries = tuple(entries)
        self._mounts = tuple(mounts)
        self._tree: Tree[T] = Tree()
        self._hosts: Tree[Tree[T]] | None = None
        self._groups: list[Tree[T]] = []
        self.shortcut = Shortcut({}, None)
        self._prefixes, errors = mount_levels(self._mounts)
        self._levels = sorted({len(prefix) for prefix in self._prefixes}, reverse=True)
        errors += self._build()
        if errors:
            raise SetupError.gather(errors)

    # --- building -----------------------------------------------------------------------------------------------------

    def _build(self) -> list[SetupError]:
        conflicts = Conflicts()
        ends = [self._add(entry, order, conflicts) for order, entry in enumerate(self._entries)]
        trees = (self._tree, *self._groups)
        for tree in trees:
            nodes = tree.seal()
            for pair in open_pairs(nodes, self._entries):
                conflicts.add(*pair)
            for node in nodes:
                # HEAD is GET's, wherever a path has no HEAD of its own.
                if "GET" in node.leaves:
                    node.leaves.setdefault("HEAD", node.leaves["GET"])
        self._depth = max(tree.depth for tree in trees)
        self._depth = max(self._depth, *self._levels, 1)
        if self._hosts is not None:
            self._hosts.seal()
        else:
            self.shortcut = Shortcut(
                self._statics(ends), None if self._prefixes else _stop(self._tree.root), self._depth
            )
        return [*host_errors(self._entries), *conflicts.errors()]

    def _add(self, entry: Entry[T], order: int, conflicts: Conflicts) -> Node[T]:
        names = entry.names
        converters = {name: entry.converter(name) for name in names} if names else {}
        tree = self._tree if entry.host is None else self._group(entry.host, converters)
        node = tree.add(entry.pattern.segments or _ROOT, converters)
        if entry.method in node.leaves:
            conflicts.add(self._entries[node.leaves[entry.method].order], entry)
        else:
            node.leaves[entry.method] = Leaf(entry.target, tuple(converters.values()), order)
        return node

    def _group(self, host: HostPattern, converters: dict[str, Converter]) -> Tree[T]:
        """The tree of all routes whose hosts are of one shape; what their parameters are called does not matter."""
        if self._hosts is None:
            self._hosts = Tree()
        node = self._hosts.add(host.segments, converters)
        if "" not in node.leaves:
            self._groups.append(Tree())
            node.leaves[""] = Leaf(self._groups[-1], (), 0)
        return node.leaves[""].target

    def _statics(self, ends: Sequence[Node[T]]) -> dict[str, dict[bytes, Hit[T]]]:
        """Finished hits of the patterns without parameters that are sent as they are written."""
        found: dict[str, dict[bytes, Hit[T]]] = {}
        for entry, node in zip(self._entries, ends, strict=True):
            text = entry.pattern.text or "/"
            if entry.pattern.is_static and text.isascii() and "%" not in text:
                for method, leaf in node.leaves.items():
                    found.setdefault(method, {})[text.encode("ascii")] = (leaf.target, (), ())
        return found

    # --- matching -----------------------------------------------------------------------------------------------------

    def match(self, method: str, path: str, host: str = "") -> Hit[T] | MountHit[T] | Miss:
        """The answer for a decoded path.

        A hit is a plain tuple `(target, values, raw)`: values and texts of the host's and then the path's parameters,
        `values` None when some text does not convert. Time depends on the path's length and on how many patterns fit
        its beginning, not on how many routes there are.
        """
        if not path or path[0] != "/":
            return self._match_odd(method, path, host)
        segments = path[1:].split("/", self._depth)
        return self._search(method, segments, path, host)

    def match_raw(self, method: str, raw_path: bytes, host: str = "") -> Hit[T] | MountHit[T] | Miss:
        """The answer for a path as it was sent, without query. Each segment is decoded once, so `%2F` stays inside it.

        Malformed percent-encoding, bytes outside ASCII and escapes that are not UTF-8 give a Miss of kind MALFORMED.
        """
        hit: Hit[T] | None = self.shortcut.find(method, raw_path)
        if hit is not None:
            return hit
        try:
            path = decode(raw_path) if _PERCENT in raw_path else raw_path.decode("ascii")
        except ValueError:
            return MALFORMED
        if _PERCENT in raw_path and path.count("/") != raw_path.count(_SLASH):
            # A segment holds a slash, so the decoded path may not be cut at slashes.
            if raw_path[0] != _SLASH:
                return NOT_FOUND
            segments = [decode(piece) for piece in raw_path[1:].split(b"/", self._depth)]
            return self._search(method, segments, raw_path, host)
        return self.match(method, path, host)

    def _match_odd(self, method: str, path: str, host: str) -> Hit[T] | MountHit[T] | Miss:
        """Paths that do not start with a slash: the empty one is the root, and `OPTIONS *` asks for everything."""
        if not path:
            return self.match(method, "/", host)
        if path == "*" and method == "OPTIONS":
            return Miss(MissKind.OPTIONS, _allow({entry.method for entry in self._entries}))
        return NOT_FOUND

    def _search(self, method: str, segments: list[str], source: str | bytes, host: str) -> Hit[T] | MountHit[T] | Miss:
        mounted = self._mount_of(segments) if self._levels else None
        floor = len(mounted) if mounted is not None else 0
        if self._hosts is not None:
            for tree, raw in self._host_groups(host):
                hit = tree.find(method, segments, raw, floor)
                if hit is not None:
                    return hit
        hit = self._tree.find(method, segments, (), floor)
        if hit is not None:
            return hit
        if mounted is not None:
            prefix = "".join(["/" + segment for segment in mounted])
            rest = "".join(["/" + segment for segment in segments[floor:]])
            return MountHit(self._prefixes[mounted].target, (rest,), (prefix,))
        return self._miss(method, segments, source, host)

    def _host_groups(self, host: str) -> Iterator[tuple[Tree[T], Raw]]:
        if self._hosts is not None and host:
            for node, raw in self._hosts.shapes(host_labels(host)):
                yield node.leaves[""].target, raw

    def _trees(self, host: str) -> Iterator[tuple[Tree[T], Raw]]:
        yield from self._host_groups(host)
        yield self._tree, ()

    def _mount_of(self, segments: Sequence[str]) -> tuple[str, ...] | None:
        """The longest prefix that is mounted and leads to the path."""
        for level in self._levels:
            prefix = tuple(segments[:level])
            if prefix in self._prefixes:
                return prefix
        return None

    # --- misses -------------------------------------------------------------------------------------------------------

    def _miss(self, method: str, segments: list[str], source: str | bytes, host: str) -> Hit[T] | Miss:
        methods: set[str] = set()
        for tree, raw in self._trees(host):
            for node, texts in tree.shapes(segments, raw):
                leaf = node.leaves.get(method)
                if leaf is not None:
                    return leaf.target, None, texts
                methods.update(node.leaves)
        if methods - {WEBSOCKET}:
            kind = MissKind.OPTIONS if method == "OPTIONS" else MissKind.METHOD_NOT_ALLOWED
            return Miss(kind, _allow(methods))
        other = self._other_form(source, host)
        return NOT_FOUND if other is None else Miss(MissKind.REDIRECT, redirect=other)

    def _other_form(self, source: str | bytes, host: str) -> str | None:
        """The path with its last slash removed or added, percent-encoded, if there are routes for it."""
        text = source if isinstance(source, str) else source.decode("ascii")
        other = text[:-1] if text.endswith("/") else text + "/"
        other = other and "/" + other.lstrip("/")
        if not other or other.count("/") > self._depth + 1:
            return None  # longer than every pattern; a tail would have taken the path as it was
        try:
            pieces = other[1:].split("/")
            segments = pieces if isinstance(source, str) else [decode(piece.encode()) for piece in pieces]
            encoded = "/" + "/".join([encode_segment(segment) for segment in segments])
        except ValueError:
            return None  # a lone surrogate from a server that decodes loosely
        if "." in segments or ".." in segments:
            return None  # a client would resolve it to another path
        shapes = (node for tree, raw in self._trees(host) for node, _ in tree.shapes(segments, raw))
        return encoded if any(node.leaves.keys() - {WEBSOCKET} for node in shapes) else None

    # --- introspection ------------------------------------------------------------------------------------------------

    def routes(self) -> tuple[Entry[T], ...]:
        """Every entry in the order of declaration."""
        return self._entries

    def mounts(self) -> tuple[Mount[T], ...]:
        """Every mount in the order of declaration."""
        return self._mounts

    def explain(self, method: str, path: str, host: str = "") -> list[Tried]:
        """What a match looks at, best first, and for each why it was not taken."""
        from .explain import explain

        return explain(self, method, path, host)

    def closest(self, path: str) -> str | None:
        """The declared path that a person who typed `path` most likely meant."""
        from .explain import closest

        return closest(self._entries, path)


def _allow(methods: set[str]) -> tuple[str, ...]:
    return tuple(sorted((methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())) - {WEBSOCKET}))


def _stop(node: Node[T]) -> Stop:
    """The shortcut's copy of a sealed tree."""
    root = Stop()
    waiting = [(node, root)]
    while waiting:
        node, stop = waiting.pop()
        stop.ends = {
            method: End(leaf.target, [converter.convert for converter in leaf.converters], leaf.hit)
            for method, leaf in node.leaves.items()
        }
        for text, below in node.static.items():
            if text.isascii() and "%" not in text:
                child = stop.static[text.encode("ascii")] = Stop()
                waiting.append((below, child))
        if node.only is not None:
            stop.only = Stop()
            waiting.append((node.only, stop.only))
    return root
