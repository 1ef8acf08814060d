"""Zstandard by whichever library there is."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

import pytest
import zstandard

from ketch.middleware.adapters import zstd


class PythonsOwn:
    """`compression.zstd.ZstdCompressor` as Python 3.14 has it, made from the package."""

    CONTINUE, FLUSH_BLOCK, FLUSH_FRAME = 0, 1, 2

    def __init__(self, level: int) -> None:
        self._compressor: Any = zstandard.ZstdCompressor(level=level).compressobj()

    def compress(self, data: bytes, mode: int = CONTINUE) -> bytes:
        encoded: bytes = self._compressor.compress(data)
        return encoded + self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) if mode == 1 else encoded

    def flush(self, mode: int = FLUSH_FRAME) -> bytes:
        encoded: bytes = self._compressor.flush()
        return encoded


@pytest.mark.parametrize("library", ["package", "python"])
def test_pieces_can_be_read_as_they_come(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if library == "python" and sys.version_info < (3, 14):
        module = ModuleType("compression.zstd")
        module.ZstdCompressor = PythonsOwn  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "compression", ModuleType("compression"))
        monkeypatch.setitem(sys.modules, "compression.zstd", module)
    elif library == "package":
        monkeypatch.setitem(sys.modules, "compression.zstd", None)
    try:
        loaded = importlib.reload(zstd)
        compressor = loaded.new_compressor(3)
        decoder = zstandard.ZstdDecompressor().decompressobj()
        assert decoder.decompress(compressor.encode(b"one", flush=True)) == b"one"
        assert decoder.decompress(compressor.encode(b"two", flush=True)) == b"two"
        assert decoder.decompress(compressor.encode(b"three", flush=False) + compressor.finish()) == b"three"
    finally:
        monkeypatch.undo()
        importlib.reload(zstd)
