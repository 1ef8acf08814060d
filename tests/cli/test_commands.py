"""The command from outside: help, misspellings, exit codes, and every command that only looks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ketch import __version__
from ketch.cli.commands import BUILT_IN
from tests.cli.running import APP, ketch, ketch_process, project
from tests.errors.snapshot import check

BROKEN = (
    "from ketch import App\n\napp = App()\n\n\n@app.get('/orders/{order_id}')\nasync def show(id: int) -> None: ...\n"
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return project(tmp_path, {"app.py": APP})


# --- help, names, exit codes ------------------------------------------------------------------------------------------


def test_help(tmp_path: Path) -> None:
    done = ketch(cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == ketch("--help", cwd=tmp_path).stdout
    check("cli-help", done.stdout.partition("\n\n")[2])  # its first line differs between versions of click


def test_help_imports_no_command_and_no_server(tmp_path: Path) -> None:
    uncounted = {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}  # coverage would import its own
    done = ketch_process("--help", cwd=tmp_path, env=uncounted, python=("-X", "importtime"))
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "ketch.cli.commands" in loaded
    heavy = {"uvicorn", "rich", "watchfiles", "sqlalchemy", "jinja2", "multiprocessing", "tomllib", "asyncio"}
    assert heavy & loaded == set()
    ours = {name.removeprefix("ketch.cli.") for name in loaded if name.startswith("ketch.cli.")}
    assert ours == {"commands", "loading", "terminal"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_command_has_help_with_an_example(tmp_path: Path, name: str) -> None:
    done = ketch(name, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "Example:" in done.stdout


def test_version(tmp_path: Path) -> None:
    assert ketch_process("--version", cwd=tmp_path).stdout.startswith(f"ketch {__version__} (Python 3.")


MISSPELT: dict[str, tuple[str, ...]] = {
    "command": ("rotues",),
    "nothing-like-it": ("xyzzy",),
    "from-django": ("runserver",),
    "a-later-room": ("createsuperuser",),
    "migrate": ("migrate",),
    "near-a-later-one": ("migrat",),
    "set-without-value": ("--set", "PORT", "routes"),
    "check-without-output": ("openapi", "--check"),
}


@pytest.mark.parametrize("name", MISSPELT)
def test_used_wrongly(shop: Path, name: str) -> None:
    done = ketch(*MISSPELT[name], cwd=shop)
    assert (done.returncode, done.stdout) == (2, "")
    check(f"cli-{name}", done.stderr.rpartition("\n\n")[2])


def test_clicks_own_words(shop: Path) -> None:
    for arguments, says in (
        (("routes", "--jsn"), "--json"),
        (("explain", "GET"), "PATH"),
        (("dev", "--port", "x"), "x"),
    ):
        done = ketch(*arguments, cwd=shop)
        assert (done.returncode, says in done.stderr) == (2, True)


def test_no_application(tmp_path: Path) -> None:
    commands = ("routes", "check", "openapi", "shell -c 1", "dev", "run", "explain GET /", "commands")
    for command in map(str.split, commands):
        done = ketch(*command, cwd=tmp_path)
        assert done.returncode == 3, command
        assert "KETCH-FIND-001" in done.stderr
        assert "Traceback" not in done.stderr


def test_mistakes_are_told_without_a_traceback(tmp_path: Path) -> None:
    project(tmp_path, {"app.py": BROKEN})
    done = ketch("routes", cwd=tmp_path)
    assert done.returncode == 3
    check("cli-setup-error", done.stderr)


def test_an_import_error_shows_the_projects_own_lines(tmp_path: Path) -> None:
    project(tmp_path, {"app.py": "from shop import app\n", "shop.py": "import json\njson.loads('{')\n"})
    done = ketch_process("routes", cwd=tmp_path)
    assert done.returncode == 3
    assert [line.strip() for line in done.stderr.splitlines() if line.startswith("  File")] == [
        f'File "{tmp_path}/app.py", line 1, in <module>',
        f'File "{tmp_path}/shop.py", line 2, in <module>',
    ]
    assert "JSONDecodeError" in done.stderr


def test_a_missing_library_says_how_to_install_it(tmp_path: Path) -> None:
    project(
        tmp_path,
        {"app.py": "import swagger_ui_that_is_missing\n", "jinja.py": "raise ModuleNotFoundError('x', name='jinja2')"},
    )
    assert "pip install" not in ketch("routes", cwd=tmp_path).stderr
    assert 'pip install "ketch[templates]"' in ketch("routes", "jinja.py", cwd=tmp_path).stderr


def test_the_application_is_an_argument_an_option_or_the_environment(tmp_path: Path) -> None:
    project(tmp_path, {"shop/core.py": APP, "shop/__init__.py": ""})
    expected = ketch("routes", "shop.core", cwd=tmp_path).stdout
    assert "/orders/{order_id}" in expected
    assert ketch("--app", "shop/core.py", "routes", cwd=tmp_path).stdout == expected
    assert ketch("routes", cwd=tmp_path, env={"KETCH_APP": "shop.core:app"}).stdout == expected


def test_settings_of_a_developers_machine(tmp_path: Path) -> None:
    text = "from ketch import App, Struct\nclass Settings(Struct):\n    shop_key: str\napp = App(settings=Settings)\n"
    project(tmp_path, {"app.py": text})
    assert ketch("check", cwd=tmp_path).returncode == 1
    assert ketch("--set", "SHOP_KEY=x", "check", cwd=tmp_path).returncode == 0
    project(tmp_path, {".env": "SHOP_KEY=x\n"})
    assert ketch("check", cwd=tmp_path).returncode == 0
    assert ketch("check", "--deploy", cwd=tmp_path).returncode == 1
    done = ketch("shell", "-c", "1", cwd=tmp_path)
    assert done.returncode == 3
    assert ".env is read in dev only:  KETCH_ENV=dev ketch shell -c 1" in done.stderr
    assert ketch("shell", "-c", "1", cwd=tmp_path, env={"KETCH_ENV": "dev"}).returncode == 0


# --- routes and explain -----------------------------------------------------------------------------------------------

FULL = """\
from typing import Annotated

from ketch import App, Depends, Field, Header, Request, Router, Struct

app = App()


class Clock: ...


async def tenant(x_tenant: Annotated[str, Header()], clock: Clock) -> str:
    return x_tenant


async def signed_in(request: Request) -> None: ...


class NewOrder(Struct):
    sku: str


async def timing(request, call_next):
    return await call_next(request)


app.provide(Clock, Clock())
app.add_middleware(timing)
orders = Router(prefix="/orders", dependencies=[signed_in], middleware=[timing])


@orders.get("/{order_id}")
async def show_order(order_id: int, limit: Annotated[int, Field(ge=1)] = 10) -> None: ...


@orders.post("", status_code=201)
async def place(order: NewOrder, tenant: Annotated[str, Depends(tenant)]) -> NewOrder:
    return order


async def legacy(scope, receive, send): ...


app.include_router(orders)
app.mount("/legacy", legacy)


@app.websocket("/ws")
async def live(websocket: "WebSocket") -> None: ...


from ketch import WebSocket
"""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("full"), {"app.py": FULL})


def test_routes(full: Path) -> None:
    done = ketch("routes", cwd=full)
    assert done.returncode == 0
    check("cli-routes", done.stdout)
    assert "with --all" in done.stderr
    assert "/openapi.json" in ketch("routes", "--all", cwd=full).stdout


def test_routes_as_json(full: Path) -> None:
    found = json.loads(ketch("routes", "--json", cwd=full).stdout)
    show = next(route for route in found if route.get("name") == "orders.show_order")
    assert show == {
        "methods": ["GET"],
        "path": "/orders/{order_id}",
        "host": None,
        "name": "orders.show_order",
        "handler": "app.show_order",
        "file": str(full / "app.py"),
        "line": show["line"],
        "guards": ["signed_in"],
        "middleware": ["timing"],
        "in_schema": True,
    }
    assert found[-1]["methods"] == ["MOUNT"]


EXPLAINED = {
    "get": ("GET", "/orders/7"),
    "post": ("POST", "/orders"),
    "does-not-convert": ("GET", "/orders/x"),
    "not-found": ("GET", "/order/7"),
    "wrong-method": ("DELETE", "/orders/7"),
    "other-slash": ("POST", "/orders/"),
    "options": ("OPTIONS", "/orders/7"),
    "mount": ("GET", "/legacy/x/y"),
    "websocket": ("ws", "/ws"),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_explain(full: Path, name: str) -> None:
    done = ketch("explain", *EXPLAINED[name], cwd=full)
    assert done.returncode == (1 if name in ("not-found", "wrong-method", "other-slash") else 0), done.stderr
    told, _, printed = done.stdout.partition("Printed functions")
    check(f"cli-explain-{name}", told)
    assert ("async def call(request, scope):" in printed) is told.startswith(
        ("GET /orders", "POST /orders ->", "WEBSOCKET")
    )


def test_explain_understands_urls_and_the_other_order(full: Path) -> None:
    expected = ketch("explain", "GET", "/orders/7", cwd=full).stdout
    assert ketch("explain", "get", "http://127.0.0.1:8000/orders/7?x=1", cwd=full).stdout == expected
    assert ketch("explain", "/orders/7", "GET", cwd=full).stdout == expected


def test_explain_as_json(full: Path) -> None:
    found = json.loads(ketch("explain", "POST", "/orders", "--json", cwd=full).stdout)
    assert found["outcome"] == "route"
    assert found["guards"] == ["signed_in"]
    assert found["middleware"] == ["timing", "timing"]
    assert any(line.startswith("tenant") for line in found["dependencies"])
    assert "async def call(request, scope):" in found["functions"][-1]
    missed = json.loads(ketch("explain", "GET", "/nowhere", "--json", cwd=full).stdout)
    assert (missed["outcome"], missed["tried"][0]["reason"] != "") == ("not found", True)


# --- check, openapi, shell, test --------------------------------------------------------------------------------------


def test_check(shop: Path, tmp_path: Path) -> None:
    done = ketch("check", cwd=shop)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "No problems were found.\n")
    deploy = ketch("check", "--deploy", cwd=shop)
    assert deploy.returncode == 0
    check("cli-check-deploy", deploy.stdout)
    assert ketch("check", "--deploy", "--strict", cwd=shop).returncode == 1


def test_check_finds_everything(tmp_path: Path) -> None:
    own = '\n\n@app.command("routes")\nasync def routes() -> None: ...\n'
    own += "\n\n@app.command()\ndef report(what: App | int) -> None: ...\n"
    project(tmp_path, {"app.py": BROKEN, "own.py": APP + own})
    done = ketch("check", cwd=tmp_path)
    assert (done.returncode, "KETCH-BIND-002" in done.stdout) == (1, True)
    found = json.loads(ketch("check", "--json", cwd=tmp_path).stdout)
    assert [(one["level"], one["code"]) for one in found] == [("error", "KETCH-BIND-002")]
    assert found[0]["places"][0]["line"] == 6
    codes = {one["code"] for one in json.loads(ketch("check", "own.py", "--json", cwd=tmp_path).stdout)}
    assert codes == {"KETCH-CMD-001", "KETCH-CMD-002"}


def test_check_tells_a_mistake_made_while_importing(tmp_path: Path) -> None:
    project(tmp_path, {"app.py": "from ketch import App\napp = App()\n@app.get\nasync def show(): ...\n"})
    done = ketch("check", cwd=tmp_path)
    assert (done.returncode, "KETCH-ROUTE-021" in done.stdout) == (1, True)


def test_openapi(shop: Path) -> None:
    document = json.loads(ketch("openapi", cwd=shop).stdout)
    assert document["info"]["title"] == "Shop"
    assert "/orders/{order_id}" in document["paths"]
    assert ketch("openapi", "--output", "api.json", cwd=shop).stdout == ""
    assert json.loads((shop / "api.json").read_text()) == document
    assert ketch("openapi", "--check", "-o", "api.json", cwd=shop).returncode == 0
    (shop / "api.json").write_text("{}")
    assert ketch("openapi", "--check", "-o", "api.json", cwd=shop).returncode == 1


SHELL = (
    APP
    + """

class Clock:
    async def now(self) -> str: return "noon"

app.provide(Clock, Clock())
"""
)


def test_shell(tmp_path: Path) -> None:
    project(tmp_path, {"app.py": SHELL})
    run = ["shell", "-c"]
    assert ketch(*run, "print(url_for('show_order', order_id=7))", cwd=tmp_path).stdout == "/orders/7\n"
    code = "from app import Clock\nclock = await get(Clock)\nprint(await clock.now(), app.title)"
    assert ketch(*run, code, cwd=tmp_path).stdout == "noon Shop\n"
    assert ketch("shell", cwd=tmp_path, stdin="print(app.title)").stdout == "Shop\n"
    failed = ketch(*run, "1 / 0", cwd=tmp_path)
    assert (failed.returncode, failed.stderr.splitlines()[-1]) == (1, "ZeroDivisionError: division by zero")
    assert ketch(*run, "import sys; sys.exit(7)", cwd=tmp_path).returncode == 7


def test_the_tests_know_that_they_are_tests(shop: Path) -> None:
    text = "import os\n\ndef test_it(client):\n    assert os.environ['KETCH_ENV'] == 'test'\n"
    text += "    assert client.get('/orders/7').json() == {'id': 7}\n"
    project(shop, {"test_app.py": text, "test_bad.py": "def test_bad(): assert False\n"})
    few = ("-q", "-p", "no:cacheprovider", "-p", "ketch.testing.plugin")
    env = {"KETCH_ENV": "production", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = ketch("test", *few, "test_app.py", cwd=shop, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ketch("test", *few, cwd=shop, env=env).returncode == 1
    (shop / "empty").mkdir()
    nothing = ketch("test", *few, "empty", cwd=shop, env=env)
    assert nothing.returncode == 1
    assert "There are no tests here yet" in nothing.stderr
