"""Building one served route: solve its guards and handler, divide the work into phases, print the functions."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ketch.app.declare import RouteRecord
from ketch.binding.assemble import assemble
from ketch.binding.classify import Classifier
from ketch.binding.framework import Framework
from ketch.binding.mistakes import path_name_unused, wrong_generator
from ketch.binding.plan import Plan, Slot
from ketch.binding.printer import Phase, Tools, print_call
from ketch.binding.render import renderer
from ketch.binding.results import ResultPlan, result_plan
from ketch.binding.sources import DependsMarker, Source
from ketch.inject.graph import Need, Node, Solver, walk
from ketch.inject.provider import Kind, Provider, called, check_scope, name_of
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import origin_of
from ketch.routing.pattern import Pattern
from ketch.serving.route import Call, ServedRoute
from ketch.serving.run import run
from ketch.serving.websocket import admit


@dataclass(slots=True)
class Workshop:
    """What building any route needs: the registry, the tools of printed functions, how a Template is rendered."""

    registry: Any
    tools: Tools
    page: Callable[[Any, Any, int | None], Any]
    timezone: str
    eager: bool = False
    before_render: Sequence[Callable[[ResultPlan, tuple[Node, ...]], Any]] = ()


@dataclass(slots=True)
class Draft:
    """A route flattened out of its routers, not built yet."""

    record: RouteRecord
    pattern: Pattern
    host: Any
    options: Mapping[str, Any]
    name: str
    middleware: list[Any] = field(default_factory=list)
    failures: Mapping[Any, Any] = field(default_factory=dict)
    prefix: str = ""

    @property
    def label(self) -> str:
        methods = "WS" if self.record.websocket else "/".join(self.record.methods)
        return f"{methods} {self.host or ''}{self.pattern.text or '/'}"


def build_route(draft: Draft, shop: Workshop) -> ServedRoute:
    """The served route of a draft. Raises SetupError for what is wrong with its signature or dependencies."""
    route = ServedRoute()
    record = draft.record
    route.pattern, route.host, route.methods, route.name = draft.pattern, draft.host, record.methods, draft.name
    route.endpoint, route.options, route.origin = record.endpoint, draft.options, record.origin
    route.label, route.text = draft.label, draft.pattern.text
    route.websocket, route.failures = record.websocket, draft.failures
    route.limits, route.cancel = draft.options.get("limits"), bool(draft.options.get("cancel_on_disconnect"))
    route.path_names = draft.host.names + draft.pattern.names if draft.host is not None else draft.pattern.names
    try:
        fill(route, draft, shop)
    except (TypeError, NameError) as error:
        raise not_a_type(draft, error) from error
    return route


def not_a_type(draft: Draft, error: Exception) -> SetupError:
    """A type that cannot be read: a name inside it that does not exist, or something that is no type."""
    return SetupError(
        "KETCH-BIND-010",
        f"{draft.label} uses a type that cannot be read: {error}.",
        places=[Place("route", draft.record.origin), Place("handler", origin_of(draft.record.endpoint))],
        why="Annotations, also those inside structured types, are read when the application starts.",
        fix='Import or define the name in the module of the type (outside "if TYPE_CHECKING:").',
    )


def fill(route: ServedRoute, draft: Draft, shop: Workshop) -> None:
    """Solve and print; done again when an override changes what the route depends on."""
    _Builder(route, draft, shop).build()


def refill(route: ServedRoute, draft: Draft, shop: Workshop) -> None:
    """Solve and print again what an override has changed, while requests run.

    Those that have begun go on with the functions they began with: the new ones belong to a copy, which only those
    find that begin from now on.
    """
    fresh = copy.copy(route)
    fill(fresh, draft, shop)
    for name in ("plans", "nodes", "guard_nodes", "keys", "entry"):
        setattr(route, name, getattr(fresh, name))


class _Builder:
    def __init__(self, route: ServedRoute, draft: Draft, shop: Workshop) -> None:
        self.route = route
        self.draft = draft
        self.shop = shop
        record = draft.record
        self.where = Classifier(
            label=draft.label,
            origin=record.origin,
            registry=shop.registry,
            paths={name: i for i, name in enumerate(route.path_names)},
            methods=frozenset() if record.websocket else frozenset(record.methods),
            websocket=record.websocket,
            local_names=record.local_names,
        )
        self.solver = Solver(self.where.read, replaced=shop.registry.replaced)
        self.handler = called(record.endpoint)

    def build(self) -> None:
        record, route = self.draft.record, self.route
        guards = [self._guard(entry) for entry in self.draft.options.get("dependencies") or ()]
        handler = self._solve_handler()
        guards += [node for node in security_below(handler) if node not in guards]
        self._check_paths(handler)
        places = [Place("route", record.origin), Place("handler", self.handler.origin)]
        label = f"{self.draft.label} -> {name_of(record.endpoint)}"
        if not record.websocket:
            signature = self.where.signature(record.endpoint)
            route.result = result_plan(signature.returns, self.draft.options, label, places)
            check_generator(self.handler, route.result, label, places)
            route.render = renderer(route.result, self.shop.page)
        else:
            route.result = None
            route.render = _no_render
        route.negotiable = route.result is not None and route.result.negotiable
        self._print(guards, handler, label)
        hooks = [hook(route.result, route.nodes) for hook in self.shop.before_render] if route.result else []
        route.prepare = next((hook for hook in hooks if hook is not None), None)
        inner: Any = functools.partial(admit if record.websocket else run, route)
        route.entry = compose(self.draft.middleware, inner)
        route.middleware = tuple(name_of(m) for m in reversed(self.draft.middleware))

    # --- solving ------------------------------------------------------------------------------------------------------

    def _guard(self, entry: Any) -> Node:
        marker = entry if isinstance(entry, DependsMarker) else None
        target = marker.dependency if marker is not None else entry
        if not callable(target):
            raise SetupError(
                "KETCH-APP-005",
                f"{target!r} in dependencies= of {self.draft.label} cannot be called.",
                places=[Place("route", self.draft.record.origin)],
                fix="List functions, classes or Depends(...): dependencies=[signed_in].",
            )
        scope, inline = (marker.scope, marker.inline) if marker is not None else (None, False)
        check_scope(scope, self.draft.record.origin)
        replaced = self.shop.registry.replace(target)
        provider = replaced if isinstance(replaced, Provider) else called(target, scope, inline)
        self.where.guard = True
        try:
            return self.solver.solve(Need(provider, True, marker.scopes if marker else ()))
        finally:
            self.where.guard = False

    def _solve_handler(self) -> Node:
        record = self.draft.record
        self.where.given_to = self.handler.key
        if record.resource is not None:
            self.where.given = {"#0": Need(self._resource(record.resource))}
        return self.solver.solve(Need(self.handler))

    def _resource(self, kind: type) -> Provider:
        """App-scoped (one instance) if all its constructor arguments are, otherwise made per request."""
        provider = Provider(kind, kind, Kind.CLASS, "function", True, origin_of(kind))
        probe = Solver(self.where.read, replaced=self.shop.registry.replaced).solve(Need(provider))
        lasting = all(node.provider.scope == "app" for node in walk([probe])[:-1]) and not any(probe.leaves())
        return dataclasses.replace(provider, scope="app") if lasting else provider

    def _check_paths(self, handler: Node) -> None:
        """Every name in the path is read by somebody, unless the handler has the whole request."""
        unread = [name for name in self.route.path_names if name not in self.where.used_paths]
        if not unread or any(_is_request(leaf) for node in walk([handler]) for leaf in node.leaves()):
            return
        queries = [
            leaf.parameter
            for leaf in handler.leaves()
            if isinstance(leaf, Slot) and leaf.source is Source.QUERY and leaf.default is not leaf
        ]
        raise path_name_unused(self.where, self.handler, unread[0], queries)

    # --- printing -----------------------------------------------------------------------------------------------------

    def _print(self, guards: list[Node], handler: Node, label: str) -> None:
        done: dict[int, str] = {}
        phases: list[tuple[list[Node], Node | None, str]] = []
        seen: set[int] = set()
        for guard in guards:
            nodes = [node for node in walk([guard]) if id(node) not in seen]
            seen.update(id(node) for node in nodes if _runs_once(node))
            phases.append((nodes, None, f"{self.draft.label} guard {guard.provider.name}"))
        rest = [node for node in walk([handler])[:-1] if id(node) not in seen]
        phases.append((rest, handler, label))
        keys = self._keys(phases)
        printed: list[Call] = []
        plans: list[Plan] = []
        for nodes, target, text in phases:
            phase = self._phase(nodes, target, text, keys, done)
            plans.append(phase.plan)
            # In dev at once: the function that compiles would be one frame more in the first traceback.
            ready = None if self.shop.eager else functools.partial(_compiled, self.route, len(printed))
            printed.append(print_call(phase, self.shop.tools, self.route.render, ready))
            done.update({id(node): keys[id(node)] for node in nodes if id(node) in keys})
        self.route.guards, self.route.call = tuple(printed[:-1]), printed[-1]
        self.route.plans = tuple(plans)
        self.route.nodes = tuple(walk([handler]))
        self.route.guard_nodes = tuple(guards)
        self.route.keys = keys_of(walk([*guards, handler]))

    def _keys(self, phases: list[tuple[list[Node], Node | None, str]]) -> dict[int, str]:
        """Names for what one phase makes and a later one needs."""
        home: dict[int, int] = {}
        for i, (nodes, _, _) in enumerate(phases):
            for node in nodes:
                if _runs_once(node):
                    home.setdefault(id(node), i)
        keys: dict[int, str] = {}
        for i, (nodes, target, _) in enumerate(phases):
            for node in [*nodes, *([target] if target is not None else [])]:
                for below in node.below():
                    if home.get(id(below), i) < i:
                        keys[id(below)] = (
                            f"{below.provider.name}_{len(keys)}" if id(below) not in keys else keys[id(below)]
                        )
        return keys

    def _phase(
        self, nodes: list[Node], target: Node | None, label: str, keys: dict[int, str], done: dict[int, str]
    ) -> Phase:
        whole = [*nodes, *([target] if target is not None else [])]
        ready = {id(b): done[id(b)] for node in whole for b in node.below() if id(b) in done}
        plan = assemble(self.where, self.handler, whole, self.shop.timezone)
        plan = dataclasses.replace(plan, label=label)
        _prepare_forms(whole, self.where, self.handler, self.shop.timezone, label)
        inline = bool(self.draft.options.get("inline")) or (target is not None and target.provider.inline)
        return Phase(plan, nodes, target, ready, {id(n): keys[id(n)] for n in nodes if id(n) in keys}, inline)


def _prepare_forms(nodes: list[Node], where: Classifier, provider: Provider, timezone: str, label: str) -> None:
    """A `Submitted[T]` leaf gets the plan of its form: one parameter struct of T's fields."""
    from ketch.binding.forms import form_plan

    for node in nodes:
        arguments = []
        for wanted, leaf in node.arguments:
            if isinstance(leaf, Framework) and leaf.kind == "submitted" and not isinstance(leaf.detail, Plan):
                leaf = Framework(
                    "submitted", form_plan(where, node.provider, wanted.name, leaf.detail, timezone, label)
                )
            arguments.append((wanted, leaf))
        node.arguments = tuple(arguments)


def _compiled(route: ServedRoute, index: int, function: Call) -> None:
    """The compiled function takes the place of the one that compiles."""
    if index == len(route.guards):
        route.call = function
    else:
        route.guards = (*route.guards[:index], function, *route.guards[index + 1 :])


def _runs_once(node: Node) -> bool:
    """Values and app-scoped things are simply looked up again in each phase."""
    return node.provider.kind is not Kind.VALUE and node.provider.scope != "app"


def _is_request(leaf: Any) -> bool:
    return isinstance(leaf, Framework) and leaf.kind in ("request", "websocket")


def keys_of(nodes: Iterable[Node]) -> frozenset[Any]:
    """What an override may replace among these."""
    return frozenset(node.provider.key for node in nodes)


def _no_render(result: Any, request: Any) -> Any:
    return result


def security_below(handler: Node) -> list[Node]:
    """What resolves through identity, outermost needs first: it runs as a guard, before the body is read."""

    def secured(node: Node) -> bool:
        return node.security or hasattr(node.provider.target, "scheme_name") or any(map(secured, node.below()))

    def reads_body(node: Node) -> bool:
        bodies = (Source.BODY, Source.FORM, Source.FILE)
        own = any(isinstance(leaf, Slot) and leaf.source in bodies for leaf in node.leaves())
        return own or any(map(reads_body, node.below()))

    found: list[Node] = []

    def visit(node: Node) -> None:
        for below in node.below():
            if not secured(below):
                continue
            if reads_body(below):
                visit(below)
            elif below not in found:
                found.append(below)

    visit(handler)
    return found


def check_generator(handler: Provider, result: ResultPlan, label: str, places: list[Place]) -> None:
    """A handler that yields must say that it streams, in its own colour."""
    kind = handler.kind
    streams = result.kind in ("lines", "events")
    if kind in (Kind.GENERATOR, Kind.ASYNC_GENERATOR) and not streams and result.kind not in ("dynamic", "response"):
        word = "AsyncIterator" if kind is Kind.ASYNC_GENERATOR else "Iterator"
        raise wrong_generator(
            label, places, "It yields, but its annotation is not an iterator.", f"Write -> {word}[T]."
        )
    if not streams:
        return
    if kind is Kind.GENERATOR and result.asynchronous:
        raise wrong_generator(
            label, places, "A def that yields is a plain iterator.", "Write -> Iterator[T], or async def."
        )
    if kind is Kind.ASYNC_GENERATOR and not result.asynchronous:
        raise wrong_generator(
            label, places, "An async def that yields is an async iterator.", "Write -> AsyncIterator[T]."
        )


def compose(middleware: Sequence[Any], inner: Any) -> Any:
    """The onion: `middleware` is innermost first. PERF: without any it is `inner` itself."""
    for layer in middleware:
        inner = _layer(layer, inner)
    return inner


def _layer(layer: Any, inner: Any) -> Any:
    def call(request: Any) -> Any:
        return layer(request, inner)

    return call


__all__ = ["Draft", "Workshop", "build_route", "compose", "fill", "keys_of", "refill"]
