"""WebSockets (RFC 6455): from a request that asks for one to a connection that is one.

handshake.py (is the request one) -> wire.py (frames, closing, deadlines) <-> conversation.py (the application, by ASGI)
"""

from __future__ import annotations

from typing import Any

from . import answer
from .handshake import BadHandshake, read_handshake


def upgrade(connection: Any, head: Any, rest: bytes) -> None:
    """Take over a connection whose request asks for a WebSocket; `rest` is what came after the head.

    A handshake that is none is answered 400 or 426, one that nobody can frame 501, and the connection closed.
    """
    server = connection.server
    try:
        _need_framing()
        handshake = read_handshake(head, compression=server.settings.ws_compression)
    except BadHandshake as error:
        _refuse(connection, error)
        return
    from .conversation import Conversation
    from .wire import WebSocketConnection

    wire = WebSocketConnection(connection, handshake, rest)
    wire.talk = Conversation(wire, connection, head)
    server.leave(connection)
    server.enter(wire)
    connection.transport.set_protocol(wire)
    wire.talk.start()


def _refuse(connection: Any, error: BadHandshake) -> None:
    date = connection.server.shared.date
    connection.put([answer.problem(error.status, error.reason, date, error.headers)])
    connection.linger()


def _need_framing() -> None:
    try:
        from .adapters import wsproto  # noqa: F401
    except ImportError as error:
        from logging import getLogger

        from ketch.app.rooms import missing_extra

        getLogger("ketch").error("%s", missing_extra(error.name or "wsproto", "A WebSocket"))
        raise BadHandshake(501, "This server has no WebSockets.") from None
