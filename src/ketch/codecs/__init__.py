"""Formats beside JSON. MessagePack comes with msgspec and is on by default."""

from __future__ import annotations

from ketch.codecs.messagepack import MessagePack
from ketch.seams.codec import Codec

__all__ = ["MessagePack", "default_codecs"]


def default_codecs() -> tuple[Codec, ...]:
    """What an application speaks beside JSON unless it says `App(codecs=[...])`."""
    return (MessagePack(),)
