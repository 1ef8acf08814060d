"""The pages in a real browser: live board, names of countries, no error, nothing wider than the window."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from .served import serving

pytestmark = [pytest.mark.browser, pytest.mark.serial]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("browser")) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    path = os.environ.get("KETCH_TEST_CHROMIUM")
    if not path:
        pytest.skip("needs Chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(params=[("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)], ids=lambda p: f"{p[0]}-{p[1]}")
def page(request: pytest.FixtureRequest, browser: Any) -> Iterator[Any]:
    scheme, width = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.mistakes = []
    page.on("console", lambda message: page.mistakes.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.mistakes.append(str(error)))
    yield page
    context.close()


@pytest.mark.parametrize("path", ["/", "/?q=zurich", "/?country=NP&sort=-elevation", "/?q=qqqq", "/airports/LSZH"])
def test_every_page_fits_and_none_complains(page: Any, address: str, path: str) -> None:
    page.goto(address + path, wait_until="load")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert page.mistakes == []


def test_the_board_is_live(page: Any, address: str) -> None:
    page.goto(address, wait_until="load")
    page.wait_for_selector(".state.live")
    elevation = int(time.time()) % 10_000
    page.request.patch(f"{address}/api/airports/LSZH", data={"elevation": elevation})
    page.wait_for_selector(".lines li.fresh.changed", timeout=5_000)
    assert "Zurich Airport: elevation" in page.text_content(".lines li:first-child .text")
    assert page.mistakes == []


def test_countries_get_their_names(page: Any, address: str) -> None:
    page.goto(f"{address}/?country=NP", wait_until="load")
    assert "Nepal" in page.text_content(".list")
    assert page.eval_on_selector("select[name=country]", "select => select.selectedOptions[0].text") == "Nepal"


def test_the_search_works_with_the_keyboard_and_without_javascript(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(address)
    page.fill("#q", "heathrow")
    page.press("#q", "Enter")
    page.wait_for_url("**q=heathrow**")
    page.click(".row >> text=London Heathrow Airport")
    assert page.text_content("h1") == "London Heathrow Airport"
    context.close()
