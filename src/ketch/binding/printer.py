"""One readable Python function per route: bind, provide, call.

The printed text is the happy path of a plan with everything decided that can be decided at start-up. Any exception
while binding means that the input is not what the plan asks for; the interpreter then reads the request again, from
the meaning, and either tells every problem or (it is the judge) returns the values. `ketch explain` shows the text.

    async def call(request, scope):
        try:
            item_id = request.values[0]
            query = request.query
            q = query["q"]
            ...
        except UNBOUND:
            bound = await interpret(plan, request)
            item_id, q = bound["item_id"], bound["q"]
        session = await scope.enter(open_session(engine))
        return await show_item(item_id, q, session=session)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ketch.binding import leaves
from ketch.binding.framework import Framework
from ketch.binding.plan import Plan
from ketch.binding.print_slots import SlotPrinter
from ketch.inject.graph import Node, Wanted
from ketch.inject.provider import Kind
from ketch.inject.scope import Opened
from ketch.kernel.codegen import Lines, compile_function, compile_when_called

# What bad input raises while it is bound. msgspec's and pydantic's errors are ValueErrors.
UNBOUND = (ValueError, TypeError, LookupError, AttributeError, RecursionError, ArithmeticError, msgspec.MsgspecError)

Interpret = Callable[[Plan, Any], Any]

# What printed lines call: a parameter of the same name is called otherwise.
_CALLED = frozenset({"KeyError", "ValueError", "frozenset", "int", "len", "map", "set", "tuple", "zip"})


@dataclass(slots=True)
class Phase:
    """What one printed function does: bind `plan`, make `nodes` in this order, and call `target` if there is one.

    `ready` are nodes that an earlier phase (a guard) has made; `keep` those a later phase will ask for.
    """

    plan: Plan
    nodes: list[Node]
    target: Node | None
    ready: Mapping[int, str] = field(default_factory=dict)
    keep: Mapping[int, str] = field(default_factory=dict)
    inline: bool = False


@dataclass(slots=True)
class Tools:
    """What the printed functions of an application share."""

    interpret: Interpret
    threads: Any
    app_values: dict[Any, Any]
    submit: Callable[[Any, Any], Any]
    app_value: Callable[[Node], Any]
    is_started: Callable[[], bool]


def print_call(
    phase: Phase,
    tools: Tools,
    render: Callable[[Any, Any], Any] | None = None,
    ready: Callable[[Any], None] | None = None,
) -> Callable[..., Any]:
    """The function `call(request, scope)`; it returns what the target returned, or None without one.

    `render` is used inside a thread hop that has generators to close: then the result is a response already. With
    `ready` the text is compiled when it is first called, and `ready` told of the compiled function.
    """
    lines, label = _CallPrinter(phase, tools, render).print(), phase.plan.label
    if ready is None:
        return compile_function("call", str(lines), lines.namespace, label=label)
    return compile_when_called("call", str(lines), lines.namespace, label=label, ready=ready)


class _CallPrinter:
    def __init__(self, phase: Phase, tools: Tools, render: Callable[[Any, Any], Any] | None) -> None:
        self.phase = phase
        self.tools = tools
        self.render = render
        self.lines = Lines({"UNBOUND": UNBOUND})
        # Names that parameters must not shadow.
        self.taken = self.lines.reserved
        self.taken |= _CALLED
        self.taken |= {
            "request",
            "scope",
            "query",
            "cookies",
            "values",
            "form",
            "raw",
            "limits",
            "bound",
            "work",
            "opened",
            "response",
            "call",
        }
        self.names: dict[int, str] = {}

    def print(self) -> Lines:
        with self.lines.block("async def call(request, scope):"):
            self._bind()
            self._frameworks()
            self._provide_and_call()
        return self.lines

    # --- bind ---------------------------------------------------------------------------------------------------------

    def _bind(self) -> None:
        plan = self.phase.plan
        if not plan.slots:
            return
        for slot in plan.slots:
            self.names[id(slot)] = self._name(slot.name)
        with self.lines.block("try:"):
            SlotPrinter(self.lines, plan, {id(slot): self.names[id(slot)] for slot in plan.slots}, self._name).print()
        with self.lines.block("except UNBOUND:"):
            interpret, whole = self.lines.bind("interpret", self.tools.interpret), self.lines.bind("plan", plan)
            self.lines.add(f"bound = await {interpret}({whole}, request)")
            for slot in plan.slots:
                self.lines.add(f"{self.names[id(slot)]} = bound[{slot.name!r}]")

    def _name(self, wish: str) -> str:
        """A local variable called like the parameter where that is free."""
        name, n = wish, 1
        while name in self.taken or name in self.lines.namespace:
            n += 1
            name = f"{wish}_{n}"
        self.taken.add(name)
        return name

    # --- what the framework fills -------------------------------------------------------------------------------------

    def _frameworks(self) -> None:
        made: dict[Any, str] = {}
        for node in self.phase.nodes + ([self.phase.target] if self.phase.target else []):
            for wanted, leaf in node.arguments:
                if isinstance(leaf, Framework) and id(leaf) not in self.names:
                    self.names[id(leaf)] = self._framework(leaf, wanted, made)

    def _framework(self, leaf: Framework, wanted: Wanted, made: dict[Any, str]) -> str:
        if leaf.kind in ("request", "websocket"):
            return "request"
        if leaf.kind in ("scope", "given"):
            return "scope" if leaf.kind == "scope" else str(leaf.detail)
        key = (leaf.kind, repr(leaf.detail))
        if key not in made:
            made[key] = name = self._name(wanted.name)
            self.lines.add(f"{name} = {self._framework_call(leaf)}")
        return made[key]

    def _framework_call(self, leaf: Framework) -> str:
        if leaf.kind == "submitted":
            submit, plan = self.lines.bind("submit", self.tools.submit), self.lines.bind("form_plan", leaf.detail)
            return f"await {submit}({plan}, request)"
        if leaf.kind == "scopes":
            return f"{self.lines.bind('SecurityScopes', leaves.security_scopes)}({list(leaf.detail)!r})"
        function = {"response": leaves.injected_response, "background": leaves.background_tasks}[leaf.kind]
        return f"{self.lines.bind(function.__name__, function)}(scope)"

    # --- provide and call ---------------------------------------------------------------------------------------------

    def _provide_and_call(self) -> None:
        for node_id, key in self.phase.ready.items():
            self.names[node_id] = self._name(_safe(key))
            self.lines.add(f"{self.names[node_id]} = scope.cache[{key!r}]")
        target = self.phase.target
        threaded = target is not None and target.provider.kind is Kind.FUNCTION and not self.phase.inline
        in_hop = self._hop_nodes() if threaded else []
        for node in self.phase.nodes:
            if node not in in_hop:
                self._provide(node)
        if target is None:
            if not self.lines.lines[1:]:
                self.lines.add("pass")
        elif threaded:
            self._call_in_thread(target, in_hop)
        else:
            waits = "await " if target.provider.kind is Kind.COROUTINE else ""
            self.lines.add(f"return {waits}{self._call(target)}")

    def _hop_nodes(self) -> list[Node]:
        """The plain functions and generators that nothing asynchronous needs: they share the handler's hop."""
        early: set[int] = set()

        def mark(node: Node) -> None:
            early.add(id(node))
            for below in node.below():
                mark(below)

        for node in self.phase.nodes:
            kind = node.provider.kind
            if (
                kind in (Kind.COROUTINE, Kind.ASYNC_GENERATOR)
                or node.provider.scope != "function"
                or id(node) in self.phase.keep
            ):
                mark(node)
        return [n for n in self.phase.nodes if id(n) not in early and n.provider.kind is not Kind.VALUE]

    def _provide(self, node: Node) -> None:
        provider = node.provider
        if provider.kind is Kind.VALUE:
            self.names[id(node)] = self.lines.bind(self._wish(node), provider.target)
            return
        if provider.scope == "app":
            expression = self._app_scoped(node)
        else:
            expression = self._make(node)
        if id(node) in self.phase.keep:
            expression = f"scope.remember({self.phase.keep[id(node)]!r}, {expression})"
        name = self.names[id(node)] = self._name(self._wish(node))
        self.lines.add(f"{name} = {expression}")

    def _app_scoped(self, node: Node) -> str:
        """Made at start-up; or now, if nobody had asked for it until an override did."""
        if self.tools.is_started() and node.provider.key not in self.tools.app_values:
            return f"await {self.lines.bind('app_value', self.tools.app_value)}({self.lines.bind('node', node)})"
        values = self.lines.bind("app_values", self.tools.app_values)
        return f"{values}[{self.lines.bind(f'key_of_{_safe(node.provider.name)}', node.provider.key)}]"

    def _wish(self, node: Node) -> str:
        """What the first parameter that asks for it calls it."""
        for other in [*self.phase.nodes, *([self.phase.target] if self.phase.target else [])]:
            for wanted, value in other.arguments:
                if value is node and wanted.name.isidentifier():
                    return wanted.name
        return f"made_by_{_safe(node.provider.name)}"

    def _make(self, node: Node) -> str:
        kind, call = node.provider.kind, self._call(node)
        late = ", late=True" if node.provider.scope == "request" else ""
        threads = "None" if node.provider.inline else self.lines.bind("in_thread", self.tools.threads)
        if kind is Kind.COROUTINE:
            return f"await {call}"
        if kind is Kind.ASYNC_GENERATOR:
            return f"await scope.enter({call}{late})"
        if kind is Kind.GENERATOR:
            return f"await scope.enter_sync({call}, {threads}{late})"
        if kind is Kind.FUNCTION and not node.provider.inline:
            return f"await {threads}(lambda: {call})"
        return call

    def _call(self, node: Node) -> str:
        function = self.lines.bind(_safe(node.provider.name), node.provider.target)
        arguments = [
            f"{wanted.name}={self.names[id(value)]}" if wanted.keyword else self.names[id(value)]
            for wanted, value in node.arguments
        ]
        return f"{function}({', '.join(arguments)})"

    def _call_in_thread(self, target: Node, nodes: list[Node]) -> None:
        threads = self.lines.bind("in_thread", self.tools.threads)
        opens = any(node.provider.kind is Kind.GENERATOR for node in nodes)
        with self.lines.block("def work():"):
            if opens:
                with self.lines.block(f"with {self.lines.bind('Opened', Opened)}() as opened:"):
                    self._work(target, nodes)
            else:
                self._work(target, nodes)
        self.lines.add(f"return await {threads}(work)")

    def _work(self, target: Node, nodes: list[Node]) -> None:
        for node in nodes:
            call = self._call(node)
            name = self.names[id(node)] = self._name(self._wish(node))
            opened = f"opened.enter({call})" if node.provider.kind is Kind.GENERATOR else call
            self.lines.add(f"{name} = {opened}")
        call = self._call(target)
        if self.render is None or not any(node.provider.kind is Kind.GENERATOR for node in nodes):
            self.lines.add(f"return {call}")
            return
        # Encoded before the generators close, as everywhere: inside the dependency scope. A stream keeps them open.
        self.lines.add(f"response = {self.lines.bind('render', self.render)}(opened.settled({call}), request)")
        with self.lines.block("if not response.has_length:"):
            self.lines.add(f"scope.hold(opened, {self.lines.bind('in_thread', self.tools.threads)})")
        self.lines.add("return response")


def _safe(name: str) -> str:
    return name if name.isidentifier() else "function"


__all__ = ["UNBOUND", "Phase", "Tools", "print_call"]
