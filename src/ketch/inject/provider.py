"""One way to obtain one thing: a function, generator, class or a value, with the scope it lives in."""

from __future__ import annotations

import enum
import functools
import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import UNKNOWN, Origin, origin_of
from ketch.kernel.suggest import hint

SCOPES = ("function", "request", "app")


class Kind(enum.Enum):
    """How a provider is called and cleaned up."""

    VALUE = "value"
    CLASS = "class"
    FUNCTION = "function"
    COROUTINE = "coroutine"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async generator"

    @property
    def is_sync(self) -> bool:
        """True for what would block the event loop if it waited: it runs in a thread unless it is inline."""
        return self in (Kind.FUNCTION, Kind.GENERATOR)


@dataclass(frozen=True, slots=True)
class Qualified:
    """The key of `Annotated[Redis, "cache"]`: one of several providers of the same type."""

    type: Any
    qualifier: str


@dataclass(frozen=True, slots=True, eq=False)
class Provider:
    """`key` is what is asked for (a type, a Qualified, or a function for Depends); `target` makes it or is it.

    `instead` names what to ask for where this one does not fit: under "def" (a handler that runs in a thread) and
    under "websocket".
    """

    key: Any
    target: Any
    kind: Kind
    scope: str = "function"
    inline: bool = False
    origin: Origin = field(default=UNKNOWN)
    instead: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return name_of(self.target if self.kind is not Kind.VALUE else self.key)


def name_of(thing: Any) -> str:
    """The short name people know a callable or type by."""
    if isinstance(thing, Identity):
        thing = thing.thing
    if isinstance(thing, Qualified):
        return f"{name_of(thing.type)} {thing.qualifier!r}"
    while isinstance(thing, functools.partial):
        thing = thing.func
    return str(getattr(thing, "__name__", None) or type(thing).__name__)


def kind_of(target: Callable[..., Any]) -> Kind:
    """How a callable has to be called; decorators, partials, methods and callable objects are looked through."""
    if inspect.isclass(target):
        return Kind.CLASS
    while isinstance(target, functools.partial):
        target = target.func
    if not (inspect.isfunction(target) or inspect.ismethod(target) or inspect.isbuiltin(target)):
        target = getattr(type(target), "__call__", target)  # noqa: B004 (the method itself is wanted)
    for test, kind in (
        (inspect.isasyncgenfunction, Kind.ASYNC_GENERATOR),
        (inspect.isgeneratorfunction, Kind.GENERATOR),
        (inspect.iscoroutinefunction, Kind.COROUTINE),
    ):
        if test(target) or (test(inspect.unwrap(target)) and _passes_through(target)):
            return kind
    return Kind.FUNCTION


def _passes_through(wrapper: Any) -> bool:
    """A plain `def` around an `async def` hands on its coroutine; unless it is a context manager factory."""
    return getattr(wrapper, "__wrapped__", None) is not None and not _makes_context_managers(wrapper)


def _makes_context_managers(wrapper: Any) -> bool:
    code = getattr(wrapper, "__code__", None)
    return code is not None and code.co_filename.endswith("contextlib.py")


_FACTORIES = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    functools.partial,
    type,
)


def provider_for(
    key: Any,
    thing: Any = ...,
    *,
    value: Any = ...,
    factory: Callable[..., Any] | None = None,
    scope: str | None = None,
    inline: bool = False,
    instead: Mapping[str, Any] | None = None,
    origin: Origin = UNKNOWN,
) -> Provider:
    """What `app.provide(key, thing)` means.

    Functions, generators, methods, partials and classes are factories (function scope); anything else is a value
    (app scope); `value=`, `factory=` and `scope=` say otherwise. Raises SetupError for an unknown scope.
    """
    check_scope(scope, origin)
    given = [name for name, x in (("x", thing), ("value", value), ("factory", factory or ...)) if x is not ...]
    if len(given) != 1:
        raise SetupError(
            "KETCH-DEP-006",
            f"provide({name_of(key)}, ...) needs exactly one of a thing, value= or factory=.",
            places=[Place("here", origin)],
        )
    if factory is None and (value is not ... or not isinstance(thing, _FACTORIES)):
        return Provider(key, thing if value is ... else value, Kind.VALUE, "app", True, origin)
    target = factory if factory is not None else thing
    where = origin if origin.line else origin_of(target)
    return Provider(key, target, kind_of(target), scope or "function", inline, where, instead or {})


class Identity:
    """Stands for a callable that has no hash (a dataclass's instance has none) where a key is wanted."""

    __slots__ = ("thing",)

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identity) and other.thing is self.thing

    def __hash__(self) -> int:
        return id(self.thing)


def key_of(target: Any) -> Any:
    """What a callable is known by: itself, or its identity."""
    try:
        hash(target)
    except TypeError:
        return Identity(target)
    return target


def called(target: Callable[..., Any], scope: str | None = None, inline: bool = False) -> Provider:
    """A callable as its own provider: a dependency, a guard, a handler."""
    return Provider(key_of(target), target, kind_of(target), scope or "function", inline, origin_of(target))


def check_scope(scope: str | None, origin: Origin) -> None:
    """Raises SetupError (KETCH-DEP-005) unless the scope is one of SCOPES or None."""
    if scope is not None and scope not in SCOPES:
        raise SetupError(
            "KETCH-DEP-005",
            f'There is no scope "{scope}".',
            places=[Place("here", origin)],
            fix=hint(scope, SCOPES) or 'Scopes are "function", "request" and "app".',
        )
