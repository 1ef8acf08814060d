"""Content encodings: which one a client likes best, and the compressors that make it.

Source: RFC 9110, 12.5.3 (Accept-Encoding); RFC 1952 (gzip); RFC 8878 (zstd).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Protocol

from ketch.http.negotiate import parse_quality
from ketch.kernel.errors import SetupError
from ketch.kernel.suggest import did_you_mean


class Compressor(Protocol):
    """Compresses one body, piece by piece."""

    def encode(self, data: bytes, *, flush: bool) -> bytes:
        """The next piece; with `flush` everything given so far can be decoded from what was returned so far."""
        ...

    def finish(self) -> bytes:
        """The end of the body."""
        ...


class Gzip:
    def __init__(self, level: int) -> None:
        self._compressor = zlib.compressobj(level, zlib.DEFLATED, 16 + zlib.MAX_WBITS)

    def encode(self, data: bytes, *, flush: bool) -> bytes:
        encoded = self._compressor.compress(data)
        return encoded + self._compressor.flush(zlib.Z_SYNC_FLUSH) if flush else encoded

    def finish(self) -> bytes:
        return self._compressor.flush()


NAMES = ("zstd", "gzip")
"""In the order of preference among those a client likes equally."""


def encodings(names: Sequence[str] | None, gzip_level: int, zstd_level: int) -> dict[str, Callable[[], Compressor]]:
    """Compressors by name, in order of preference; None means whatever is installed. Raises SetupError."""
    made: dict[str, Callable[[], Compressor]] = {}
    for name in NAMES if names is None else names:
        if name == "gzip":
            made[name] = lambda: Gzip(gzip_level)
        elif name == "zstd":
            new = _zstd(needed=names is not None)
            if new is not None:
                made[name] = lambda new=new: new(zstd_level)  # type: ignore[misc]
        else:
            guess = did_you_mean(name, NAMES)
            raise SetupError(
                "KETCH-MW-018",
                f"CompressionMiddleware(encodings=...): {name!r} is not an encoding Ketch knows.",
                why=f"Did you mean {guess!r}?" if guess else "",
                fix='Write:  encodings=["zstd", "gzip"]',
            )
    return made


def _zstd(*, needed: bool) -> Callable[[int], Compressor] | None:
    try:
        from ketch.middleware.adapters.zstd import new_compressor
    except ImportError:
        if not needed:
            return None
        raise SetupError(
            "KETCH-MW-018",
            'CompressionMiddleware(encodings=["zstd"]) needs the zstandard package before Python 3.14.',
            fix='Run:  pip install "ketch[zstd]"',
        ) from None
    return new_compressor


def choose_encoding(accept: str, available: Sequence[str]) -> str | None:
    """The encoding of `available` that an Accept-Encoding header likes best; None for the body as it is.

    Equals go by the order of `available`; any encoding wins over an identity that is not preferred outright.
    """
    qualities = dict(reversed(parse_quality(accept)))  # the first of repeated names counts
    rest = qualities.get("*", 0.0)
    chosen, top = None, 0.0
    for name in available:
        quality = qualities.get(name, rest)
        if quality > top:
            chosen, top = name, quality
    return None if qualities.get("identity", 0.0) > top else chosen
