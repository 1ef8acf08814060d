"""Pages: what a template knows, its status, blocks alone, and the words for what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ketch import App, Request, Router, SetupError, Struct, Submitted, Template
from ketch.seams.templates import Templates as Seam
from ketch.templates import TemplateBroken, TemplateMissing, Templates
from ketch.testing import TestClient

Make = Callable[..., App]
Write = Callable[..., Path]


def showing(app: App, **context: Any) -> App:
    """`/` shows the template that the query names."""

    @app.get("/")
    async def page(name: str = "page.html", block: str | None = None) -> Template:
        return Template(name, block=block, **context)

    return app


def shown(app: App, name: str = "page.html", **params: str) -> str:
    with TestClient(app) as client:
        answer = client.get("/", params={"name": name, **params})
        assert answer.status_code == 200
        return answer.text


# --- rendering --------------------------------------------------------------------------------------------------------


def test_a_page_is_html_with_safe_headers(quiet: Make, write: Write) -> None:
    app = showing(quiet(templates=write({"page.html": "<h1>{{ title }}</h1>"})), title="<Ships> & \U0001f6a2")
    with TestClient(app) as client:
        answer = client.get("/")
    assert answer.text == "<h1>&lt;Ships&gt; &amp; \U0001f6a2</h1>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("object-src 'none'")


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("a.html", "&lt;", "text/html; charset=utf-8"),
        ("a.html.jinja", "&lt;", "text/html; charset=utf-8"),
        ("a.txt", "<", "text/plain; charset=utf-8"),
        ("a.txt.j2", "<", "text/plain; charset=utf-8"),
        ("a.xml", "&lt;", "application/xml"),
        ("a.svg", "&lt;", "image/svg+xml"),
        ("a", "&lt;", "text/html; charset=utf-8"),
        ("a.csv", "<", "text/csv; charset=utf-8"),
    ],
)
def test_the_ending_decides_escaping_and_type(quiet: Make, write: Write, name: str, text: str, kind: str) -> None:
    with TestClient(showing(quiet(templates=write({name: "{{ x }}"})), x="<")) as client:
        answer = client.get("/", params={"name": name})
    assert (answer.text, answer.headers["content-type"]) == (text, kind)


def test_a_lone_surrogate_does_not_cost_the_page(quiet: Make, write: Write) -> None:
    assert shown(showing(quiet(templates=write({"page.html": "{{ x }}!"})), x="a\ud800b")) == "a?b!"


def test_headers_and_status_of_a_template(quiet: Make, write: Write) -> None:
    app = quiet(templates=write({"page.html": "x"}))

    @app.get("/own")
    async def own() -> Template:
        return Template(
            "page.html", status_code=418, headers={"x-a": "1", "content-security-policy": "default-src 'self'"}
        )

    @app.get("/route", status_code=202)
    async def route() -> Template:
        return Template("page.html")

    @app.get("/both", status_code=202)
    async def both() -> Template:
        return Template("page.html", status_code=200)

    @app.get("/unannotated")
    async def unannotated():  # type: ignore[no-untyped-def]
        return Template("page.html")

    with TestClient(app) as client:
        assert client.get("/own").status_code == 418
        assert client.get("/own").headers["x-a"] == "1"
        assert client.get("/own").headers["content-security-policy"] == "default-src 'self'"
        assert [client.get(path).status_code for path in ("/route", "/both", "/unannotated")] == [202, 200, 200]


class Named(Struct):
    name: str


def test_an_invalid_form_makes_the_page_a_422(quiet: Make, write: Write) -> None:
    app = quiet(templates=write({"page.html": "x"}))

    @app.route("/", methods=["GET", "POST"], status_code=202)
    async def page(form: Submitted[Named], own: int | None = None, hidden: bool = False) -> Template:
        return Template("page.html", status_code=own, form=None if hidden else form)

    with TestClient(app) as client:
        assert client.get("/").status_code == 202
        assert client.post("/", data={"name": "x"}).status_code == 202
        assert client.post("/", data={}).status_code == 422
        assert client.post("/?own=409", data={}).status_code == 409
        assert client.post("/?hidden=1", data={}).status_code == 202


# --- the words --------------------------------------------------------------------------------------------------------


def test_request_and_user(quiet: Make, write: Write) -> None:
    app = showing(quiet(templates=write({"page.html": "{{ request.url.path }} {{ user }} {{ user is none }}"})))
    assert shown(app) == "/ None True"

    async def sign_in(request: Request, call_next: Any) -> Any:
        request.scope["user"] = "ann"
        return await call_next(request)

    app = showing(quiet(templates=write()))
    app.add_middleware(sign_in)
    assert shown(app) == "/ ann False"


def test_what_the_handler_passes_wins(quiet: Make, write: Write) -> None:
    app = showing(quiet(templates=write({"page.html": "{{ user }} {{ messages }}"})), user="mine", messages="own")
    assert shown(app) == "mine own"


def test_url_for_gives_a_path_below_the_root(quiet: Make, write: Write) -> None:
    folder = write({"page.html": "{{ url_for('orders.show', id=7) }} {{ url_for('page') }}"})
    app = showing(quiet(templates=folder))
    router = Router(prefix="/orders")

    @router.get("/{id}")
    async def show(id: int) -> None: ...

    app.include_router(router)
    assert shown(app) == "/orders/7 /"
    with TestClient(app, root_path="/shop") as client:
        assert client.get("/shop/").text == "/shop/orders/7 /shop/"


def test_a_name_that_no_route_has(quiet: Make, write: Write) -> None:
    app = showing(quiet(templates=write({"page.html": "{{ url_for('pages') }}"})))
    with TestClient(app) as client, pytest.raises(LookupError, match='Did you mean "page"'):
        client.get("/")


def test_static_gives_names_that_carry_their_contents_hash(quiet: Make, write: Write, tmp_path: Path) -> None:
    for folder, text in (("assets", "a"), ("more", "b")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.css").write_text(text)
        (tmp_path / folder / "both.css").write_text(text)
    page = (
        "{{ static('assets.css') }} {{ static('more.css') }} {{ static('both.css') }} {{ static('/m/more/both.css') }}"
    )
    app = showing(quiet(templates=write({"page.html": page})))
    app.static("/assets", tmp_path / "assets")
    router = Router(prefix="/m")
    router.static("/more", tmp_path / "more")
    app.include_router(router)
    with TestClient(app) as client:
        links = client.get("/").text.split()
        assert [link.rpartition("/")[0] for link in links] == ["/assets", "/m/more", "/assets", "/m/more"]
        assert [client.get(link).text for link in links] == ["a", "b", "a", "b"]
        assert "immutable" in client.get(links[0]).headers["cache-control"]
    with TestClient(app, root_path="/shop") as client:
        assert client.get("/shop/").text.split()[0].startswith("/shop/assets/assets.")


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("static('ap.css')", "there is no static file 'ap.css'.*Did you mean \"app.css\""),
        ("static('/other/app.css')", "below none of /static"),
    ],
)
def test_a_static_file_that_is_not_there(quiet: Make, write: Write, tmp_path: Path, call: str, told: str) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "app.css").write_text("")
    app = showing(quiet(templates=write({"page.html": "{{ " + call + " }}"})))
    app.static("/static", tmp_path / "static")
    with TestClient(app) as client, pytest.raises(LookupError, match=told):
        client.get("/")


def test_static_without_static_files(quiet: Make, write: Write) -> None:
    app = showing(quiet(templates=write({"page.html": "{{ static('a.css') }}"})))
    with TestClient(app) as client, pytest.raises(LookupError, match="serves no static files"):
        client.get("/")


def test_imported_macros_know_the_words(quiet: Make, write: Write) -> None:
    folder = write(
        {
            "macros.html": "{% macro a() %}{{ url_for('page') }}{{ csrf_input }}{{ messages | length }}{% endmacro %}",
            "page.html": "{% import 'macros.html' as m %}{{ m.a() }}",
        }
    )
    assert shown(showing(quiet(templates=folder))) == "/0"


def test_csrf_input_is_nothing_without_sessions(quiet: Make, write: Write) -> None:
    assert shown(showing(quiet(templates=write({"page.html": "[{{ csrf_input }}{{ csrf_input() }}]"})))) == "[]"


# --- blocks -----------------------------------------------------------------------------------------------------------

PAGES = {
    "base.html": "<html>{% set site = 'Shop' %}{% block head %}H{% endblock %}{% block body %}B{% endblock %}</html>",
    "macros.html": "{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}",
    "page.html": "{% extends 'base.html' %}{% import 'macros.html' as m %}{% set greeting = 'Hello' %}"
    "{% block body %}<{{ super() }}>{% block rows %}{{ greeting }} {{ m.bold(x) }}{% endblock %}{% endblock %}",
    "plain.html": "{% set a = 1 %}text {% block one %}{{ a }}{{ x }}{% endblock %} more",
}


@pytest.mark.parametrize(
    ("name", "block", "text"),
    [
        ("page.html", "rows", "Hello <b>&lt;x&gt;</b>"),
        ("page.html", "body", "<B>Hello <b>&lt;x&gt;</b>"),
        ("page.html", "head", "H"),
        ("plain.html", "one", "1&lt;x&gt;"),
    ],
)
def test_one_block_alone(quiet: Make, write: Write, name: str, block: str, text: str) -> None:
    assert shown(showing(quiet(templates=write(PAGES)), x="<x>"), name, block=block) == text


def test_a_block_that_is_not_there(quiet: Make, write: Write) -> None:
    app = showing(quiet(templates=write(PAGES)), x=1)
    with TestClient(app) as client:
        with pytest.raises(TemplateMissing, match=r'has no block "row"\. Did you mean "rows"'):
            client.get("/?block=row")
        with pytest.raises(TemplateMissing, match="Its blocks are body, head, rows"):
            client.get("/?block=zzz")


# --- what is wrong ----------------------------------------------------------------------------------------------------


def test_a_missing_template_names_the_folders_and_the_nearest(quiet: Make, write: Write, tmp_path: Path) -> None:
    folder = write({"home.html": "", "orders/list.html": "", "page.html": "{% include 'hoem.html' %}"})
    app = showing(quiet(templates=Templates(folder=folder)))
    for name, guess in {"hom.html": "home.html", "page.html": "home.html", "list.html": "orders/list.html"}.items():
        with TestClient(app) as client, pytest.raises(TemplateMissing) as info:
            client.get("/", params={"name": name})
        assert f'Did you mean "{guess}"?' in str(info.value)
        assert f"looked in {folder}" in str(info.value)


def test_a_folder_that_does_not_exist_is_said_to(quiet: Make, tmp_path: Path) -> None:
    app = showing(quiet(templates=tmp_path / "nothing"))
    with TestClient(app) as client, pytest.raises(TemplateMissing, match=r"nothing \(which does not exist\)"):
        client.get("/")


@pytest.mark.parametrize(
    ("files", "place", "what"),
    [
        ({"page.html": "a\n{% if x %}\n{{ y }\n"}, "page.html:3", "unexpected '}'"),
        (
            {"page.html": "{% include 'b.html' %}", "b.html": "\n\n{% endfor %}"},
            "b.html:3",
            "Encountered unknown tag 'endfor'",
        ),
        ({"page.html": "{{ x | shout }}"}, "page.html:1", "No filter named 'shout'"),
    ],
)
def test_a_broken_template_names_file_and_line(
    quiet: Make, write: Write, files: dict[str, str], place: str, what: str
) -> None:
    folder = write(files)
    app = showing(quiet(templates=folder))
    with TestClient(app) as client, pytest.raises(TemplateBroken) as info:
        client.get("/")
    assert str(info.value).startswith(f"{folder}/{place}: {what}")


def test_a_template_that_is_no_text(quiet: Make, write: Write) -> None:
    folder = write()
    (folder / "page.html").write_bytes(b"\xff\xfe\x00")
    with (
        TestClient(showing(quiet(templates=folder))) as client,
        pytest.raises(TemplateBroken, match=r"page\.html:1: The file is not UTF-8"),
    ):
        client.get("/")


@pytest.mark.parametrize(
    "name", ["../secret.txt", "/etc/passwd", "a/../../secret.txt", "..\\secret.txt", "\x00", "x" * 5_000]
)
def test_a_name_never_leads_out_of_the_folder(quiet: Make, write: Write, name: str) -> None:
    folder = write({"page.html": "x"})
    (folder.parent / "secret.txt").write_text("secret")
    app = quiet(templates=folder)

    @app.get("/")
    async def page() -> Template:
        return Template(name)

    with TestClient(app) as client, pytest.raises(TemplateMissing):
        client.get("/")


def test_an_unknown_name_may_be_asked_about_but_not_shown(quiet: Make, write: Write) -> None:
    asking = (
        "{% if titel %}x{% endif %}{{ titel is defined }}{{ titel | default('-') }}{{ 'x' if titel }}{{ titel or '+' }}"
    )
    app = showing(
        quiet(templates=write({"page.html": asking, "b.html": "{{ titel }}", "c.html": "{{ x.titel }}"})), x={}
    )
    assert shown(app) == "False-+"
    for name in ("b.html", "c.html"):
        with TestClient(app) as client, pytest.raises(Exception, match=r"titel.*Pass it to Template"):
            client.get("/", params={"name": name})


def test_in_production_an_unknown_name_is_nothing(quiet: Make, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_ENV", "production")
    assert shown(showing(quiet(templates=write({"page.html": "[{{ titel }}]"})))) == "[]"


def test_an_error_within_a_template_names_its_line(quiet: Make, write: Write) -> None:
    import traceback

    folder = write({"page.html": "a\nb {{ 1 / x }}", "block.html": "{% block b %}\n{{ 1 / x }}{% endblock %}"})
    app = showing(quiet(templates=folder), x=0)
    for params in ({"name": "page.html"}, {"name": "block.html", "block": "b"}):
        with TestClient(app) as client, pytest.raises(ZeroDivisionError) as info:
            client.get("/", params=params)
        last = traceback.extract_tb(info.tb)[-1]
        assert (last.filename, last.lineno) == (str(folder / params["name"]), 2)


def test_changed_templates_are_read_again_in_dev_only(
    quiet: Make, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    for mode, expected in (("dev", "new"), ("production", "old")):
        monkeypatch.setenv("KETCH_ENV", mode)
        folder = write({"page.html": "old"})
        with TestClient(showing(quiet(templates=folder))) as client:
            assert client.get("/").text == "old"
            write({"page.html": "new"})
            os.utime(folder / "page.html", (1, 1))
            assert client.get("/").text == expected


# --- where templates are, and who renders them ------------------------------------------------------------------------


def test_the_folder_beside_the_applications_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = tmp_path / "shop"
    (shop / "templates").mkdir(parents=True)
    (shop / "templates" / "page.html").write_text("beside")
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("cwd")
    code = "from ketch import App\napp = App(openapi_url=None, docs_url=None)"
    monkeypatch.chdir(tmp_path)
    for place, text in ((shop / "app.py", "beside"), (tmp_path / "elsewhere" / "app.py", "cwd")):
        module = ModuleType("made")
        monkeypatch.setitem(sys.modules, "made", module)
        exec(compile(code, str(place), "exec"), module.__dict__)
        assert shown(showing(module.app)) == text


def test_extensions_folders_stand_behind_the_applications_own(quiet: Make, write: Write, tmp_path: Path) -> None:
    class Blog:
        name = "blog"

        def setup(self, declare: Any) -> None:
            declare.template_folder(tmp_path / "blog")

    (tmp_path / "blog").mkdir()
    (tmp_path / "blog" / "page.html").write_text("the blog's")
    (tmp_path / "blog" / "entry.html").write_text("{% extends 'page.html' %}")
    app = showing(quiet(templates=write({"page.html": "ours"}), extensions=[Blog()]))
    assert (shown(app), shown(app, "entry.html")) == ("ours", "ours")


def test_filters_tests_and_globals_of_ones_own(quiet: Make, write: Write) -> None:
    templates = Templates(
        folder=write({"page.html": "{{ 3 | money }} {{ 3 is odd_number }} {{ site }}"}),
        filters={"money": lambda n: f"{n:.2f} €"},
        tests={"odd_number": lambda n: n % 2 == 1},
        globals={"site": "Shop"},
    )
    with pytest.raises(RuntimeError, match="belong to no application yet"):
        _ = templates.environment
    assert shown(showing(quiet(templates=templates))) == "3.00 € True Shop"
    assert "money" in templates.environment.filters


class Shouting:
    """An engine of somebody's own."""

    def __init__(self) -> None:
        self.attached: Any = None

    def attach(self, app: App, folders: list[Any]) -> None:
        self.attached = app

    def page(self, template: Template, request: Request, status: int | None) -> Any:
        from ketch import HTMLResponse

        return HTMLResponse(template.name.upper(), status or 200)


def test_another_engine_by_option_or_provided(quiet: Make) -> None:
    engine = Shouting()
    app = showing(quiet(templates=engine))
    assert shown(app) == "PAGE.HTML" and engine.attached is app
    app = showing(quiet())
    app.provide(Seam, value=Shouting())
    assert shown(app) == "PAGE.HTML"


def test_a_text_outside_a_request(quiet: Make, write: Write) -> None:
    app = showing(quiet(templates=write({"mail.txt": "Dear {{ name }}: {{ url_for('page') }}{{ csrf_input }}"})))
    assert app.runtime.templates.render("mail.txt", {"name": "<Ann>"}) == "Dear <Ann>: /"


def test_without_jinja_the_start_says_what_to_install(
    quiet: Make, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith(("ketch.templates", "jinja2"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    app = showing(quiet())
    with pytest.raises(SetupError, match=r'pip install "ketch\[templates\]"') as info:
        _ = app.runtime
    assert info.value.code == "KETCH-EXT-002"
