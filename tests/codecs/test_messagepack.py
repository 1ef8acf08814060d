"""MessagePack: what is decoded, and how many values a body may have."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch import App
from ketch.codecs import MessagePack
from ketch.codecs.messagepack import too_many_values
from ketch.http.problems import ContentTooLarge
from ketch.testing import TestClient

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary(max_size=300)
)
EXTENSIONS = st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary(max_size=300))
VALUES = st.recursive(
    SCALARS | EXTENSIONS, lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20)
)


def count(value: Any) -> int:
    """The values in a value, itself and names included."""
    match value:
        case dict():
            return 1 + sum(1 + count(member) for member in value.values())
        case list():
            return 1 + sum(map(count, value))
    return 1


@given(value=VALUES, limit=st.integers(1, 40))
def test_it_counts_what_a_decoder_makes(value: Any, limit: int) -> None:
    assert too_many_values(msgspec.msgpack.encode(value), limit) is (count(value) > limit)


@pytest.mark.parametrize("size", [31, 32, 255, 256, 65_535, 65_536])
@pytest.mark.parametrize("make", [lambda n: "x" * n, bytes, lambda n: msgspec.msgpack.Ext(1, bytes(n))])
def test_every_length_of_text_bytes_and_extension(size: int, make: Any) -> None:
    body = msgspec.msgpack.encode([make(size), 7])
    assert not too_many_values(body, 3)
    assert too_many_values(body, 2)


@given(body=st.binary(max_size=200), limit=st.integers(0, 20))
def test_any_bytes_will_do(body: bytes, limit: int) -> None:
    too_many_values(body, limit)


def test_too_many_values_are_too_large() -> None:
    codec = MessagePack(values=1_000)
    assert codec.decode(msgspec.msgpack.encode([None] * 999)) == [None] * 999
    with pytest.raises(ContentTooLarge):
        codec.decode(msgspec.msgpack.encode([None] * 1_000))
    with pytest.raises(ValueError, match="deep"):
        MessagePack(values=10_000_000).decode(b"\x91" * 1_000_000)


def test_a_body_with_too_many_is_413() -> None:
    app = App()

    @app.post("/numbers")
    async def numbers(values: dict[str, list[int]]) -> int:
        return sum(map(len, values.values()))

    with TestClient(app) as client:
        for size, status in ((90_000, 200), (100_000, 413)):
            body = msgspec.msgpack.encode({"a": [1] * size})
            assert (
                client.post("/numbers", content=body, headers={"content-type": MessagePack.media_type}).status_code
                == status
            )
