"""The page in a real browser: it works, under a root path too, and its policy is not violated once."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.openapi.harbour import make

pytestmark = [pytest.mark.browser, pytest.mark.serial]

ROOT = "/deep/root"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that serves the application at / and, as a proxy would ask for it, below ROOT."""
    uvicorn = pytest.importorskip("uvicorn")
    app = make()

    async def rooted(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith(ROOT):
            scope = {**scope, "root_path": ROOT}
        await app(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(rooted, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        path = os.environ.get("KETCH_TEST_CHROMIUM")
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page; at its end nothing may have failed, in its console or on the wire."""
    page = browser.new_page()
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    yield page
    page.close()
    assert wrong == []


@pytest.mark.parametrize("root", ["", ROOT])
def test_swagger_ui_shows_the_api_and_sends_a_request(page: Any, address: str, root: str) -> None:
    page.goto(f"{address}{root}/docs")
    page.locator("#operations-orders-list_orders .opblock-summary").click()
    page.locator("#operations-orders-list_orders button.execute").click()
    shown = page.locator("#operations-orders-list_orders .live-responses-table .response-col_status").last
    assert shown.inner_text().strip().startswith("200")
    url = page.locator("#operations-orders-list_orders .request-url pre").inner_text()
    assert url == f"{address}{root}/orders?limit=10"


def test_an_upload_has_a_file_field_and_schemes_can_be_filled_in(page: Any, address: str) -> None:
    page.goto(f"{address}/docs")
    page.locator("#operations-files-avatar .opblock-summary").click()
    page.locator("#operations-files-avatar input[type=file]").wait_for()
    page.locator("button.authorize").first.click()
    assert "OAuth2PasswordBearer" in page.locator(".modal-ux").inner_text()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?code=abc&state=s", {"code": "abc"}),
        ("?error=access_denied&error_description=no&state=s", {"error": "access_denied: no"}),
        ("?state=s", {"error": "The server sent no authorization code."}),
    ],
)
def test_the_redirect_page_hands_the_answer_over(page: Any, address: str, query: str, expected: dict[str, str]) -> None:
    page.goto(f"{address}/docs")
    page.evaluate(
        """() => {
            window.told = {};
            window.swaggerUIRedirectOauth2 = {
                state: "s",
                redirectUrl: "x",
                auth: { name: "Login", schema: new Map([["flow", "authorizationCode"]]) },
                callback: (answer) => { window.told = { code: answer.auth.code }; },
                errCb: (problem) => { window.told = { error: problem.message }; },
            };
        }"""
    )
    with page.expect_popup() as popup:
        page.evaluate("(query) => { window.open('docs/oauth2-redirect' + query); }", query)
    if not popup.value.is_closed():
        popup.value.wait_for_event("close")
    assert page.evaluate("() => window.told") == expected


def test_the_plain_page_opens_what_a_link_leads_to(page: Any, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ketch.openapi.assets.swagger_ui", lambda: None)
    from ketch.testing import TestClient

    with TestClient(make()) as client:
        answer = client.get("/docs")
    page.route("**/*.css", lambda route: route.fulfill(body="", content_type="text/css"))
    page.route(
        "**/plain",
        lambda route: route.fulfill(body=answer.text, headers=dict(answer.headers), content_type="text/html"),
    )
    page.goto(f"{address}/plain")
    assert not page.locator("#place").is_visible()
    page.locator("nav a", has_text="POST /orders").first.click()
    assert page.locator("#place").is_visible()
