"""The opening handshake of a WebSocket (RFC 6455, 4.2): is the request one, what does it offer, what do we answer."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha1
from typing import NamedTuple, Protocol

from .answer import BadResponse, header_lines
from .deflate import Deflate, negotiate

VERSION = b"13"

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")  # 16 bytes in base64
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_OURS = frozenset({b"sec-websocket-accept", b"sec-websocket-protocol", b"sec-websocket-extensions"})
_NOT_HERE = frozenset({b"connection", b"upgrade", b"content-length", b"transfer-encoding", b"keep-alive"})
_ONCE = (b"sec-websocket-key", b"sec-websocket-version")


class RequestHead(Protocol):
    """What the handshake reads of a request's head."""

    method: str
    version: int
    upgrade: bytes
    host: bytes | None
    length: int
    chunked: bool

    def headers(self) -> list[tuple[bytes, bytes]]: ...


class Handshake(NamedTuple):
    """A valid one. `accept` is the value of Sec-WebSocket-Accept; `deflate` is None without compression."""

    accept: bytes
    subprotocols: list[str]
    deflate: Deflate | None

    def answer(self, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        """The 101 that completes it. Raises BadResponse for a sub-protocol that was not offered, and for headers that
        cannot be sent or are the handshake's own.
        """
        lines = [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"]
        lines.append(b"Sec-WebSocket-Accept: %s\r\n" % self.accept)
        if subprotocol is not None:
            if subprotocol not in self.subprotocols:
                raise BadResponse(f"the sub-protocol {subprotocol!r} was not offered")
            lines.append(b"Sec-WebSocket-Protocol: %s\r\n" % subprotocol.encode("ascii"))
        if self.deflate is not None:
            lines.append(b"Sec-WebSocket-Extensions: %s\r\n" % self.deflate.answer.encode("ascii"))
        lines.append(header_lines(_extra(headers)))
        return b"".join(lines) + b"\r\n"


class BadHandshake(Exception):
    """A request for a WebSocket that cannot become one; answered with `status` and `headers`, then closed."""

    def __init__(self, status: int, reason: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


def read_handshake(head: RequestHead, *, compression: bool) -> Handshake:
    """What a request for a WebSocket asks for. Raises BadHandshake: 426 for another version than 13, otherwise 400."""
    _check_request(head)
    found: dict[bytes, list[bytes]] = {}
    for name, value in head.headers():
        if name.startswith(b"sec-websocket-"):
            found.setdefault(name, []).append(value)
    for name in _ONCE:
        if len(found.get(name, ())) != 1:
            raise BadHandshake(400, f"A WebSocket needs one {name.decode()} header.")
    if found[b"sec-websocket-version"] != [VERSION]:
        upgrade = ((b"Sec-WebSocket-Version", VERSION), (b"Upgrade", b"websocket"))
        raise BadHandshake(426, "The WebSocket protocol is spoken in version 13.", upgrade)
    key = found[b"sec-websocket-key"][0]
    if not _KEY.fullmatch(key):
        raise BadHandshake(400, "The sec-websocket-key is not 16 bytes in base64.")
    subprotocols = _subprotocols(found.get(b"sec-websocket-protocol", []))
    deflate = _deflate(found.get(b"sec-websocket-extensions", []))
    return Handshake(accept_of(key), subprotocols, deflate if compression else None)


def _extra(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Without those that are about a body or the connection, which a handshake's answer has no use for."""
    kept = [(name, value) for name, value in headers if name.lower() not in _NOT_HERE]
    for name, _ in kept:
        if name.lower() in _OURS:
            raise BadResponse(f"the server itself sends {name.decode('latin-1')}")
    return kept


def accept_of(key: bytes) -> bytes:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455, 4.2.2)."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())


def _check_request(head: RequestHead) -> None:
    if head.method != "GET":
        raise BadHandshake(400, "A WebSocket is opened with GET.")
    if head.version < 11 or head.host is None:
        raise BadHandshake(400, "A WebSocket is opened with HTTP/1.1 and a Host header.")
    if b"websocket" not in [name.strip(b" \t") for name in head.upgrade.split(b",")]:
        raise BadHandshake(400, "The request does not ask for a WebSocket.")
    if head.length or head.chunked:
        raise BadHandshake(400, "A request for a WebSocket has no body.")


def _subprotocols(values: list[bytes]) -> list[str]:
    names = [name for value in values for part in value.split(b",") if (name := part.strip(b" \t"))]
    if len(set(names)) != len(names) or not all(map(_TOKEN.fullmatch, names)):
        raise BadHandshake(400, "The sec-websocket-protocol header is not a list of different names.")
    return [name.decode("ascii") for name in names]


def _deflate(values: list[bytes]) -> Deflate | None:
    try:
        return negotiate(",".join(value.decode("latin-1") for value in values))
    except ValueError:
        raise BadHandshake(400, "The sec-websocket-extensions header is not a list of extensions.") from None
