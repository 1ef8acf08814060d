"""Are they templates? The kit of seams/templates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from ketch.app import App
from ketch.binding.submitted import Submitted
from ketch.http.page import Template
from ketch.http.problems import NotFound
from ketch.http.request import Request
from ketch.http.response import Response
from ketch.seams.templates import Templates
from ketch.testing.conformance.markup import Markup
from ketch.testing.exchange import HTTPExchange

_PLAIN = "a plain word"
_HOSTILE = "<script>alert(1)</script>"
_SECRET = "hush, not a word"


class _Person(Struct):
    name: str
    age: int
    password: str


def templates(make: Callable[[], Templates], *, page: str = "conformance.html", forms: bool = True) -> None:
    """The promises of seams/templates: texts are escaped, pages have the right status, forms show what was typed.

    `page` is an HTML template of yours that shows the value `text`. `forms=False` is for templates that draw no forms.
    """
    asyncio.run(_promises(make(), page, forms))


async def _promises(subject: Templates, page: str, forms: bool) -> None:
    for name in ("page", "render", "draw_form", "field"):
        assert callable(getattr(subject, name, None)), f"templates have a method `{name}`"
    app = App(templates=subject, openapi_url=None, docs_url=None)
    held: list[tuple[Submitted[_Person], Request]] = []

    @app.route("/", methods=["GET", "POST"])
    async def hold(form: Submitted[_Person], request: Request) -> Template | None:
        held.append((form, request))
        return None

    await app.runtime.start()
    try:
        for fields in (b"name=Ann&age=7&password=x", b"name=%3Cb%3E%22Ann%22&age=old&password=hush,+not+a+word"):
            await _post(app, fields)
        (valid, request), (invalid, _) = held
        _texts(subject, page)
        _pages(subject, page, request)
        _error_page(subject, request)
        if forms:
            _form_pages(subject, page, request, valid, invalid)
            _drawing(subject, invalid)
            _fields(subject, invalid)
    finally:
        await app.runtime.stop()


async def _post(app: App, body: bytes) -> None:
    headers = [
        (b"host", b"testserver"),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-length", str(len(body)).encode()),
    ]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": headers,
    }
    exchange = HTTPExchange(app, scope, body, raises=True, seconds=10)
    await exchange.head()
    while await exchange.chunk() is not None:
        pass


def _texts(subject: Templates, page: str) -> None:
    text = subject.render(page, {"text": _PLAIN})
    assert isinstance(text, str), f"render() gave {type(text).__name__}, not str"
    assert _PLAIN in text, f"render({page!r}, ...) does not show the value `text`: {text!r}"
    text = subject.render(page, {"text": _HOSTILE})
    assert _HOSTILE not in text, "render() of an HTML template does not escape what it shows"
    try:
        subject.render("there-is-no-such-template.html", {})
    except LookupError:
        return
    except Exception as error:
        raise AssertionError(f"render() of a missing template raised {type(error).__name__}, no LookupError") from error
    raise AssertionError("render() of a missing template raised no LookupError")


def _pages(subject: Templates, page: str, request: Any) -> None:
    response = _page(subject, Template(page, headers={"X-Kit": "told"}, text=_PLAIN), request, None, 200)
    assert _PLAIN.encode() in response.body, f"page() does not show the value `text`: {response.body!r}"
    kind = response.headers.get("content-type") or ""
    assert kind.startswith("text/html"), f"page() of an HTML template has the content type {kind!r}"
    assert response.headers.get("x-kit") == "told", "page() leaves out the Template's headers"
    _page(subject, Template(page, text=_PLAIN), request, 201, 201)
    _page(subject, Template(page, status_code=418, text=_PLAIN), request, 201, 418)
    hostile = _page(subject, Template(page, text=_HOSTILE), request, None, 200)
    assert _HOSTILE.encode() not in hostile.body, "page() of an HTML template does not escape what it shows"
    _page(subject, Template(page, text="lone surrogate \ud800"), request, None, 200)


def _form_pages(subject: Templates, page: str, request: Any, valid: Any, invalid: Any) -> None:
    _page(subject, Template(page, form=valid, text=_PLAIN), request, 201, 201)
    _page(subject, Template(page, form=invalid, text=_PLAIN), request, 201, 422)
    _page(subject, Template(page, status_code=200, form=invalid, text=_PLAIN), request, 201, 200)


def _page(subject: Templates, template: Template, request: Any, status: int | None, wanted: int) -> Response:
    given = f"page() with the template's status {template.status_code} and the route's {status}"
    shown = sorted(template.context)
    try:
        response = subject.page(template, request, status)
    except Exception as error:
        what = f"page() with {template.context.get('text')!r} raised {type(error).__name__}: {error}"
        raise AssertionError(what) from error
    assert isinstance(response, Response), f"page() gave {type(response).__name__}, not a Response"
    found = response.status_code
    assert found == wanted, f"{given}, showing {' and '.join(shown)}, made {found}; it must be {wanted}"
    return response


def _error_page(subject: Any, request: Any) -> None:
    error_page = getattr(subject, "error_page", None)
    if error_page is None:
        return
    try:
        response = error_page(NotFound("nothing here"), request)
    except Exception as error:
        raise AssertionError(f"error_page() raised {type(error).__name__}: {error}; None is the plain page") from error
    if response is not None:
        assert response.status_code == 404, f"error_page() for a 404 made {response.status_code}"


class _Guard:
    field = "token-field"

    def token(self) -> str:
        return "token-value"

    async def check(self) -> None: ...


def _drawing(subject: Templates, form: Any) -> None:
    """A form that came back with errors, in a session."""
    form.request.scope["csrf"] = _Guard()
    text = subject.draw_form(form)
    assert isinstance(text, str), f"draw_form() gave {type(text).__name__}, not str"
    assert "<b>" not in text, "draw_form() does not escape what was typed"
    drawn = Markup.of(text)
    for name in ("name", "age", "password"):
        assert name in drawn.controls, f"draw_form() has no control for the field {name!r}: {text}"
        assert name in drawn.labelled, f"draw_form() has no <label> for the field {name!r}: {text}"
    for typed in ('<b>"Ann"', "old"):
        assert drawn.shows(typed), f"draw_form() does not show again what was typed, {typed!r}: {text}"
    for message in form.errors["age"]:
        assert drawn.shows(message), f"draw_form() does not say what is wrong, {message!r}: {text}"
    assert not drawn.shows(_SECRET), f"draw_form() shows a password again: {text}"
    assert drawn.controls.get(_Guard.field) == "token-value", f"draw_form() leaves out the form's token: {text}"


def _fields(subject: Templates, form: Any) -> None:
    field = subject.field(form, "age")
    for part in ("label", "input", "errors", "hint", "__html__"):
        assert hasattr(field, part), f"field() gave {type(field).__name__}, which has no `{part}`"
    assert list(field.errors) == form.errors["age"], f"field(form, 'age').errors is {field.errors!r}"
    whole = Markup.of(field.__html__())
    assert whole.controls.get("age") == "old", f"field(form, 'age') does not show what was typed: {field.__html__()}"
    try:
        subject.field(form, "nothing")
    except LookupError:
        return
    except Exception as error:
        raise AssertionError(f"field() of an unknown name raised {type(error).__name__}, no LookupError") from error
    raise AssertionError("field() of an unknown name raised no LookupError")
