"""Server-sent events on the wire (WHATWG HTML, section 9.2, "Server-sent events"). Bytes only; `stream` sends them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connection import HTTPConnection

PING = b": ping\n\n"
"""A comment: browsers ignore it, and everything between sees that the connection lives."""


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: `ServerSentEvent({"price": 7}, event="tick", id="42")`.

    `data` is text, UTF-8 bytes, or anything structured, which becomes JSON; None sends no data, so the browser fires
    no event. `event` names the listener, `id` is what a reconnecting browser says it saw last, `retry` how many
    milliseconds it waits before reconnecting, `comment` is ignored by browsers. Raises ValueError where `event` or
    `id` hold CR, LF or NUL, which would let data write fields, and for a `retry` that is no whole number from 0 up.
    """

    data: Any = None
    event: str | None = None
    id: str | int | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if isinstance(value, str) and any(character in value for character in "\r\n\0"):
                raise ValueError(f"the {name} of an event cannot hold a line break or NUL: {value[:100]!r}")
        if self.retry is not None and self.retry < 0:
            raise ValueError(f"retry is a whole number of milliseconds from 0 up, not {self.retry!r}")

    def encode(self, encode: Callable[[Any], bytes]) -> bytes:
        """The event as it is sent, blank line included; `encode` makes JSON of structured data."""
        lines: list[bytes] = []
        if self.comment is not None:
            lines += [b": " + line for line in _lines(_utf8(self.comment))]
        if self.event is not None:
            lines.append(b"event: " + _utf8(self.event))
        if self.id is not None:
            lines.append(b"id: " + _utf8(str(self.id)))
        if self.retry is not None:
            lines.append(b"retry: %d" % self.retry)
        if self.data is not None:
            lines += [b"data: " + line for line in _lines(_data(self.data, encode))]
        return b"\n".join(lines) + b"\n\n"


def encode_event(item: Any, encode: Callable[[Any], bytes]) -> bytes:
    """An item of an event stream: an event as it is, anything else as the data of one."""
    event = item if isinstance(item, ServerSentEvent) else ServerSentEvent(item)
    return event.encode(encode)


def last_event_id(request: HTTPConnection) -> str | None:
    """The id of the last event that a reconnecting browser saw; None on its first visit or if it is not UTF-8."""
    value = request.header(b"last-event-id")
    try:
        return None if value is None else value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return None


def _data(data: Any, encode: Callable[[Any], bytes]) -> bytes:
    if isinstance(data, str):
        return _utf8(data)
    return data if isinstance(data, bytes) else encode(data)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a lone surrogate is no reason to end a stream


def _lines(text: bytes) -> list[bytes]:
    """Lines by any of the three line ends that the format knows, a last empty one kept."""
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
