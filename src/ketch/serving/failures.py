"""What a request that failed is answered.

Request mistakes (HTTPException) become problem documents, or a page for a browser that prefers one. Handlers declared
with `exception_handler` come first: the longest Router prefix's own, then the application's; by class along the MRO,
then by status. What nobody handles propagates through the middleware to the edge, which logs it and answers 500.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard

from ketch.http.defaults import base_headers
from ketch.http.headers import UnsafeHeader
from ketch.http.negotiate import prefers_html
from ketch.http.problems import (
    PROBLEM_JSON,
    BadRequest,
    HTTPException,
    InternalServerError,
    ServiceUnavailable,
    encode_problem,
)
from ketch.http.response import Rendered, Response
from ketch.inject.scope import Scope
from ketch.inject.threads import ThreadsBusy
from ketch.serving.outcome import close_after_sending, settle

if TYPE_CHECKING:
    from ketch.http.connection import HTTPConnection

PROBLEM_BASE = base_headers(PROBLEM_JSON)


async def answer(error: Exception, request: HTTPConnection, where: Any) -> Response:
    """The response to an error in `where`: a route, a prefix's owner, the application. Raises it if it is nobody's."""
    handler = find_handler(where.failures, error) if where.failures else None
    if handler is not None:
        response = await _handled(handler, error, request, where.failures)
        request.failure = None  # it has been answered
        return response
    if isinstance(error, HTTPException):
        return problem_response(error, request)
    if isinstance(error, ThreadsBusy):
        busy = ServiceUnavailable("The server is busy.", headers={"retry-after": "1"})
        return problem_response(busy, request)
    if isinstance(error, UnsafeHeader):
        return _unsafe_header(error, request)
    raise error


def _unsafe_header(error: UnsafeHeader, request: HTTPConnection) -> Response:
    """Something a client sent was about to become a header. Logged, because the handler should have looked first."""
    from logging import getLogger

    label = request.route.label if request.route is not None else request.scope["path"]
    getLogger("ketch").warning("%s answered 400: %s", label, error, exc_info=error)
    return problem_response(BadRequest("What was sent cannot be put into a header."), request)


def answerable(error: BaseException, where: Any) -> TypeGuard[Exception]:
    """Whether `answer` has an answer. Asked first, so that what nobody answers keeps a traceback of its own frames."""
    if not isinstance(error, Exception):
        return False
    return (
        isinstance(error, (HTTPException, ThreadsBusy, UnsafeHeader)) or find_handler(where.failures, error) is not None
    )


def find_handler(handlers: Mapping[Any, Any], error: Exception) -> Any:
    """The handler of the nearest class, of the status before HTTPException itself."""
    status = getattr(error, "status_code", None) if isinstance(error, HTTPException) else None
    for kind in type(error).__mro__:
        if status is not None and kind is HTTPException and status in handlers:
            return handlers[status]
        if kind in handlers and kind is not Exception:
            return handlers[kind]
    return None


async def _handled(
    handler: Any, error: Exception, request: HTTPConnection, handlers: Mapping[Any, Any] | None = None
) -> Response:
    """What a handler answers; it may turn the error into an HTTPException, which has a handler of its own perhaps."""
    request.failure = error
    scope = Scope()
    try:
        async with scope:
            response: Response = handler.render(await handler.call(request, scope), request)
            await settle(response, scope, request)
        return response
    except HTTPException as other:
        again = find_handler(handlers, other) if handlers and other is not error else None
        if again is not None and again is not handler:
            return await _handled(again, other, request)
        return problem_response(other, request)
    finally:
        if scope.late is not None:
            close_after_sending(scope, request, None)


def problem_response(error: HTTPException, request: Any) -> Response:
    """The problem document, or the page for a browser that prefers HTML."""
    if prefers_html(request.header(b"accept")):
        return _page(error, request)
    response = Rendered(encode_problem(error, request.scope["path"]), error.status_code, PROBLEM_BASE)
    return _with_headers(response, error)


def _with_headers(response: Response, error: HTTPException) -> Response:
    if error.headers:
        for name, value in error.headers.items():
            try:
                response.headers[name] = value
            except UnsafeHeader:
                from logging import getLogger

                getLogger("ketch").warning("a header of %r was left out: it cannot be sent", error, exc_info=True)
    return response


def _page(error: HTTPException, request: Any) -> Response:
    from ketch.serving.pages import error_page

    runtime = request.runtime
    own = runtime.error_page(error, request) if runtime is not None and runtime.error_page is not None else None
    return _with_headers(own if own is not None else error_page(error, request), error)


async def unhandled(error: Exception, request: Any) -> Response:
    """The 500 for an error that nobody handled: logged with its traceback, told to the client only in `dev`."""
    from logging import getLogger

    runtime = request.runtime
    route = request.route
    label = getattr(route, "label", None) or f"{request.scope.get('method', '')} {request.scope['path']}"
    getLogger("ketch").error("%s failed", label, exc_info=error)
    response = await _answer_500(error, request, runtime)
    for name, value in request.error_headers or ():
        if all(header != name for header, _ in response.raw_headers):
            response.raw_headers.append((name, value))
    return response


async def _answer_500(error: Exception, request: Any, runtime: Any) -> Response:
    where = request.route if request.route is not None else runtime.outside
    handlers = getattr(where, "failures", None) or {}
    handler = handlers.get(500) or handlers.get(Exception)
    if handler is not None:
        try:
            return await _handled(handler, error, request)
        except Exception as second:
            from logging import getLogger

            getLogger("ketch").error("the exception handler failed too", exc_info=second)
    if runtime.debug:
        from ketch.serving.debug import debug_response

        shown: Response = debug_response(error, request)
        return shown
    return problem_response(InternalServerError(), request)
