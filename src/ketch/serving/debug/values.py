"""Any value in a few words: bounded, quick, secrets left out, whatever its `__repr__` does.

Containers and records are walked here, a few elements of each, so that a list of ten million costs as much as one of
ten. Only for other types is their own `__repr__` asked, and a `Budget` of time and characters ends the asking.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from ketch.http.headers import Headers
from ketch.http.multidict import ImmutableMultiDict
from ketch.http.redact import REDACTED, looks_secret

MAX_VALUE = 400
"""Characters of one value."""

_ELEMENTS = 12
_DEPTH = 3

# What a text says about secrets inside it: `password='x'`, `"api_key": "x"`, `('token', 'x')`, `postgres://user:x@host`.
_NAME = r"[\w.-]{0,40}(?:passw|pwd|passphrase|secret|token|api_?key|credential|authorization|cookie)[\w-]{0,40}"
_VALUE = r"""(?!\[redacted\])(?:b?"[^"]{0,400}"?|b?'[^']{0,400}'?|[^\s,;)}\]&]{1,400})"""
_ASSIGNED = re.compile(
    rf"""(\b{_NAME}(?:["']\s{{0,3}}:|["']?\s{{0,3}}=(?!=))\s{{0,3}}|\(b?["']{_NAME}["'],\s{{0,3}}){_VALUE}""",
    re.IGNORECASE,
)
_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@]{0,200}:)[^\s/@]{1,200}@", re.IGNORECASE)


class Budget:
    """Time and characters that may still be spent: nobody waits long for the news that something broke."""

    def __init__(self, seconds: float, characters: int) -> None:
        self._until = time.perf_counter() + seconds
        self._left = characters

    @property
    def spent(self) -> bool:
        return self._left <= 0 or time.perf_counter() > self._until

    def take(self, text: str) -> str:
        """`text`, with its length, as HTML, taken off."""
        self._left -= len(text) + 4 * sum(map(text.count, "<>&'\""))
        return text


def shown(value: Any, budget: Budget, name: str = "") -> str:
    """`value` as Python would write it, cut, or what it is where it cannot be written; a secret if `name` says so.

    Never raises, but lets KeyboardInterrupt pass.
    """
    if name and looks_secret(name) and not _is_harmless(value):
        return REDACTED
    if budget.spent:
        return f"<{_kind(value)}>"
    return budget.take(printable(scrubbed(cut(_written(value, _DEPTH, budget), MAX_VALUE))))


def scrubbed(text: str) -> str:
    """A text without the secrets that its own words name."""
    text = _IN_URL.sub(rf"\1{REDACTED}@", text) if "://" in text else text
    return _ASSIGNED.sub(rf"\1{REDACTED}", text)


def printable(text: str) -> str:
    """A text that can be encoded and read: lone surrogates and control characters as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)


def cut(text: str, limit: int) -> str:
    """At most `limit` characters, the middle left out."""
    if len(text) <= limit:
        return text
    tail = limit // 4
    return f"{text[: limit - tail - 1]}…{text[-tail:]}"


def _is_harmless(value: Any) -> bool:
    """Functions, modules and nothing at all are no secrets, whatever they are called."""
    return value is None or isinstance(value, bool) or _kind(value) in ("function", "module", "type", "method")


def _kind(value: Any) -> str:
    return cut(printable(str(type(value).__qualname__)), 80)


def _written(value: Any, depth: int, budget: Budget) -> str:
    try:
        return _write(value, depth, budget)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # somebody's code runs here, and may raise anything
        return f"<{_kind(value)}, whose repr() raises {_kind(error)}>"


def _write(value: Any, depth: int, budget: Budget) -> str:
    # By type() and not isinstance(), which asks the object's own __class__.
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return _quoted(value)
    if kind is int:
        return repr(value) if value.bit_length() < 1_024 else f"<int of {value.bit_length():,} bits>"
    if depth == 0 or budget.spent:
        return "…" if kind in _BRACKETS or kind is dict else f"<{_kind(value)}>"
    if kind in _BRACKETS:
        return _sequence(value, _BRACKETS[kind], depth, budget)
    if issubclass(kind, dict) and kind.__repr__ is dict.__repr__:
        return _mapping(value, depth, budget)
    if issubclass(kind, list | tuple | set | frozenset) and kind.__repr__ in _PLAIN_REPRS:
        return f"{_kind(value)}{_sequence(value, ('[', ']'), depth, budget)}"
    if issubclass(kind, ImmutableMultiDict | Headers):
        pairs = value.multi_items() if issubclass(kind, ImmutableMultiDict) else value.items()
        return f"{_kind(value)}({_sequence(pairs, ('[', ']'), depth, budget)})"
    fields = _fields(kind)
    if fields is not None:
        return _record(value, fields, depth, budget)
    return cut(repr(value), 4 * MAX_VALUE)


def _quoted(value: Any) -> str:
    written = repr(value[: 2 * MAX_VALUE])
    return written if len(value) <= 2 * MAX_VALUE else f"{written[:-1]}…{written[-1]} ({len(value):,} in all)"


_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
}
_PLAIN_REPRS: tuple[Any, ...] = tuple(kind.__repr__ for kind in _BRACKETS)


def _sequence(value: Any, brackets: tuple[str, str], depth: int, budget: Budget) -> str:
    if type(value) is tuple and len(value) == 2 and _names_a_secret(value[0]):
        return f"({_written(value[0], 1, budget)}, {REDACTED})"
    items = [_written(item, depth - 1, budget) for item in islice(value, _ELEMENTS)]
    more = (
        f", … ({len(value):,} in all)"
        if len(value) > _ELEMENTS
        else ","
        if brackets[0] == "(" and len(value) == 1
        else ""
    )
    return f"{brackets[0]}{', '.join(items)}{more}{brackets[1]}" if items else f"{_empty(brackets)}"


def _empty(brackets: tuple[str, str]) -> str:
    return {"{": "set()", "frozenset({": "frozenset()"}.get(brackets[0], brackets[0] + brackets[1])


def _mapping(value: dict[Any, Any], depth: int, budget: Budget) -> str:
    rows = [
        f"{_written(key, depth - 1, budget)}: {_inner(key, item, depth, budget)}"
        for key, item in islice(value.items(), _ELEMENTS)
    ]
    more = f", … ({len(value):,} in all)" if len(value) > _ELEMENTS else ""
    return f"{{{', '.join(rows)}{more}}}"


def _record(value: Any, fields: Iterable[str], depth: int, budget: Budget) -> str:
    rows = [
        f"{name}={_inner(name, getattr(value, name, '…'), depth, budget)}" for name in islice(fields, 2 * _ELEMENTS)
    ]
    return f"{_kind(value)}({', '.join(rows)})"


def _inner(name: Any, value: Any, depth: int, budget: Budget) -> str:
    return REDACTED if _names_a_secret(name) and not _is_harmless(value) else _written(value, depth - 1, budget)


def _names_a_secret(name: Any) -> bool:
    """Names of headers are bytes in an ASGI scope."""
    text = name[:200].decode("latin-1") if type(name) is bytes else name
    return type(text) is str and looks_secret(text)


def _fields(kind: type) -> Iterable[str] | None:
    """The fields of a record whose `__repr__` was generated from them; None for any other type."""
    if issubclass(kind, msgspec.Struct) and kind.__repr__ is msgspec.Struct.__repr__:
        return kind.__struct_fields__
    if "__dataclass_fields__" in kind.__dict__ and _generated(kind):
        found: Any = kind.__dict__["__dataclass_fields__"]
        return [name for name, field in found.items() if getattr(field, "repr", True)]
    if "__attrs_attrs__" in kind.__dict__ and _generated(kind):
        return [field.name for field in kind.__dict__["__attrs_attrs__"] if field.repr]
    return None


def _generated(kind: type) -> bool:
    function = getattr(kind.__repr__, "__wrapped__", kind.__repr__)  # dataclasses guard theirs against recursion
    code = getattr(function, "__code__", None)
    return code is not None and code.co_filename.startswith("<")


def local_values(names: dict[str, Any], budget: Budget, limit: int) -> Iterator[tuple[str, str]]:
    """A frame's variables in their order, those that say nothing left out."""
    told = 0
    for name, value in list(names.items()):
        if name.startswith("__") or type(value).__name__ == "module":
            continue
        if told == limit:
            yield "…", f"{len(names) - told} more"
            return
        told += 1
        yield cut(printable(str(name)), 100), shown(value, budget, str(name))
