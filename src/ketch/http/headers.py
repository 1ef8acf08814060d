"""Headers as a case-insensitive multi-mapping over ASGI's list of `(name, value)` byte pairs.

Names in the list are lower case, as ASGI demands; values are latin-1. Nothing that a header cannot hold gets into a
list through here: CR, LF, NUL and other control characters raise UnsafeHeader, a ValueError (RFC 9110, 5.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

RawHeaders = list[tuple[bytes, bytes]]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch


class UnsafeHeader(ValueError):
    """A text that no header can hold: it would break the head of the message, or is not latin-1.

    Where it was raised by a handler it becomes a 400: a client's text has come through to a header.
    """


# PERF: applications use a few dozen header names; remembering their checked bytes saves a match and an encode each.
_names: dict[str, bytes] = {}
_MAX_NAMES = 512


def encode_name(name: str) -> bytes:
    """`name` as lower-case bytes. Raises UnsafeHeader unless it is an RFC 9110 token."""
    known = _names.get(name)
    if known is not None:
        return known
    if not isinstance(name, str):
        raise TypeError(f"a header name is a str, not {type(name).__name__}")
    if not _NAME(name):
        raise UnsafeHeader(f"{name!r} cannot be a header name: only letters, digits and !#$%&'*+-.^_`|~ may occur")
    encoded = name.lower().encode("ascii")
    if len(_names) < _MAX_NAMES:
        _names[name] = encoded
    return encoded


def encode_value(value: str) -> bytes:
    """`value` as latin-1 bytes without outer blanks. Raises UnsafeHeader for control characters and above U+00FF."""
    if not isinstance(value, str):
        raise TypeError(f"a header value is a str, not {type(value).__name__}: {value!r}")
    # PERF: printable ASCII is the ordinary case; the two tests take a third of the match.
    if not (value.isascii() and value.isprintable()) and not _VALUE(value):
        told = "cannot be a header value: it holds control characters or some above U+00FF"
        raise UnsafeHeader(f"{value[:200]!r} {told}")
    return value.strip(" \t").encode("latin-1")


def encode_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> RawHeaders:
    """Checked byte pairs of a mapping, `Headers`, or an iterable of pairs. Raises ValueError as the functions above."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(encode_name(name), encode_value(value)) for name, value in pairs]


class Headers(Mapping[str, str]):
    """Read-only headers: `headers["Content-Type"]`, the first of several; `getlist` gives all.

    Like Starlette's, `keys()`, `values()` and `items()` are lists in the order sent, repeated names included.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: Sequence[tuple[bytes, bytes]] = ()) -> None:
        self.raw = raw

    @classmethod
    def of(cls, headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> Headers:
        """Headers from text; raises ValueError for what a header cannot hold."""
        return cls(encode_headers(headers))

    def __getitem__(self, key: str) -> str:
        name = key.lower().encode("latin-1", "replace")
        for header, value in self.raw:
            if header == name:
                return value.decode("latin-1")
        raise KeyError(key)

    def getlist(self, key: str) -> list[str]:
        """Every value of `key`, in the order sent."""
        name = key.lower().encode("latin-1", "replace")
        return [value.decode("latin-1") for header, value in self.raw if header == name]

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
            return False
        name = key.lower().encode("latin-1", "replace")
        return any(header == name for header, _ in self.raw)

    def keys(self) -> list[str]:  # type: ignore[override]
        return [name.decode("latin-1") for name, _ in self.raw]

    def values(self) -> list[str]:  # type: ignore[override]
        return [value.decode("latin-1") for _, value in self.raw]

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.raw]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and sorted(self.raw) == sorted(other.raw)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.items()!r})"


class MutableHeaders(Headers):
    """Headers of a response: edits the list it was given in place, and checks whatever is put in."""

    __slots__ = ()
    raw: RawHeaders

    def __init__(self, raw: RawHeaders | None = None) -> None:
        self.raw = [] if raw is None else raw

    def __setitem__(self, key: str, value: str) -> None:
        """Replace every header of that name by one."""
        name, encoded = encode_name(key), encode_value(value)
        raw = self.raw
        for i, pair in enumerate(raw):
            if pair[0] == name:
                raw[i] = (name, encoded)
                break
        else:
            raw.append((name, encoded))
            return
        for later in range(len(raw) - 1, i, -1):
            if raw[later][0] == name:
                del raw[later]

    def __delitem__(self, key: str) -> None:
        """Remove every header of that name; none is no error."""
        name = key.lower().encode("latin-1", "replace")
        self.raw[:] = [pair for pair in self.raw if pair[0] != name]

    def append(self, key: str, value: str) -> None:
        """Add a header, keeping those of the same name."""
        self.raw.append((encode_name(key), encode_value(value)))

    def setdefault(self, key: str, value: str) -> str:
        """The value of `key`, set to `value` first if absent."""
        name, encoded = encode_name(key), encode_value(value)
        for header, present in self.raw:
            if header == name:
                return present.decode("latin-1")
        self.raw.append((name, encoded))
        return value

    def update(self, other: Mapping[str, str] | Iterable[tuple[str, str]]) -> None:
        """Set each header of `other`."""
        for key, value in other.items() if isinstance(other, Mapping) else other:
            self[key] = value

    def add_vary(self, name: str) -> None:
        """Add a request header's name to Vary, unless it (or `*`) is there (RFC 9110, section 12.5.5)."""
        present = ", ".join(self.getlist("vary"))
        words = {word.strip().lower() for word in present.split(",")}
        if "*" not in words and name.lower() not in words:
            self["vary"] = f"{present}, {name}" if present else name


def header_values(raw: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """Every value of lower-case `name` in a raw list."""
    return [value.decode("latin-1") for header, value in raw if header == name]
