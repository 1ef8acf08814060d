"""Freeze: everything declared becomes one immutable runtime, or one SetupError that tells every mistake.

extensions   set themselves up, in list order, through the same door as everybody
flatten      routers into drafts of routes, with the options, middleware and error handlers on the way to each
build        each route solved and printed
table        routes, mounts and prefixes' owners; duplicates and ambiguities
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ketch.app.build import Draft, Workshop, build_route, compose
from ketch.app.container import Container
from ketch.app.declare import FailureRecord, IncludeRecord, MiddlewareRecord, MountRecord, RouteRecord
from ketch.app.extending import Additions, set_up
from ketch.app.failing import FailureHandler
from ketch.app.mode import mode
from ketch.app.mounting import mount_below_host, mount_draft
from ketch.app.registry import ProviderRegistry
from ketch.app.rooms import CODECS, load
from ketch.app.runtime import Owner, Runtime
from ketch.app.timezone import check_timezone
from ketch.binding.forms import submitter
from ketch.binding.plan import Slot
from ketch.binding.printer import Tools
from ketch.binding.sources import Source
from ketch.inject.provider import Provider, name_of, provider_for
from ketch.inject.threads import Threads
from ketch.kernel.errors import Faults, Place, SetupError
from ketch.kernel.garbage import uncollected
from ketch.kernel.shapes import EnumShape, ScalarShape, Shape, UnionShape
from ketch.routing.converters import Converter, Rank
from ketch.routing.entry import Entry, Mount
from ketch.routing.hosts import parse_host
from ketch.routing.owners import Owners
from ketch.routing.pattern import join_path, parse_pattern
from ketch.routing.reverse import Reverse
from ketch.routing.route import Route, merge
from ketch.routing.table import Table
from ketch.serving.middleware import is_asgi_style, make_layer
from ketch.serving.mounts import MountedApp
from ketch.serving.route import ServedRoute

if TYPE_CHECKING:
    from ketch.app.application import App
    from ketch.app.router import Router


def freeze(app: App) -> Runtime:
    """Check and solve everything `app` was told. Raises SetupError with every mistake found; then nothing is frozen."""
    faults, before = Faults(), app.declared.copy()
    try:
        with uncollected():
            freezer = _Freezer(app, set_up(app, faults), faults)
            runtime = freezer.freeze()
    except BaseException:
        app.declared.restore(before)  # extensions set themselves up again when it is tried again
        raise
    for router in (app, *freezer.included):
        router.declared.frozen = True
    return runtime


@dataclass(frozen=True, slots=True)
class Group:
    """What a Router's routes have from the Routers around them, outermost first; `around` is innermost first."""

    prefix: str = ""
    layers: tuple[Mapping[str, Any], ...] = ()
    names: tuple[str, ...] = ()
    around: tuple[Any, ...] = ()
    failures: Mapping[Any, Any] = field(default_factory=dict)


class _Freezer:
    def __init__(self, app: App, additions: Additions, faults: Faults) -> None:
        self.app = app
        self.additions = additions
        self.faults = faults
        self.threads = Threads(app.thread_count)
        self.registry = ProviderRegistry(self._own_providers(), additions.providers, app._replaced)
        self.container = Container(self.registry, self.threads)
        self.layers: dict[int, tuple[MiddlewareRecord, Any]] = {}  # the record is held: its id must stay its own
        self.edge_wrappers: list[MiddlewareRecord] = []
        self.failure_calls: dict[int, Any] = {}
        self.owned: dict[str, tuple[Router, Owner]] = {}
        self.drafts: list[Draft] = []
        self.included: list[Router] = []
        self.mounts: list[Any] = []
        self.mount_routes: list[tuple[ServedRoute, Draft]] = []
        self.runtime = Runtime(app, mode(), self.container, self.threads)
        self.runtime.template_folders = additions.template_folders
        self.shop = Workshop(
            self.registry,
            self._tools(),
            self.runtime.page,
            app.timezone,
            self.runtime.debug,
            additions.result_hooks,
        )

    def _own_providers(self) -> list[Provider]:
        from ketch.app.application import App

        own = [provider_for(App, value=self.app), *self.app.declared.providers]
        if self.app.settings is not None:
            own.append(self._settings(self.app.settings))
        return own

    def _settings(self, settings: Any) -> Provider:
        from ketch.app.settings import deferred_settings, settings_provider

        if isinstance(settings, type) and settings in self.app._replaced:
            return deferred_settings(settings)
        # What is wrong with the environment is one of the mistakes that are told together.
        return self._attempt(settings_provider, settings) or deferred_settings(settings)

    def _tools(self) -> Tools:
        from ketch.binding.interpreter import interpret

        container, runtime = self.container, self.runtime
        return Tools(
            interpret,
            self.threads,
            container.values,
            submitter(interpret),
            container.value,
            lambda: runtime.started,
        )

    def freeze(self) -> Runtime:
        for double in self.registry.doubles:
            self.faults.add(double)
        runtime, app = self.runtime, self.app
        runtime.codecs = tuple(app.codecs) if app.codecs is not None else load(CODECS)()
        self._attempt(check_timezone, app.timezone, app.origin)
        self._attempt(self._app_failures)
        app_layers = self._middleware(app.declared.middleware, edge=True)
        root = Group(layers=(app.route_options,), failures=runtime.outside.failures)
        self._attempt(self._flatten, app, root)
        routes = [route for draft in self.drafts if (route := self._attempt(self._build, draft)) is not None]
        runtime.drafts = {id(route): draft for route, draft in [*routes, *self.mount_routes]}
        runtime.routes = tuple(route for route, _ in routes)
        runtime.mount_routes = tuple(route for route, _ in self.mount_routes)
        runtime.shop = self.shop
        self._attempt(self._tables, runtime)
        self._attempt(runtime.prepare_templates)
        self.faults.raise_all()
        runtime.checks = tuple(self.additions.checks)
        runtime.lifespans = tuple(self.additions.lifespans)
        runtime.error_page = self.additions.error_page or runtime.error_page
        runtime.serve_through(lambda inner: compose(app_layers, inner), self.edge_wrappers)
        return runtime

    def _attempt(self, step: Callable[..., Any], *args: Any) -> Any:
        """One step; its mistake is kept for the end, so that all are told together."""
        try:
            return step(*args)
        except SetupError as error:
            self.faults.add(error)
            return None

    # --- middleware and error handlers --------------------------------------------------------------------------------

    def _middleware(self, records: list[MiddlewareRecord], *, edge: bool = False) -> list[Any]:
        """Layers, innermost first. Each is made once, however many routes it is around."""
        layers = []
        for record in records:
            if is_asgi_style(record.target):
                self._attempt(self._edge_wrapper, record, edge)
                continue
            if id(record) not in self.layers:
                made = self._attempt(make_layer, record.target, record.options, record.origin)
                self.layers[id(record)] = record, made
            layer = self.layers[id(record)][1]
            if layer is not None:
                layers.append(layer)
        return layers

    def _edge_wrapper(self, record: MiddlewareRecord, edge: bool) -> None:
        if not edge:
            raise SetupError(
                "KETCH-MW-003",
                f"{record.target.__name__} is ASGI-style middleware and cannot be added to a Router.",
                places=[Place("added", record.origin)],
                why="It wraps the whole application, before a route is known.",
                fix=f"app.add_middleware({record.target.__name__}, ...)",
            )
        self.edge_wrappers.append(record)

    def _app_failures(self) -> None:
        self.runtime.outside.failures = self._failures({}, [*self.additions.failures, *self.app.declared.failures])

    def _failures(self, outer: Mapping[Any, Any], records: list[FailureRecord]) -> dict[Any, Any]:
        merged = dict(outer)
        for record in records:
            if id(record) not in self.failure_calls:
                self.failure_calls[id(record)] = self._attempt(self._failure, record)
            if self.failure_calls[id(record)] is not None:
                merged[record.key] = self.failure_calls[id(record)]
        return merged

    def _failure(self, record: FailureRecord) -> FailureHandler:
        """An exception handler: `(request, exc)` given, the rest injected; its result is rendered like any other."""
        handler = FailureHandler(record, self.registry, self.shop)
        self.runtime.failure_handlers.append(handler)
        return handler

    # --- flattening ---------------------------------------------------------------------------------------------------

    def _flatten(self, router: Router, group: Group) -> None:
        if router is not self.app:
            around = (*self._middleware(router.declared.middleware), *group.around)
            failures = self._failures(group.failures, router.declared.failures)
            group = replace(group, around=around, failures=failures)
            self._own(router, group)
        for record in router.declared.order:
            step = self._include if isinstance(record, IncludeRecord) else self._draft
            self._attempt(step, record, group)
        for mount in router.declared.mounts:
            self._attempt(self._mount, mount, group)

    def _include(self, record: IncludeRecord, group: Group) -> None:
        if len(group.layers) > 64:
            raise SetupError("KETCH-APP-006", "A Router includes itself.", places=[Place("included", record.origin)])
        router = record.router
        self.included.append(router)
        inner = Group(
            prefix=join_path(group.prefix, record.prefix, router.prefix),
            layers=(*group.layers, record.options, router.route_options),
            names=(*group.names, *_name_of(router)),
            around=(*self._route_middleware(record.options, record.origin), *group.around),
            failures=group.failures,
        )
        self._flatten(router, inner)

    def _own(self, router: Router, group: Group) -> None:
        """The Router with the longest prefix answers for misses below it."""
        if not router.declared.middleware and not router.declared.failures:
            return
        other = self.owned.get(group.prefix)
        if other is not None and other[0] is not router:
            self.faults.add(
                SetupError(
                    "KETCH-APP-007",
                    f'Two Routers both declare middleware or exception handlers for "{group.prefix or "/"}".',
                    places=[Place("first", other[0].origin), Place("second", router.origin)],
                    why="It would be unclear which of them answers for paths below it that nobody has.",
                    fix="Declare them on one of the two, or include both in a third Router.",
                )
            )
            return
        self.owned[group.prefix] = (router, Owner(group.around, group.failures))

    def _draft(self, record: RouteRecord, group: Group) -> None:
        options = merge(*group.layers, record.options)
        pattern = parse_pattern(join_path(group.prefix, record.path), record.origin)
        host = parse_host(options["host"], record.origin) if options.get("host") else None
        own: str = record.options.get("name") or name_of(record.endpoint)
        around = [*self._route_middleware(record.options, record.origin), *group.around]
        name = ".".join([*group.names, own])
        self.drafts.append(Draft(record, pattern, host, options, name, around, group.failures, group.prefix))

    def _route_middleware(self, options: Mapping[str, Any], origin: Any) -> list[Any]:
        items = [MiddlewareRecord(item, {}, origin) for item in reversed(list(options.get("middleware") or ()))]
        return self._middleware(items)

    def _mount(self, record: MountRecord, group: Group) -> None:
        options, path = merge(*group.layers), join_path(group.prefix, record.path).rstrip("/")
        around = list(group.around)
        mounted = MountedApp(record.app, record.origin, strip_prefix=record.strip_prefix)
        if options.get("host"):
            raise mount_below_host(record, options["host"])
        if around or options.get("dependencies"):
            guarded = {"dependencies": options.get("dependencies") or ()}
            drafts = [mount_draft(record, path, guarded, around, group.failures, websocket=ws) for ws in (False, True)]
            (mounted.route, _), (mounted.socket_route, _) = pairs = [self._build(draft) for draft in drafts]
            self.mount_routes += pairs
        twin = next((other for other in self.runtime.mounted if other.app is mounted.app), None)
        if twin is None:
            self.runtime.mounted.append(mounted)
        else:
            mounted.state = twin.state  # an application that hangs in two places starts once
        self.mounts.append(Mount(path, mounted, record.origin))

    # --- building -----------------------------------------------------------------------------------------------------

    def _build(self, draft: Draft) -> tuple[ServedRoute, Draft]:
        return build_route(draft, self.shop), draft

    def _tables(self, runtime: Runtime) -> None:
        entries = []
        for route in runtime.routes:
            converters = _converters(route)
            for method in route.methods:
                entries.append(Entry(method, route.pattern, converters, route, route.origin, route.host))
        runtime.has_hosts = any(route.host is not None for route in runtime.routes)
        runtime.table = Table(entries, self.mounts)
        runtime.owners = Owners({prefix: owner for prefix, (_, owner) in self.owned.items()}) if self.owned else None
        runtime.reverse = Reverse(
            Route(r.pattern, r.methods, r.endpoint, r.options, r.origin, r.name, r.host)  # type: ignore[arg-type]
            for r in runtime.routes
        )


def _name_of(router: Router) -> list[str]:
    if router.name:
        return [router.name]
    words = [part for part in router.prefix.split("/") if part and "{" not in part]
    return words[-1:]


def _converters(route: ServedRoute) -> dict[str, Converter]:
    """How the path's parameters are read: as the slots that use them say."""
    tails = {param.name for param in route.pattern.params if param.converter.rank == Rank.PATH}
    found: dict[str, Converter] = {}
    for plan in route.plans:
        for top in plan.slots:
            for slot in top.fields or (top,):
                if slot.source is Source.PATH and slot.alias not in tails:
                    found.setdefault(slot.alias, _converter(slot))
    return found


def _converter(slot: Slot) -> Converter:
    from ketch.binding.text import converter

    free = _unconstrained(slot.shape)
    name = getattr(slot.shape.annotation, "__name__", str(slot.shape.annotation))
    return Converter(_rank(slot.shape), converter(free), name)


def _unconstrained(shape: Shape) -> Shape:
    """A constraint that is not met is a 422 with a reason, not another route."""
    from ketch.kernel.shapes import FREE

    tz = dataclasses.replace(FREE, tz=shape.constraints.tz)
    if isinstance(shape, UnionShape):
        return dataclasses.replace(shape, members=tuple(map(_unconstrained, shape.members)))
    return dataclasses.replace(shape, constraints=tz)


def _rank(shape: Shape) -> int:
    from datetime import date
    from uuid import UUID

    match shape:
        case ScalarShape(type=kind):
            return {str: Rank.STR, int: Rank.INT, UUID: Rank.UUID, date: Rank.DATE}.get(kind, Rank.TYPED)
        case UnionShape(members=members):
            return max((_rank(member) for member in members), default=Rank.TYPED)
        case EnumShape():
            return Rank.TYPED
    return Rank.TYPED


__all__ = ["freeze"]
