"""How many values a JSON text holds, without decoding it, and the check of a text before it is decoded.

Bytes alone do not bound what a decoder does: `{},` is three of them and an object. So the values are bounded too, as
the commas and opening brackets outside strings, which is what the elements and members of all levels come to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .json_depth import json_too_deep
from .problems import BadRequest, ContentTooLarge

if TYPE_CHECKING:
    from .limits import Limits

_NOT_A_MARK = bytes(byte for byte in range(256) if byte not in b',[{"')
_CHUNK = 32_768


def check_json(text: bytes, limits: Limits) -> None:
    """Raises ContentTooLarge (413) for more values than `limits.json_values`, BadRequest (400) for arrays and objects
    nested deeper than `limits.json_depth`. Linear; what is not JSON may pass.
    """
    if too_many_values(text, limits.json_values):
        raise ContentTooLarge(f"The JSON has more than {limits.json_values} values.")
    if json_too_deep(text, limits.json_depth):
        raise BadRequest(f"The JSON is nested more than {limits.json_depth} deep.")


def too_many_values(text: bytes, limit: int) -> bool:
    """Whether there are more than `limit` elements and members in `text`, at all levels together."""
    # PERF: a text shorter than that cannot hold them; the others are counted by memchr loops (0.3 ms a megabyte).
    if len(text) <= limit or text.count(b",") + text.count(b"[") + text.count(b"{") <= limit:
        return False
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two neighbouring quotes are an empty string or the border of two strings: without them inside stays inside.
    marks = text.translate(None, _NOT_A_MARK).replace(b'""', b"")
    found = inside = 0
    for start in range(0, len(marks), _CHUNK):
        pieces = marks[start : start + _CHUNK].split(b'"')
        found += sum(map(len, pieces[inside::2]))
        if found > limit:
            return True
        inside = (inside + len(pieces) + 1) % 2
    return False
