"""A route as it is served: everything that was decided about it at start-up, in one object."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ketch.inject.scope import Scope

if TYPE_CHECKING:
    from ketch.binding.plan import Plan
    from ketch.binding.results import ResultPlan
    from ketch.http.limits import Limits
    from ketch.http.response import Response
    from ketch.inject.graph import Node
    from ketch.kernel.origin import Origin
    from ketch.routing.pattern import Pattern

Call = Callable[[Any, Any], Awaitable[Any]]


class ServedRoute:
    """`guards` and `call` are printed functions `(request, scope)`, `render` turns a result into a Response.

    `entry` is the Router's middleware around `run`; `failures` maps exception types and statuses to handlers.
    Everything below the blank line is for people and documents: the request's path does not read it.
    """

    __slots__ = (
        "call",
        "cancel",
        "endpoint",
        "entry",
        "failures",
        "guard_nodes",
        "guards",
        "host",
        "keys",
        "label",
        "limits",
        "methods",
        "middleware",
        "name",
        "negotiable",
        "nodes",
        "options",
        "origin",
        "path_names",
        "pattern",
        "plans",
        "prepare",
        "render",
        "result",
        "text",
        "websocket",
    )

    guards: tuple[Call, ...]
    call: Call
    render: Callable[[Any, Any], Response]
    prepare: Callable[[Any, Any, Scope], Awaitable[Any]] | None
    entry: Callable[[Any], Awaitable[Response]]
    failures: Mapping[Any, Call]
    negotiable: bool
    cancel: bool
    limits: Limits | None
    path_names: tuple[str, ...]

    label: str
    pattern: Pattern
    host: Any
    text: str
    methods: tuple[str, ...]
    name: str
    endpoint: Any
    options: Mapping[str, Any]
    origin: Origin
    plans: tuple[Plan, ...]
    result: ResultPlan | None
    nodes: tuple[Node, ...]
    guard_nodes: tuple[Node, ...]
    keys: frozenset[Any]
    middleware: tuple[str, ...]
    websocket: bool

    def __repr__(self) -> str:
        return f"<{self.label}>"
