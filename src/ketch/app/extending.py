"""Extensions set themselves up: what they may declare, and the mistakes people make with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ketch.app.declare import FailureRecord, MiddlewareRecord
from ketch.app.rooms import OPENAPI, load
from ketch.inject.provider import Provider, Qualified, name_of, provider_for
from ketch.kernel.errors import Faults, Place, SetupError
from ketch.kernel.origin import origin_of
from ketch.kernel.suggest import hint

if TYPE_CHECKING:
    from ketch.app.application import App

KNOWN = {
    "database": "ketch.data:Database",
    "auth": "ketch.auth:Auth",
    "admin": "ketch.admin:Admin",
    "openapi": "ketch.openapi:OpenAPI",
    "sessions": "ketch.sessions:Sessions",
}


@dataclass(slots=True)
class Additions:
    """What extensions added beside what they declared on the application itself."""

    providers: list[Provider] = field(default_factory=list)
    failures: list[FailureRecord] = field(default_factory=list)
    lifespans: list[Any] = field(default_factory=list)
    checks: list[Callable[[], Any]] = field(default_factory=list)
    result_hooks: list[Any] = field(default_factory=list)
    template_folders: list[Any] = field(default_factory=list)
    error_page: Callable[[Any, Any], Any] | None = None


class Declared:
    """The door that `setup` is given (seams/extension.Declare)."""

    def __init__(self, app: App, additions: Additions) -> None:
        self.app = app
        self._additions = additions

    def provide(self, key: Any, thing: Any = ..., *, qualifier: str | None = None, **options: Any) -> None:
        """As `App.provide`; the application's own provider of the same key wins."""
        named = Qualified(key, qualifier) if qualifier is not None else key
        self._additions.providers.append(provider_for(named, thing, **options))

    def middleware(self, middleware: Any, **options: Any) -> None:
        """As `App.add_middleware`."""
        self.app.outermost(middleware, options)

    def innermost(self, middleware: Any) -> None:
        """A middleware inside all others: what proxies and cross-origin rules have to say has been said."""
        self.app.declared.middleware.insert(0, MiddlewareRecord(middleware, {}, origin_of(middleware)))

    def router(self, router: Any, prefix: str = "") -> None:
        """As `App.include_router`."""
        self.app.include_router(router, prefix)

    def exception_handler(self, key: Any, function: Callable[..., Any]) -> None:
        """As `App.exception_handler`; the application's own handlers win."""
        self._additions.failures.append(FailureRecord(key, function, origin_of(function)))

    def command(self, name: str, function: Callable[..., Any]) -> None:
        """As `App.command`; the application's own commands win."""
        self.app.commands.setdefault(name, function)

    def check(self, function: Callable[[], Any]) -> None:
        """A check for `ketch check`."""
        self._additions.checks.append(function)

    def lifespan(self, manager: Callable[[Any], Any]) -> None:
        """Entered when the application starts, left when it stops, in reverse."""
        self._additions.lifespans.append(manager)

    def on_result(self, hook: Callable[..., Any]) -> None:
        """Work between the handler and the encoder."""
        self._additions.result_hooks.append(hook)

    def template_folder(self, path: Any) -> None:
        """A folder of templates behind the application's own."""
        self._additions.template_folders.append(path)

    def error_pages(self, function: Callable[[Any, Any], Any]) -> None:
        """Pages for browsers instead of the plain ones."""
        self._additions.error_page = function


def set_up(app: App, faults: Faults) -> Additions:
    """Call `setup` of every extension in list order; the API's document last, if it is wanted and not among them."""
    additions = Additions()
    declare = Declared(app, additions)
    names: dict[str, Any] = {}
    for extension in app.extensions:
        try:
            _set_up_one(extension, declare, names, app)
        except SetupError as error:
            faults.add(error)
    if "openapi" not in names and (app.openapi_url is not None or app.docs_url is not None):
        load(OPENAPI)(openapi_url=app.openapi_url, docs_url=app.docs_url).setup(declare)
    return additions


def _set_up_one(extension: Any, declare: Declared, names: dict[str, Any], app: App) -> None:
    places = [Place("app", app.origin)]
    if isinstance(extension, str):
        known = KNOWN.get(extension.lower())
        fix = f"from {known.replace(':', ' import ')}" if known else hint(extension, KNOWN)
        raise SetupError(
            "KETCH-EXT-001", f'"{extension}" in extensions= is a name, not an extension.', places=places, fix=fix
        )
    if isinstance(extension, type):
        raise SetupError(
            "KETCH-EXT-001",
            f"{extension.__name__} in extensions= is a class.",
            places=[*places, Place("class", origin_of(extension))],
            fix=f"Write {extension.__name__}() with its options.",
        )
    name = getattr(extension, "name", None)
    if not isinstance(name, str) or not callable(getattr(extension, "setup", None)):
        raise SetupError(
            "KETCH-EXT-001",
            f"{name_of(extension)} in extensions= is not an extension.",
            places=places,
            why="An extension has a name and a method setup(declare).",
        )
    if name in names:
        raise SetupError("KETCH-EXT-003", f'There are two extensions called "{name}".', places=places)
    names[name] = extension
    extension.setup(declare)
    lifespan = getattr(extension, "lifespan", None)
    if callable(lifespan):
        declare.lifespan(lifespan)
    check = getattr(extension, "check", None)
    if callable(check):
        declare.check(check)


__all__ = ["KNOWN", "Additions", "Declared", "set_up"]
