"""The small objects that printed functions hand to handlers: the injected response, background tasks, scopes."""

from __future__ import annotations

from ketch.binding.security import SecurityScopes
from ketch.http.background import BackgroundTasks
from ketch.http.response import Response
from ketch.inject.scope import Scope

RESPONSE = "#response"
BACKGROUND = "#background"


def injected_response(scope: Scope) -> Response:
    """The Response a handler asked for by type; its status, headers and cookies are merged into the real one."""
    if scope.cache is not None and RESPONSE in scope.cache:
        made: Response = scope.cache[RESPONSE]
        return made
    response = Response()
    response.raw_headers = []
    response.status_code = 0
    scope.remember(RESPONSE, response)
    return response


def background_tasks(scope: Scope) -> BackgroundTasks:
    """The tasks of this request, one list for the handler and its dependencies."""
    if scope.cache is not None and BACKGROUND in scope.cache:
        made: BackgroundTasks = scope.cache[BACKGROUND]
        return made
    tasks = BackgroundTasks()
    scope.remember(BACKGROUND, tasks)
    return tasks


def security_scopes(scopes: list[str]) -> SecurityScopes:
    """The scopes that were asked for on the way to a security dependency."""
    return SecurityScopes(scopes)
