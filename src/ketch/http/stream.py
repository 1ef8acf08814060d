"""Bodies made while they go out: chunks, JSON Lines and server-sent events.

An iterator is asked for the next item only when the one before has been taken by the server, so a slow client slows
the maker down instead of filling memory. When the client leaves, the iterator is cancelled at whatever it awaits; on
every path it is closed, so its `finally` and `async with` blocks run. An error in the middle is raised: the server
then closes the connection, and the client sees that something is missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from .lifeline import Lifeline
from .response import BODILESS, Response, encode_other
from .sse import PING, ServerSentEvent, encode_event, last_event_id
from .threads import Runner, runner_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from .background import BackgroundTask, BackgroundTasks
    from .connection import HTTPConnection, Send
    from .response import HeadersInput

__all__ = [
    "EventSourceResponse",
    "JSONLinesResponse",
    "ServerSentEvent",
    "StreamingResponse",
    "encode_json",
    "last_event_id",
]

_END = object()


def encode_json(value: Any) -> bytes:
    """`value` as one line of JSON: what msgspec encodes, and pydantic models. Raises TypeError for anything else."""
    return msgspec.json.encode(value, enc_hook=encode_other)


class StreamingResponse(Response):
    """A body from an async or plain iterator of `bytes`, `str` (UTF-8) or `memoryview`.

    The headers go out with the first chunk, so an iterator that fails before it still becomes a proper error; yield
    `b""` to send them sooner. A plain iterator is advanced and closed in worker threads; what is in memory already (a
    list, a tuple) is not. HEAD does not iterate. `body_iterator` is what middleware may wrap. Raises TypeError for
    what cannot be iterated.
    """

    __slots__ = ("body_iterator",)
    has_length = False

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        status_code: int = 200,
        headers: HeadersInput | None = None,
        media_type: str | None = None,
        background: BackgroundTask | BackgroundTasks | None = None,
    ) -> None:
        super().__init__(None, status_code, headers, media_type, background)
        self.body_iterator = _iterable(content)

    def encode_item(self, item: Any) -> bytes:
        """One item as bytes on the wire. Raises TypeError for what is none."""
        if isinstance(item, bytes):
            return item
        if isinstance(item, str):
            return item.encode()
        if isinstance(item, bytearray | memoryview):
            return bytes(item)
        raise TypeError(f"a {type(self).__name__} is made of bytes, str or memoryview, not {type(item).__name__}")

    async def send(self, send: Send, request: HTTPConnection, *, head: bool = False) -> None:
        """Send the body as it is made; returns early and quietly if the client leaves."""
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.outgoing_headers(request, head=head),
        }
        items = _items(self.body_iterator, runner_of(request))
        try:
            if head or self.status_code in BODILESS:
                await send(start)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            async with self._lifeline(request, send) as line:
                await self._send_items(line, start, items)
        finally:
            await _close(items)

    def _lifeline(self, request: HTTPConnection, send: Send) -> Lifeline:
        return Lifeline(request, send)

    async def _send_items(self, line: Lifeline, start: dict[str, Any], items: AsyncIterator[Any]) -> None:
        begun = False
        async for item in items:
            chunk = self.encode_item(item)
            if not begun:
                begun = True
                await line.send(start)
            if chunk:
                await line.send({"type": "http.response.body", "body": chunk, "more_body": True})
        if not begun:
            await line.send(start)
        await line.send({"type": "http.response.body", "body": b"", "more_body": False})


class JSONLinesResponse(StreamingResponse):
    """Items as JSON Lines (application/jsonl): one JSON text and a line feed each.

    `encode` turns an item into JSON without line breaks; the default knows what msgspec encodes, and pydantic models.
    """

    __slots__ = ("encode",)
    media_type = "application/jsonl"

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        encode: Callable[[Any], bytes] = encode_json,
        status_code: int = 200,
        headers: HeadersInput | None = None,
        media_type: str | None = None,
        background: BackgroundTask | BackgroundTasks | None = None,
    ) -> None:
        super().__init__(content, status_code, headers, media_type, background)
        self.encode = encode

    def encode_item(self, item: Any) -> bytes:
        return self.encode(item) + b"\n"


class EventSourceResponse(StreamingResponse):
    """Server-sent events (text/event-stream) from an iterator of `ServerSentEvent`, or of anything that can be its
    data.

    The headers go out at once. After `ping` seconds of silence a comment keeps proxies from closing the connection; 0
    or None switches that off. `encode` turns structured data into JSON. On reconnection browsers say where they were:
    `last_event_id(request)`.
    """

    __slots__ = ("encode", "ping")
    media_type = "text/event-stream"

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        status_code: int = 200,
        headers: HeadersInput | None = None,
        media_type: str | None = None,
        background: BackgroundTask | BackgroundTasks | None = None,
        *,
        ping: float | None = 15.0,
        encode: Callable[[Any], bytes] = encode_json,
    ) -> None:
        super().__init__(content, status_code, headers, media_type, background)
        self.ping = ping
        self.encode = encode
        self.headers.setdefault("cache-control", "no-cache")
        self.headers.setdefault("x-accel-buffering", "no")  # nginx would gather events into blocks

    def encode_item(self, item: Any) -> bytes:
        return encode_event(item, self.encode)

    def _lifeline(self, request: HTTPConnection, send: Send) -> Lifeline:
        return Lifeline(request, send, ping=PING, interval=self.ping or 0.0)

    async def _send_items(self, line: Lifeline, start: dict[str, Any], items: AsyncIterator[Any]) -> None:
        await line.send(start)  # the browser's `open` event must not wait for news
        async for item in items:
            await line.send({"type": "http.response.body", "body": self.encode_item(item), "more_body": True})
        await line.send({"type": "http.response.body", "body": b"", "more_body": False})


def _iterable(content: Any) -> Any:
    if isinstance(content, str | bytes | bytearray | memoryview):
        return (content,)
    if hasattr(content, "__aiter__") or hasattr(content, "__iter__"):
        return content
    hint = ": call the generator function" if callable(content) else ""
    raise TypeError(f"a streaming response takes an iterator, not {type(content).__name__}{hint}")


def _items(content: Any, run: Runner) -> AsyncIterator[Any]:
    if hasattr(content, "__aiter__"):
        iterator: AsyncIterator[Any] = content.__aiter__()
        return iterator
    if isinstance(content, list | tuple):
        return _at_hand(content)
    return _Threaded(content, run)


async def _at_hand(content: Iterable[Any]) -> AsyncIterator[Any]:
    for item in content:
        yield item


class _Threaded:
    """A plain iterator as an async one: every step, and the closing, happens in a worker thread."""

    def __init__(self, content: Iterable[Any], run: Runner) -> None:
        self._content = content
        self._iterator: Iterator[Any] | None = None
        self._run = run

    def __aiter__(self) -> _Threaded:
        return self

    def _step(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._content)
        return next(self._iterator, _END)

    async def __anext__(self) -> Any:
        item = await self._run(self._step)
        if item is _END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        close = getattr(self._iterator or self._content, "close", None)
        if close is not None:
            await self._run(close)


async def _close(items: AsyncIterator[Any]) -> None:
    aclose = getattr(items, "aclose", None)
    if aclose is not None:
        await aclose()
