"""The words that every template knows: `url_for`, `static`, `csrf_input`, `messages`.

They are globals of the engine and look up the request being answered, so that imported macros know them as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from html import escape
from typing import Any

from ketch.http.flash import FlashMessage, take_messages
from ketch.http.percent import quote_path

current: ContextVar[Any] = ContextVar("ketch_template_request", default=None)
"""The request whose page is being rendered; None outside one (a mail)."""


class Html(str):
    """Text that is HTML already, and is not escaped again."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


def _root() -> str:
    """The path under which the application is reached."""
    request = current.get()
    return quote_path(request.scope.get("root_path", "")).rstrip("/") if request is not None else ""


class Words:
    """The words, for one application."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._folders: list[tuple[str, Any]] | None = None

    def as_globals(self) -> dict[str, Any]:
        """The words by name."""
        return {"url_for": self.url_for, "static": self.static, "csrf_input": CsrfInput(), "messages": Messages()}

    def url_for(self, name: Any, /, **params: Any) -> str:
        """The path of a route by its name: `url_for("orders.show", id=7)`. Raises BuildError, a LookupError.

        A path and no host, so that a page may be cached; `request.url_for` makes the whole URL.
        """
        path: str = self.app.runtime.url_path_for(name, **params)
        return _root() + path

    def static(self, name: str) -> str:
        """The path of a static file under a name that changes with its content. Raises LookupError if there is none.

        With several static folders, the first that has the file; a name that begins with a folder's own path means
        that folder: `static("/assets/app.css")`.
        """
        if self._folders is None:
            self._folders = list(_static_folders(self.app.runtime.routes))
        if not self._folders:
            raise LookupError(
                f'static("{name}"): the application serves no static files; app.static("/static", "static")'
            )
        first: LookupError | None = None
        for base, files in self._folders:
            inner = name.removeprefix(base) if name.startswith("/") else name
            if inner.startswith("/"):
                continue
            try:
                return f"{_root()}{base}{files.url(inner).removeprefix(files.prefix + '/')}"
            except LookupError as error:
                first = first or error
        raise first or LookupError(f'static("{name}"): it is below none of {", ".join(b for b, _ in self._folders)}')


def _static_folders(routes: Any) -> Iterator[tuple[str, Any]]:
    """Path and files of each `app.static`, in order of declaration."""
    for route in routes:
        files = getattr(route.endpoint, "files", None)
        base, tail, _ = route.text.partition("{path:path}")
        if files is not None and tail and "{" not in base:
            yield base, files


class CsrfInput:
    """`{{ csrf_input }}`: the hidden field that proves a form to be ours; nothing without a session extension."""

    __slots__ = ()

    def __html__(self) -> str:
        request = current.get()
        guard = request.scope.get("csrf") if request is not None else None
        if guard is None:
            return ""
        return f'<input type="hidden" name="{escape(guard.field)}" value="{escape(guard.token())}">'

    __str__ = __html__

    def __call__(self) -> Html:
        """`{{ csrf_input() }}`, as some write it."""
        return Html(self.__html__())


class Messages:
    """`{% for message in messages %}`: what was flashed for this visitor. Once looked at, it is not shown again."""

    __slots__ = ()

    _KEPT = "ketch.messages"

    def _taken(self) -> list[FlashMessage]:
        request = current.get()
        if request is None:
            return []
        kept: list[FlashMessage] | None = request.scope.get(self._KEPT)
        if kept is None:
            kept = request.scope[self._KEPT] = take_messages(request)
        return kept

    def __iter__(self) -> Iterator[FlashMessage]:
        return iter(self._taken())

    def __len__(self) -> int:
        return len(self._taken())
