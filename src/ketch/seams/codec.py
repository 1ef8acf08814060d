"""A codec: one more format for bodies and results beside JSON."""

from __future__ import annotations

from typing import Any, Protocol


class Codec(Protocol):
    """`media_type` names the format in Accept and Content-Type."""

    media_type: str

    def matches(self, content_type: str) -> bool:
        """Whether a body of this media type (lower case, no parameters) is for this codec."""

    def decode(self, body: bytes) -> Any:
        """Plain values (dict, list, str, int, float, bool, None). Raises ValueError for what is malformed."""

    def encode(self, value: Any) -> bytes:
        """The value, which may hold structured types, as bytes."""
