"""Exception handlers: `(request, exc)` is given, further parameters are injected, the result is rendered."""

from __future__ import annotations

from typing import Any

from ketch.app.build import Workshop, keys_of
from ketch.app.declare import FailureRecord
from ketch.binding.assemble import assemble
from ketch.binding.classify import Classifier
from ketch.binding.framework import Framework
from ketch.binding.printer import Phase, print_call
from ketch.binding.render import renderer
from ketch.binding.results import result_plan
from ketch.inject.graph import Need, Node, Solver, walk
from ketch.inject.provider import Provider, called, key_of, name_of
from ketch.kernel.errors import Place, SetupError


class FailureHandler:
    """One exception handler as it is served: `call(request, scope)` and `render`, as a route's."""

    __slots__ = ("_record", "_registry", "_shop", "call", "keys", "nodes", "render")

    call: Any
    render: Any
    nodes: tuple[Node, ...]
    keys: frozenset[Any]

    def __init__(self, record: FailureRecord, registry: Any, shop: Workshop) -> None:
        self._record = record
        self._registry = registry
        self._shop = shop
        self.solve()

    def solve(self) -> None:
        """Solve and print; done again when an override changes what it depends on.

        Raises SetupError (KETCH-APP-008) for a handler of the wrong shape.
        """
        function, shop = self._record.function, self._shop
        provider = called(function)
        where = self._classifier()
        signature = where.signature(function)
        if len(signature.parameters) < 2:
            raise _wrong_shape(self._record, provider)
        node = Solver(where.read, replaced=self._registry.replaced).solve(Need(provider))
        self.nodes = tuple(walk([node]))
        plan = assemble(where, provider, self.nodes, shop.timezone)
        result = result_plan(signature.returns, {}, where.label, [Place("handler", provider.origin)])
        self.render = renderer(result, shop.page)
        self.call = print_call(Phase(plan, list(self.nodes[:-1]), node), shop.tools, self.render)
        self.keys = keys_of(self.nodes)

    def _classifier(self) -> Classifier:
        function = self._record.function
        return Classifier(
            label=f"exception handler {name_of(function)}",
            origin=self._record.origin,
            registry=self._registry,
            guard=True,
            given={"#0": Framework("request"), "#1": Framework("given", "request.failure")},
            given_to=key_of(function),
            local_names=self._record.local_names,
        )


def _wrong_shape(record: FailureRecord, provider: Provider) -> SetupError:
    return SetupError(
        "KETCH-APP-008",
        f"The exception handler {name_of(record.function)} has the wrong shape.",
        places=[Place("declared", record.origin), Place("handler", provider.origin)],
        why="It takes (request, exc); further parameters are injected.",
    )
