"""Small rules of the application object: modes, names, extensions, declarations that are refused."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from ketch import App, Request, Router, SetupError
from ketch.app.mode import mode
from ketch.app.rooms import load
from ketch.testing import TestClient


def quiet(**options: Any) -> App:
    return App(openapi_url=None, docs_url=None, **options)


@pytest.mark.parametrize(
    ("value", "expected"), [(None, "production"), ("", "production"), ("dev", "dev"), ("test", "test")]
)
def test_modes(value: str | None, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETCH_ENV", raising=False)
    if value is not None:
        monkeypatch.setenv("KETCH_ENV", value)
    assert mode() == expected


def test_an_unknown_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_ENV", "prodution")
    with pytest.raises(SetupError, match=r'KETCH-APP-001(.|\n)*Did you mean "production"'):
        mode()


def test_all_verbs() -> None:
    app = quiet()
    for verb in ("get", "post", "put", "patch", "delete", "head", "options"):
        getattr(app, verb)(f"/{verb}")(lambda: None)
    app.route("/both", methods="get")(lambda: "one method as a word")
    with TestClient(app) as client:
        for verb in ("get", "post", "put", "patch", "delete", "head", "options"):
            assert client.request(verb.upper(), f"/{verb}").status_code == 204
        assert client.get("/both").text == "one method as a word"
        # A path with HEAD alone, or OPTIONS alone, has nothing else.
        assert client.get("/head").status_code == 405
        assert client.get("/options").status_code == 405


def test_commands_by_name_and_by_function() -> None:
    app = quiet()

    @app.command
    def send_report() -> None: ...

    @app.command()
    def import_csv() -> None: ...

    @app.command("other")
    def named() -> None: ...

    assert list(app.commands) == ["send-report", "import-csv", "other"]


def test_decorators_without_parentheses() -> None:
    app = quiet()

    @app.middleware
    async def stamp(request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-stamp"] = "1"
        return response

    with pytest.raises(SetupError, match="KETCH-ROUTE-021"):

        @app.get  # type: ignore[arg-type]
        async def show() -> None: ...

    app.get("/")(lambda: "x")
    with TestClient(app) as client:
        assert client.get("/").headers["x-stamp"] == "1"


@pytest.mark.parametrize("wrong", ["only-http", "key", "empty-resource", "guard", "itself", "asgi-on-router"])
def test_declarations_that_are_refused(wrong: str) -> None:
    app = quiet()

    class Empty:
        def helper(self) -> None: ...

    class Wrapper:
        def __init__(self, app: Any) -> None: ...

    def build() -> None:
        match wrong:
            case "only-http":
                app.middleware("websocket")(lambda request, call_next: None)
            case "key":
                app.exception_handler("404")(lambda request, exc: None)
            case "empty-resource":
                app.resource("/x")(Empty)
            case "guard":
                app.get("/", dependencies=[5])(lambda: None)
            case "itself":
                router = Router(prefix="/x")
                router.include_router(router)
                app.include_router(router)
            case "asgi-on-router":
                router = Router(prefix="/x")
                router.add_middleware(Wrapper)
                app.include_router(router)
        _ = app.runtime

    with pytest.raises(SetupError):
        build()


def test_extensions_that_are_none() -> None:
    class NoName:
        def setup(self, declare: Any) -> None: ...

    class Named:
        name = "a"

        def setup(self, declare: Any) -> None: ...

    for extensions, code in (
        ([NoName()], "KETCH-EXT-001"),
        ([Named], "KETCH-EXT-001"),
        ([object()], "KETCH-EXT-001"),
        ([Named(), Named()], "KETCH-EXT-003"),
    ):
        with pytest.raises(SetupError, match=code):
            _ = quiet(extensions=extensions).runtime


def test_what_extensions_may_declare() -> None:
    class Clock: ...

    class Everything:
        name = "everything"

        def setup(self, declare: Any) -> None:
            async def outer(request: Request, call_next: Any) -> Any:
                response = await call_next(request)
                response.headers["x-order"] = response.headers.get("x-order", "") + "outer"
                return response

            async def inner(request: Request, call_next: Any) -> Any:
                response = await call_next(request)
                response.headers["x-order"] = "inner,"
                return response

            async def sorry(request: Request, exc: KeyError) -> str:
                return "sorry"

            declare.middleware(outer)
            declare.innermost(inner)
            declare.exception_handler(KeyError, sorry)
            declare.provide(Clock, Clock, scope="app")
            declare.provide(str, "named", qualifier="word")
            declare.check(list)
            declare.command("theirs", lambda: None)
            declare.template_folder("templates")

        def check(self) -> list[Any]:
            return []

    app = quiet(extensions=[Everything()])

    @app.get("/{how}")
    async def show(how: str, clock: Clock) -> str:
        if how == "fail":
            raise KeyError(how)
        return type(clock).__name__

    with TestClient(app) as client:
        assert (client.get("/x").text, client.get("/fail").text) == ("Clock", "sorry")
        assert client.get("/x").headers["x-order"] == "inner,outer"
    assert len(app.runtime.checks) == 2 and "theirs" in app.commands


def test_the_applications_own_words_win_over_an_extensions() -> None:
    class Theirs:
        name = "theirs"

        def setup(self, declare: Any) -> None:
            async def sorry(request: Request, exc: KeyError) -> str:
                return "theirs"

            declare.exception_handler(KeyError, sorry)
            declare.provide(dict, {"whose": "theirs"})
            declare.command("do", lambda: "theirs")

    app = quiet(extensions=[Theirs()])
    app.provide(dict, {"whose": "mine"})
    app.command("do")(lambda: "mine")

    @app.exception_handler(KeyError)
    async def mine(request: Request, exc: KeyError) -> str:
        return "mine"

    @app.get("/")
    async def show(found: dict) -> str:  # type: ignore[type-arg]
        raise KeyError(found["whose"])

    with TestClient(app) as client:
        assert client.get("/").text == "mine"
    assert app.commands["do"]() == "mine"


def test_a_battery_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing module of our own is a bug and told as it is; a missing library names what to install."""
    with pytest.raises(ImportError, match="no_such_room"):
        load("ketch.no_such_room:Thing", "A thing")
    monkeypatch.setitem(sys.modules, "itsdangerous", None)
    monkeypatch.delitem(sys.modules, "ketch.sessions.adapters.signing", raising=False)
    with pytest.raises(SetupError, match="KETCH-EXT-002") as caught:
        load("ketch.sessions.adapters.signing:anything", "sessions")
    assert "pip install" in str(caught.value)


def test_settings_are_a_provider_of_the_application() -> None:
    class Settings:
        def __init__(self) -> None: ...

    app = quiet(settings=None)
    app.provide(Settings, Settings())

    @app.get("/")
    async def show(settings: Settings, app: App) -> list[bool]:
        return [isinstance(settings, Settings), isinstance(app, App)]

    with TestClient(app) as client:
        assert client.get("/").json() == [True, True]
