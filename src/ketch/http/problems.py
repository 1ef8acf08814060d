"""What goes wrong with a request, and how it is told: RFC 9457 problem documents.

    HTTPException                       any status from 300 to 599
    ├── BadRequest 400                  malformed: syntax, encoding, nesting
    ├── Unauthorized 401 · Forbidden 403 · NotFound 404 · MethodNotAllowed 405 · NotAcceptable 406
    ├── RequestTimeout 408 · Conflict 409 · Gone 410 · LengthRequired 411 · PreconditionFailed 412
    ├── ContentTooLarge 413 · URITooLong 414 · UnsupportedMediaType 415 · RangeNotSatisfiable 416
    ├── ExpectationFailed 417
    ├── UnprocessableContent 422        well-formed but invalid
    │   └── ValidationProblem           the same, with every single error listed
    ├── PreconditionRequired 428 · TooManyRequests 429 · RequestHeaderFieldsTooLarge 431
    └── InternalServerError 500 · NotImplemented_ 501 · BadGateway 502 · ServiceUnavailable 503 · GatewayTimeout 504

A mistake of the programmer is a `SetupError` (kernel) and never one of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NotRequired, TypedDict

import msgspec

from .percent import quote_path
from .redact import plain, quoted_input
from .status import phrase

MAX_ERRORS = 100
"""Errors told in one validation problem; the rest is `"truncated": true`."""

PROBLEM_JSON = b"application/problem+json"

_STANDARD = frozenset({"type", "title", "status", "status_code", "detail", "instance", "code", "headers"})


class ErrorDetail(TypedDict):
    """One validation error: where (`loc`), what (`msg`), which kind (`type`), and what the client sent (`input`)."""

    loc: Sequence[str | int]
    msg: str
    type: str
    input: NotRequired[Any]
    ctx: NotRequired[Mapping[str, Any]]


class HTTPException(Exception):
    """Raise it anywhere in a request to answer with a problem document instead.

    `detail` is a sentence for the client, `code` a short stable word for programs ("stock"), `type` a URI that
    documents the problem, `title` replaces the status phrase, other keywords become members of the document. Raises
    ValueError for a status that is not 300 to 599, TypeError for a member that would replace a standard one.
    """

    errors: Sequence[ErrorDetail] = ()
    truncated = False

    def __init__(
        self,
        status_code: int,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
        type: str | None = None,
        title: str | None = None,
        **members: Any,
    ) -> None:
        status: object = status_code  # as given, by people who use no type checker
        if not isinstance(status, int) or not 300 <= status <= 599:
            raise ValueError(f"an HTTPException has a status from 300 to 599, not {status_code!r}; return a Response")
        if not _STANDARD.isdisjoint(members):
            taken = ", ".join(sorted(_STANDARD.intersection(members)))
            raise TypeError(f"{taken}: a standard member of a problem cannot be given as an extra one (RFC 9457)")
        super().__init__(status_code, detail)
        self.status_code = int(status_code)
        self.detail = detail
        self.headers = headers
        self.code = code
        self.type = type
        self.title = title
        self.members = members

    def __str__(self) -> str:
        what = self.title or phrase(self.status_code)
        return f"{self.status_code} {what}" + (f": {self.detail}" if self.detail else "")

    def __repr__(self) -> str:
        return f"{self.__class__.__name__}({str(self)!r})"


class _Named(HTTPException):
    """An HTTPException whose class is its status: the first argument is the detail."""

    status: ClassVar[int]

    def __init__(
        self,
        detail: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
        type: str | None = None,
        title: str | None = None,
        **members: Any,
    ) -> None:
        super().__init__(self.status, detail, headers=headers, code=code, type=type, title=title, **members)


class BadRequest(_Named):
    """400: the request is malformed; resending it unchanged is useless."""

    status = 400


class Unauthorized(_Named):
    """401: who is asking is not known. Name the scheme with `headers={"WWW-Authenticate": ...}` (RFC 9110, 15.5.2)."""

    status = 401


class Forbidden(_Named):
    """403: who is asking is known, and may not."""

    status = 403


class NotFound(_Named):
    """404: nothing is here, or nothing that the client may know of."""

    status = 404


class MethodNotAllowed(_Named):
    """405: the path exists, but not for this method; `allow` lists the methods it has (RFC 9110, 15.5.6)."""

    status = 405

    def __init__(
        self,
        detail: str | None = None,
        *,
        allow: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
        code: str | None = None,
        type: str | None = None,
        title: str | None = None,
        **members: Any,
    ) -> None:
        self.allow = tuple(allow)
        headers = {"allow": ", ".join(self.allow), **(headers or {})}
        super().__init__(detail, headers=headers, code=code, type=type, title=title, **members)


class NotAcceptable(_Named):
    """406: no representation suits the Accept headers."""

    status = 406


class RequestTimeout(_Named):
    """408: the client took too long to send its request."""

    status = 408


class Conflict(_Named):
    """409: the state of the resource does not allow it (a duplicate, a stale version)."""

    status = 409


class Gone(_Named):
    """410: it was here and will not come back."""

    status = 410


class LengthRequired(_Named):
    """411: a Content-Length is demanded."""

    status = 411


class PreconditionFailed(_Named):
    """412: an If-Match or If-Unmodified-Since did not hold."""

    status = 412


class ContentTooLarge(_Named):
    """413: the body, a file or a field is over its limit."""

    status = 413


class URITooLong(_Named):
    """414: path and query are over the limit."""

    status = 414


class UnsupportedMediaType(_Named):
    """415: the body's Content-Type or Content-Encoding is not one that is read here."""

    status = 415


class RangeNotSatisfiable(_Named):
    """416: no requested range lies within the representation."""

    status = 416


class ExpectationFailed(_Named):
    """417: an Expect header asks for what is not offered."""

    status = 417


class UnprocessableContent(_Named):
    """422: well-formed, but not valid."""

    status = 422


class PreconditionRequired(_Named):
    """428: the request must be conditional (RFC 6585)."""

    status = 428


class TooManyRequests(_Named):
    """429: slow down (RFC 6585); say how long with `headers={"Retry-After": "30"}`."""

    status = 429


class RequestHeaderFieldsTooLarge(_Named):
    """431: too many headers or cookies, or too large ones (RFC 6585)."""

    status = 431


class InternalServerError(_Named):
    """500: our fault. Raise it only to say more than an unhandled exception would."""

    status = 500


class NotImplemented_(_Named):
    """501: the method is not known here at all. (The trailing underscore keeps Python's NotImplemented usable.)"""

    status = 501


class BadGateway(_Named):
    """502: a service behind this one answered nonsense."""

    status = 502


class ServiceUnavailable(_Named):
    """503: overloaded or in maintenance; say how long with `headers={"Retry-After": "30"}`."""

    status = 503


class GatewayTimeout(_Named):
    """504: a service behind this one did not answer in time."""

    status = 504


class ValidationProblem(UnprocessableContent):
    """422 with an `errors` list: at most 100 of them, then `truncated`; each `input` short and never a secret."""

    def __init__(self, errors: Iterable[ErrorDetail], detail: str | None = None, **members: Any) -> None:
        told: list[ErrorDetail] = []
        truncated = False
        for error in errors:
            if len(told) == MAX_ERRORS:
                truncated = True
                break
            told.append(_told(error))
        if detail is None:
            detail = "The request has an invalid value." if len(told) == 1 else "The request has invalid values."
        super().__init__(detail, **members)
        self.errors = told
        self.truncated = truncated


def _told(error: ErrorDetail) -> ErrorDetail:
    """`error` as it may be shown to the client: its `input` cut, redacted or left out."""
    if "input" not in error:
        return error
    shown = error.copy()
    keep, value = quoted_input(error["loc"], error["input"])
    if keep:
        shown["input"] = value
    else:
        del shown["input"]
    return shown


def problem_document(exc: HTTPException, instance: str | None = None) -> dict[str, Any]:
    """The members of RFC 9457, in its order; `instance` is the request's decoded path (it goes out encoded)."""
    document: dict[str, Any] = {
        "type": exc.type or "about:blank",
        "title": exc.title or phrase(exc.status_code),
        "status": exc.status_code,
    }
    if exc.detail is not None:
        document["detail"] = exc.detail
    if instance is not None:
        document["instance"] = quote_path(instance)
    if exc.code is not None:
        document["code"] = exc.code
    document.update(exc.members)
    if exc.errors:
        document["errors"] = list(exc.errors)
    if exc.truncated:
        document["truncated"] = True
    return document


def encode_problem(exc: HTTPException, instance: str | None = None) -> bytes:
    """`problem_document` as JSON. It never raises: what JSON cannot say (a lone surrogate) is put into words."""
    document = problem_document(exc, instance)
    try:
        return msgspec.json.encode(document)
    except Exception:  # anything at all: this is the last line of defence
        return msgspec.json.encode(plain(document))
