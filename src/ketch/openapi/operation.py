"""What this room needs to know about an application: its operations, and a few words about the whole.

Plain frozen data. Whoever has the routes fills it in; nothing here knows how an application is built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ketch.binding.plan import Plan
from ketch.kernel.annotations import shape_of
from ketch.kernel.errors import Place
from ketch.kernel.shapes import Shape

JSON = "application/json"
PROBLEM = "application/problem+json"
HTML = "text/html"
TEXT = "text/plain"
BINARY = "application/octet-stream"
JSON_LINES = "application/jsonl"
EVENTS = "text/event-stream"

ALWAYS = (400, 413, 414, 431)
"""What any operation may answer whatever its handler says: malformed, body, URL or headers over their limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One response an operation may give.

    `status` is a number, "4XX" or "default". With a `shape` and no `media_types` it is JSON; with neither it has no
    body. For `application/jsonl` and `text/event-stream` the shape is that of one item. `headers` maps names to header
    objects of OpenAPI, `extra` is merged into the response object (`content`, `links`).
    """

    status: int | str = 200
    shape: Shape | None = None
    media_types: tuple[str, ...] = ()
    description: str = ""
    headers: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityUse:
    """A security scheme as one operation uses it: `scheme` is OpenAPI's object for it, `scopes` those demanded here.

    `required` is False for a scheme that lets the anonymous through (`auto_error=False`).
    """

    name: str
    scheme: Mapping[str, Any]
    scopes: tuple[str, ...] = ()
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    `path` may be a route's pattern: `{rest:path}` is shown as `{rest}`. `name` is where `operationId` comes from
    (a handler's `__name__`). `options` are the route's, of which this room reads `tags summary description
    response_description responses deprecated operation_id include_in_schema openapi_extra`. `plans` hold every slot of
    the handler, its guards and its dependencies. `answers` are what it gives when all goes well, the first being the
    main one; `errors` what the guards and dependencies declare. `negotiable` says that a structured answer goes out in
    any of the installed codecs, or is refused with 406. `docs` replaces the endpoint's docstring.
    `places` are shown when two operations claim the same id.
    """

    method: str
    path: str
    name: str = ""
    endpoint: Callable[..., Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    plans: tuple[Plan, ...] = ()
    answers: tuple[Answer, ...] = (Answer(),)
    negotiable: bool = False
    security: tuple[SecurityUse, ...] = ()
    errors: tuple[Answer, ...] = ()
    docs: str | None = None
    places: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """Words about the whole API, and what all its operations share.

    `servers` are URLs or OpenAPI's objects, `tags` names or objects. A webhook is an Operation whose `path` is its
    name. `media_types` are those that a structured body may have (one for each codec), `always` the statuses that
    every operation may answer.
    """

    title: str = "API"
    version: str = "0.1.0"
    summary: str | None = None
    description: str | None = None
    terms_of_service: str | None = None
    contact: Mapping[str, Any] | None = None
    license: Mapping[str, Any] | None = None
    servers: tuple[str | Mapping[str, Any], ...] = ()
    tags: tuple[str | Mapping[str, Any], ...] = ()
    external_docs: Mapping[str, Any] | None = None
    webhooks: tuple[Operation, ...] = ()
    media_types: tuple[str, ...] = (JSON,)
    always: tuple[int, ...] = ALWAYS


def answers_of(responses: Mapping[Any, Any] | None) -> tuple[Answer, ...]:
    """`responses={404: {"model": X, "description": "..."}}` as Answers; a bare type or text will do for either."""
    found = []
    for status, said in (responses or {}).items():
        words = dict(said) if isinstance(said, Mapping) else {"description" if isinstance(said, str) else "model": said}
        model = words.pop("model", None)
        found.append(
            Answer(
                status=_status(status),
                shape=None if model is None else shape_of(model),
                description=words.pop("description", ""),
                headers=words.pop("headers", {}),
                extra=words,
            )
        )
    return tuple(found)


def _status(status: Any) -> int | str:
    text = str(int(status) if isinstance(status, int) else status)  # an HTTPStatus is an int
    if text.isdigit():
        return int(text)
    return "default" if text.lower() == "default" else text.upper()
