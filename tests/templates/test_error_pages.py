"""`404.html` and its like replace browsers' error pages; programs get JSON as before."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ketch import App, Conflict, HTMLResponse, HTTPException, Request, ValidationProblem
from ketch.testing import TestClient

Make = Callable[..., App]
Write = Callable[..., Path]

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def failing(app: App) -> TestClient:
    @app.get("/conflict")
    async def conflict() -> None:
        raise Conflict("There is <one> already", headers={"x-why": "stock"})

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("broken")

    @app.get("/invalid")
    async def invalid(n: int) -> None: ...

    return TestClient(app, raise_server_exceptions=False, headers=BROWSER)


PAGES = {
    "404.html": "<h1>Lost {{ request.url.path }}</h1>",
    "error.html": "{{ status }} {{ title }}: {{ detail }}{% for e in errors %} {{ e.loc | join('.') }}{% endfor %}",
}


def test_pages_of_ones_own(quiet: Make, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    with failing(quiet(templates=write(PAGES))) as client:
        lost, conflict = client.get("/nowhere"), client.get("/conflict")
        assert (lost.status_code, lost.text) == (404, "<h1>Lost /nowhere</h1>")
        assert (conflict.status_code, conflict.text) == (409, "409 Conflict: There is &lt;one&gt; already")
        assert conflict.headers["x-why"] == "stock" and conflict.headers["content-type"].startswith("text/html")
        assert client.get("/invalid").text.endswith("query.n")
        assert client.get("/broken").text.startswith("500 Internal Server Error")
        assert client.post("/conflict").headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html;q=0.5, application/json"])
def test_json_stays(quiet: Make, write: Write, accept: str) -> None:
    with failing(quiet(templates=write(PAGES))) as client:
        for path in ("/nowhere", "/conflict", "/broken"):
            answer = client.get(path, headers={"accept": accept})
            assert answer.headers["content-type"] == "application/problem+json"


def test_without_a_page_for_it_the_plain_one_is_sent(quiet: Make, write: Write) -> None:
    with failing(quiet(templates=write({"404.html": "lost"}))) as client:
        answer = client.get("/conflict")
        assert answer.status_code == 409 and "There is &lt;one&gt; already" in answer.text
        assert "style-src 'sha256-" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "page", ["{{ 1 / 0 }}", "{% if %}", "{% include 'nothing.html' %}", "{{ url_for('nothing') }}"]
)
def test_a_failing_error_page_is_logged_and_the_plain_one_sent(
    quiet: Make, write: Write, page: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "ketch")
    with failing(quiet(templates=write({"404.html": page}))) as client:
        answer = client.get("/nowhere")
    assert (answer.status_code, "Not Found" in answer.text) == (404, True)
    assert "the error page 404.html failed" in caplog.text


def test_pages_without_any_route_that_names_a_template(
    quiet: Make, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write({"404.html": "ours"})
    monkeypatch.chdir(folder.parent)
    app = quiet()
    with TestClient(app, headers=BROWSER) as client:
        assert client.get("/nowhere").text == "ours"


def test_an_extensions_pages_and_a_handler_come_before_templates(quiet: Make, write: Write) -> None:
    class Pages:
        name = "pages"

        def setup(self, declare: Any) -> None:
            declare.error_pages(lambda error, request: HTMLResponse("the extension's", error.status_code))

    app = quiet(templates=write(PAGES), extensions=[Pages()])
    with failing(app) as client:
        assert client.get("/nowhere").text == "the extension's"
    app = quiet(templates=write(PAGES))

    @app.exception_handler(404)
    async def lost(request: Request, error: HTTPException) -> HTMLResponse:
        return HTMLResponse("the handler's", 404)

    with failing(app) as client:
        assert client.get("/nowhere").text == "the handler's"


def test_in_dev_an_unhandled_error_is_the_developers_page(
    quiet: Make, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KETCH_ENV", "dev")
    with failing(quiet(templates=write({"500.html": "sorry"}))) as client:
        assert "RuntimeError" in client.get("/broken").text
    monkeypatch.setenv("KETCH_ENV", "production")
    with failing(quiet(templates=write({"500.html": "sorry"}))) as client:
        assert client.get("/broken").text == "sorry"


def test_a_page_says_every_problem(quiet: Make) -> None:
    app = quiet()

    @app.get("/")
    async def many() -> None:
        raise ValidationProblem([{"loc": ["query", f"<{n}>"], "msg": "Bad & worse", "type": "x"} for n in range(150)])

    with TestClient(app, headers=BROWSER) as client:
        text = client.get("/").text
    assert text.count("<li>") == 100 and "&lt;7&gt;" in text and "Bad &amp; worse" in text
