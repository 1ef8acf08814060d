"""Sessions through a whole application: the cookie, its name and life, rotation, stores, start-up."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any

import pytest

from ketch import App, Request, Response, Router, SetupError, WebSocket
from ketch.sessions import Session, Sessions, SessionTooLarge
from ketch.testing import TestClient
from tests.errors.snapshot import check

KEY = "a key for tests, long enough"


def shop(**options: Any) -> App:
    app = App(openapi_url=None, docs_url=None, extensions=[Sessions(options.pop("secret", KEY), **options)])

    @app.get("/count")
    async def count(request: Request) -> int:
        request.session["n"] = request.session.get("n", 0) + 1
        return int(request.session["n"])

    @app.get("/look")
    async def look(request: Request) -> int:
        return int(request.session.get("n", 0))

    @app.get("/still")
    async def still() -> str:
        return "nothing to do with sessions"

    @app.get("/clear")
    async def clear(request: Request) -> None:
        request.session.clear()

    @app.get("/fill")
    async def fill(request: Request, size: int) -> None:
        request.session["text"] = os.urandom(size).hex()

    @app.get("/fail")
    async def fail(request: Request) -> None:
        request.session["n"] = 99
        raise RuntimeError("broken")

    return app


def test_a_session_lasts_from_request_to_request() -> None:
    with TestClient(shop()) as client:
        assert [client.get("/count").json() for _ in range(3)] == [1, 2, 3]
        assert client.get("/look").json() == 3


def test_the_cookie_is_written_only_when_something_changed() -> None:
    with TestClient(shop()) as client:
        assert "set-cookie" in client.get("/count").headers
        looked, still = client.get("/look"), client.get("/still")
    assert "set-cookie" not in looked.headers and looked.headers["vary"] == "Cookie"
    assert "set-cookie" not in still.headers and "vary" not in still.headers


def test_its_attributes() -> None:
    with TestClient(shop(max_age=60)) as client:
        cookie = client.get("/count").headers["set-cookie"]
    assert re.fullmatch(r"session=[\w.-]+; Max-Age=60; Path=/; HttpOnly; SameSite=Lax", cookie)


@pytest.mark.parametrize(
    ("mode", "base", "name", "secure"),
    [
        ("test", "http://testserver", "session", False),
        ("dev", "http://localhost", "session", False),
        ("dev", "https://localhost", "__Host-session", True),
        ("production", "https://shop.example", "__Host-session", True),
        ("production", "http://shop.example", "__Host-session", True),
    ],
)
def test_its_name_binds_it_to_the_host_wherever_that_is_possible(
    monkeypatch: pytest.MonkeyPatch, mode: str, base: str, name: str, secure: bool
) -> None:
    monkeypatch.setenv("KETCH_ENV", mode)
    with TestClient(shop(), base_url=base) as client:
        cookie = client.get("/count").headers["set-cookie"]
        assert cookie.startswith(f"{name}=") and ("; Secure" in cookie) is secure
        if base.startswith("https"):
            assert client.get("/count").json() == 2


def test_production_over_plain_http_says_once_why_nobody_stays_signed_in(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KETCH_ENV", "production")
    with TestClient(shop()) as client:
        client.get("/count")
        client.get("/count")
    assert caplog.text.count("over plain http") == 1


def test_an_emptied_session_is_forgotten_by_the_browser() -> None:
    with TestClient(shop()) as client:
        client.get("/count")
        cleared = client.get("/clear")
        assert "Max-Age=0" in cleared.headers["set-cookie"]
        assert "session" not in client.cookies
        assert "set-cookie" not in client.get("/clear").headers


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "a.b.c", "." * 50, "é", "eyJuIjoxfQ", "\x00", "x" * 5_000, ".eJwDAAAAAAE." + "A" * 27, '"\\377"'],
)
def test_a_forged_cookie_is_an_empty_session(cookie: str) -> None:
    with TestClient(shop()) as client:
        answer = client.get("/look", headers={b"cookie": f"session={cookie}".encode("latin-1", "replace")})
    assert (answer.status_code, answer.json()) == (200, 0)


def test_a_cookie_that_was_changed_by_one_character_is_not_believed() -> None:
    with TestClient(shop()) as client:
        client.get("/count")
        value = client.cookies["session"]
        client.cookies.clear()
        for at in (0, 5, len(value) - 3):
            other = value[:at] + ("A" if value[at] != "A" else "B") + value[at + 1 :]
            assert client.get("/look", headers={"cookie": f"session={other}"}).json() == 0


def test_it_ends_with_its_age(monkeypatch: pytest.MonkeyPatch) -> None:
    with TestClient(shop(max_age=100)) as client:
        client.get("/count")
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 99)
        assert client.get("/look").json() == 1
        monkeypatch.setattr(time, "time", lambda: now + 102)
        assert client.get("/look").json() == 0


def test_keys_rotate_and_what_the_former_one_signed_is_still_believed() -> None:
    with TestClient(shop(secret="the former key, long enough")) as client:
        client.get("/count")
        former = client.cookies["session"]
    with TestClient(shop(secret=[KEY, "the former key, long enough"])) as client:
        answer = client.get("/count", headers={"cookie": f"session={former}"})
        assert answer.json() == 2
        latest = client.cookies["session"]
    with TestClient(shop()) as client:
        assert client.get("/look", headers={"cookie": f"session={former}"}).json() == 0
        assert client.get("/look", headers={"cookie": f"session={latest}"}).json() == 2


def test_a_failed_request_changes_nothing() -> None:
    with TestClient(shop(), raise_server_exceptions=False) as client:
        client.get("/count")
        failed = client.get("/fail")
        assert failed.status_code == 500 and "set-cookie" not in failed.headers
        assert client.get("/look").json() == 1


def test_too_large_a_session_is_an_error_while_developing(monkeypatch: pytest.MonkeyPatch) -> None:
    with TestClient(shop()) as client:
        client.get("/fill?size=1000")
        with pytest.raises(SessionTooLarge, match="browsers keep 4,096"):
            client.get("/fill?size=3000")


def test_too_large_a_session_is_no_500_that_a_client_could_cause(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KETCH_ENV", "production")
    with TestClient(shop(), base_url="https://shop.example") as client:
        client.get("/count")
        answer = client.get("/fill?size=3000")
        assert answer.status_code == 204 and "set-cookie" not in answer.headers
        assert "the change to it is lost" in caplog.text
        assert client.get("/look").json() == 1


def test_a_response_that_answers_everybody_never_carries_somebodys_cookie() -> None:
    app = App(openapi_url=None, docs_url=None, extensions=[Sessions(KEY)])
    same = Response("the same for all", headers={"x-a": "1"})

    @app.get("/")
    async def home(request: Request, keep: bool = False) -> Response:
        if keep:
            request.session["who"] = "ann"
        return same

    with TestClient(app) as client:
        assert "set-cookie" in client.get("/?keep=1").headers
    with TestClient(app) as client:
        assert "set-cookie" not in client.get("/").headers


def test_middleware_and_routers_see_the_session() -> None:
    app = App(openapi_url=None, docs_url=None, extensions=[Sessions(KEY)])
    router = Router(prefix="/r")

    async def mark(request: Request, call_next: Any) -> Response:
        request.session["marked"] = request.session.get("marked", 0) + 1
        response: Response = await call_next(request)
        return response

    app.add_middleware(mark)

    @router.get("/")
    async def home(request: Request) -> int:
        return int(request.session["marked"])

    app.include_router(router)
    with TestClient(app) as client:
        assert [client.get("/r/").json() for _ in range(2)] == [1, 2]


def test_a_websocket_reads_the_session_and_its_guard_may_write_it() -> None:
    app = App(openapi_url=None, docs_url=None, extensions=[Sessions(KEY)])

    async def note(request: WebSocket) -> None:
        request.session["seen"] = True

    @app.websocket("/ws", dependencies=[note])
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json(dict(socket.session))

    with TestClient(app) as client:
        with client.websocket_connect("/ws") as socket:
            assert socket.receive_json() == {"seen": True}
        assert "session" in client.cookies


class Rows:
    """A store on the server: what is in the cookie is a key."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.made = 0

    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        return self.rows.get(ticket)

    async def save(self, data: Mapping[str, Any], ticket: str | None, max_age: int) -> str:
        if ticket is None:
            self.made += 1
            ticket = f"row-{self.made}"
        self.rows[ticket] = dict(data)
        return ticket

    async def delete(self, ticket: str) -> None:
        self.rows.pop(ticket, None)


def test_a_store_on_the_server_takes_the_cookies_place(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Rows()
    app = shop(secret=None, store=store)

    @app.get("/in")
    async def sign_in(request: Request) -> None:
        assert isinstance(request.session, Session)
        request.session["user"] = 7
        request.session.renew()

    with TestClient(app) as client:
        client.get("/count")
        assert client.cookies["session"] == "row-1" and store.rows == {"row-1": {"n": 1}}
        assert client.get("/count").json() == 2
        client.get("/in")
        assert client.cookies["session"] == "row-2" and store.rows == {"row-2": {"n": 2, "user": 7}}
        client.get("/fill?size=9000")
        client.get("/clear")
        assert store.rows == {}
        # A key that somebody made up never becomes a session's.
        client.cookies.clear()
        assert client.get("/count", headers={"cookie": "session=mine"}).json() == 1
        assert list(store.rows) == ["row-3"]


# --- start-up ---------------------------------------------------------------------------------------------------------


def refused(make: Any) -> str:
    with pytest.raises(SetupError) as info:
        make()
    return re.sub(r"\S*tests/", "tests/", re.sub(r"test_sessions\.py:\d+", "test_sessions.py:N", str(info.value)))


def test_production_does_not_start_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_ENV", "production")
    check("session-no-key", refused(lambda: shop(secret=None).runtime))
    check("session-short-key", refused(lambda: shop(secret="short").runtime))
    monkeypatch.setenv("SECRET_KEY", "from the environment, long enough")
    assert shop(secret=None).runtime is not None


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("max-age", {"max_age": 0}),
        ("max-age-text", {"max_age": "2 weeks"}),
        ("cookie-name", {"cookie": "my session"}),
        ("same-site", {"same_site": "loose"}),
        ("trusted-origin", {"trusted_origins": ["app.example"]}),
        ("trusted-origin-path", {"trusted_origins": "https://app.example/"}),
    ],
)
def test_options_that_cannot_work(name: str, options: dict[str, Any]) -> None:
    check(f"session-{name}", refused(lambda: Sessions(KEY, **options)))
