"""`Router`: a group of routes with a prefix, and everything that can be declared on a group or on the App."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, Unpack

from ketch.app.declare import (
    Declarations,
    FailureRecord,
    IncludeRecord,
    MiddlewareRecord,
    MountRecord,
    RouteRecord,
)
from ketch.binding.signature import local_names_of
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin, origin_of, outside
from ketch.routing.route import RouteOptions, check_options

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "trace", "query")
_OPTIONS_MARK = "__ketch_options__"


class Router:
    """Routes under one `prefix`, sharing options, guards (`dependencies`), middleware and error handlers.

    Every keyword of `RouteOptions` may be given and counts for all of its routes. `name` is the first part of their
    names in `url_for` (by default the prefix's last word).
    """

    is_application = False

    def __init__(
        self,
        *,
        prefix: str = "",
        exception_handlers: Mapping[Any, Callable[..., Any]] | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        self.origin = outside("ketch")
        self.prefix = prefix.rstrip("/") if prefix != "/" else ""
        self.route_options: dict[str, Any] = dict(options)
        self.name: str | None = self.route_options.pop("name", None)
        middleware = self.route_options.pop("middleware", ())
        self.declared = Declarations()
        _check(self.route_options, self.origin, type(self))
        for item in reversed(list(middleware)):
            self.declared.middleware.append(MiddlewareRecord(item, {}, self.origin))
        for key, function in (exception_handlers or {}).items():
            self.declared.failures.append(FailureRecord(key, function, self.origin))

    # --- routes -------------------------------------------------------------------------------------------------------

    def route(self, path: str, methods: Sequence[str] = ("GET",), **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """`@router.route("/x", methods=["GET", "POST"])`: one handler for several methods."""
        return self._add(path, methods, dict(options))

    def get(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """A route for GET (and HEAD)."""
        return self._add(path, ("GET",), dict(options))

    def post(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """A route for POST."""
        return self._add(path, ("POST",), dict(options))

    def put(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """A route for PUT."""
        return self._add(path, ("PUT",), dict(options))

    def patch(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """A route for PATCH."""
        return self._add(path, ("PATCH",), dict(options))

    def delete(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """A route for DELETE."""
        return self._add(path, ("DELETE",), dict(options))

    def head(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """A route for HEAD alone; a GET route answers HEAD by itself."""
        return self._add(path, ("HEAD",), dict(options))

    def options(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """A route for OPTIONS; without one it is answered with 204 and Allow."""
        return self._add(path, ("OPTIONS",), dict(options))

    def websocket(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[F], F]:
        """A WebSocket route: the handler takes a `WebSocket`."""
        return self._add(path, ("WEBSOCKET",), dict(options), websocket=True)

    def _add(
        self, path: str, methods: Sequence[str], options: dict[str, Any], websocket: bool = False
    ) -> Callable[[F], F]:
        origin = outside("ketch")
        self.declared.open(f"The route {path}", origin)
        _check(options, origin)
        if not isinstance(path, str):
            raise _no_path(path, origin)
        if isinstance(methods, str):
            methods = (methods,)
        upper = tuple(dict.fromkeys(method.upper() for method in methods))

        def decorate(endpoint: F) -> F:
            own = getattr(endpoint, _OPTIONS_MARK, {})
            names = local_names_of(endpoint, 1)
            place = Origin(origin.file, origin.line, f'"{path}"')
            self._record(RouteRecord(path, upper, endpoint, {**own, **options}, place, names, websocket))
            return endpoint

        return decorate

    def _record(self, record: RouteRecord) -> None:
        self.declared.routes.append(record)
        self.declared.order.append(record)

    def resource(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[C], C]:
        """`@router.resource("/notes/{id}")` over a class with methods `get`, `post`, `put`, `patch`, `delete`...

        The constructor's arguments are injected; `@options(...)` gives one method its own route options.
        """
        origin = outside("ketch")
        self.declared.open(f"The resource {path}", origin)
        _check(dict(options), origin)

        def decorate(kind: C) -> C:
            verbs = [verb for verb in VERBS if callable(getattr(kind, verb, None))]
            if not verbs:
                raise SetupError(
                    "KETCH-ROUTE-020",
                    f"The resource {kind.__name__} has no method that answers a request.",
                    places=[Place("resource", origin_of(kind))],
                    fix="Give it methods called get, post, put, patch or delete.",
                )
            for verb in verbs:
                function = inspect.getattr_static(kind, verb)
                of: type | None = kind
                if isinstance(function, (staticmethod, classmethod)):
                    function, of = getattr(kind, verb), None  # needs no instance
                own = getattr(function, _OPTIONS_MARK, {})
                names = local_names_of(function, 1)
                merged = {"name": f"{kind.__name__}.{verb}", **options, **own}
                self._record(RouteRecord(path, (verb.upper(),), function, merged, origin, names, resource=of))
            return kind

        return decorate

    # --- groups -------------------------------------------------------------------------------------------------------

    def include_router(self, router: Router, prefix: str = "", **options: Unpack[RouteOptions]) -> None:
        """Make everything `router` declares part of this group. Routers nest."""
        origin = outside("ketch")
        self.declared.open("include_router()", origin)
        _check(dict(options), origin)
        given: Any = router  # by people who use no type checker
        if not isinstance(given, Router) or given.is_application:
            raise SetupError(
                "KETCH-APP-003",
                f"include_router() got {type(router).__name__}, not a Router.",
                places=[Place("here", origin)],
                fix="Another application is mounted: app.mount(path, other).",
            )
        record = IncludeRecord(router, prefix.rstrip("/"), dict(options), origin)
        self.declared.includes.append(record)
        self.declared.order.append(record)

    def mount(self, path: str, app: Any, name: str | None = None, *, strip_prefix: bool | None = None) -> None:
        """Hand everything below `path` to another ASGI or WSGI application, behind this group's guards and middleware.

        An ASGI application finds the prefix in `root_path` and at the beginning of `path`, as the specification has
        it; `strip_prefix=True` leaves it out of `path`, for one that ignores `root_path`.
        """
        origin = outside("ketch")
        self.declared.open(f"The mount {path}", origin)
        self.declared.mounts.append(MountRecord(path, app, origin, name, strip_prefix))

    def static(self, path: str, directory: Any, **options: Any) -> None:
        """Serve the files of `directory` below `path`; options as in ketch.staticfiles.StaticFiles."""
        from ketch.app.rooms import static_files

        origin = outside("ketch")
        self.declared.open(f"static({path!r})", origin)
        static_files(self, path, directory, options, origin)

    # --- middleware and errors ----------------------------------------------------------------------------------------

    def add_middleware(self, middleware: Any, **options: Any) -> None:
        """Add a middleware outside those added before it: a class with its options, or `(request, call_next)`."""
        origin = outside("ketch")
        self.declared.open("add_middleware()", origin)
        self.declared.middleware.append(MiddlewareRecord(middleware, options, origin))

    def middleware(self, kind: str = "http") -> Callable[[F], F]:
        """`@app.middleware("http")` over `async def f(request, call_next)`."""
        origin = outside("ketch")

        def decorate(function: F) -> F:
            self.declared.open("A middleware", origin)
            self.declared.middleware.append(MiddlewareRecord(function, {}, origin))
            return function

        if callable(kind):  # used without parentheses
            return decorate(kind)
        return decorate

    def exception_handler(self, key: Any) -> Callable[[F], F]:
        """`@app.exception_handler(StockEmpty)` or `(404)` over `(request, exc)`; further parameters are injected."""
        origin = outside("ketch")
        self.declared.open("An exception handler", origin)
        if not (isinstance(key, int) or (isinstance(key, type) and issubclass(key, BaseException))):
            raise SetupError(
                "KETCH-APP-004",
                f"exception_handler() got {key!r}.",
                places=[Place("here", origin)],
                fix="It takes an exception class or a status code.",
            )

        def decorate(function: F) -> F:
            self.declared.failures.append(FailureRecord(key, function, origin, local_names_of(function, 1)))
            return function

        return decorate


def options(**words: Unpack[RouteOptions]) -> Callable[[F], F]:
    """Route options for one method of a resource, or for a handler: `@options(status_code=202)`."""
    origin = outside("ketch")
    _check(dict(words), origin)

    def decorate(function: F) -> F:
        setattr(function, _OPTIONS_MARK, {**getattr(function, _OPTIONS_MARK, {}), **words})
        return function

    return decorate


def _check(words: Mapping[str, Any], origin: Origin, kind: type[Router] | None = None) -> None:
    """Raises SetupError for wrong options; those of an App or a Router, the `kind`, stand beside its own parameters."""
    error = check_options(words, origin)
    if error is not None and kind is not None:
        parameters = inspect.signature(kind).parameters.values()
        own = [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
        error = check_options(words, origin, f"{kind.__name__}()", own)
    if error is not None:
        raise error


def _no_path(path: Any, origin: Origin) -> SetupError:
    return SetupError(
        "KETCH-ROUTE-021",
        f"A route needs a path, not {getattr(path, '__name__', path)!r}.",
        places=[Place("here", origin)],
        why="The decorator was used without parentheses.",
        fix='Write @app.get("/path").',
    )
