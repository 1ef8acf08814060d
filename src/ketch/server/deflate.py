"""permessage-deflate (RFC 7692): what a client offers, and what we answer.

Neither side keeps its window between messages (`no_context_takeover`): two windows cost 40 to 300 KiB for each open
connection, a message compressed alone costs nothing while the connection is idle. A client that cannot be told so is
served without compression.
"""

from __future__ import annotations

import re
from typing import NamedTuple

NAME = "permessage-deflate"
WINDOW_BITS = 12  # of what we send: with 4 KiB of window, one message takes 32 KiB to compress instead of 260

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BITS = re.compile(r"[89]|1[0-5]")
_SMALLEST_WINDOW = 9  # bits: zlib cannot make the 256 bytes that RFC 7692 allows


class Deflate(NamedTuple):
    """An accepted offer: log2 of the window that we compress with, and the header's value that says so."""

    window_bits: int
    answer: str


def negotiate(offered: str) -> Deflate | None:
    """The first offer of permessage-deflate that we can keep to; None if there is none.

    `offered` is the value of Sec-WebSocket-Extensions, several joined with commas. Raises ValueError if it does not
    follow the grammar of RFC 6455, 9.1.
    """
    for name, parameters in _parse(offered):
        if name == NAME and (accepted := _accept(parameters)) is not None:
            return accepted
    return None


def _parse(offered: str) -> list[tuple[str, list[tuple[str, str | None]]]]:
    """Names with their parameters. A quoted value may only hold what a token may (9.1), so commas always divide."""
    extensions = []
    for offer in offered.split(","):
        if not offer.strip(" \t"):
            continue  # lists may have empty elements (RFC 9110, 5.6.1)
        name, *parameters = (part.strip(" \t") for part in offer.split(";"))
        extensions.append((_token(name), [_parameter(text) for text in parameters]))
    return extensions


def _parameter(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not equals:
        return _token(name), None
    value = value.strip(" \t")
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = value[1:-1]
    return _token(name.rstrip(" \t")), _token(value)


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{text!r} is not a token")
    return text


def _accept(parameters: list[tuple[str, str | None]]) -> Deflate | None:
    """None for an offer with a parameter that is unknown, repeated or out of range (RFC 7692, 7.1)."""
    said = dict(parameters)
    if len(said) != len(parameters):
        return None
    bits, answer = WINDOW_BITS, f"{NAME}; server_no_context_takeover; client_no_context_takeover"
    for name, value in parameters:
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            if value is not None:
                return None
        elif name == "client_max_window_bits":
            if value is not None and not _BITS.fullmatch(value):
                return None
        elif name == "server_max_window_bits":
            if value is None or not _BITS.fullmatch(value) or int(value) < _SMALLEST_WINDOW:
                return None
            bits, answer = min(bits, int(value)), f"{answer}; server_max_window_bits={value}"
        else:
            return None
    return Deflate(bits, answer)
