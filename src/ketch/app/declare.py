"""What an application file says, recorded with its place. Nothing is checked against anything else here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin

if TYPE_CHECKING:
    from ketch.app.router import Router
    from ketch.inject.provider import Provider


@dataclass(frozen=True, slots=True)
class RouteRecord:
    """`@router.get(path)` over a handler; `resource` is the class a method belongs to."""

    path: str
    methods: tuple[str, ...]
    endpoint: Callable[..., Any]
    options: Mapping[str, Any]
    origin: Origin
    local_names: Mapping[str, Any] | None = None
    websocket: bool = False
    resource: type | None = None


@dataclass(frozen=True, slots=True)
class IncludeRecord:
    """`include_router(router)`."""

    router: Router
    prefix: str
    options: Mapping[str, Any]
    origin: Origin


@dataclass(frozen=True, slots=True)
class MountRecord:
    """`mount(path, app)`."""

    path: str
    app: Any
    origin: Origin
    name: str | None = None
    strip_prefix: bool | None = None


@dataclass(frozen=True, slots=True)
class MiddlewareRecord:
    """A middleware class with its options, or a middleware itself."""

    target: Any
    options: Mapping[str, Any]
    origin: Origin


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """`exception_handler(key)`: `key` is an exception class or a status."""

    key: Any
    function: Callable[..., Any]
    origin: Origin
    local_names: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Declarations:
    """Everything one Router (or the App) has been told. `frozen` is where it was frozen, if it was."""

    routes: list[RouteRecord] = field(default_factory=list)
    includes: list[IncludeRecord] = field(default_factory=list)
    mounts: list[MountRecord] = field(default_factory=list)
    middleware: list[MiddlewareRecord] = field(default_factory=list)
    failures: list[FailureRecord] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)
    order: list[RouteRecord | IncludeRecord] = field(default_factory=list)
    frozen: bool = False

    def copy(self) -> Declarations:
        """What has been declared up to now."""
        lists: dict[str, Any] = {
            item.name: list(value) for item in fields(self) if isinstance(value := getattr(self, item.name), list)
        }
        return replace(self, **lists)

    def restore(self, before: Declarations) -> None:
        """Forget what has been declared since `before` was copied."""
        for item in fields(self):
            setattr(self, item.name, getattr(before, item.name))

    def open(self, what: str, origin: Origin) -> None:
        """Raises SetupError (KETCH-APP-002) for a declaration after the application has started."""
        if self.frozen:
            raise SetupError(
                "KETCH-APP-002",
                f"{what} was declared after the application had started.",
                places=[Place("here", origin)],
                why="Routes, providers and middleware are checked against each other and frozen at start-up.",
                fix="Declare it when the module is imported, or in an extension's setup().",
            )
