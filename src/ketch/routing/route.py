"""A route and its options: one vocabulary for application, router and route, merged once at start-up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin
from ketch.kernel.suggest import did_you_mean

from .hosts import HostPattern
from .pattern import Pattern

if TYPE_CHECKING:
    from ketch.http.limits import Limits


class RouteOptions(TypedDict, total=False):
    """Everything that can be said about a route beside its path and methods.

    name: for `url_for`; the handler's name by default, after its router's (`orders.show_order`)
    status_code: of a result that is not a response
    response_model: the type that leaves, instead of the return annotation; None: the value decides
    response_class: the class of response that carries the result
    tags, summary, description, response_description, deprecated, operation_id: for the API's document
    responses: further responses for the document, by status
    include_in_schema: whether the document shows the route
    openapi_extra: members added to the operation in the document
    dependencies: guards, run before binding; they need not be wrapped in `Depends`
    middleware: run around this route only, the first one outermost
    inline: run a `def` handler on the event loop instead of in a thread
    public: this route needs no policy
    cancel_on_disconnect: cancel the handler when the client has gone, whatever the method
    limits: other limits for this route
    host: the host this route answers for, such as `{tenant}.example.org`
    """

    name: str
    status_code: int
    response_model: Any
    response_class: type[Any]
    tags: Sequence[str]
    summary: str
    description: str
    response_description: str
    dependencies: Sequence[Any]
    responses: Mapping[int | str, Any]
    deprecated: bool
    include_in_schema: bool
    operation_id: str
    inline: bool
    public: bool
    cancel_on_disconnect: bool
    middleware: Sequence[Any]
    limits: Limits
    host: str
    openapi_extra: Mapping[str, Any]


OPTIONS: tuple[str, ...] = tuple(RouteOptions.__annotations__)

_LISTS = ("tags", "dependencies", "middleware")
_MAPPINGS = ("responses", "openapi_extra")

_FIELDS = "Return (or name as response_model) a type that has only the fields that may leave."
# What people who come from other frameworks write, and what to write instead.
_HINTS: dict[str, str] = {
    "endpoint": "Write name= instead.",
    "rule": "The path is the first argument.",
    "defaults": "Give the handler's parameter a default.",
    "subdomain": "Write host= instead.",
    "strict_slashes": "The other slash form is always redirected.",
    "redirect_slashes": "The other slash form is always redirected.",
    "provide_automatic_options": "OPTIONS is always answered.",
    "methods": "Write app.route(path, methods=[...]).",
    "verbs": "Write app.route(path, methods=[...]).",
    "response_model_include": _FIELDS,
    "response_model_exclude": _FIELDS,
    "response_model_exclude_unset": _FIELDS,
    "response_model_exclude_defaults": _FIELDS,
    "response_model_exclude_none": _FIELDS,
    "response_model_by_alias": "Aliases are always used.",
    "generate_unique_id_function": "Write operation_id= where the handler's name is not what you want.",
    "callbacks": "Write openapi_extra={'callbacks': ...}.",
    "route_class_override": "Use middleware= or a dependency.",
    "default_response_class": "Write response_class= instead.",
    "guards": "Write dependencies= instead.",
    "before_request": "Write dependencies= or middleware= instead.",
    "after_request": "Write middleware= instead.",
    "permission_classes": "Write dependencies=[guard], where the guard raises Forbidden.",
    "authentication_classes": "Write dependencies=[guard], where the guard raises Unauthorized.",
    "decorators": "Write dependencies= or middleware=, or decorate the handler.",
    "sync_to_thread": "A def handler runs in a thread unless inline=True.",
    "status": "Write status_code= instead.",
    "code": "Write status_code= instead.",
    "return_dto": "Write response_model= instead.",
    "schema": "Write response_model= instead.",
    "media_type": "Write response_class= instead.",
    "tag": "Write tags=[...].",
    "security": "Write dependencies=; security schemes are read from them.",
    "kwargs": "Give the handler's parameters defaults.",
}


@dataclass(frozen=True, slots=True)
class Route:
    """One declared path with the methods it answers and the handler as it was given.

    `options` are merged already. `name` is the whole dotted name. `host` is the parsed `options["host"]`.
    """

    path: Pattern
    methods: tuple[str, ...]
    endpoint: Callable[..., Any]
    options: RouteOptions
    origin: Origin
    name: str
    host: HostPattern | None = field(default=None)

    def __str__(self) -> str:
        return f"{', '.join(self.methods)} {self.host or ''}{self.path.text or '/'}"


def merge(*layers: Mapping[str, Any] | RouteOptions) -> RouteOptions:
    """Options of application, routers and route (outermost first) as one; no layer is changed.

    `tags` and `dependencies` are joined without doubles, `middleware` is joined as it is, `responses` and
    `openapi_extra` are united member by member; everything else is what the innermost layer says.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        name: str
        value: Any
        for name, value in layer.items():
            if name in _LISTS:
                merged[name] = _joined(merged.get(name, []), value, doubles=name == "middleware")
            elif name in _MAPPINGS:
                merged[name] = {**merged.get(name, {}), **(value or {})}
            else:
                merged[name] = value
    return merged  # type: ignore[return-value]  # checked name by name in check_options


def _joined(outer: Sequence[Any], inner: Sequence[Any] | None, *, doubles: bool) -> list[Any]:
    joined = list(outer)
    for item in inner or ():
        if doubles or item not in joined:
            joined.append(item)
    return joined


def check_options(
    options: Mapping[str, Any], origin: Origin, where: str = "", own: Iterable[str] = ()
) -> SetupError | None:
    """What is wrong with options as somebody wrote them, all together; None when they are fine.

    `where` is what takes them beside a route, `App()` for one, and `own` what else may stand there.
    KETCH-ROUTE-015: an unknown option. KETCH-ROUTE-016: a list of things that is no list.
    """
    errors = [_unknown(name, origin, where, own) for name in options if name not in OPTIONS]
    for name in _LISTS:
        value = options.get(name)
        if value is not None and (isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence)):
            errors.append(_not_a_list(name, value, origin))
    return SetupError.gather(errors) if errors else None


def _unknown(name: str, origin: Origin, where: str, own: Iterable[str]) -> SetupError:
    known = sorted({*OPTIONS, *own})
    guess = did_you_mean(name, known)
    fix = _HINTS.get(name) or (f"Did you mean {guess}=?" if guess else "")
    return SetupError(
        "KETCH-ROUTE-015",
        f'{where} has no option "{name}".' if where else f'There is no route option "{name}".',
        places=[Place("here", origin)],
        why="An option that nobody reads would be lost without a word.",
        fix=fix or f"The options are {', '.join(known)}.",
    )


def _not_a_list(name: str, value: object, origin: Origin) -> SetupError:
    shown = repr(value) if isinstance(value, str) else getattr(value, "__name__", type(value).__name__)
    return SetupError(
        "KETCH-ROUTE-016",
        f'The route option "{name}" is {shown}, which is not a list.',
        places=[Place("here", origin)],
        why="Options of application, routers and route are joined, so each is a list.",
        fix=f"Write {name}=[{shown}].",
    )
