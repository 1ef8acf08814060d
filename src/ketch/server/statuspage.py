"""/metrics, /live and /ready on an address of their own, in a thread beside what serves.

It is for the people who run the server: one request per connection, one at a time, nothing of it is meant for the open
internet. /live says that the process runs, /ready is 503 until somebody serves and from the moment it is to end.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from ketch.kernel.errors import SetupError
from ketch.server.sockets import listen_tcp

_PATIENCE = 2.0  # seconds for a request to arrive, and for its answer to be taken
_LONGEST = 8_192  # bytes of a request
_TEXT = b"text/plain; charset=utf-8"


class StatusPage:
    """Answers on `listener` until `close`. Both functions are called in its thread."""

    def __init__(self, listener: socket.socket, metrics: Callable[[], bytes], is_ready: Callable[[], bool]) -> None:
        self._listener, self._metrics, self._is_ready = listener, metrics, is_ready
        self._closed = False
        threading.Thread(target=self._run, name="ketch-metrics", daemon=True).start()

    def close(self) -> None:
        """No more answers."""
        self._closed = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread; on some systems closing does not
        except OSError:
            pass
        self._listener.close()

    def _run(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                if self._listener.fileno() < 0:
                    return
                threading.Event().wait(0.1)  # out of descriptors, for instance
                continue
            with client:
                try:
                    client.settimeout(_PATIENCE)
                    client.sendall(self._answer(_request_line(client)))
                except OSError:
                    continue

    def _answer(self, line: bytes) -> bytes:
        method, _, rest = line.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _response(b"405 Method Not Allowed", b"", b"allow: GET, HEAD\r\n")
        if path == b"/metrics":
            kind = b"text/plain; version=0.0.4; charset=utf-8"
            return _response(b"200 OK", self._metrics(), kind=kind, head=method == b"HEAD")
        if path == b"/live":
            return _response(b"200 OK", b"live\n", head=method == b"HEAD")
        if path == b"/ready":
            ready = self._is_ready()
            status, text = (b"200 OK", b"ready\n") if ready else (b"503 Service Unavailable", b"not ready\n")
            return _response(status, text, head=method == b"HEAD")
        return _response(b"404 Not Found", b"/metrics, /live, /ready\n", head=method == b"HEAD")


def _request_line(client: socket.socket) -> bytes:
    """The first line, after the whole head was read: closing before would lose the answer."""
    data = b""
    while b"\r\n\r\n" not in data and b"\n\n" not in data and len(data) < _LONGEST:
        more = client.recv(_LONGEST)
        if not more:
            break
        data += more
    return data.partition(b"\r\n")[0]


def _response(status: bytes, body: bytes, more: bytes = b"", kind: bytes = _TEXT, head: bool = False) -> bytes:
    lines = b"HTTP/1.1 %s\r\ncontent-type: %s\r\ncontent-length: %d\r\n%sconnection: close\r\n\r\n"
    return lines % (status, kind, len(body), more) + (b"" if head else body)


def listen_for_status(address: str, command: str) -> socket.socket:
    """A socket on HOST:PORT. Raises SetupError (KETCH-SERVE-001) for anything else, CannotListen if there is none."""
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise SetupError(
            "KETCH-SERVE-001",
            f"The server's metrics cannot be {address!r}.",
            why="It takes HOST:PORT.",
            fix="Write:  --metrics 127.0.0.1:9100",
        )
    return listen_tcp(host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port), command, 16)
