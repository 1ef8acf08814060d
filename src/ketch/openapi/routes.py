"""Operations from the routes of a frozen application."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ketch.app.build import Draft, build_route
from ketch.app.router import Router
from ketch.inject.graph import Node, walk
from ketch.inject.provider import name_of
from ketch.kernel.errors import Place
from ketch.openapi.operation import JSON, Answer, Info, Operation, SecurityUse, answers_of
from ketch.openapi.results import answers_from
from ketch.routing import merge, parse_pattern
from ketch.serving.route import ServedRoute

_VERBS = frozenset({"get", "post", "put", "patch", "delete", "head", "options", "trace", "query"})
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def operations_of(routes: Iterable[ServedRoute]) -> list[Operation]:
    """One Operation for each method of each HTTP route that the document shows, in order."""
    return [operation for route in routes if _shown(route) for operation in _operations(route)]


def info_of(app: Any) -> Info:
    """The words about an `App`, and the media types of its codecs. Freezes it if that has not happened.

    Codecs that somebody has chosen are shown; those that every application has would only repeat each schema.
    """
    runtime = app.runtime
    codecs = runtime.codecs if app.codecs is not None else ()
    return Info(
        title=app.title,
        version=app.version,
        description=app.description or None,
        servers=tuple(app.servers),
        webhooks=tuple(_webhooks(app.webhooks, runtime.shop)),
        media_types=(JSON, *(codec.media_type for codec in codecs)),
    )


def _webhooks(declared: Any, shop: Any) -> Iterator[Operation]:
    """What the application calls elsewhere: a Router whose paths are names, or Operations."""
    if not isinstance(declared, Router):
        yield from declared or ()
        return
    for record in declared.declared.routes:
        pattern = parse_pattern(f"/{record.path.lstrip('/')}", record.origin)
        draft = Draft(record, pattern, None, merge(declared.route_options, record.options), name_of(record.endpoint))
        for operation in _operations(build_route(draft, shop)):
            yield replace(operation, path=record.path)


def _shown(route: ServedRoute) -> bool:
    return not route.websocket and bool(route.options.get("include_in_schema", True))


def _operations(route: ServedRoute) -> Iterator[Operation]:
    nodes = walk([*route.guard_nodes, *route.nodes])
    common: dict[str, Any] = {
        "path": route.text or "/",
        "name": _name(route.endpoint) or route.name,
        "endpoint": route.endpoint,
        "options": route.options,
        "plans": route.plans,
        "answers": answers_from(route.result) if route.result is not None else (Answer(),),
        "negotiable": route.negotiable,
        "security": tuple(_security(nodes)),
        "errors": tuple(_declared(nodes)),
        "places": (Place("route", route.origin),),
    }
    for method in route.methods:
        yield Operation(method=method, **common)


def _name(endpoint: Any) -> str:
    """The function's name; for a method of a resource verb and class, `NoteResource.get` is `get_note`."""
    while hasattr(endpoint, "func"):
        endpoint = endpoint.func
    name = str(getattr(endpoint, "__name__", "") or _HUMP.sub("_", type(endpoint).__name__).lower())
    owner = str(getattr(endpoint, "__qualname__", "")).rpartition(".")[0].rpartition(".")[2]
    if name in _VERBS and owner and owner != "<locals>":
        return f"{name}_{_HUMP.sub('_', owner.removesuffix('Resource') or owner).lower()}"
    return name


def _security(nodes: Iterable[Node]) -> Iterator[SecurityUse]:
    """Every scheme among the dependencies: whatever has a `scheme_name` and a `model`."""
    for node in nodes:
        scheme = node.provider.target
        name, model = getattr(scheme, "scheme_name", None), getattr(scheme, "model", None)
        if isinstance(name, str) and isinstance(model, Mapping):
            required = bool(getattr(scheme, "auto_error", True))
            yield SecurityUse(name=name, scheme=model, scopes=tuple(node.scopes), required=required)


def _declared(nodes: Iterable[Node]) -> Iterator[Answer]:
    """What guards and dependencies may answer instead: their attribute `responses`, `{409: "Taken."}`."""
    for node in nodes:
        responses = getattr(node.provider.target, "responses", None)
        if isinstance(responses, Mapping):
            yield from answers_of(responses)
