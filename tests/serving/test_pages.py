"""The plain error page, and what a developer sees for a path that leads nowhere."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from ketch import App, HTTPException, NotFound, Router
from ketch.testing import TestClient

BROWSER = {"accept": "text/html"}


def shop() -> App:
    app = App(openapi_url=None, docs_url=None)
    orders = Router(prefix="/orders")

    @orders.get("/{id}")
    async def show(id: int) -> None:
        raise NotFound(f"no order {id}")

    @orders.post("")
    async def place() -> None: ...

    app.include_router(orders)

    @app.get("/odd")
    async def odd() -> None:
        raise HTTPException(418, "a\ud800<b>", title="Tea & <pot>")

    return app


def test_the_style_is_allowed_by_its_hash_and_nothing_else_is() -> None:
    with TestClient(shop(), headers=BROWSER) as client:
        answer = client.get("/nowhere")
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert answer.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
    assert answer.status_code == 404 and "<script" not in answer.text and " style=" not in answer.text


def test_what_it_quotes_is_escaped() -> None:
    with TestClient(shop(), headers=BROWSER) as client:
        answer = client.get("/odd")
    assert answer.status_code == 418
    assert "Tea &amp; &lt;pot&gt;" in answer.text and "a?&lt;b&gt;" in answer.text


@pytest.mark.parametrize("mode", ["production", "test"])
def test_only_dev_shows_routes(monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("KETCH_ENV", mode)
    with TestClient(shop(), headers=BROWSER) as client:
        assert "orders" not in client.get("/order/7").text


def test_dev_shows_what_was_tried_and_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_ENV", "dev")
    with TestClient(shop(), headers=BROWSER, base_url="http://localhost") as client:
        text = client.get("/ordrs/7").text
        assert "Nothing is at <code>/ordrs/7</code>" in text
        assert "Did you mean <code>/orders/{id}</code>?" in text
        assert (
            "<code>GET /orders/{id}</code><span>segment 1 is &quot;ordrs&quot;, not &quot;orders&quot;</span>" in text
        )
        own = client.get("/orders/7").text
        assert "no order 7" in own and "GET /orders/{id} answered this itself" in own and "Did you mean" not in own
        for path in ("/" + "x" * 5_000, "/%3Cscript%3E", "/%00", "/a" * 1_000, "//", "/é"):
            answer = client.get(path)
            assert answer.status_code == 404 and "<script" not in answer.text and len(answer.content) < 50_000
    with TestClient(shop(), headers=BROWSER, base_url="http://localhost", root_path="/root") as client:
        assert "Did you mean <code>/orders/{id}</code>?" in client.get("/root/ordrs/7").text


def test_many_routes_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_ENV", "dev")
    app = App(openapi_url=None, docs_url=None)
    for number in range(300):

        @app.get(f"/r{number}", name=f"r{number}")
        async def route() -> None: ...

    with TestClient(app, headers=BROWSER, base_url="http://localhost") as client:
        text = client.get("/nowhere").text
    assert text.count("<li>") == 40 and "260 more routes." in text
