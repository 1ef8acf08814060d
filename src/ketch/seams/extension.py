"""An extension: an ordinary object that declares what it adds. Built-in rooms use this door like everybody's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable


class Declare(Protocol):
    """What an extension may declare in `setup`. The same words as on App, and a few for rooms."""

    app: Any

    def provide(self, key: Any, thing: Any = ..., **options: Any) -> None:
        """As `App.provide`."""

    def middleware(self, middleware: Any, **options: Any) -> None:
        """As `App.add_middleware`."""

    def innermost(self, middleware: Any) -> None:
        """A middleware inside all others of the application, next to its routes."""

    def router(self, router: Any, prefix: str = "") -> None:
        """As `App.include_router`."""

    def exception_handler(self, key: Any, function: Callable[..., Any]) -> None:
        """As `App.exception_handler`; the application's own handlers win."""

    def command(self, name: str, function: Callable[..., Any]) -> None:
        """As `App.command`."""

    def check(self, function: Callable[[], Any]) -> None:
        """A check for `ketch check`."""

    def lifespan(self, manager: Callable[[Any], Any]) -> None:
        """An async context manager factory, entered with the application when it starts."""

    def on_result(self, hook: Callable[..., Any]) -> None:
        """`hook(result_plan, nodes)` returns an async `(result, request, scope) -> result`, or None."""

    def template_folder(self, path: Any) -> None:
        """A further folder of templates, behind the application's own."""

    def error_pages(self, function: Callable[[Any, Any], Any]) -> None:
        """`function(error, request)` returns a page for a browser, or None for the plain one."""


@runtime_checkable
class Extension(Protocol):
    """`name` is unique within an application. It may also have `lifespan(app)`, `check()` and `describe()`."""

    name: str

    def setup(self, declare: Declare) -> None:
        """Declare what this extension adds; called once, at start-up, in list order."""
