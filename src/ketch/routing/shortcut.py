"""PERF: the ordinary request's way through the routes: always the best way on, and never back.

Made from a finished tree, it works on the bytes of the path as they were sent and makes text only of what a parameter
takes. A static way ranks before a parameter, so a walk that prefers it and arrives has found the best route. Whatever
is not ordinary (an escape, a choice between parameters, a text that does not convert, a miss) is None, and the table is
asked: what that means stands there, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_PERCENT = ord("%")


class End:
    """Where a pattern ends. `convert` is None if its texts stay texts, else what the only parameter goes through."""

    __slots__ = ("convert", "hit", "target")

    def __init__(self, target: Any, converts: list[Callable[[str], Any]], hit: Callable[[Any], Any]) -> None:
        self.target = target
        self.hit = hit if len(converts) > 1 and any(convert is not str for convert in converts) else None
        self.convert = converts[0] if len(converts) == 1 and converts[0] is not str else None


class Stop:
    """A place in the tree: static ways on, and `only`, the parameter's if there is one alone that takes any segment."""

    __slots__ = ("ends", "only", "static")

    def __init__(self) -> None:
        self.static: dict[bytes, Stop] = {}
        self.only: Stop | None = None
        self.ends: dict[str, End] = {}


class Shortcut:
    """`static` holds finished hits by method and path, `root` is None where only those may be used."""

    __slots__ = ("_depth", "_root", "_static")

    def __init__(self, static: dict[str, dict[bytes, Any]], root: Stop | None, depth: int = 1) -> None:
        self._static = static
        self._root = root
        self._depth = depth + 1  # one piece more than any route has: what is deeper fits none

    def find(self, method: str, raw_path: bytes) -> Any:
        """The hit, a tuple `(target, values, raw)`, or None: ask the table."""
        by_path = self._static.get(method)
        if by_path is not None:
            hit = by_path.get(raw_path)
            if hit is not None:
                return hit
        stop = self._root
        if stop is None or _PERCENT in raw_path or not raw_path.startswith(b"/"):
            return None
        texts: tuple[str, ...] = ()
        pieces = raw_path.split(b"/", self._depth)
        del pieces[0]
        for piece in pieces:
            child = stop.static.get(piece)
            if child is None:
                child = stop.only
                if child is None or not piece or not piece.isascii():
                    return None
                texts = (*texts, piece.decode("ascii")) if texts else (piece.decode("ascii"),)
            stop = child
        end = stop.ends.get(method)
        if end is None:
            return None
        if end.convert is not None:
            try:
                return end.target, (end.convert(texts[0]),), texts
            except ValueError:
                return None
        return (end.target, texts, texts) if end.hit is None else end.hit(texts)
