"""Guard, bind, call, render: between the onion and your handler. The page to read first.

    guards   run before the body is read, outermost first; a refusal is an exception (401, 403)
    call     the printed function of the route (`ketch explain METHOD PATH` shows it): binds, provides, calls
    prepare  what an extension has to do with a result before it is encoded (flush, load relations)
    render   encodes inside the dependency scope

Leaving the scope runs the clean-up of function scope, in reverse: the unit of work commits there, before a byte is
sent. An exception anywhere on the way rolls back. A streamed result keeps the scope open until its last byte; request
scope is closed after it in any case.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketch.inject.scope import Scope, close
from ketch.serving.failures import answer, answerable
from ketch.serving.negotiation import choose_codec
from ketch.serving.outcome import close_after_sending, settle

if TYPE_CHECKING:
    from ketch.http.request import Request
    from ketch.http.response import Response
    from ketch.serving.route import ServedRoute


async def run(route: ServedRoute, request: Request) -> Response:
    """One request to one route. Raises only what nobody has a handler for."""
    scope, failure = Scope(), None
    try:
        try:
            for guard in route.guards:
                await guard(request, scope)
            if route.negotiable and (accept := request.header(b"accept")) is not None:
                choose_codec(accept, request)
            result = await route.call(request, scope)
            if route.prepare is not None:
                result = await route.prepare(result, request, scope)
            response = route.render(result, request)
            if scope.cache is not None or not response.has_length:
                await settle(response, scope, request)
        except BaseException as error:
            if scope.exits and not scope.held:
                await close(scope.exits, error)
            raise
        if scope.exits and not scope.held:  # PERF: `async with` would make two coroutines for every request (0.25 us)
            await close(scope.exits)
        if not response.has_length and (look := getattr(response, "prepare", None)) is not None:
            await look(request)  # a missing file is a 404 that error handlers and middleware still see
        return response
    except BaseException as error:
        failure = error
        if not answerable(error, route):
            raise
        return await answer(error, request, route)
    finally:
        if scope.late is not None:
            close_after_sending(scope, request, failure)
        failure = None  # an error that its own frame holds is garbage only the collector finds
