"""A response on its way out that is not written at once: ASGI's `send` (https://asgi.readthedocs.io).

The framing is decided here and nowhere else: Content-Length if the application says it or if the first message is the
last, chunks otherwise, and for HTTP/1.0 the end of the connection. What the application says about
Transfer-Encoding and Connection is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketch.http.response import BODILESS
from ketch.server.answer import CRLF, BadResponse, asks_to_close, fate, header_lines, status_line

if TYPE_CHECKING:
    from ketch.http.connection import Message
    from ketch.server.connection import Connection
    from ketch.server.request import ServedRequest

_OURS = frozenset({b"connection", b"transfer-encoding", b"keep-alive", b"upgrade"})
_UNKNOWN = -1


class Outgoing:
    """One response, message by message. `complete` says that all of it has been handed to the transport.

    With `release` the connection goes on with its next request as soon as the response is complete, whatever the
    application still does in the background.
    """

    __slots__ = (
        "_chunked",
        "_connection",
        "_left",
        "_release",
        "_request",
        "_silent",
        "_start",
        "_trailers",
        "complete",
    )

    def __init__(self, connection: Connection, request: ServedRequest, *, release: bool = False) -> None:
        self._connection = connection
        self._request = request
        self._release = release
        self._silent = request.method == "HEAD"
        self._start: Message | None = None
        self._left = _UNKNOWN
        self._chunked = False
        self._trailers = False
        self.complete = False

    async def __call__(self, message: Message) -> None:
        """Send one message; waits while the client reads slowly.

        Raises OSError when the client has gone, BadResponse (a RuntimeError) for messages out of order or against the
        announced length.
        """
        if self.complete:
            raise BadResponse("a message was sent after the end of the response")
        if self._connection.is_over:
            raise ConnectionResetError("the client has disconnected")
        kind = message["type"]
        if kind == "http.response.start":
            self._begin(message)
        elif kind == "http.response.body":
            self._body(message.get("body") or b"", bool(message.get("more_body", False)))
        elif kind == "http.response.pathsend":
            await self._file(message["path"])
        elif kind == "http.response.trailers":
            self._end_trailers(message)
        else:
            raise BadResponse(f"a response has no message of the type {kind!r}")
        await self._connection.drained()
        if self.complete and self._release:
            self._connection.finished(self._request)

    def _begin(self, message: Message) -> None:
        if self._start is not None:
            raise BadResponse("http.response.start was sent twice")
        status = message["status"]
        status_line(status)  # raises before anything is kept
        self._start = message
        self._silent = self._silent or status in BODILESS

    def _make_head(self, size: int | None) -> bytes:
        """The head; `size` is the body's if it is known. It goes out with the first piece of the body.

        Raises BadResponse for what cannot be sent; then nothing has been, and a 500 is still possible.
        """
        message = self._start
        if message is None:
            raise BadResponse("a body was sent before http.response.start")
        headers = [(name.lower(), value) for name, value in message.get("headers") or ()]
        status = message["status"]
        stated = [value for name, value in headers if name == b"content-length"]
        kept = [pair for pair in headers if pair[0] not in _OURS and pair[0] != b"content-length"]
        framing = b""
        if stated and status != 204:  # RFC 9110, section 8.6
            self._left = self._stated(stated)
            framing = b"content-length: %d\r\n" % self._left
        elif status not in BODILESS:
            framing = self._framing(size)
        if self._silent:
            self._left = 0
        return b"".join(
            (
                status_line(status),
                header_lines(kept),
                b"" if any(name == b"date" for name, _ in kept) else self._connection.server.shared.date,
                framing,
                self._fate(headers),
                CRLF,
            )
        )

    @staticmethod
    def _stated(values: list[bytes]) -> int:
        if len(set(values)) > 1 or not values[0].isdigit():
            raise BadResponse("the Content-Length of the response is not one number")
        return int(values[0])

    def _framing(self, size: int | None) -> bytes:
        if self._silent:  # the answer to a HEAD may leave out what only the body would tell; an empty one tells nothing
            return b"content-length: %d\r\n" % size if size else b""
        message = self._start or {}
        self._trailers = bool(message.get("trailers", False)) and self._request.version == 11
        if size is not None and not self._trailers:
            self._left = size
            return b"content-length: %d\r\n" % size
        if self._request.version == 11:
            self._chunked = True
            return b"transfer-encoding: chunked\r\n"
        self._connection.keep_alive = False
        return b""

    def _fate(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """What becomes of the connection. An application may ask for its end, not for its life."""
        connection = self._connection
        connection.keep_alive = connection.will_stay() and not asks_to_close(headers)
        return fate(connection.keep_alive, self._request.version)

    def _body(self, body: bytes, more: bool) -> None:
        connection = self._connection
        pieces: list[bytes] = []
        if not connection.sent:
            pieces.append(self._make_head(None if more else len(body)))
        if not self._silent:
            self._frame(body, more, pieces)
            connection.size += len(body)
        self._write(pieces)
        if not more and not self._trailers:
            self.complete = True

    def _frame(self, body: bytes, more: bool, pieces: list[bytes]) -> None:
        if not self._chunked:
            self._count(len(body), more)
            pieces.append(body)
            return
        if body:
            pieces += (b"%x\r\n" % len(body), body, CRLF)
        if not more and not self._trailers:
            pieces.append(b"0\r\n\r\n")

    def _write(self, pieces: list[bytes]) -> None:
        """Write pieces of which the first may be the head: the response has begun."""
        if self._start is not None and not self._connection.sent:
            self._connection.sent = self._start["status"]
        self._connection.put(pieces)

    def _count(self, size: int, more: bool) -> None:
        if self._left == _UNKNOWN:
            return
        self._left -= size
        if self._left < 0:
            raise BadResponse("the body is longer than the Content-Length that was sent")
        if self._left and not more:
            raise BadResponse("the body is shorter than the Content-Length that was sent")

    def _end_trailers(self, message: Message) -> None:
        if not self._trailers:
            raise BadResponse("trailers were not announced by http.response.start")
        lines = header_lines([(name.lower(), value) for name, value in message.get("headers") or ()])
        if message.get("more_trailers", False):
            raise BadResponse("trailers are sent in one message")
        if self._chunked:
            self._connection.put([b"0\r\n", lines, CRLF])
        self.complete = True

    async def _file(self, path: str) -> None:
        """A whole file (ASGI's extension `http.response.pathsend`)."""
        from ketch.server.sendfile import send_file

        if self._connection.sent or (self._start or {}).get("trailers"):
            raise BadResponse("a file is the whole body of a response")
        size = await send_file(self._connection, path, self._head_for, self._write, self._silent)
        self._connection.size += 0 if self._silent else size
        self.complete = True

    def _head_for(self, size: int) -> bytes:
        head = self._make_head(size)
        if self._left not in (_UNKNOWN, size) and not self._silent:
            raise BadResponse("the file has not the length that was stated")
        return head
