"""Zstandard: Python's own from 3.14 on, else the `zstandard` package. Importing this raises ImportError without either.

Levels stay under 20, whose windows are larger than browsers accept (RFC 9659: 8 MiB).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

try:
    _own: Any = import_module("compression.zstd")
except ImportError:
    _own = None
    import zstandard as _package


def new_compressor(level: int) -> Any:
    """An object with `encode(data, flush) -> bytes` and `finish() -> bytes`, for one body."""
    return _Own(level) if _own is not None else _Package(level)


class _Own:
    def __init__(self, level: int) -> None:
        self._compressor: Any = _own.ZstdCompressor(level=level)

    def encode(self, data: bytes, *, flush: bool) -> bytes:
        mode = self._compressor.FLUSH_BLOCK if flush else self._compressor.CONTINUE
        encoded: bytes = self._compressor.compress(data, mode)
        return encoded

    def finish(self) -> bytes:
        encoded: bytes = self._compressor.flush()
        return encoded


class _Package:
    def __init__(self, level: int) -> None:
        self._compressor: Any = _package.ZstdCompressor(level=level).compressobj()

    def encode(self, data: bytes, *, flush: bool) -> bytes:
        encoded: bytes = self._compressor.compress(data)
        return encoded + self._compressor.flush(_package.COMPRESSOBJ_FLUSH_BLOCK) if flush else encoded

    def finish(self) -> bytes:
        encoded: bytes = self._compressor.flush()
        return encoded
