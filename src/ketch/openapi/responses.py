"""What a client gets: the answers of a handler, and the problems that stand around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ketch.http.status import phrase
from ketch.kernel.annotations import shape_of
from ketch.kernel.shapes import ScalarShape, Shape
from ketch.openapi.merge import merged
from ketch.openapi.operation import EVENTS, JSON, JSON_LINES, PROBLEM, Answer, Info, Operation, answers_of
from ketch.openapi.parameters import body_of, can_be_invalid
from ketch.openapi.schema import Direction, Schemas

_MEANINGS = {
    400: "The request is malformed: its syntax, its encoding, or nested too deep.",
    401: "Who is asking is not known.",
    403: "Who is asking is known, and may not.",
    404: "Nothing is here, or nothing that you may know of.",
    406: "None of the media types in Accept is offered.",
    413: "The body is over the limit.",
    414: "The URL is over the limit.",
    415: "The body's Content-Type or Content-Encoding is not read here.",
    422: "The request is well-formed but invalid; `errors` lists every mistake.",
    431: "The headers or cookies are over the limit.",
}
_CHALLENGE = {
    "WWW-Authenticate": {"description": "How to authenticate (RFC 9110, 11.6.1).", "schema": {"type": "string"}}
}
_LOCATION = {"Location": {"description": "Where to go.", "schema": {"type": "string", "format": "uri-reference"}}}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOT_A_LETTER = re.compile("[^A-Za-z]")
_BODILESS = frozenset({*range(100, 200), 204, 205, 304})
_FILE = {"type": "string", "format": "binary"}

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong (RFC 9457). Other members may tell more.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "default": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string", "description": "A stable word for programs."},
    },
    "required": ["type", "title", "status"],
}
_ERROR_SCHEMA: dict[str, Any] = {
    "title": "ErrorDetail",
    "description": "One mistake in a request.",
    "type": "object",
    "properties": {
        "loc": {
            "type": "array",
            "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            "description": "Where: path, query, header, cookie or body, then names and indices.",
        },
        "msg": {"type": "string"},
        "type": {"type": "string", "description": "The kind of mistake: `missing`, `int_parsing`, ..."},
        "input": {"description": "What was sent, shortened; never for headers, cookies and secrets."},
        "ctx": {"type": "object"},
    },
    "required": ["loc", "msg", "type"],
}


class Responses:
    """The responses of one document: each operation's own, and the shared problems that they refer to."""

    def __init__(self, info: Info, schemas: Schemas) -> None:
        self._info = info
        self._schemas = schemas
        self._problem = schemas.add("Problem", PROBLEM_SCHEMA)
        self._invalid: Any = None
        self.shared: dict[str, dict[str, Any]] = {}
        self._shared_names: dict[int, str] = {}

    def of(self, operation: Operation, webhook: bool = False) -> dict[str, Any]:
        """The responses object: successes, declared errors, then what the framework itself answers, by status.

        A webhook is answered elsewhere, so there only what is declared counts.
        """
        found: dict[str, dict[str, Any]] = {}
        main = operation.options.get("response_description")
        for number, answer in enumerate(operation.answers):
            words = str(main) if main and not number else answer.description
            described = self._response(answer, words, operation.negotiable)
            _add(found, str(answer.status), described)
        declared = [*operation.errors, *answers_of(operation.options.get("responses"))]
        for answer in declared:
            _add(found, str(answer.status), self._response(answer, answer.description))
        for status in () if webhook else self._framework(operation):
            found.setdefault(str(status), {"$ref": self._shared(status)})
        return dict(sorted(found.items(), key=lambda pair: (not pair[0].isdigit(), pair[0])))

    def _framework(self, operation: Operation) -> list[int]:
        """The statuses that come from around the handler."""
        statuses = list(self._info.always)
        if operation.security:
            statuses += [401, 403]
        if "{" in operation.path:
            statuses.append(404)
        if operation.negotiable:
            statuses.append(406)
        if body_of(operation.plans) is not None:
            statuses.append(415)
        if can_be_invalid(operation.plans):
            statuses.append(422)
        return statuses

    # --- one response -------------------------------------------------------------------------------------------------

    def _response(self, answer: Answer, description: str, negotiable: bool = False) -> dict[str, Any]:
        response: dict[str, Any] = {"description": description or _meaning(answer.status)}
        if answer.headers:
            response["headers"] = {name: self._header(said) for name, said in answer.headers.items()}
        elif answer.status in _REDIRECTS:
            response["headers"] = _LOCATION
        content = self._content(answer, negotiable)
        if content:
            response["content"] = content
        return merged(response, answer.extra)

    def _header(self, said: Any) -> dict[str, Any]:
        """A header object; its description or its type will do."""
        if isinstance(said, str):
            return {"description": said, "schema": {"type": "string"}}
        if not isinstance(said, Mapping):
            return {"schema": self._schemas.of(shape_of(said), Direction.OUTPUT)}
        return {**said} if {"schema", "content", "$ref"} & said.keys() else {**said, "schema": {"type": "string"}}

    def _content(self, answer: Answer, negotiable: bool) -> dict[str, Any]:
        if answer.status in _BODILESS:
            return {}
        media_types = answer.media_types or ((JSON,) if answer.shape is not None else ())
        if negotiable and media_types == (JSON,):  # the same object: what is true of one codec is true of all
            content = dict.fromkeys(self._info.media_types, self._media(JSON, answer.shape))
        else:
            content = {media_type: self._media(media_type, answer.shape) for media_type in media_types}
        if _is_error(answer.status):
            content.setdefault(PROBLEM, {"schema": self._validation() if answer.status == 422 else self._problem()})
        return content

    def _media(self, media_type: str, shape: Shape | None) -> dict[str, Any]:
        if media_type == EVENTS:
            return {"schema": self._event(shape)}  # no type: some tools read it as the schema of one event
        if media_type.startswith("text/"):
            return {"schema": {"type": "string"}}
        if shape is None:
            return {} if media_type in (JSON, JSON_LINES) else {"schema": dict(_FILE)}
        if isinstance(shape, ScalarShape) and shape.type is bytes and media_type != JSON:
            return {"schema": dict(_FILE)}
        return {"schema": self._schemas.of(shape, Direction.OUTPUT)}

    def _event(self, shape: Shape | None) -> dict[str, Any]:
        """One event. OpenAPI 3.1 has no word for a stream's items (3.2: `itemSchema`); readers take `schema` for it."""
        data: dict[str, Any] = {"type": "string"}
        if shape is not None:
            data |= {"contentMediaType": JSON, "contentSchema": self._schemas.of(shape, Direction.OUTPUT)}
        rest = {"event": {"type": "string"}, "id": {"type": "string"}, "retry": {"type": "integer"}}
        return {"description": "One event of the stream.", "type": "object", "properties": {"data": data, **rest}}

    # --- the framework's own ------------------------------------------------------------------------------------------

    def _shared(self, status: int) -> str:
        """The reference to a shared response, which is made when it is first referred to."""
        name = self._shared_names.get(status)
        if name is None:
            name = self._shared_names[status] = _NOT_A_LETTER.sub("", phrase(status))
            schema = self._validation() if status == 422 else self._problem()
            self.shared[name] = {
                "description": _meaning(status),
                **({"headers": _CHALLENGE} if status == 401 else {}),
                "content": {PROBLEM: {"schema": schema}},
            }
        return f"#/components/responses/{name}"

    def _validation(self) -> dict[str, Any]:
        """A reference to ValidationProblem, which comes into the document with its first use."""
        if self._invalid is None:
            detail = self._schemas.add("ErrorDetail", _ERROR_SCHEMA)
            properties = {
                "errors": {"type": "array", "items": detail()},
                "truncated": {"type": "boolean", "description": "True if there were more than 100 mistakes."},
            }
            schema = {
                "title": "ValidationProblem",
                "description": "A problem that lists every mistake in the request.",
                "allOf": [self._problem(), {"type": "object", "properties": properties}],
            }
            self._invalid = self._schemas.add("ValidationProblem", schema)
        result: dict[str, Any] = self._invalid()
        return result


def _add(found: dict[str, dict[str, Any]], status: str, response: dict[str, Any]) -> None:
    """Two answers with one status become one with the content of both."""
    known = found.get(status)
    if known is None:
        found[status] = response
        return
    content = {**known.get("content", {}), **response.get("content", {})}
    found[status] = {**known, **response, **({"content": content} if content else {})}


def _is_error(status: int | str) -> bool:
    return status >= 400 if isinstance(status, int) else status[:1] in ("4", "5", "d")


def _meaning(status: int | str) -> str:
    if isinstance(status, int):
        return _MEANINGS.get(status) or phrase(status)
    return "Any other answer." if status == "default" else f"{status[0]}xx"
