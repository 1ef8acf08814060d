"""`Templates`: the seam's door. What a page is made of, and with which status it goes out; Jinja2 makes the text."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ketch.app.mode import mode
from ketch.app.templates import own_folder
from ketch.binding.submitted import Submitted
from ketch.http.mediatypes import guess_media_type
from ketch.http.page import Template
from ketch.http.problems import HTTPException
from ketch.http.response import Response
from ketch.http.status import phrase
from ketch.templates.adapters.jinja import Jinja
from ketch.templates.drawing import Drawn, draw
from ketch.templates.words import Words, current

if TYPE_CHECKING:
    from ketch.app.application import App

INVALID = 422


class Templates:
    """Renders the templates of an application: those of `folder`, then those of extensions.

    The application makes one by itself. Make your own for filters, tests and globals (Jinja2's):
    `App(templates=Templates(filters={"money": money}))`. `folder` is by default `templates/` beside the file in which
    the App is made, else in the working directory.
    """

    def __init__(
        self,
        app: App | None = None,
        folder: str | os.PathLike[str] | None = None,
        extra_folders: Sequence[str | os.PathLike[str]] = (),
        *,
        filters: Mapping[str, Callable[..., Any]] | None = None,
        tests: Mapping[str, Callable[..., Any]] | None = None,
        globals: Mapping[str, Any] | None = None,
    ) -> None:
        self._folder = folder
        self._filters = dict(filters or {})
        self._tests = dict(tests or {})
        self._globals = dict(globals or {})
        self._jinja: Jinja | None = None
        self._has: dict[str, bool] = {}
        if app is not None:
            self.attach(app, extra_folders)

    def attach(self, app: App, extra_folders: Sequence[str | os.PathLike[str]] = ()) -> None:
        """Belong to `app`; extensions' folders stand behind its own."""
        where = mode()
        folders = [own_folder(app, self._folder), *(os.path.abspath(folder) for folder in extra_folders)]
        self._reload = where == "dev"
        self._jinja = Jinja(
            folders,
            {**Words(app).as_globals(), **self._globals},
            filters=self._filters,
            tests=self._tests,
            strict=where != "production",
            reload=self._reload,
        )

    @property
    def environment(self) -> Any:
        """Jinja2's Environment. Raises RuntimeError before the application has started."""
        return self._engine.environment

    @property
    def _engine(self) -> Jinja:
        if self._jinja is None:
            raise RuntimeError("these templates belong to no application yet: App(templates=...)")
        return self._jinja

    # --- the seam -----------------------------------------------------------------------------------------------------

    def page(self, template: Template, request: Any, status: int | None) -> Response:
        """A `Template` as a Response. Raises TemplateMissing, TemplateBroken, and what the template's code raises."""
        token = current.set(request)
        try:
            context = {"request": request, "user": request.scope.get("user"), **template.context}
            if template.block is None:
                text = self._engine.render(template.name, context)
            else:
                text = self._engine.render_block(template.name, template.block, context)
        finally:
            current.reset(token)
        invalid = any(isinstance(value, Submitted) and value.invalid for value in template.context.values())
        code = template.status_code or (INVALID if invalid else status) or 200
        # A lone surrogate from a database must not cost the page.
        body = text.encode("utf-8", "replace")
        return Response(body, code, template.headers, media_type(template.name))

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """A template's text, for mails and the like; with a `request` in the context, as its page would be."""
        token = current.set(context.get("request"))
        try:
            return self._engine.render(name, context)
        finally:
            current.reset(token)

    def draw_form(self, form: Submitted[Any]) -> str:
        """A form's fields with labels, what was typed, errors and token; the page writes `<form>` and the button."""
        return draw(form)

    def field(self, form: Submitted[Any], name: str) -> Drawn:
        """One field of a form. Raises LookupError for a name that the form does not have."""
        return Drawn.of(form, name)

    def error_page(self, error: HTTPException, request: Any) -> Response | None:
        """`404.html` and its like, else `error.html`; None where there is neither, or where it fails."""
        name = next(filter(self._exists, (f"{error.status_code}.html", "error.html")), None)
        if name is None:
            return None
        template = Template(
            name,
            status_code=error.status_code,
            error=error,
            status=error.status_code,
            title=error.title or phrase(error.status_code),
            detail=error.detail or "",
            errors=error.errors,
        )
        try:
            return self.page(template, request, None)
        except Exception as failure:
            from logging import getLogger

            getLogger("ketch").error("the error page %s failed; the plain one was sent", name, exc_info=failure)
            return None

    def _exists(self, name: str) -> bool:
        if self._reload:
            return self._engine.has(name)
        if name not in self._has:
            self._has[name] = self._engine.has(name)
        return self._has[name]


def media_type(name: str) -> str:
    """What a template of this name makes: HTML unless its ending says otherwise; `.jinja` and `.j2` say nothing."""
    kind = guess_media_type(name.removesuffix(".jinja").removesuffix(".j2"))
    return kind if kind and kind != "application/octet-stream" else "text/html"
