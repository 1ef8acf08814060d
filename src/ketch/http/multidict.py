"""A read-only mapping that keeps several values of one key: query parameters and forms."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

V = TypeVar("V")


class ImmutableMultiDict(Mapping[str, V]):
    """`d["a"]` is the last value of "a", `d.getlist("a")` all of them, `d.multi_items()` all pairs as sent."""

    __slots__ = ("_last", "_list")

    def __init__(self, items: Iterable[tuple[str, V]] | Mapping[str, V] = ()) -> None:
        if isinstance(items, ImmutableMultiDict):
            self._list: list[tuple[str, V]] = list(items.multi_items())
        elif isinstance(items, Mapping):
            self._list = list(items.items())
        else:
            self._list = list(items)
        self._last: dict[str, V] = dict(self._list)

    def __getitem__(self, key: str) -> V:
        return self._last[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def __contains__(self, key: object) -> bool:
        return key in self._last

    def getlist(self, key: str) -> list[V]:
        """Every value of `key`, in the order sent; empty if there is none."""
        return [value for name, value in self._list if name == key]

    def multi_items(self) -> list[tuple[str, V]]:
        """Every pair, repeated keys included."""
        return list(self._list)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ImmutableMultiDict):
            return NotImplemented
        return sorted(self._list, key=repr) == sorted(other._list, key=repr)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._list!r})"
