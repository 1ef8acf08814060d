"""JSON text as plain values that keep every number as it was written."""

from __future__ import annotations

import re
from typing import Any

import msgspec


class Number(float):
    """A JSON number with a fraction or exponent (or more digits than Python's int() takes), and how it was written."""

    __slots__ = ("text",)

    def __new__(cls, text: str) -> Number:
        number = super().__new__(cls, text)
        number.text = text
        return number

    text: str


_LONG_INTEGER = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(-?[0-9]{4301,}+)(?![0-9.eE])|-?[0-9.eE+-]++', re.DOTALL)


def loose(text: bytes) -> Any:
    """JSON as plain values, every number kept. Raises msgspec.DecodeError or UnicodeDecodeError for anything else."""
    decode = msgspec.json.Decoder(float_hook=Number).decode
    try:
        return decode(text)
    except msgspec.ValidationError:
        # The one thing left that is JSON but no Python value: an integer too long for int(). A Number has room for it.
        return decode(_LONG_INTEGER.sub(lambda match: match[1] + b"e0" if match[1] else match[0], text))
