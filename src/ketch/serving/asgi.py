"""The edge: ASGI in, one response out, and what happens after its last byte.

http       Request -> the onion -> a Response -> send -> request scope closes -> background tasks
websocket  the onion wraps the handshake; then the handler has the connection to itself
lifespan   see lifespan.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketch.http.limits import check_head
from ketch.http.problems import HTTPException
from ketch.http.request import ClientDisconnect, Request
from ketch.http.response import Response
from ketch.serving.failures import answer, unhandled
from ketch.serving.flight import was_cut_off
from ketch.serving.outcome import finish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ketch.serving.route import ServedRoute


class Edge:
    """Serves one frozen application. `entry` is the onion: `await entry(request)` is a Response or raises.

    `straight` is Dispatch's own where there is no onion: the route of an ordinary request at once, or None.
    """

    __slots__ = ("entry", "flight", "limits", "runtime", "straight")

    def __init__(self, runtime: Any, entry: Callable[[Any], Awaitable[Response]]) -> None:
        self.runtime = runtime
        self.entry = entry
        self.straight: Callable[[Any], ServedRoute | None] = getattr(entry, "straight", _never)
        self.limits = runtime.limits
        self.flight = runtime.flight

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One ASGI connection. PERF: a request, the ordinary case, is served in this frame."""
        kind = scope["type"]
        if kind != "http":
            await self._other(kind, scope, receive, send)
            return
        request = Request(scope, receive, self.limits)
        request.runtime = self.runtime
        scope["app"] = self.runtime.app
        flight = self.flight
        flight.enter(request)
        try:
            check_head(scope, self.limits)
            route = self.straight(request)
            response = await (self.entry(request) if route is None else route.entry(request))
            if not isinstance(response, Response):
                raise not_a_response(response)
        except BaseException as error:
            failed = await self.failed(error, request)
            if failed is None:
                return
            response = failed
        finally:
            flight.leave(request)
        try:
            if response.has_length:
                await response.send(send, request, head=scope["method"] == "HEAD")
            else:
                await self.stream(response, send, request)
        finally:
            if request.closers is not None or response.background is not None:
                await finish(request, response.background)
        failure, request.failure = request.failure, None
        if failure is not None and "ketch.raise" in (scope.get("extensions") or ()):
            raise failure

    async def _other(self, kind: str, scope: Any, receive: Any, send: Any) -> None:
        if kind == "websocket":
            from ketch.serving.websocket import serve_websocket

            await serve_websocket(self, scope, receive, send)
        elif kind == "lifespan":
            from ketch.serving.lifespan import serve_lifespan

            await serve_lifespan(self.runtime, scope, receive, send)
        else:
            raise RuntimeError(f"Ketch does not know ASGI's connection type {kind!r}")

    async def failed(self, error: BaseException, request: Request) -> Response | None:
        """The answer to what no layer answered; None when there is nobody to answer."""
        if isinstance(error, HTTPException):  # raised by middleware or by a limit
            return await self._refusal(error, request)
        if isinstance(error, Exception) and not isinstance(error, ClientDisconnect):
            request.failure = error
            return await unhandled(error, request)
        await finish(request, None)
        if isinstance(error, ClientDisconnect) or was_cut_off(request):
            return None
        raise error

    async def stream(self, response: Response, send: Any, request: Request) -> None:
        """A body that is made while it is sent. Before the first byte an error is still a 500; after it the server
        closes the connection, so that the client sees that something is missing."""
        started = ended = False

        async def watch(message: Any) -> None:
            nonlocal started, ended
            started = True
            await send(message)
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)

        head = request.method == "HEAD"
        try:
            await response.send(watch, request, head=head)
        except BaseException as error:
            request.broken, response.background = error, None
            if not isinstance(error, Exception):
                raise
            if isinstance(error, ClientDisconnect):
                return
            refusal = await self._refusal(error, request)
            if ended:  # a mounted application answers a failure by itself, and raises it for the log
                return
            if started:
                raise
            await refusal.send(send, request, head=head)

    async def _refusal(self, error: Exception, request: Request) -> Response:
        """The answer to an error of which a route knows nothing any more."""
        try:
            return await answer(error, request, request.route or self.runtime.outside)
        except Exception as unanswered:
            request.failure = unanswered
            return await unhandled(unanswered, request)


def _never(request: Any) -> None:
    """There is middleware, which sees every request first."""


def not_a_response(given: object) -> TypeError:
    """What a middleware answered that forgot to return what it was given."""
    return TypeError(
        f"a middleware answered {type(given).__name__}, not a Response: does it return what call_next gave it?"
    )
