"""Answering one request of a connection: by a Ketch application directly, or by any application through ASGI.

These are the coroutines that a connection starts, and the first frame of a handler's traceback.
"""

from __future__ import annotations

from logging import getLogger
from typing import TYPE_CHECKING, Any

from ketch.http.limits import check_head
from ketch.http.response import Response
from ketch.server.answer import problem
from ketch.server.outgoing import Outgoing
from ketch.serving.asgi import not_a_response
from ketch.serving.outcome import finish

if TYPE_CHECKING:
    from ketch.server.request import ServedRequest
    from ketch.serving.asgi import Edge


async def answer(edge: Edge, request: ServedRequest) -> None:
    """One request to a Ketch application: what `Edge.__call__` is for other servers, with one write for an answer."""
    connection = request.connection
    request.runtime = edge.runtime
    response: Response | None = None
    try:
        try:
            if connection.is_large():
                check_head(request.scope, edge.limits)
            route = edge.straight(request)
            made = await (edge.entry(request) if route is None else route.entry(request))
            if not isinstance(made, Response):
                raise not_a_response(made)
            response = made
        except BaseException as error:
            response = await edge.failed(error, request)
            if response is None:
                connection.give_up(request)
                return
        if response.has_length and response.simple:
            connection.respond(request, response)
        else:
            await _stream(edge, response, request)
    except BaseException as error:
        connection.give_up(request)
        if not isinstance(error, Exception):
            raise
        if request.failure is not error:  # or it has been logged
            getLogger("ketch").error("%s broke off while it was sent", request.label, exc_info=error)
    finally:
        # The client has all of it, and may ask for more while this request's scope is closed and its tasks run.
        connection.finished(request)
        if response is not None and (request.closers is not None or response.background is not None):
            await finish(request, response.background)


async def _stream(edge: Edge, response: Response, request: ServedRequest) -> None:
    connection = request.connection
    outgoing = Outgoing(connection, request)
    await edge.stream(response, outgoing, request)
    if not outgoing.complete:  # the client has left
        connection.give_up(request)


async def relay(app: Any, request: ServedRequest) -> None:
    """One request to an ASGI application."""
    connection = request.connection
    outgoing = Outgoing(connection, request, release=True)
    try:
        await app(request.scope, request.receive, outgoing)
        if not outgoing.complete and not connection.is_over:
            raise RuntimeError("the application returned without a whole response")
    except BaseException as error:
        left = not outgoing.complete and connection.is_over
        if not outgoing.complete:
            if connection.sent:
                connection.give_up(request)
            else:
                told = "The server could not answer." if isinstance(error, Exception) else "The server is stopping."
                connection.fail(request, problem(500, told, connection.server.shared.date))
        if not isinstance(error, Exception):
            raise
        if not (left and isinstance(error, OSError)):
            getLogger("ketch").error("%s failed", request.label, exc_info=error)
    finally:
        connection.finished(request)
