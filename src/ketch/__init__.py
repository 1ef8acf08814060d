"""Ketch, a web framework whose parts come out: typed handlers, a validated and documented API, pages, data.

This is the front door: what an application file needs. The guide is in `docs/`.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ketch.app import App, Router
from ketch.app.router import options
from ketch.binding.sources import Body, Cookie, Depends, Field, File, Form, Header, Path, Query, Security
from ketch.binding.submitted import Submitted
from ketch.http import status
from ketch.http.background import BackgroundTask, BackgroundTasks
from ketch.http.files import FileResponse
from ketch.http.flash import flash
from ketch.http.limits import Limits
from ketch.http.page import Template
from ketch.http.problems import (
    BadGateway,
    BadRequest,
    Conflict,
    ContentTooLarge,
    Forbidden,
    GatewayTimeout,
    Gone,
    HTTPException,
    InternalServerError,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    UnprocessableContent,
    UnsupportedMediaType,
    ValidationProblem,
)
from ketch.http.request import Request
from ketch.http.response import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from ketch.http.sse import last_event_id
from ketch.http.stream import EventSourceResponse, JSONLinesResponse, ServerSentEvent, StreamingResponse
from ketch.http.uploads import UploadFile
from ketch.http.websocket import WebSocket, WebSocketDisconnect, WebSocketException, WebSocketValidationError
from ketch.kernel.errors import SetupError

__version__ = "0.1.0"

__all__ = [
    "App",
    "BackgroundTask",
    "BackgroundTasks",
    "BadGateway",
    "BadRequest",
    "Body",
    "Conflict",
    "ContentTooLarge",
    "Cookie",
    "Depends",
    "EventSourceResponse",
    "Field",
    "File",
    "FileResponse",
    "Forbidden",
    "Form",
    "GatewayTimeout",
    "Gone",
    "HTMLResponse",
    "HTTPException",
    "Header",
    "InternalServerError",
    "JSONLinesResponse",
    "JSONResponse",
    "Limits",
    "MethodNotAllowed",
    "NotAcceptable",
    "NotFound",
    "Path",
    "PlainTextResponse",
    "PreconditionFailed",
    "PreconditionRequired",
    "Query",
    "RedirectResponse",
    "Request",
    "Response",
    "Router",
    "Security",
    "ServerSentEvent",
    "ServiceUnavailable",
    "SetupError",
    "StreamingResponse",
    "Struct",
    "Submitted",
    "Template",
    "TooManyRequests",
    "Unauthorized",
    "UnprocessableContent",
    "UnsupportedMediaType",
    "UploadFile",
    "ValidationProblem",
    "WebSocket",
    "WebSocketDisconnect",
    "WebSocketException",
    "WebSocketValidationError",
    "flash",
    "last_event_id",
    "options",
    "status",
]


def __getattr__(name: str) -> Any:
    """A wrong name teaches: `from ketch import APIRouter` says what ketch calls it."""
    from ketch.teaching import unknown_name

    raise unknown_name(name, __all__)
