"""What `ketch dev` puts around an application: allowed hosts, and what its start raised."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ketch.cli.hosts import refusal
from ketch.http.headers import header_values


class Edge:
    """An ASGI application around another. `failure` is what its start raised, if it did."""

    def __init__(self, app: Any, allows: Callable[[str], bool]) -> None:
        self.app = app
        self.allows = allows
        self.failure: BaseException | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """http and websocket are looked at; the lifespan's failure is kept."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if not self._allowed(scope):
            await _refuse(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            self.failure = error
            raise

    def _allowed(self, scope: Any) -> bool:
        hosts = header_values(scope["headers"], b"host")
        return len(hosts) == 1 and self.allows(hosts[0])


async def _refuse(scope: Any, receive: Any, send: Any) -> None:
    import msgspec

    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": ""})
        return
    hosts = header_values(scope["headers"], b"host")
    body = msgspec.json.encode(refusal(hosts[0] if hosts else None))
    length = str(len(body)).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", length)]
    headers += [(b"x-content-type-options", b"nosniff"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
