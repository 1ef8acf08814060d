"""A request as the native server makes it: the head as it was parsed, everything else when it is asked for.

Until somebody asks for the ASGI scope, there is none: method, path and headers come from the parsed head. Once it has
been made it is the truth, because middleware may edit it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketch.http.headers import Headers
from ketch.http.percent import unquote_bytes
from ketch.http.request import Request
from ketch.serving.flight import cut_off, may_cut_off

if TYPE_CHECKING:
    from ketch.http.connection import Message, Scope
    from ketch.http.limits import Limits
    from ketch.server.connection import Connection
    from ketch.server.head import Head
    from ketch.server.incoming import Incoming

_PERCENT = ord("%")
DISCONNECT: Message = {"type": "http.disconnect"}


class ServedRequest(Request):
    """One request on one connection. `task` is who handles it, once it has had to wait."""

    incoming: Incoming | None = None
    outgoing: Any = None
    task: Any = None
    _scope: Scope | None = None
    _given = False

    def __init__(self, connection: Connection, head: Head, limits: Limits) -> None:
        self.connection = connection
        self.head: Head | None = head
        self._head = head
        self.limits = limits

    # --- what the application asks for --------------------------------------------------------------------------------

    @property
    def scope(self) -> Scope:  # type: ignore[override]
        """The ASGI scope, made when first asked for."""
        scope = self._scope
        if scope is None:
            scope = self._scope = make_scope(self._head, self.connection)
            self.head = None
        return scope

    @property
    def method(self) -> str:
        """The method in upper case."""
        head = self.head
        method: str = head.method if head is not None else self._scope["method"]  # type: ignore[index]
        return method

    def header(self, name: bytes) -> str | None:
        """The first value of a header; `name` in lower case."""
        head = self.head
        if head is None:
            return super().header(name)
        value = head.header(name)
        return None if value is None else value.decode("latin-1")

    def says(self, name: bytes, value: bytes) -> bool:
        """Whether the first header of this name, in lower case, has exactly this value."""
        head = self.head
        return super().says(name, value) if head is None else head.header(name) == value

    @property
    def query_string(self) -> bytes:
        """The query as it was sent, without its question mark."""
        head = self.head
        query: bytes = head.query if head is not None else self._scope["query_string"]  # type: ignore[index]
        return query

    @property
    def headers(self) -> Headers:
        """All headers, by name without regard to case."""
        if self._headers is None:
            head = self.head
            self._headers = Headers(head.headers() if head is not None else self.scope["headers"])
        return self._headers

    @property
    def content_length(self) -> int | None:
        """The Content-Length in bytes; None without one."""
        head = self.head
        if head is None:
            return super().content_length
        return head.length or None

    @property
    def version(self) -> int:
        """10 or 11."""
        version: int = self._head.version
        return version

    @property
    def label(self) -> str:
        """What it is, for the log."""
        return (
            getattr(self.route, "label", None) or f"{self._head.method} {self._head.raw_path.decode('latin-1')[:200]}"
        )

    def left(self) -> None:
        """The client has gone while the request is being handled."""
        if may_cut_off(self) and not self.connection.sent:
            cut_off(self, self.task)

    # --- the body -----------------------------------------------------------------------------------------------------

    async def receive(self) -> Message:
        """ASGI's receive: the body, then the disconnect."""
        if not self._given:
            incoming = self.incoming
            if incoming is None:
                self._given = True
                arrived, self.arrived = self.arrived, None
                return {"type": "http.request", "body": arrived or b"", "more_body": False}
            connection = self.connection
            connection.expect_body()
            await incoming.wait()
            if incoming.waiting or incoming.done:
                piece = incoming.take()
                connection.body_taken()
                self._given = incoming.done
                return {"type": "http.request", "body": piece, "more_body": not incoming.done}
            return DISCONNECT
        await self.connection.until_gone(self)
        return DISCONNECT


def make_scope(head: Head, connection: Connection) -> Scope:
    """The ASGI scope (https://asgi.readthedocs.io/en/latest/specs/www.html) of a request."""
    scope: Scope = connection.server.template.copy()
    raw = head.raw_path
    scope["http_version"] = "1.1" if head.version == 11 else "1.0"
    scope["client"] = connection.client
    scope["server"] = connection.own
    scope["method"] = head.method
    scope["raw_path"] = raw
    path = (unquote_bytes(raw) if _PERCENT in raw else raw).decode("utf-8", "replace")
    scope["path"] = scope["root_path"] + path
    scope["query_string"] = head.query
    scope["headers"] = head.headers()
    scope["state"] = connection.server.state.copy()
    return scope
