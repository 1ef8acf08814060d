"""The frozen application: what every server calls, and what the command line and the documents look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from ketch.app.build import Draft, Workshop, compose, refill
from ketch.http.page import Template
from ketch.inject.graph import walk
from ketch.serving.asgi import Edge
from ketch.serving.dispatch import Dispatch, find_route
from ketch.serving.flight import Flight
from ketch.serving.middleware import wrap
from ketch.serving.websocket import handshake

if TYPE_CHECKING:
    from ketch.app.application import App
    from ketch.app.container import Container
    from ketch.app.declare import MiddlewareRecord
    from ketch.app.failing import FailureHandler
    from ketch.http.response import Response
    from ketch.inject.threads import Threads
    from ketch.routing.owners import Owners
    from ketch.routing.reverse import Reverse
    from ketch.routing.table import Table
    from ketch.serving.route import ServedRoute


class Owner:
    """What a Router's prefix answers for misses below it: its middleware and its error handlers."""

    label = ""

    def __init__(self, layers: tuple[Any, ...], failures: Mapping[Any, Any]) -> None:
        self.layers = layers
        self.failures = failures

    def around(self, inner: Any) -> Any:
        """The prefix's middleware around `inner`."""
        return compose(self.layers, inner)


class Runtime:
    """`edge` is the ASGI callable; `routes`, `table` and `reverse` answer questions about the application."""

    table: Table[Any]
    owners: Owners[Any] | None
    reverse: Reverse
    routes: tuple[ServedRoute, ...] = ()
    mount_routes: tuple[ServedRoute, ...] = ()
    drafts: dict[int, Draft]
    shop: Workshop
    has_hosts = False
    codecs: tuple[Any, ...] = ()
    templates: Any = None
    template_folders: list[Any]
    error_page: Callable[[Any, Any], Any] | None = None
    checks: tuple[Callable[[], Any], ...] = ()
    lifespans: tuple[Any, ...] = ()
    edge: Any
    websocket_entry: Any

    def __init__(self, app: App, mode: str, container: Container, threads: Threads) -> None:
        self.app = app
        self.mode = mode
        self.debug = mode == "dev" if app.debug is None else app.debug
        self.container = container
        self.threads = threads
        self.limits = app.limits
        self.flight = Flight()
        self.outside = Owner((), {})
        self.mounted: list[Any] = []
        self.accepted: dict[str, Any] = {}
        self.failure_handlers: list[FailureHandler] = []
        self.started = False
        self._starting: Any = None
        self._stack: AsyncExitStack | None = None

    # --- putting together ---------------------------------------------------------------------------------------------

    def serve_through(self, around: Callable[[Any], Any], wrappers: list[MiddlewareRecord]) -> None:
        """The onion around dispatch, and ASGI-style wrappers around the edge."""
        self.websocket_entry = around(handshake)
        edge: Any = Edge(self, around(Dispatch(self)))
        for record in wrappers:
            edge = wrap(edge, record.target, record.options, record.origin)
        self.edge = edge

    def resolve(self, keys: set[Any]) -> None:
        """Solve the routes again that depend on any of `keys` (overrides)."""
        for route in (*self.routes, *self.mount_routes):
            if route.keys & keys:
                refill(route, self.drafts[id(route)], self.shop)
        for handler in self.failure_handlers:
            if handler.keys & keys:
                handler.solve()

    def find(self, method: str, scope: Any) -> Any:
        """What the table says about a connection."""
        return find_route(self.table, method, scope, self.has_hosts)

    # --- start and stop -----------------------------------------------------------------------------------------------

    async def start(self, state: Any = None) -> None:
        """Enter lifespans in order and make what is app-scoped. Safe to call again; one start at a time."""
        import asyncio

        if self.started:
            return
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if not self.started:
                await self._start(state)

    async def _start(self, state: Any) -> None:
        stack = AsyncExitStack()
        try:
            stack.callback(self.threads.close)
            stack.callback(self.flight.stop)
            stack.push_async_callback(self.container.close)  # what extensions ask for while they start
            for manager in self.lifespans:
                await stack.enter_async_context(manager(self.app))
            stack.push_async_callback(self.container.close)  # before the extensions that it may rest on
            routes = (*self.routes, *self.mount_routes)
            nodes = [n for route in routes for n in (*route.guard_nodes, *route.nodes)]
            nodes += [n for handler in self.failure_handlers for n in handler.nodes]
            await self.container.make_app_scoped(walk(nodes))
            if self.app.lifespan is not None:
                yielded = await stack.enter_async_context(self.app.lifespan(self.app))
                if isinstance(yielded, Mapping) and state is not None:
                    state.update(yielded)
            for mounted in self.mounted:
                await stack.enter_async_context(mounted.lifespan())
        except BaseException:
            await stack.aclose()
            raise
        if self.mode == "dev":
            from ketch.serving.loopwatch import LoopWatch

            stack.callback(LoopWatch().stop)
        self._stack = stack
        self.started = True

    async def stop(self) -> None:
        """Leave everything in reverse."""
        stack, self._stack, self.started, self._starting = self._stack, None, False, None
        if stack is not None:
            await stack.aclose()

    def abandon(self) -> None:
        """In a child process: what had been started belongs to the parent, which will stop it. Ready to start anew."""
        self._stack, self.started, self._starting = None, False, None
        for part in (self.threads, self.flight, self.container):
            part.abandon()

    # --- answering ----------------------------------------------------------------------------------------------------

    def url_path_for(self, name: Any, /, **params: Any) -> str:
        """The path of a route by name or handler. Raises BuildError (a LookupError) that says what is wrong."""
        return self.reverse.path(name, params)

    def page(self, template: Template, request: Any, status: int | None) -> Response:
        """A Template as a response, by the templates room."""
        if self.templates is None:
            self.load_templates()
        response: Response = self.templates.page(template, request, status)
        return response

    def prepare_templates(self) -> None:
        """Load the templates room at start-up if a route says that it returns a Template, or there are error pages."""
        from ketch.app.templates import has_error_pages

        named = self.app.templates is not None or any(route.result and route.result.templates for route in self.routes)
        if named or has_error_pages(self.app):
            self.load_templates()

    def load_templates(self) -> None:
        """The engine, and its error pages unless an extension has its own. Raises SetupError without Jinja2."""
        from ketch.app.templates import engine

        self.templates = engine(self.app, self.container.registry, self.template_folders)
        self.error_page = self.error_page or getattr(self.templates, "error_page", None)
