"""Requests that another site makes a visitor's browser send.

Sec-Fetch-Site `same-origin` or `none` passes; else Origin must equal the validated host or a trusted origin; both
absent passes unless form-encoded, which needs the token. Bearer and API-key requests are exempt.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Annotated, Any

import pytest

from ketch import App, Depends, Form, Limits, Request, Router, Struct, UploadFile
from ketch.auth import APIKeyHeader
from ketch.middleware import ProxyHeadersMiddleware
from ketch.sessions import Sessions, csrf_protected
from ketch.testing import TestClient

KEY = "a key for tests, long enough"
OURS = "http://testserver"
FORM = "application/x-www-form-urlencoded"


class Strict(Struct, forbid_unknown_fields=True):
    title: str


def shop(**options: Any) -> App:
    app = App(openapi_url=None, docs_url=None, extensions=[Sessions(KEY, **options)])

    @app.get("/token")
    async def token(request: Request) -> str:
        return str(request.scope["csrf"].token())

    @app.route("/act", methods=["POST", "PUT", "PATCH", "DELETE", "GET"])
    async def act(request: Request) -> str:
        return "acted"

    @app.post("/title")
    async def title(form: Annotated[Strict, Form()]) -> str:
        return form.title

    @app.post("/file", limits=Limits(multipart=3_000_000, file=3_000_000))
    async def file(file: UploadFile) -> int:
        return int(file.size or 0)

    @app.post("/login", dependencies=[csrf_protected])
    async def login() -> str:
        return "signed in"

    @app.post("/keyed")
    async def keyed(key: Annotated[str, Depends(APIKeyHeader(name="X-Shop-Key"))]) -> str:
        return "keyed"

    @app.post("/basic-keyed")
    async def basic_keyed(key: Annotated[str, Depends(APIKeyHeader(name="Authorization"))]) -> str:
        return "keyed"

    return app


class Browser(TestClient):
    """A client with a session, that sends no Sec-Fetch-Site of its own."""

    def __init__(self, app: App, **options: Any) -> None:
        super().__init__(app, **options)
        del self.headers["sec-fetch-site"]

    def start(self) -> str:
        return self.get("/token").text


@pytest.fixture
def browser() -> Iterator[Browser]:
    with Browser(shop()) as client:
        client.start()
        yield client


def headers(site: str | None = None, origin: str | None = None, kind: str | None = None, **more: str) -> dict[str, str]:
    given = {"sec-fetch-site": site, "origin": origin, "content-type": kind}
    return {name: value for name, value in given.items() if value is not None} | more


@pytest.mark.parametrize(
    ("sent", "passes"),
    [
        (headers("same-origin"), True),
        (headers("none"), True),
        (headers("same-origin", "https://evil.example"), True),  # the browser's own word counts first
        (headers("same-site"), False),
        (headers("cross-site"), False),
        (headers("nonsense"), False),
        (headers("same-site", OURS), True),
        (headers("cross-site", OURS), True),
        (headers("cross-site", "https://evil.example"), False),
        (headers(None, OURS), True),
        (headers(None, "https://testserver"), True),  # behind a proxy that speaks https
        (headers(None, "HTTP://TESTSERVER"), True),
        (headers(None, "http://testserver:8080"), False),
        (headers(None, "http://testserver.evil.example"), False),
        (headers(None, "http://evil.example/testserver"), False),
        (headers(None, "http://evil.example@testserver"), False),
        (headers(None, "null"), False),
        (headers(None, ""), False),
        (headers(None, "https://app.example"), False),
        (headers(), True),
        (headers(kind="application/json"), True),
        (headers(kind=FORM), False),
        (headers(kind=f"{FORM}; charset=utf-8"), False),
        (headers(kind="APPLICATION/X-WWW-FORM-URLENCODED"), False),
        (headers(kind="text/plain"), False),
        (headers(None, OURS, FORM), True),
        (headers("same-origin", None, FORM), True),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_who_may_act_in_a_visitors_name(browser: Browser, method: str, sent: dict[str, str], passes: bool) -> None:
    assert browser.request(method, "/act", headers=sent, content=b"").status_code == (200 if passes else 403)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_safe_methods_pass(browser: Browser, method: str) -> None:
    assert browser.request(method, "/act", headers=headers("cross-site", "https://evil.example")).is_success


def test_without_a_session_there_is_nobody_to_act_for() -> None:
    with Browser(shop()) as client:
        assert client.post("/act", headers=headers("cross-site", "https://evil.example")).status_code == 200


def test_trusted_origins() -> None:
    with Browser(shop(trusted_origins=["https://app.example", "http://localhost:5173"])) as client:
        client.start()
        for origin, status in {
            "https://app.example": 200,
            "https://app.example:443": 200,
            "http://localhost:5173": 200,
            "http://app.example": 403,
            "https://sub.app.example": 403,
            "http://localhost": 403,
        }.items():
            assert client.post("/act", headers=headers("cross-site", origin)).status_code == status, origin


def test_the_host_is_the_one_that_a_trusted_proxy_reports() -> None:
    app = shop()
    app.add_middleware(
        ProxyHeadersMiddleware, trusted_hosts=["127.0.0.1"], headers=["x-forwarded-proto", "x-forwarded-host"]
    )
    reported = {"x-forwarded-host": "shop.example", "x-forwarded-proto": "https"}
    with Browser(app, base_url="http://inside:8000", client=("127.0.0.1", 5)) as client:
        client.start()
        sent = headers(None, "https://shop.example")
        assert client.post("/act", headers=sent).status_code == 403
        cookie = client.get("/token", headers=reported).headers["set-cookie"].partition(";")[0]
        assert cookie.startswith("__Host-session=")
        client.cookies.clear()
        assert client.post("/act", headers=sent | reported | {"cookie": cookie}).status_code == 200
        foreign = headers(None, "http://inside:8000")
        assert client.post("/act", headers=foreign | reported | {"cookie": cookie}).status_code == 403


def test_a_host_that_is_none_is_a_400(browser: Browser) -> None:
    sent = headers(None, OURS) | {"host": "a b"}
    assert browser.post("/act", headers=sent).status_code == 400


def test_a_mounted_application_reads_its_own_forms() -> None:
    app = shop()
    inner = App(openapi_url=None, docs_url=None)

    @inner.post("/title")
    async def title(title: Annotated[str, Form()]) -> str:
        return title

    app.mount("/old", inner)
    with Browser(app) as client:
        client.start()
        assert client.post("/old/title", data={"title": "x"}).text == "x"
        assert client.post("/old/title", data={"title": "x"}, headers=headers(None, OURS)).text == "x"
        foreign = headers("cross-site", "https://evil.example")
        assert client.post("/old/title", data={"title": "x"}, headers=foreign).status_code == 403


# --- exemptions -------------------------------------------------------------------------------------------------------


def test_bearer_tokens_and_api_keys_are_no_visitors(browser: Browser) -> None:
    foreign = headers("cross-site", "https://app.example")
    assert browser.post("/act", headers=foreign | {"authorization": "Bearer x"}).status_code == 200
    assert browser.post("/act", headers=foreign | {"authorization": "bearer x"}).status_code == 200
    assert browser.post("/act", headers=foreign | {"x-api-key": "x"}).status_code == 200
    assert browser.post("/keyed", headers=foreign | {"x-shop-key": "x"}).status_code == 200
    assert browser.post("/act", headers=foreign | {"x-shop-key": "x"}).status_code == 403
    assert browser.post("/act", headers=headers(kind=FORM) | {"authorization": "Bearer x"}).status_code == 200


def test_what_a_browser_attaches_by_itself_is_no_exemption(browser: Browser) -> None:
    foreign = headers("cross-site", "https://evil.example")
    assert browser.post("/act", headers=foreign | {"authorization": "Basic YTpi"}).status_code == 403
    assert browser.post("/basic-keyed", headers=foreign | {"authorization": "Basic YTpi"}).status_code == 403


# --- the token --------------------------------------------------------------------------------------------------------


def test_a_form_of_an_old_browser_passes_with_its_token() -> None:
    with Browser(shop()) as client:
        token = client.start()
        sent = {"title": "x", "_csrf_token": token}
        assert client.post("/title", data=sent).text == "x"  # the field is unknown to a strict type, and no mistake
        assert client.post("/title", data={"title": "x"}).status_code == 403
        assert client.post("/title", data={"title": "x"}, headers={"x-csrf-token": token}).status_code == 200
        assert client.post("/file", data={"_csrf_token": token}, files={"file": b"abc"}).json() == 3
        assert client.post("/file", files={"file": b"abc"}).status_code == 403


def test_the_limits_of_the_route_count_while_its_form_is_searched() -> None:
    with Browser(shop()) as client:
        token = client.start()
        assert client.post("/file", data={"_csrf_token": token}, files={"file": b"x" * 2_900_000}).json() == 2_900_000
        assert client.post("/file", data={"_csrf_token": token}, files={"file": b"x" * 3_100_000}).status_code == 413


def test_the_token_is_another_one_each_time_and_all_of_them_hold() -> None:
    with Browser(shop()) as client:
        tokens = [client.start() for _ in range(5)]
        assert len(set(tokens)) == 5
        for token in tokens:
            assert client.post("/act", headers=headers(kind=FORM) | {"x-csrf-token": token}).status_code == 200


def test_the_token_of_another_session_is_of_no_use() -> None:
    app = shop()
    with Browser(app) as mallory, Browser(app) as ann:
        mallorys, anns = mallory.start(), ann.start()
        assert ann.post("/act", data={"_csrf_token": mallorys}).status_code == 403
        assert ann.post("/act", data={"_csrf_token": anns}).status_code == 200


@pytest.mark.parametrize(
    "wrong", ["", "x", "A" * 64, "é" * 64, "=" * 64, "A" * 63, "A" * 65, "\x00" * 64, "A" * 100_000, "-_" * 32]
)
def test_a_token_that_is_none(browser: Browser, wrong: str) -> None:
    assert browser.post("/act", data={"_csrf_token": wrong}).status_code == 403


def test_a_file_in_the_tokens_place(browser: Browser) -> None:
    assert browser.post("/file", files={"_csrf_token": b"x", "file": b"y"}).status_code == 403


@pytest.mark.parametrize("body", [b"%ff=%ff", b"a=%", b"\xff\xfe"])
def test_a_malformed_form_is_no_500(browser: Browser, body: bytes) -> None:
    assert browser.post("/act", content=body, headers={"content-type": FORM}).status_code in (400, 403)
    broken = browser.post("/act", content=body, headers={"content-type": "multipart/form-data"})
    assert broken.status_code in (400, 403, 422)


# --- forms for signing in ---------------------------------------------------------------------------------------------


def test_a_guarded_form_is_checked_without_a_session_too() -> None:
    with Browser(shop()) as client:
        assert client.post("/login", headers=headers("cross-site", "https://evil.example")).status_code == 403
        assert client.post("/login", headers=headers("same-origin")).text == "signed in"
        assert client.post("/login", headers=headers(kind=FORM)).status_code == 403
        token = client.start()
        assert client.post("/login", data={"_csrf_token": token}).text == "signed in"


def test_the_guard_needs_sessions() -> None:
    app = App(openapi_url=None, docs_url=None)
    router = Router(dependencies=[csrf_protected])

    @router.post("/")
    async def act() -> None: ...

    app.include_router(router)
    with TestClient(app) as client, pytest.raises(RuntimeError, match=r"needs the extension Sessions\(\)"):
        client.post("/")


# --- how it is told ---------------------------------------------------------------------------------------------------


def test_the_refusal_explains(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "ketch")
    answer = browser.post("/act", headers=headers("cross-site", "https://evil.example"))
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() | {"instance": ""} == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "This was sent from https://evil.example, not from a page of this site, so it was not carried out.",
        "instance": "",
        "code": "csrf",
    }
    assert "Reload the page" in browser.post("/act", headers=headers(kind=FORM)).json()["detail"]
    assert "trusted_origins" in caplog.text and "{{ csrf_input }}" in caplog.text


def test_a_browser_gets_a_page(browser: Browser) -> None:
    sent = headers("cross-site", "https://<script>.example") | {"accept": "text/html"}
    answer = browser.post("/act", headers=sent)
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script>" not in answer.text and "&lt;script&gt;" in answer.text


def test_it_can_be_switched_off() -> None:
    with Browser(shop(csrf=False)) as client:
        client.start()
        assert client.post("/act", headers=headers("cross-site", "https://evil.example")).status_code == 200
