"""One HTTP request: `HTTPConnection` and a body that is read at most once, within its limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from .connection import Address, HTTPConnection, Message, Receive, Scope, Send
from .json_size import check_json
from .problems import BadRequest, ContentTooLarge, UnsupportedMediaType

if TYPE_CHECKING:
    from .multipart import FormData


class ClientDisconnect(Exception):
    """The client went away while its request was being read. There is nobody to answer."""


class Request(HTTPConnection):
    """A request as handlers see it: `await request.json()`, `request.query_params`, `request.headers`."""

    _body: bytes | None = None
    arrived: bytes | None = None
    """All of the body, where it came with its head and nobody has streamed it. Its size has not been looked at."""

    _form: FormData | None = None
    _received: Message | None = None  # a message that is_disconnected() took too early
    _streamed = False
    _ended = False  # the last piece of the body has been received
    _disconnected = False

    @property
    def method(self) -> str:
        """The method in upper case."""
        method: str = self.scope["method"]
        return method

    async def body(self) -> bytes:
        """The whole body, kept for the next call.

        Raises ContentTooLarge over `limits.body`, ClientDisconnect if the client leaves, RuntimeError after `stream()`.
        """
        body = self._body
        if body is None:
            limit = self.limits.body
            whole = self.arrived
            if whole is not None:
                self._streamed = self._ended = True
                if len(whole) > limit:
                    raise _too_large(limit)
                self._body = whole
                return whole
            self._start_reading(limit)
            # PERF: a first message that nobody has taken needs no coroutine of ours.
            early = self._received is not None or self._disconnected
            message = await self._next_message() if early else self._taken(await self.receive())
            body = message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            # PERF: most bodies come in one message; the generator for the others costs 2 us.
            if not self._ended:
                body = b"".join([body, *[chunk async for chunk in self._chunks(limit, len(body))]])
            self._body = body
        return body

    async def stream(self, *, limit: int | None = None) -> AsyncIterator[bytes]:
        """The body in pieces as they arrive, without keeping them; after `body()` its result in one piece.

        `limit` in bytes replaces `limits.body`. Raises as `body()` does.
        """
        if self._body is not None:
            if self._body:
                yield self._body
            return
        most = self.limits.body if limit is None else limit
        self._start_reading(most)
        async for chunk in self._chunks(most):
            yield chunk

    def _start_reading(self, limit: int) -> None:
        if self._streamed:
            raise RuntimeError("the body has been read by stream() already; call body() first if it is needed twice")
        self._streamed = True
        if (self.content_length or 0) > limit:
            raise _too_large(limit)

    async def _chunks(self, limit: int, size: int = 0) -> AsyncIterator[bytes]:
        """The rest of the body, after `size` bytes of it."""
        more = True
        while more:
            message = await self._next_message()
            chunk: bytes = message.get("body", b"")
            more = not self._ended
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            if chunk:
                yield chunk

    async def _next_message(self) -> Message:
        """The next http.request message. Raises ClientDisconnect."""
        message, self._received = self._received, None
        if message is None:
            if self._disconnected:
                raise ClientDisconnect
            message = await self.receive()
        return self._taken(message)

    def _taken(self, message: Message) -> Message:
        """Note what a message says about the body. Raises ClientDisconnect."""
        if message["type"] == "http.disconnect":
            self._disconnected = True
            raise ClientDisconnect
        self._ended = not message.get("more_body", False)
        return message

    @property
    def content_length(self) -> int | None:
        """The Content-Length in bytes; None without one. Raises BadRequest if it is no number."""
        for name, value in self.scope["headers"]:
            if name == b"content-length":
                if not value.isdigit() or len(value) > 19:
                    raise BadRequest("The Content-Length header is not a number.")
                return int(value)
        return None

    def replayed(self) -> Receive:
        """A `receive` that begins with what has been read already, for an application that reads by itself."""
        early, self._received = self._received, None
        if self._body is not None:
            early = {"type": "http.request", "body": self._body, "more_body": False}
        if early is None:
            return self.receive
        waiting = [early]

        async def receive() -> Message:
            return waiting.pop() if waiting else await self.receive()

        return receive

    def refuse_coding(self) -> None:
        """Raises UnsupportedMediaType (415) if the body says that it is compressed.

        Nothing in Ketch decompresses a request: a few bytes could become gigabytes. A handler that wants to reads
        `stream()`, and counts. Source: RFC 9110, 15.5.16 (415 with Accept-Encoding) and 8.4.
        """
        coding = (self.header(b"content-encoding") or "identity").strip().lower()
        if coding != "identity":
            told = "The body is compressed; send it without Content-Encoding."
            raise UnsupportedMediaType(told, headers={"accept-encoding": "identity"})

    async def json(self) -> Any:
        """The body read as JSON. Raises BadRequest for bad syntax, encoding or nesting over `limits.json_depth`,
        ContentTooLarge for more than `limits.json_values`, and UnsupportedMediaType for a compressed body."""
        import msgspec

        body = await self.body()
        check_json(body, self.limits)
        try:
            return msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self.refuse_coding()
            raise BadRequest(f"The body is not valid JSON: {error}") from None

    async def form(self) -> FormData:
        """The fields and files of a form, urlencoded or multipart; kept for the next call.

        Files are closed after the response. Raises BadRequest, ContentTooLarge or UnsupportedMediaType.
        """
        if self._form is None:
            from .multipart import parse_form

            self._form = await parse_form(self)
            self.add_closer(self._form.close)
        return self._form

    @property
    def is_reading(self) -> bool:
        """Whether somebody is in the middle of reading the body."""
        return self._streamed and not self._ended

    async def is_disconnected(self) -> bool:
        """Whether the client has gone away. Never waits, and never loses a piece of the body."""
        if not self._disconnected and self._received is None:
            message = await _poll(self.receive)
            if message is not None and message["type"] == "http.disconnect":
                self._disconnected = True
            else:
                self._received = message
        return self._disconnected


def _too_large(limit: int) -> ContentTooLarge:
    return ContentTooLarge(f"The body is larger than {limit} bytes.")


async def _poll(receive: Receive) -> Message | None:
    """A message that is ready now, else None. One that arrives while the wait is being given up is not lost."""
    import asyncio

    waiting = asyncio.ensure_future(receive())
    try:
        await asyncio.sleep(0)
    finally:
        if not waiting.done():
            waiting.cancel()
    await asyncio.wait([waiting])
    return None if waiting.cancelled() else waiting.result()


__all__ = ["Address", "ClientDisconnect", "HTTPConnection", "Message", "Receive", "Request", "Scope", "Send"]
