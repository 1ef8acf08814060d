"""The graph of what needs what, solved at start-up.

`Solver.solve` turns a provider into a `Node` whose arguments are either other nodes or leaves: things that this layer
does not understand (a slot to be read from a request, the request itself) and merely hands on. Nodes are shared: one
callable is one node within a solve, unless somebody asked for `use_cache=False`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ketch.inject.provider import Kind, Provider, key_of
from ketch.kernel.errors import Place, SetupError


@dataclass(frozen=True, slots=True)
class Need:
    """A parameter that another provider fills. `scopes` are the security scopes added on the way."""

    provider: Provider
    use_cache: bool = True
    scopes: tuple[str, ...] = ()
    security: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """One parameter of a callable: `source` is a Need or a leaf."""

    name: str
    source: Any
    keyword: bool = False


@dataclass(slots=True, eq=False)
class Node:
    """A provider with its arguments resolved. `arguments` maps a parameter to a Node or a leaf."""

    provider: Provider
    arguments: tuple[tuple[Wanted, Any], ...] = ()
    scopes: tuple[str, ...] = ()
    security: bool = False
    order: int = 0

    def below(self) -> Iterator[Node]:
        """The nodes this one needs directly."""
        return (value for _, value in self.arguments if isinstance(value, Node))

    def leaves(self) -> Iterator[Any]:
        """The leaves this node itself needs."""
        return (value for _, value in self.arguments if not isinstance(value, Node))


Reader = Callable[[Provider, tuple[str, ...]], Iterable[Wanted]]


@dataclass(slots=True)
class Solver:
    """Solves providers for one place (a route, a command). `read` says what a provider's parameters want."""

    read: Reader
    nodes: dict[Any, Node] = field(default_factory=dict)
    replaced: Mapping[Any, Provider] = field(default_factory=dict)
    _stack: list[Provider] = field(default_factory=list)

    def solve(self, need: Need) -> Node:
        """The node for `need`, with everything below it. Raises SetupError for cycles and scope mistakes."""
        provider = need.provider
        key = (provider.key, key_of(provider.target), need.scopes)
        if need.use_cache and key in self.nodes:
            return self.nodes[key]
        if any(open_.key == provider.key for open_ in self._stack):
            raise _cycle([*self._stack, provider])
        self._stack.append(provider)
        try:
            node = Node(provider, scopes=need.scopes, security=need.security)
            node.arguments = tuple(self._argument(wanted, need.scopes) for wanted in self._parameters(provider, need))
        finally:
            self._stack.pop()
        if provider.scope == "app" and self._rests_on_override(node):
            # Made afresh for each request while the override lasts: the one made at start-up holds the original.
            node.provider = dataclasses.replace(provider, scope="function")
        for below in node.below():
            _check_scopes(node.provider, below.provider)
        _check_leaves(node)
        node.order = len(self.nodes)
        self.nodes[key if need.use_cache else (key, len(self.nodes))] = node
        return node

    def _rests_on_override(self, node: Node) -> bool:
        return bool(self.replaced) and any(
            below.provider is self.replaced.get(below.provider.key) or self._rests_on_override(below)
            for below in node.below()
        )

    def _parameters(self, provider: Provider, need: Need) -> Iterable[Wanted]:
        return () if provider.kind is Kind.VALUE else self.read(provider, need.scopes)

    def _argument(self, wanted: Wanted, scopes: tuple[str, ...]) -> tuple[Wanted, Any]:
        source = wanted.source
        if not isinstance(source, Need):
            return wanted, source
        # Security scopes add up from the outside in, as in FastAPI; without any the node is shared.
        merged = tuple(dict.fromkeys((*scopes, *source.scopes)))
        return wanted, self.solve(Need(source.provider, source.use_cache, merged, source.security))


def walk(roots: Iterable[Node]) -> list[Node]:
    """Every node below and including the roots, each once, what is needed before what needs it."""
    seen: dict[int, Node] = {}

    def visit(node: Node) -> None:
        if id(node) not in seen:
            for below in node.below():
                visit(below)
            seen[id(node)] = node

    for root in roots:
        visit(root)
    return list(seen.values())


_WIDTH = {"function": 0, "request": 1, "app": 2}


def _check_scopes(outer: Provider, inner: Provider) -> None:
    """What lives longer must not hold what lives shorter."""
    if _WIDTH[outer.scope] <= _WIDTH[inner.scope] or inner.kind is Kind.VALUE:
        return
    raise SetupError(
        "KETCH-DEP-003",
        f"{outer.name} lives in {outer.scope} scope but needs {inner.name}, which lives in {inner.scope} scope.",
        places=[Place("needs", outer.origin), Place("needed", inner.origin)],
        why=f"{inner.name} is cleaned up long before {outer.name} is, which would go on using it.",
        fix=f'Give {inner.name} scope="{outer.scope}", or {outer.name} scope="{inner.scope}".',
    )


def _check_leaves(node: Node) -> None:
    if node.provider.scope != "app" or node.provider.kind is Kind.VALUE:
        return
    leaf = next(node.leaves(), None)
    if leaf is not None:
        name = next(wanted.name for wanted, value in node.arguments if value is leaf)
        raise SetupError(
            "KETCH-DEP-004",
            f'{node.provider.name} lives in app scope but "{name}" is read from a request.',
            places=[Place("provider", node.provider.origin)],
            why="It is made once, when the application starts: there is no request to read from.",
            fix=f'Take "{name}" away, or give {node.provider.name} scope="function".',
        )


def _cycle(providers: list[Provider]) -> SetupError:
    start = next(i for i, p in enumerate(providers) if p.key == providers[-1].key)
    circle = providers[start:]
    return SetupError(
        "KETCH-DEP-001",
        f"{' -> '.join(p.name for p in circle)} goes round in a circle.",
        places=[Place("needs", p.origin) for p in circle[:-1]],
        why="None of them can be made first.",
        fix="Move what both need into a third dependency.",
    )
