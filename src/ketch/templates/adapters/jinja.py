"""Jinja2: files in folders become text, escaped unless they are plain text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jinja2

from ketch.templates.mistakes import TemplateMissing, broken, missing, no_block

_NOT_MARKUP = ("csv", "json", "md", "text", "txt")


class Jinja:
    """Renders the templates of `folders`, the first that has a name winning.

    With `strict`, showing a name that nobody passed is an error (asking for it with `{% if %}` is not); otherwise it is
    shown as nothing. With `reload`, a file is read again when it has changed.
    """

    def __init__(
        self,
        folders: Sequence[str],
        words: Mapping[str, Any],
        *,
        filters: Mapping[str, Callable[..., Any]],
        tests: Mapping[str, Callable[..., Any]],
        strict: bool,
        reload: bool,
    ) -> None:
        self.folders = tuple(folders)
        self.environment = jinja2.Environment(
            loader=_Folders(list(folders)),
            autoescape=_is_markup,
            undefined=_Unknown if strict else jinja2.Undefined,
            auto_reload=reload,
        )
        self.environment.globals.update(words)
        self.environment.filters.update(filters)
        self.environment.tests.update(tests)

    def has(self, name: str) -> bool:
        """Whether there is a template of that name, broken or not."""
        loader = self.environment.loader
        assert loader is not None  # given above
        try:
            loader.get_source(self.environment, name)
        except jinja2.TemplateNotFound:
            return False
        except jinja2.TemplateSyntaxError:
            return True
        return True

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        """The whole template. Raises TemplateMissing, TemplateBroken, and what the template's own code raises."""
        return self._told(lambda: self.environment.get_template(name).render(context))

    def render_block(self, name: str, block: str, context: Mapping[str, Any]) -> str:
        """One block of the template, its own or its ancestors'. Raises as `render` does."""
        return self._told(lambda: self._block(name, block, context))

    def _block(self, name: str, block: str, context: Mapping[str, Any]) -> str:
        template = self.environment.get_template(name)
        inner = template.new_context(dict(context))
        try:
            # Up to its first text: this links the blocks with those of the templates it extends, and makes what it sets
            # and imports at its top.
            next(iter(template.root_render_func(inner)), None)
            if block not in inner.blocks:
                raise no_block(block, name, list(inner.blocks))
            return self.environment.concat(inner.blocks[block][0](inner))
        except TemplateMissing:
            raise
        except Exception:
            self.environment.handle_exception()

    def _told(self, render: Callable[[], str]) -> str:
        try:
            return render()
        except jinja2.TemplateSyntaxError as error:
            raise broken(error.filename or error.name or "", error.lineno, error.message or "", error.source) from error
        except jinja2.TemplatesNotFound as error:
            raise missing(", ".join(map(str, error.templates)), self.folders, self.names()) from error
        except jinja2.TemplateNotFound as error:
            raise missing(str(error.name or ""), self.folders, self.names()) from error

    def names(self) -> list[str]:
        """Every template, for suggestions."""
        return self.environment.list_templates()[:2_000]


class _Folders(jinja2.FileSystemLoader):
    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        try:
            return super().get_source(environment, template)
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            raise jinja2.TemplateSyntaxError("The file is not UTF-8.", line, template) from None


def _is_markup(name: str | None) -> bool:
    ending = (name or "").removesuffix(".jinja").removesuffix(".j2").rpartition(".")[2].lower()
    return ending not in _NOT_MARKUP


class _Unknown(jinja2.Undefined):
    """A name that nobody passed: it may be asked about, but not shown."""

    __str__ = jinja2.Undefined._fail_with_undefined_error

    @property
    def _undefined_message(self) -> str:
        return f"{super()._undefined_message}. Pass it to Template(...), or write |default('') behind it."
