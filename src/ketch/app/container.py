"""The container outside a request: app-scoped things, commands, background tasks, scripts and tests.

async with app.scope() as scope:
    session = await scope.get(Session)
    await scope.call(send_report, day)      # what is not given is injected
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from ketch.binding.classify import Classifier
from ketch.binding.framework import Framework
from ketch.binding.signature import local_names_of
from ketch.inject.graph import Need, Node, Solver
from ketch.inject.provider import Kind, Provider, called, name_of
from ketch.inject.scope import Scope, close
from ketch.kernel.errors import SetupError

_GIVEN = Framework("given")


class Container:
    """Makes things by type. `values` holds what is app-scoped, once made; `exits` closes it at shutdown."""

    def __init__(self, registry: Any, threads: Any) -> None:
        self.registry = registry
        self.threads = threads
        self.values: dict[Any, Any] = {}
        self.exits = Scope()
        self._making: dict[Any, Any] = {}

    def open(self) -> OpenScope:
        """A scope of its own: `async with container.open() as scope`."""
        return OpenScope(self)

    async def run(self, function: Callable[..., Any], args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """Call `function` with what is given first and the rest injected, in a fresh scope."""
        async with self.open() as scope:
            return await scope.call(function, *args, **(kwargs or {}))

    async def make_app_scoped(self, nodes: list[Node]) -> None:
        """Make what lives as long as the application, in the order in which it is needed."""
        for node in nodes:
            if node.provider.scope == "app" and node.provider.kind is not Kind.VALUE:
                await self.value(node)

    async def value(self, node: Node) -> Any:
        """An app-scoped value, made when it is first asked for."""
        key = node.provider.key
        if key not in self.values:
            import asyncio

            async with self._making.setdefault(key, asyncio.Lock()):  # two that ask at once get the same
                if key not in self.values:
                    self.values[key] = await _make(node, self.exits, self, {})
            self._making.pop(key, None)
        return self.values[key]

    async def close(self) -> None:
        """Clean up what is app-scoped, last made first."""
        try:
            await close(self.exits.exits)
        finally:
            self.values.clear()

    def abandon(self) -> None:
        """Forget what has been made, without cleaning up."""
        self.exits.exits.clear()
        self.values.clear()

    def solve(self, function: Any, given: set[str], positional: int, local_names: Any = None) -> Node:
        """The node of a function, the first `positional` parameters and those named in `given` left open."""
        provider = function if isinstance(function, Provider) else called(function)
        marks: dict[str, Any] = dict.fromkeys(given, _GIVEN)
        marks.update({f"#{i}": _GIVEN for i in range(positional)})
        where = Classifier(
            label=provider.name,
            origin=provider.origin,
            registry=self.registry,
            outside=True,
            given=marks,
            given_to=provider.key,
            local_names=local_names,
        )
        return Solver(where.read, replaced=self.registry.replaced).solve(Need(provider))


class OpenScope:
    """One unit of work outside a request."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.scope = Scope()
        self._made: dict[Any, Any] = {}

    async def __aenter__(self) -> OpenScope:
        return self

    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        exits, self.scope.exits = self.scope.exits, []
        await close(exits, error)

    async def get(self, key: Any) -> Any:
        """What provides `key`. Raises SetupError (KETCH-DEP-002) if nobody does."""
        if key in self._made:
            return self._made[key]
        provider = self.container.registry.find(key)
        if provider is None:
            raise SetupError(
                "KETCH-DEP-002",
                f"Nobody provides {name_of(key)}.",
                fix=f"app.provide({name_of(key)}, make_it)",
            )
        if provider.kind is Kind.VALUE:
            return provider.target
        node = self.container.solve(provider, set(), 0)
        return await _argument(node, name_of(key), provider, self.scope, self.container, self._made)

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call `function(*args, **kwargs)` with its other parameters injected; a `def` runs in a thread."""
        if _is_complete(function, args, kwargs):
            return await _invoke(called(function), lambda: function(*args, **kwargs), self.container.threads)
        node = self.container.solve(function, set(kwargs), len(args), local_names_of(function, 1))
        positional, named, by_name = list(args), dict(kwargs), False
        for wanted, leaf in node.arguments:
            if leaf is _GIVEN:
                by_name = by_name or wanted.name in kwargs
                continue
            value = await _argument(leaf, wanted.name, node.provider, self.scope, self.container, self._made)
            if by_name or wanted.keyword:
                named[wanted.name] = value
            else:
                positional.append(value)
        return await _invoke(node.provider, lambda: function(*positional, **named), self.container.threads)


def _is_complete(function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """True if there is nothing left to inject. Then annotations are not read, which may be there for a checker only."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in functions have none
        return True
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return all(
        name in bound.arguments or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for name, parameter in signature.parameters.items()
    )


async def _make(node: Node, scope: Scope, container: Container, made: dict[Any, Any]) -> Any:
    """Make a node and what it needs; generators' clean-up goes to `scope`."""
    provider = node.provider
    if provider.kind is Kind.VALUE:
        return provider.target
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for wanted, below in node.arguments:
        value = await _argument(below, wanted.name, provider, scope, container, made)
        if wanted.keyword:
            named[wanted.name] = value
        else:
            positional.append(value)
    if provider.kind is Kind.ASYNC_GENERATOR:
        return await scope.enter(provider.target(*positional, **named))
    if provider.kind is Kind.GENERATOR:
        threads = None if provider.inline else container.threads
        return await scope.enter_sync(provider.target(*positional, **named), threads)
    return await _invoke(provider, lambda: provider.target(*positional, **named), container.threads)


async def _argument(
    below: Any, name: str, provider: Provider, scope: Scope, container: Container, made: dict[Any, Any]
) -> Any:
    if isinstance(below, Framework) and below.kind == "scope":
        return scope
    if not isinstance(below, Node):
        raise SetupError("KETCH-DEP-009", f'"{name}" of {provider.name} can only be had in a request.')
    key = below.provider.key
    if below.provider.scope == "app" and below.provider.kind is not Kind.VALUE:
        return await container.value(below)
    if key not in made:
        made[key] = await _make(below, scope, container, made)
    return made[key]


async def _invoke(provider: Provider, call: Callable[[], Any], threads: Any) -> Any:
    if provider.kind is Kind.COROUTINE:
        return await call()
    if provider.kind is Kind.FUNCTION and not provider.inline:
        return await threads(call)
    return call()


__all__ = ["Container", "OpenScope"]
