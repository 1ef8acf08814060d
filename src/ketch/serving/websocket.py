"""A WebSocket's life: the onion wraps the handshake, then the handler has the connection to itself.

The innermost layer finds the route, applies the Origin rule and runs the guards; it answers 101 when the handshake
may go on, and any other response denies it. The handler runs outside the onion, with the scope its guards opened.
"""

from __future__ import annotations

from typing import Any

from ketch.binding.leaves import BACKGROUND
from ketch.binding.messages import decode_message
from ketch.http.limits import check_head
from ketch.http.problems import Forbidden, HTTPException, NotFound
from ketch.http.response import Response
from ketch.http.websocket import WebSocket, WebSocketDisconnect, WebSocketException, WebSocketState
from ketch.inject.scope import Scope, close
from ketch.routing.entry import MountHit
from ketch.serving.asgi import not_a_response
from ketch.serving.failures import answer, problem_response
from ketch.serving.mounts import SWITCHING_PROTOCOLS, MountedSocket
from ketch.serving.outcome import close_after_sending, finish, log_failure


async def serve_websocket(edge: Any, scope: Any, receive: Any, send: Any) -> None:
    """One WebSocket from handshake to close. Failures of the handler are logged and close it with 1011."""
    socket = WebSocket(scope, receive, send, edge.limits)
    socket.runtime = edge.runtime
    scope["app"] = edge.runtime.app
    socket.opened = Scope()
    socket.decode = decode_message  # tells every problem of a typed message
    try:
        await _from_handshake_to_close(socket, edge, receive, send)
    except BaseException as error:
        socket.broken = error
        raise
    finally:
        await _put_away(socket)
    if socket.failure is not None and "ketch.raise" in (scope.get("extensions") or ()):
        raise socket.failure


async def _from_handshake_to_close(socket: WebSocket, edge: Any, receive: Any, send: Any) -> None:
    try:
        check_head(socket.scope, edge.limits)
        response = await edge.runtime.websocket_entry(socket)
        if not isinstance(response, Response):
            raise not_a_response(response)
    except WebSocketException as error:  # a guard's or a middleware's way to deny
        await _close(socket, error.code, error.reason)
        return
    except Exception as error:
        response = await _failed(error, socket)
    if isinstance(response, MountedSocket):
        await response.serve(socket.scope, receive, send)
    elif response.status_code != SWITCHING_PROTOCOLS:
        await _deny(socket, response)
    else:
        socket.handshake_headers = [p for p in response.raw_headers if p[0] not in _NOT_ON_ACCEPT]
        await _converse(socket, socket.opened)


_NOT_ON_ACCEPT = frozenset({b"content-length", b"content-type", b"x-content-type-options", b"referrer-policy"})


async def _put_away(socket: WebSocket) -> None:
    """What guards opened for a handshake that came to nothing, request scope, and background tasks."""
    scope, error = socket.opened, socket.broken or socket.failure
    exits, scope.exits = scope.exits, []
    if exits:
        socket.add_closer(lambda: close(exits, error))
    close_after_sending(scope, socket, error)
    await finish(socket, (scope.cache or {}).get(BACKGROUND))


async def _deny(socket: WebSocket, response: Response) -> None:
    try:
        await close(socket.opened.exits, socket.failure)
    except Exception as error:
        response = await _failed(error, socket)
    if socket.application_state is WebSocketState.CONNECTING:
        await _deny_quietly(socket, response)
    else:  # a middleware has accepted it already: a close is all that can still be said
        await _close(socket, 1011 if response.status_code >= 500 else 1008, "")


async def handshake(socket: Any) -> Response:
    """The innermost layer: 101 when the handler may run."""
    runtime = socket.runtime
    found = runtime.find("WEBSOCKET", socket.scope)
    if type(found) is MountHit and not found.target.wsgi:
        return await _mounted(found, socket)
    if type(found) is not tuple:
        return await answer(NotFound(), socket, runtime.outside)
    socket.route, socket.values, socket.raw_values = found
    return await socket.route.entry(socket)  # type: ignore[no-any-return]


async def _mounted(hit: MountHit[Any], socket: Any) -> Response:
    """Behind the guards and the middleware of the Routers around the mount, if there are any."""
    mounted, route = MountedSocket(hit), hit.target.socket_route
    if route is None:
        return mounted
    socket.route = route
    response: Response = await route.entry(socket)
    if response.status_code != SWITCHING_PROTOCOLS:
        return response
    mounted.raw_headers = [p for p in response.raw_headers if p[0] not in _NOT_ON_ACCEPT]
    return mounted


async def admit(route: Any, socket: Any) -> Response:
    """Inside the Router's middleware: the Origin rule and the guards."""
    socket.route = route  # the one whose guards run: an override may have made another meanwhile
    try:
        check_origin(socket)
        for guard in route.guards:
            await guard(socket, socket.opened)
    except Exception as error:
        return await answer(await _rolled_back(socket, error), socket, route)
    return Response(None, SWITCHING_PROTOCOLS)


async def _rolled_back(socket: Any, error: Exception) -> Exception:
    """The error, after what the guards opened has seen it, or the one that it became."""
    try:
        await close(socket.opened.exits, error)
    except Exception as other:
        return other
    return error


def check_origin(socket: Any) -> None:
    """A handshake that carries cookies must come from our own origin; without Origin it is no browser's."""
    origin = socket.header(b"origin")
    if origin is None or socket.header(b"cookie") is None or socket.scope.get("ketch.origin_allowed"):
        return  # the last is CORSMiddleware's word for an origin that may come with credentials
    host = socket.host
    if origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
        raise Forbidden("The WebSocket was opened from another origin.")


async def _converse(socket: WebSocket, scope: Scope) -> None:
    route = socket.route
    try:
        async with scope:
            await route.call(socket, scope)
        if _is_open(socket):
            await socket.close(1000)
    except WebSocketDisconnect:
        return
    except WebSocketException as error:
        await _close(socket, error.code, error.reason)
    except Exception as error:
        socket.broken = error
        await _handler_failed(socket, error)


def _is_open(socket: WebSocket) -> bool:
    state = socket.application_state
    return state is WebSocketState.CONNECTING or (
        state is WebSocketState.CONNECTED and socket.client_state is WebSocketState.CONNECTED
    )


async def _handler_failed(socket: WebSocket, error: Exception) -> None:
    if socket.application_state is WebSocketState.CONNECTING:
        await _deny_quietly(socket, await _failed(error, socket, answered=True))
        return
    if isinstance(error, HTTPException):
        await _close(socket, 1008, str(error.detail or ""))
        return
    if socket.client_state is WebSocketState.DISCONNECTED and isinstance(error, (OSError, RuntimeError)):
        return
    socket.failure = error
    log_failure("%s failed", socket, error)
    await _close(socket, 1011, "internal error")


async def _failed(error: Exception, socket: WebSocket, answered: bool = False) -> Response:
    from ketch.serving.failures import unhandled

    if isinstance(error, HTTPException):
        return problem_response(error, socket)
    if answered and socket.route is not None and socket.route.failures:
        try:
            return await answer(error, socket, socket.route)
        except Exception as again:
            error = again
    socket.failure = error
    return await unhandled(error, socket)


async def _deny_quietly(socket: WebSocket, response: Response) -> None:
    try:
        await socket.send_denial_response(response)
    except (WebSocketDisconnect, RuntimeError, OSError):
        return


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    try:
        await socket.close(code, reason)
    except ValueError as error:  # a code that cannot be sent
        log_failure("%s failed", socket, error)
        await _close(socket, 1011, "internal error")
    except (WebSocketDisconnect, RuntimeError, OSError):
        return  # the client was quicker
