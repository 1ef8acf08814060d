"""What `ketch dev` and `ketch run` put around an application: allowed hosts, a line for each request, failed starts."""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Any

from ketch.app.logs import ACCESS
from ketch.cli.hosts import refusal
from ketch.http.headers import header_values

_logger = logging.getLogger(ACCESS)


class Edge:
    """An ASGI application around another. `failure` is what its start raised, if it did."""

    def __init__(self, app: Any, allows: Callable[[str], bool] | None = None, access_log: bool = True) -> None:
        self.app = app
        self.allows = allows
        self.access_log = access_log
        self.failure: BaseException | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """http and websocket are looked at; the lifespan's failure is kept."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
            return
        if self.allows is not None and not self._allowed(scope):
            await _refuse(scope, receive, send)
            return
        if self.access_log:
            await self._logged(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _lifespan(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            self.failure = error
            raise

    def _allowed(self, scope: Any) -> bool:
        hosts = header_values(scope["headers"], b"host")
        return len(hosts) == 1 and self.allows is not None and self.allows(hosts[0])

    async def _logged(self, scope: Any, receive: Any, send: Any) -> None:
        started, status = perf_counter(), 0

        async def watch(message: Any) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            spent = (perf_counter() - started) * 1000
            method = scope.get("method", "WS")
            path = _path(scope)
            words = {"method": method, "path": path, "status": status, "ms": round(spent, 1)}
            text = "%s %s %s %.0f ms" if spent >= 10 else "%s %s %s %.1f ms"
            _logger.info(text, method, path, status or "closed", spent, extra=words)


def _path(scope: Any) -> str:
    """As it was sent: percent-encoded, so no character of it means anything to a terminal. The query is kept out."""
    raw = scope.get("raw_path") or scope["path"].encode("utf-8", "replace")
    return str(raw.partition(b"?")[0].decode("ascii", "backslashreplace"))


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
