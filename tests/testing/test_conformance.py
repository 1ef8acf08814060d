"""The kits pass what is right and bite what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from ketch.codecs import MessagePack
from ketch.testing import conformance


def test_our_own_codec_conforms() -> None:
    conformance.codec(MessagePack)


class Lossy(MessagePack):
    def decode(self, body: bytes) -> Any:
        value = super().decode(body)
        return None if value == [] else value


class Loose(MessagePack):
    def decode(self, body: bytes) -> Any:
        try:
            return super().decode(body)
        except ValueError:
            return None


class Greedy(MessagePack):
    def matches(self, content_type: str) -> bool:
        return True


@pytest.mark.parametrize(("wrong", "words"), [(Lossy, "came back"), (Loose, "must raise"), (Greedy, "text/html")])
def test_a_wrong_codec_is_told_why(wrong: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        conformance.codec(wrong)


class Right:
    name = "right"

    def setup(self, declare: Any) -> None:
        declare.provide(dict, value={"a": 1})


def test_extensions() -> None:
    conformance.extension(Right)
    with pytest.raises(AssertionError, match="setup"):
        conformance.extension(lambda: object())  # type: ignore[arg-type, return-value]
