"""The smallest ASGI application around some middleware: what the edge does, without routing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from ketch.http.request import Request
from ketch.http.response import PlainTextResponse, Response
from ketch.http.websocket import WebSocket
from ketch.testing import TestClient

Handler = Callable[[Any], Awaitable[Response]]


async def hello(request: Any) -> Response:
    return PlainTextResponse("hello")


async def broken(request: Any) -> Response:
    raise ValueError("boom")


class Onion:
    """`layers` from the outside in around `handler`; keeps the requests the handler saw."""

    def __init__(self, handler: Handler, *layers: Any) -> None:
        self.seen: list[Any] = []
        self.handler = handler
        self.entry: Any = self._innermost
        for layer in reversed(layers):
            self.entry = partial(layer, call_next=self.entry)

    async def _innermost(self, request: Any) -> Response:
        self.seen.append(request)
        return Response(status_code=101) if request.scope["type"] == "websocket" else await self.handler(request)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await self._http(Request(scope, receive), send)
        elif scope["type"] == "websocket":
            await self._websocket(WebSocket(scope, receive, send))
        else:
            raise NotImplementedError

    async def _http(self, request: Request, send: Any) -> None:
        try:
            response = await self.entry(request)
        except Exception:
            response = Response(status_code=500)
            response.raw_headers += request.error_headers or []
        await response.send(send, request, head=request.method == "HEAD")

    async def _websocket(self, socket: WebSocket) -> None:
        response = await self.entry(socket)
        if response.status_code != 101:
            await socket.send_denial_response(response)
            return
        await socket.accept(headers=[pair for pair in response.raw_headers if pair[0] == b"x-request-id"])
        await socket.send_text("welcome")
        await socket.close()


def client_of(*layers: Any, handler: Handler = hello, **options: Any) -> TestClient:
    return TestClient(Onion(handler, *layers), **options)
