"""What a WSGI application is given: the environ of PEP 3333, its input and its errors stream."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from ketch.http.percent import unquote_bytes

if TYPE_CHECKING:
    from ketch.http.connection import Message

_PORTS = {"http": "80", "https": "443"}
# PEP 3333: not an application's to set. The server frames the body, and decides about the connection.
CONNECTION_HEADERS = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
_UNPREFIXED = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}


def environ_of(scope: Any, body: Input, errors: Errors) -> dict[str, Any]:
    """The environ for one ASGI scope. Text is bytes read as latin-1, as PEP 3333 has it."""
    query = scope.get("query_string", b"").decode("latin-1")
    root = scope.get("root_path", "").rstrip("/").encode("utf-8", "replace")
    path = _path_bytes(scope)
    host, port = scope.get("server") or ("localhost", None)
    scheme = scope.get("scheme", "http")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": root.decode("latin-1"),
        "PATH_INFO": (path[len(root) :] if path.startswith(root) else path).decode("latin-1"),
        "QUERY_STRING": query,
        "REQUEST_URI": _request_uri(scope, query),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port) if port is not None else _PORTS.get(scheme, "80"),
        "SERVER_PROTOCOL": f"HTTP/{scope.get('http_version', '1.1')}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BufferedReader(body, 65_536),
        "wsgi.input_terminated": True,  # it ends where the body does, with or without a Content-Length
        "wsgi.errors": errors,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if scope.get("client"):
        environ["REMOTE_ADDR"], remote_port = scope["client"]
        environ["REMOTE_PORT"] = str(remote_port)
    _add_headers(environ, scope["headers"])
    return environ


def _path_bytes(scope: Any) -> bytes:
    """The path's bytes as they were sent, unescaped; `path` itself has lost those that are not UTF-8."""
    path: str = scope["path"]
    encoded = path.encode("utf-8", "replace")
    raw = scope.get("raw_path")
    if raw:
        sent = unquote_bytes(raw.partition(b"?")[0])
        if sent.decode("utf-8", "replace") == path:
            return sent
    return encoded


def _request_uri(scope: Any, query: str) -> str:
    from ketch.http.percent import quote_path

    raw = scope.get("raw_path")
    path = raw.partition(b"?")[0].decode("latin-1") if raw else quote_path(scope["path"])
    return f"{path}?{query}" if query else path


def _add_headers(environ: dict[str, Any], headers: list[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        if b"_" in name:
            continue  # it could pass for another header, one that a proxy had vouched for
        key = _UNPREFIXED.get(name) or "HTTP_" + name.decode("latin-1").upper().replace("-", "_")
        text = value.decode("latin-1")
        if key in environ:
            text = f"{environ[key]}{'; ' if name == b'cookie' else ','}{text}"
        environ[key] = text


class Input(io.RawIOBase):
    """The request's body, asked for from a thread, fetched on the loop. Buffered, it is `wsgi.input`.

    Reading raises ConnectionResetError if the client leaves (`deserted`), or sends more than `limit` bytes (`refused`).
    """

    def __init__(self, receive: Callable[[], Awaitable[Message]], limit: int | None) -> None:
        self.refused = self.deserted = False
        self._receive = receive
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._rest = memoryview(b"")
        self._size = 0
        self._ended = False
        self._left = False
        self._asking: Future[Message] | None = None

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Some bytes of the body; 0 at its end."""
        while not self._rest:
            if self._ended:
                return 0
            self._next()
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def _next(self) -> None:
        if self.refused:
            raise ConnectionResetError("the request's body is too large")
        message = self._ask()
        if message["type"] == "http.disconnect":
            self.deserted = True
            raise ConnectionResetError("the client left while it was sending its request")
        piece = message.get("body", b"")
        self._ended = not message.get("more_body", False)
        self._size += len(piece)
        if self._limit is not None and self._size > self._limit:
            self.refused = True
            raise ConnectionResetError("the request's body is too large")
        self._rest = memoryview(piece)

    def _ask(self) -> Message:
        if self._left:
            raise ConnectionResetError("the request is over")
        self._asking = asking = asyncio.run_coroutine_threadsafe(_message(self._receive), self._loop)
        if self._left:
            asking.cancel()
        try:
            return asking.result()
        except CancelledError:
            raise ConnectionResetError("the request is over") from None

    def leave(self) -> None:
        """On the loop: nobody answers any more."""
        self._left = True
        if self._asking is not None:
            self._asking.cancel()


async def _message(receive: Callable[[], Awaitable[Message]]) -> Message:
    return await receive()


class Errors(io.TextIOBase):
    """`wsgi.errors`: every line becomes a record of the logger "ketch.wsgi"."""

    def __init__(self) -> None:
        self._line = ""

    def writable(self) -> bool:
        """It can be written."""
        return True

    def write(self, text: str) -> int:
        """Log the lines that are complete."""
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            self._log(line)
        return len(text)

    def flush(self) -> None:
        """Log what there is of the last line."""
        line, self._line = self._line, ""
        self._log(line)

    def _log(self, line: str) -> None:
        from logging import getLogger

        if line.strip():
            getLogger("ketch.wsgi").error("%s", line.rstrip("\r"))
