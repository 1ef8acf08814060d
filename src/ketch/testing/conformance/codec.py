"""Is it a codec? The kit of seams/codec."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from ketch.seams.codec import Codec

_PLAIN: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**53,
    1.5,
    "",
    "text",
    "ünï©ode \U0001f6a2",
    [],
    {},
    [1, [2, [3]]],
    {"a": {"b": [None, False, "c"]}},
)


class _Sample(msgspec.Struct):
    id: int
    when: datetime
    price: Decimal


def codec(make: Callable[[], Codec]) -> None:
    """The promises of seams/codec: round trips, typed values, and ValueError for everything malformed."""
    subject = make()
    assert "/" in subject.media_type, f"media_type {subject.media_type!r} is no media type"
    assert subject.matches(subject.media_type), "matches() does not know the codec's own media_type"
    assert not subject.matches("text/html"), "matches() takes text/html, which is somebody else's"
    for value in _PLAIN:
        again = subject.decode(subject.encode(value))
        assert again == value, f"{value!r} came back as {again!r}"
    typed = subject.decode(subject.encode(_Sample(1, datetime(2026, 1, 2, tzinfo=UTC), Decimal("1.50"))))
    assert set(typed) == {"id", "when", "price"}, f"a structured value came back as {typed!r}"
    for broken in (b"", subject.encode({"a": [1, 2, 3]})[:-1]):
        _refuses(subject, broken)


def _refuses(subject: Codec, broken: bytes) -> None:
    try:
        value = subject.decode(broken)
    except ValueError:
        return
    except Exception as error:
        raise AssertionError(f"decode({broken!r}) raised {type(error).__name__}; only ValueError is a 400") from error
    raise AssertionError(f"decode({broken!r}) gave {value!r}; truncated input must raise ValueError")
