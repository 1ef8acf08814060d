"""Parameters that the framework itself fills: `Request`, `WebSocket`, `Response`, `BackgroundTasks` and their like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args, get_origin

from ketch.binding.security import SecurityScopes
from ketch.binding.signature import Parameter
from ketch.binding.submitted import Submitted
from ketch.http.background import BackgroundTasks
from ketch.http.request import HTTPConnection, Request
from ketch.http.response import Response
from ketch.http.websocket import WebSocket
from ketch.inject.scope import Scope


@dataclass(frozen=True, slots=True)
class Framework:
    """What fills a parameter.

    `kind` is request, websocket, response, background, scope, scopes, submitted or given; `detail` its data.
    """

    kind: str
    detail: Any = None


_BY_TYPE: dict[Any, str] = {
    Request: "request",
    HTTPConnection: "request",
    WebSocket: "websocket",
    Response: "response",
    BackgroundTasks: "background",
    Scope: "scope",
}


def framework_leaf(parameter: Parameter, scopes: tuple[str, ...]) -> Framework | None:
    """The leaf for a parameter of one of these types, else None."""
    bare = parameter.bare
    if get_origin(bare) is Submitted or bare is Submitted:
        return Framework("submitted", (get_args(bare) or (dict[str, str],))[0])
    if bare is SecurityScopes:
        return Framework("scopes", scopes)
    try:
        kind = _BY_TYPE.get(bare)
    except TypeError:  # unhashable
        return None
    return Framework(kind) if kind is not None else None
