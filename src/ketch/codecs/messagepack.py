"""MessagePack (https://msgpack.org), by msgspec."""

from __future__ import annotations

from typing import Any

import msgspec

from ketch.binding.render import enc_hook
from ketch.http.limits import DEFAULT_LIMITS
from ketch.http.problems import ContentTooLarge


class MessagePack:
    """`application/msgpack`, and `application/vnd.msgpack` and `x-msgpack` as people also send it.

    `values` is how many elements and members a body may have, at all levels together: `Limits.json_values` of this
    format, in which a value may be a single byte.
    """

    media_type = "application/msgpack"
    _names = frozenset({"application/msgpack", "application/vnd.msgpack", "application/x-msgpack"})

    def __init__(self, values: int = DEFAULT_LIMITS.json_values) -> None:
        self.values = values
        self._encode = msgspec.msgpack.Encoder(enc_hook=enc_hook).encode
        self._decode = msgspec.msgpack.Decoder().decode

    def matches(self, content_type: str) -> bool:
        """True for the three names."""
        return content_type in self._names

    def decode(self, body: bytes) -> Any:
        """Plain values. Raises ValueError for malformed input and for nesting that is too deep, ContentTooLarge for
        too many values."""
        if too_many_values(body, self.values):
            raise ContentTooLarge(f"The body has more than {self.values} values.")
        try:
            return self._decode(body)
        except RecursionError:
            raise ValueError("nested too deep") from None

    def encode(self, value: Any) -> bytes:
        """The value as MessagePack. Integers beyond 64 bits, which the format lacks, raise OverflowError."""
        return self._encode(value)


def too_many_values(body: bytes, limit: int) -> bool:
    """Whether `body` has more than `limit` values, names of members included. Malformed bodies may pass."""
    if len(body) <= limit:  # a value has a byte at least
        return False
    at = found = 0
    while at < len(body):
        found += 1
        if found > limit:
            return True
        width, length = _LAYOUT[body[at]]
        at += 1
        if length:
            width += int.from_bytes(body[at : at + length], "big") + length
        at += width
    return False


def _layout() -> list[tuple[int, int]]:
    """By first byte: how many bytes follow in any case, and how many before those say how many more do.

    Arrays and maps are followed by their values, which are counted as they come. Source: the specification's table
    "Formats", https://github.com/msgpack/msgpack/blob/master/spec.md
    """
    layout = [(0, 0)] * 256
    for size in range(32):
        layout[0xA0 + size] = (size, 0)  # fixstr
    for power in range(3):
        layout[0xC4 + power] = layout[0xD9 + power] = (0, 1 << power)  # bin, str
        layout[0xC7 + power] = (1, 1 << power)  # ext, whose type is a byte
    for power in range(4):
        layout[0xCC + power] = layout[0xD0 + power] = (1 << power, 0)  # uint, int
    for power in range(5):
        layout[0xD4 + power] = (1 + (1 << power), 0)  # fixext
    layout[0xCA], layout[0xCB] = (4, 0), (8, 0)  # float
    layout[0xDC] = layout[0xDE] = (2, 0)  # array, map
    layout[0xDD] = layout[0xDF] = (4, 0)
    return layout


_LAYOUT = _layout()
