"""How deep a JSON text nests, without decoding it.

A decoder recurses, so the nesting has to be known before it runs, and a text made to be slow must not cost more than a
text of its size. The bytes are reduced by loops written in C: escapes go, then everything that is neither quote nor
bracket, then what stands between quotes. Of the brackets that are left eight at a time are one byte, whose net step
and highest point come from two tables. 2.6 million hostile bytes take about 30 ms.
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate
from operator import add

_AS_BITS = bytes.maketrans(b"[{]}", b"1100")
_NOT_STRUCTURE = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_CHUNK = 32_768


def json_too_deep(text: bytes, limit: int) -> bool:
    """Whether arrays and objects in `text` are nested in each other more than `limit` deep. Linear; any bytes will do.

    For what is not JSON the answer means nothing, but it comes just as quickly.
    """
    # PERF: a text with no more opening brackets than that cannot be; two counts (~60 ns) settle the ordinary request.
    if text.count(b"[") + text.count(b"{") <= limit:
        return False
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Two neighbouring quotes are an empty string or the border of two strings: without them inside stays inside.
    marks = text.translate(_AS_BITS, _NOT_STRUCTURE).replace(b'""', b"")
    depth = inside = 0
    for start in range(0, len(marks), _CHUNK):
        pieces = marks[start : start + _CHUNK].split(b'"')
        bits = b"".join(pieces[inside::2])
        inside = (inside + len(pieces) + 1) % 2
        too_deep, depth = _walk(bits, depth, limit)
        if too_deep:
            return True
    return False


def _walk(bits: bytes, depth: int, limit: int) -> tuple[bool, int]:
    """Whether `bits` (1 opens, 0 closes) climb above `limit` from `depth`, and where they end."""
    nets, peaks = _tables()
    padding = -len(bits) % 8
    # A leading 1 keeps int() happy with no bits at all; the byte it makes is cut off again.
    packed = int(b"1" + bits + b"0" * padding, 2).to_bytes((len(bits) + padding) // 8 + 1)[1:]
    befores = list(accumulate(memoryview(packed.translate(nets)).cast("b"), initial=depth))
    # PERF: the exact heights matter only where eight more steps could pass the limit.
    too_deep = max(befores) + 8 > limit and max(map(add, befores, packed.translate(peaks)), default=0) > limit
    return too_deep, befores[-1] + padding


@cache
def _tables() -> tuple[bytes, bytes]:
    """For eight brackets as one byte: the net step (signed) and the highest point above the start."""
    nets, peaks = bytearray(), bytearray()
    for byte in range(256):
        heights = list(accumulate(1 if byte >> bit & 1 else -1 for bit in range(7, -1, -1)))
        nets.append(heights[-1] % 256)
        peaks.append(max(0, *heights))
    return bytes(nets), bytes(peaks)
