"""Content negotiation (RFC 9110, section 12): quality values, Accept headers, Content-Type.

Everything here is total: a header that is nonsense counts as absent, and only its first `MAX_LENGTH` characters and
`MAX_CHOICES` members are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

MAX_CHOICES = 64
MAX_LENGTH = 8_192

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf';[ \t]*(?:({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\]|\\.)*)"))?[ \t]*', re.DOTALL)
_MEDIA_TYPE = re.compile(rf"[ \t]*({_TOKEN}/{_TOKEN})[ \t]*")
_QUALITY = re.compile(r"[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)").fullmatch


def parse_quality(header: str) -> list[tuple[str, float]]:
    """`("text/html", 0.9)` for each member of an Accept-like header, in lower case, as sent; parameters but q stay."""
    members = []
    for member in header[:MAX_LENGTH].split(",", MAX_CHOICES)[:MAX_CHOICES]:
        value, quality = _member(member)
        if value:
            members.append((value, quality))
    return members


def _member(member: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in member.split(";"))
    quality = 1.0
    kept = [name.lower()]
    for parameter in parameters:
        match = _QUALITY(parameter)
        if match:
            quality = float(match[1])
        elif parameter[:2].lower() == "q=":
            return "", 0.0
        elif parameter:
            kept.append(parameter.lower())
    return ";".join(kept), quality


def _quality_of(offer: str, choices: Sequence[tuple[str, float]]) -> float:
    """What `choices` say about a media type: the most specific that matches it decides."""
    kind = offer.partition("/")[0]
    found, rank = 0.0, 0
    for value, quality in choices:
        name = value.partition(";")[0]
        specific = 3 if name == offer else 2 if name == f"{kind}/*" else 1 if name in ("*/*", "*") else 0
        if specific > rank or (specific and specific == rank and quality > found):
            found, rank = quality, specific
    return found


def best(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer (a media type) that an Accept header likes best, the earlier of equals; None if it refuses all.

    No header, or none that can be read, accepts everything.
    """
    choices = parse_quality(accept) if accept else []
    if not choices:
        return offers[0] if offers else None
    chosen, top = None, 0.0
    for offer in offers:
        quality = _quality_of(offer.partition(";")[0].strip().lower(), choices)
        if quality > top:
            chosen, top = offer, quality
    return chosen


def prefers_html(accept: str | None) -> bool:
    """Whether this is a browser asking for a page: text/html is named, and liked better than JSON."""
    if not accept or "text/html" not in accept.lower():
        return False
    return best(accept, ("application/json", "text/html")) == "text/html"


def parse_content_type(value: str | None) -> tuple[str, dict[str, str]]:
    """`("text/html", {"charset": "utf-8"})`; type and names in lower case, the first of repeated names counts.

    `("", {})` for what is no media type. What follows a malformed parameter is ignored.
    """
    value = value[:MAX_LENGTH] if value else ""
    match = _MEDIA_TYPE.match(value)
    if match is None:
        return "", {}
    params: dict[str, str] = {}
    at = match.end()
    while len(params) < MAX_CHOICES and (parameter := _PARAMETER.match(value, at)):
        at = parameter.end()
        name, token, quoted = parameter.groups()
        if name is not None:
            params.setdefault(name.lower(), token if token is not None else re.sub(r"\\(.)", r"\1", quoted))
    return match[1].lower(), params
