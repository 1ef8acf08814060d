"""The kit for templates passes what is right and bites what is wrong."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

import pytest

from ketch import HTMLResponse, PlainTextResponse, Template
from ketch.templates import Templates
from ketch.testing import conformance

Make = Callable[..., Templates]
_PAGES = {"conformance.html": "<p>$text</p>"}


class Formless:
    """No forms, and nothing but the standard library."""

    def page(self, template: Template, request: Any, status: int | None) -> Any:
        text = self.render(template.name, template.context).encode("utf-8", "replace")
        return HTMLResponse(text, template.status_code or status or 200, template.headers)

    def render(self, name: str, context: Mapping[str, Any]) -> str:
        return string.Template(_PAGES[name]).substitute({key: escape(str(value)) for key, value in context.items()})

    def draw_form(self, form: Any) -> str:
        raise NotImplementedError("these templates draw no forms")

    def field(self, form: Any, name: str) -> Any:
        raise NotImplementedError("these templates draw no forms")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conformance.html").write_text("<p>{{ text }}</p>", "utf-8")
    (tmp_path / "404.html").write_text("<p>{{ detail }}</p>", "utf-8")
    return tmp_path


def test_our_own_templates_conform(folder: Path) -> None:
    conformance.templates(lambda: Templates(folder=folder))


def test_templates_without_forms_conform() -> None:
    conformance.templates(Formless, forms=False)
    with pytest.raises(AssertionError, match="the route's 201, showing form and text, made 201; it must be 422"):
        conformance.templates(Formless)


class Raw(Formless):
    def render(self, name: str, context: Mapping[str, Any]) -> str:
        return string.Template(_PAGES[name]).substitute(context)


class Deaf(Formless):
    def render(self, name: str, context: Mapping[str, Any]) -> str:
        return "always the same" if name in _PAGES else _PAGES[name]


class Files(Formless):
    def render(self, name: str, context: Mapping[str, Any]) -> str:
        return super().render(name, context) if name in _PAGES else Path(name).read_text("utf-8")


class Lenient(Formless):
    def render(self, name: str, context: Mapping[str, Any]) -> str:
        return super().render(name, context) if name in _PAGES else ""


class Ok(Formless):
    def page(self, template: Template, request: Any, status: int | None) -> Any:
        return HTMLResponse(self.render(template.name, template.context), 200, template.headers)


class Stubborn(Formless):
    def page(self, template: Template, request: Any, status: int | None) -> Any:
        return HTMLResponse(self.render(template.name, template.context), status or 200, template.headers)


class Headless(Formless):
    def page(self, template: Template, request: Any, status: int | None) -> Any:
        return HTMLResponse(self.render(template.name, template.context), template.status_code or status or 200)


class Plain(Formless):
    def page(self, template: Template, request: Any, status: int | None) -> Any:
        return PlainTextResponse(self.render(template.name, template.context), status or 200, template.headers)


class Brittle(Formless):
    def page(self, template: Template, request: Any, status: int | None) -> Any:
        text = self.render(template.name, template.context)
        return HTMLResponse(text, template.status_code or status or 200, template.headers)


class Text(Formless):
    def page(self, template: Template, request: Any, status: int | None) -> Any:
        return self.render(template.name, template.context)


class Alarming(Formless):
    def error_page(self, error: Any, request: Any) -> Any:
        return HTMLResponse(self.render("404.html", {}), error.status_code)


class Cheerful(Formless):
    def error_page(self, error: Any, request: Any) -> Any:
        return HTMLResponse("<p>All is well</p>")


class Half:
    def page(self, template: Template, request: Any, status: int | None) -> Any:
        return HTMLResponse("half")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Raw, "does not escape"),
        (Deaf, "does not show the value `text`"),
        (Files, "missing template raised FileNotFoundError"),
        (Lenient, "missing template raised no LookupError"),
        (Ok, "the route's 201, showing text, made 200; it must be 201"),
        (Stubborn, "status 418 and the route's 201, showing text, made 201; it must be 418"),
        (Headless, "leaves out the Template's headers"),
        (Plain, "content type 'text/plain"),
        (Brittle, "raised UnicodeEncodeError"),
        (Text, "gave str, not a Response"),
        (Alarming, "error_page.. raised KeyError"),
        (Cheerful, "for a 404 made 200"),
        (Half, "have a method `render`"),
    ],
)
def test_wrong_templates_are_told_why(wrong: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        conformance.templates(wrong, forms=False)


def _changed(change: Callable[[str], str]) -> type[Templates]:
    class Changed(Templates):
        def draw_form(self, form: Any) -> str:
            return change(super().draw_form(form))

    return Changed


class NoPlan(Templates):
    def field(self, form: Any, name: str) -> Any:
        return super().field(form, "age")


class Bare(Templates):
    def field(self, form: Any, name: str) -> Any:
        return super().field(form, name).input


class NoIndex(Templates):
    def field(self, form: Any, name: str) -> Any:
        if name == "nothing":
            raise AttributeError(name)
        return super().field(form, name)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (_changed(lambda text: text.replace("&lt;", "<").replace("&gt;", ">")), "does not escape what was typed"),
        (_changed(lambda text: text.replace("&quot;", '"')), "does not show again what was typed, '<b>"),
        (_changed(lambda text: text.replace('name="password"', "")), "no control for the field 'password'"),
        (_changed(lambda text: text.replace("<label", "<b").replace("</label", "</b")), "no <label> for the field"),
        (_changed(lambda text: text.replace("old", "")), "does not show again what was typed, 'old'"),
        (_changed(lambda text: text.replace('class="error"', "hidden").replace("integer", "")), "say what is wrong"),
        (_changed(lambda text: text + "<p>hush, not a word</p>"), "shows a password again"),
        (_changed(lambda text: text.replace("token-value", "")), "leaves out the form's token"),
        (NoPlan, "of an unknown name raised no LookupError"),
        (Bare, "has no `label`"),
        (NoIndex, "raised AttributeError, no LookupError"),
    ],
)
def test_wrongly_drawn_forms_are_told_why(folder: Path, wrong: Make, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        conformance.templates(lambda: wrong(folder=folder))
