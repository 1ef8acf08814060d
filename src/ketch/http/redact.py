"""What of a client's own input may be shown back to it, and how any object at all becomes plain JSON values.

Both functions are total: whatever they are given (lone surrogates, cyclic lists, objects whose `__repr__` raises), they
return, in time and size bounded by their arguments.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

MAX_INPUT = 200
"""Characters of an input shown in an error."""

_SECRET = re.compile(
    r"passw|pwd|passphrase|secret|token|api_?key|private_?key|authori[sz]ation|credential|cookie|session_?id|otp\b|\bpin\b|cvv|cvc",
)
_WORD_BREAK = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[-\s.]+")

REDACTED = "[redacted]"


def looks_secret(name: str) -> bool:
    """Whether a field of this name likely holds a secret: `password`, `apiKey`, `X-Auth-Token`, `client_secret`."""
    return _SECRET.search(_WORD_BREAK.sub("_", name[:MAX_INPUT]).lower()) is not None


def quoted_input(loc: Sequence[str | int], value: Any) -> tuple[bool, Any]:
    """Whether, and as what, `value` may stand as the `input` of an error at `loc`: at most 200 characters of JSON."""
    if loc and loc[0] in ("header", "cookie"):
        return False, None
    if any(isinstance(name, str) and looks_secret(name) for name in loc):
        return False, None
    shown = plain(value, text=MAX_INPUT, values=50, redact=True)
    if isinstance(shown, str | bool | int | float | None):
        return True, shown
    encoded = msgspec.json.encode(shown).decode()
    return True, shown if len(encoded) <= MAX_INPUT else _cut(encoded, MAX_INPUT)


def plain(value: Any, *, text: int = 10_000, values: int = 10_000, redact: bool = False) -> Any:
    """`value` made of str, int, float, bool, None, list and dict that JSON can always say; what is long is cut.

    `text` is the length of one string in characters, `values` the number of values altogether. With `redact`, those
    under names that look secret are replaced.
    """
    return _Simplifier(text, values, redact).simplify(value, 12)


class _Simplifier:
    """One walk through a value, with a budget: a client decides how large and how deep the value is."""

    def __init__(self, text: int, values: int, redact: bool) -> None:
        self.text = text
        self.left = values
        self.redact = redact

    def simplify(self, value: Any, depth: int) -> Any:
        self.left -= 1
        try:
            return self._simplify(value, depth)
        except Exception:  # a `__str__` or `items` of somebody's class that raises
            return f"<{type(value).__name__}>"

    def _simplify(self, value: Any, depth: int) -> Any:
        if value is None or value is True or value is False:
            return value
        if isinstance(value, str):
            return self._string(str(value))
        if isinstance(value, int):
            return int(value) if value.bit_length() <= 64 else self._string(_big(value))
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else str(float(value))
        if isinstance(value, bytes | bytearray | memoryview):
            return self._string(bytes(value[: self.text + 1]).decode("utf-8", "replace"))
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            return self._elements(value, depth)
        kind: Any = type(value)
        if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
            return f"<{kind.__name__}>"  # the default would show an address
        return self._string(str(value))

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        shown: dict[str, Any] = {}
        for key, item in value.items():
            if self.left <= 0 or depth == 0:
                shown["…"] = "…"
                break
            name = self._string(str(key))
            hidden = self.redact and looks_secret(name)
            shown[name] = REDACTED if hidden else self.simplify(item, depth - 1)
        return shown

    def _elements(self, value: Iterable[Any], depth: int) -> Any:
        shown: list[Any] = []
        for item in value:
            if self.left <= 0 or depth == 0:
                shown.append("…")
                break
            shown.append(self.simplify(item, depth - 1))
        return shown

    def _string(self, text: str) -> str:
        # Cut first: encoding is linear in what is left. A lone surrogate becomes "?"; UTF-8 cannot encode it.
        cut = _cut(text, self.text)
        return cut if cut.isascii() else cut.encode("utf-8", "replace").decode("utf-8")


def _big(value: int) -> str:
    """A large int in words; `str` refuses above 4,300 digits, and is quadratic below."""
    return str(value) if value.bit_length() <= 4096 else f"an integer of {value.bit_length()} bits"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
