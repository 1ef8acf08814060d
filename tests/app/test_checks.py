"""`ketch check` without the command: extensions' checks, links, and what is unsafe in production."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ketch import App, Depends, Router, SetupError
from ketch.app.checks import ERROR, WARNING, Finding, check
from ketch.app.links import Call, calls_in_python, calls_in_template
from ketch.kernel.errors import Fault
from ketch.kernel.origin import UNKNOWN
from ketch.middleware import TrustedHostMiddleware

FAULT = Fault("X-001", "something")


class Extension:
    name = "mine"

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome

    def setup(self, declare: Any) -> None:
        pass

    def check(self) -> Any:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def quiet(**words: Any) -> App:
    return App(openapi_url=None, docs_url=None, **words)


@pytest.mark.parametrize(
    ("outcome", "found"),
    [
        (None, []),
        ([], []),
        ("doubtful", [(WARNING, "KETCH-CHECK-002")]),
        (FAULT, [(ERROR, "X-001")]),
        (Finding(WARNING, FAULT), [(WARNING, "X-001")]),
        ([FAULT, "doubtful"], [(ERROR, "X-001"), (WARNING, "KETCH-CHECK-002")]),
        (SetupError("X-002", "wrong"), [(ERROR, "X-002")]),
        (RuntimeError("the check itself"), [(ERROR, "KETCH-CHECK-001")]),
        (7, []),  # what says nothing that anybody knows is no finding
    ],
)
def test_what_an_extensions_check_may_say(outcome: Any, found: list[tuple[str, str]]) -> None:
    findings = check(quiet(extensions=[Extension(outcome)]))
    assert [(finding.level, finding.fault.code) for finding in findings] == found


def test_a_check_may_be_async_and_may_ask_whether_it_is_for_production() -> None:
    class Asking(Extension):
        async def check(self, deploy: bool) -> Any:
            return "for production" if deploy else None

    app = quiet(extensions=[Asking(None)])
    assert check(app) == []
    assert check(app, deploy=True)[0].fault.what == "for production"


def test_a_check_whose_signature_nobody_can_read() -> None:
    """Some callables of libraries in C have none; they are called without words."""

    class Unsigned:
        @property
        def __signature__(self) -> Any:
            raise ValueError("no signature found")

        def __call__(self) -> str:
            return "doubtful"

    extension = Extension(None)
    extension.check = Unsigned()  # type: ignore[method-assign]
    assert [finding.fault.what for finding in check(quiet(extensions=[extension]), deploy=True)][:1] == ["doubtful"]


def test_mistakes_of_start_up_are_findings() -> None:
    app = quiet()

    @app.get("/{name}")
    async def show(nmae: str) -> None: ...

    assert [finding.fault.code for finding in check(app)] == ["KETCH-BIND-002"]


# --- deploy -----------------------------------------------------------------------------------------------------------


def deployed(app: App) -> list[str]:
    return [finding.fault.code.removeprefix("KETCH-DEPLOY-") for finding in check(app, deploy=True)]


def safe(**words: Any) -> App:
    app = quiet(**words)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["example.com"])
    return app


def test_nothing_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETCH_ENV", raising=False)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    assert deployed(safe()) == []


def test_debug_mode_and_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETCH_ENV", raising=False)
    assert deployed(quiet(debug=True)) == ["001", "003"]
    monkeypatch.setenv("KETCH_ENV", "dev")
    assert deployed(safe()) == ["001"]


@pytest.mark.parametrize(
    ("key", "found"), [("short", ["002"]), ("a" * 60, ["002"]), ("J8kd0-fj2LmQz71bXc9Vn3Pq6Rt5Ws4Y", [])]
)
def test_the_secret_key(key: str, found: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETCH_ENV", raising=False)
    monkeypatch.setenv("SECRET_KEY", key)
    assert deployed(safe()) == found


def test_a_signing_extension_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETCH_ENV", raising=False)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    extension = Extension(None)
    extension.name = "auth"
    assert deployed(safe(extensions=[extension])) == ["002"]


def test_routes_that_anybody_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETCH_ENV", raising=False)
    app, guarded = safe(), Router(prefix="/g", dependencies=[Depends(lambda: None)])

    @app.get("/read")
    async def read() -> None: ...

    @app.post("/open", public=True)
    async def open_() -> None: ...

    @guarded.post("/guarded")
    async def inside() -> None: ...

    app.include_router(guarded)
    assert deployed(app) == []

    other = safe()

    @other.delete("/bare")
    async def bare() -> None: ...

    (finding,) = check(other, deploy=True)
    assert finding.fault.code == "KETCH-DEPLOY-004"
    assert finding.fault.places[0].label == "DELETE /bare"


# --- links ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('url_for("home")', [("home", [])]),
        ('request.url_for("orders.show", id=7)', [("orders.show", ["id"])]),
        ('app.url_path_for("a", **words)', [("a", None)]),
        ('url_for(name)\nurl_for(f"{x}")\nurl_for()', []),
        ('from flask import url_for\nurl_for("flask.one")', []),
        ('from ketch.templates import url_for\nurl_for("own")', [("own", [])]),
        ("def broken(", []),
    ],
)
def test_calls_in_python(text: str, calls: list[Any]) -> None:
    assert [(call.name, call.keywords) for call in calls_in_python(text, "x.py")] == calls


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("<a href=\"{{ url_for('home') }}\">", [("home", [], 1)]),
        ("\n{{ url_for('show', id=order.id, tab='(x') }}", [("show", ["id", "tab"], 2)]),
        ("{{ url_for('show', id=order.id|string) }}", [("show", ["id"], 1)]),
        ("{{ url_for('show', id=a ~ b) }}", [("show", None, 1)]),
        ("{{ url_for(\n  'show',\n  id=7\n) }}", [("show", ["id"], 1)]),
        ("{{ url_for(name) }}", []),
        ("{{ url_for('open'", []),
    ],
)
def test_calls_in_templates(text: str, calls: list[Any]) -> None:
    found = [(call.name, call.keywords, call.origin.line) for call in calls_in_template(text, "x.html")]
    assert found == calls


WORDS = """\
from ketch import App, Request, Template

app = App(openapi_url=None, docs_url=None)


@app.get("/{id}")
async def show(id: int, request: Request) -> str:
    words = {"id": id}
    request.url_for("show", **words)
    request.url_for("shwo", **words)
    return ""


@app.get("/")
async def home() -> Template:
    return Template("home.html")
"""


def test_a_call_whose_words_are_not_all_known_is_checked_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ketch.app.discovery import discover
    from tests.cli.running import project

    project(tmp_path, {"words_app.py": WORDS, "templates/home.html": "{{ url_for('hmoe') }}"})
    (tmp_path / "templates" / "gone.html").symlink_to(tmp_path / "nowhere")  # cannot be read, and says nothing
    monkeypatch.chdir(tmp_path)
    told = [str(finding.fault) for finding in check(discover("words_app.py"))]
    assert len(told) == 2 and "shwo" in told[0] and "hmoe" in told[1]


def test_a_call_knows_where_it_is() -> None:
    (call,) = calls_in_python('\nx = url_for("home")', "shop/app.py")
    assert (str(call.origin), call.origin.text) == ("shop/app.py:2", 'x = url_for("home")')
    assert Call("home", [], UNKNOWN).name == "home"


APP = """\
from ketch import App, Request, Template

app = App(openapi_url=None, docs_url=None)


@app.get("/orders/{order_id}", name="show")
async def show_order(order_id: int, request: Request) -> str:
    request.url_for("show", order_id=1)
    request.url_for("shwo", order_id=1)
    return str(request.url_for("show", id=1))


@app.get("/")
async def home() -> Template:
    return Template("home.html")
"""


def test_broken_links_in_an_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ketch.app.discovery import discover
    from tests.cli.running import project
    from tests.errors.snapshot import check as snapshot

    html = "{{ url_for('home') }}\n{{ url_for('show') }}\n{{ url_for('hom') }}"
    project(tmp_path, {"links_app.py": APP, "templates/home.html": html})
    monkeypatch.chdir(tmp_path)
    found = check(discover("links_app.py"))
    assert {finding.fault.code for finding in found} == {"KETCH-ROUTE-022"}
    snapshot("check-links", "\n\n".join(str(finding.fault) for finding in found))
