"""Reading `Forwarded` (RFC 7239) and the addresses in `X-Forwarded-For`. Nothing here raises: nonsense is None.

Proxies append to what a client sent, so the left of such a header is whatever the client wants it to be. Each header
line is read by itself: a client that opens a quotation and never closes it spoils its own line, not the proxy's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

MOST_LENGTH = 8_192
"""Characters of a header line that is read at all."""

MOST_HOPS = 64
"""Proxies between a client and this server; the nearest ones count."""

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
# One pair and what ends it. RFC 7239, 4, with the blanks around separators that RFC 9110's lists allow. Possessive,
# so that nothing is tried twice: the time is linear in the line.
_PAIR = re.compile(rf'[ \t]*+(?:({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\]|\\.)*+)"))?[ \t]*+([;,]|\Z)', re.DOTALL)
_IP_PORT = re.compile(r"\[([0-9A-Fa-f:.]{2,45})\](?::([0-9]{1,5}))?|([0-9.]{7,15})(?::([0-9]{1,5}))?").fullmatch


class Node(NamedTuple):
    """An address that a proxy saw, and the port, 0 where it did not say."""

    address: IPv4Address | IPv6Address
    port: int


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """An IP address; an IPv4 one inside IPv6 (`::ffff:10.0.0.1`) comes out as IPv4. No zones, no names."""
    from ipaddress import ip_address

    if len(text) > 45 or "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def parse_node(text: str) -> Node | None:
    """`192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`; None for `unknown`, `_hidden` and nonsense."""
    match = _IP_PORT(text)
    if match is None:
        address = parse_address(text)
        return None if address is None else Node(address, 0)
    address = parse_address(match[1] or match[3])
    port = int(match[2] or match[4] or 0)
    return None if address is None or port > 65_535 else Node(address, port)


def parse_forwarded(line: str) -> list[dict[str, str]] | None:
    """The elements of one `Forwarded` line, from client to server; names in lower case. None if it is malformed.

    A parameter that stands twice in an element makes it malformed, as the RFC demands.
    """
    if len(line) > MOST_LENGTH:
        return None
    elements: list[dict[str, str]] = []
    element: dict[str, str] = {}
    at = 0
    while True:
        match = _PAIR.match(line, at)
        if match is None:
            return None
        name, token, quoted, end = match.groups()
        if name is not None:
            if name.lower() in element:
                return None
            element[name.lower()] = token if token is not None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)
        if end != ";" and element:
            elements.append(element)
            element = {}
        if end == "":
            return elements
        at = match.end()


def split_list(lines: list[str]) -> list[str]:
    """The last `MOST_HOPS` members of a comma-separated header, from its last `MOST_LENGTH` characters."""
    text = ",".join(lines)[-MOST_LENGTH:]
    return [part.strip(" \t") for part in text.rsplit(",", MOST_HOPS)[-MOST_HOPS:]] if text.strip(" \t") else []
