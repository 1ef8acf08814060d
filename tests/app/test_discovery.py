"""Finding the application: who names it, which module, which object in it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ketch import App, SetupError
from ketch.app.discovery import ApplicationNotFound, discover, find, locate
from tests.cli.running import project
from tests.errors.snapshot import check

APP = "from ketch import App\napp = App(title='{title}')\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in; what a test imports is forgotten after it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KETCH_APP", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path, modules = list(sys.path), set(sys.modules)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if not name.startswith("ketch."):  # what the framework loads when it is needed stays loaded
            del sys.modules[name]


def app(title: str = "Shop") -> str:
    return APP.format(title=title)


# --- who names it -----------------------------------------------------------------------------------------------------


def test_the_argument_comes_first_then_the_environment_then_pyproject_then_names(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{name}.py": app(name) for name in ("argument", "environment", "configured", "app", "main")}
    project(here, {**files, "pyproject.toml": '[tool.ketch]\napp = "configured:app"\n'})
    monkeypatch.setenv("KETCH_APP", "environment")
    assert discover("argument.py").title == "argument"
    assert discover().title == "environment"
    monkeypatch.delenv("KETCH_APP")
    assert discover().title == "configured"
    (here / "pyproject.toml").unlink()
    assert discover().title == "app"
    (here / "app.py").unlink()
    assert discover().title == "main"


def test_pyproject_is_found_from_a_folder_below(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project(
        here,
        {
            "shop/app.py": app(),
            "shop/__init__.py": "",
            "docs/x.md": "",
            "pyproject.toml": "[tool.ketch]\napp='shop.app'",
        },
    )
    monkeypatch.chdir(here / "docs")
    found = find()
    assert (found.app.title, str(found.target)) == ("Shop", "shop.app:app")


@pytest.mark.parametrize("name", ["ketchup", "shop"])
def test_a_pyproject_without_a_word_on_ketch_is_passed_over(here: Path, name: str) -> None:
    project(here, {"pyproject.toml": f"[project]\nname = '{name}'\n", "main.py": app()})
    assert discover().title == "Shop"


@pytest.mark.parametrize(
    "target",
    ["shop/app.py", "./shop/app.py", "shop.app", "shop.app:app", "shop/app.py:app", "shop", "shop/", "shop:app.app"],
)
def test_every_way_to_say_it(here: Path, target: str) -> None:
    project(
        here,
        {
            "shop/__init__.py": "",
            "shop/app.py": "from . import words\nfrom ketch import App\napp = App(title=words.TITLE)",
            "shop/words.py": "TITLE = 'Shop'",
        },
    )
    if target == "shop:app.app":
        (here / "shop/__init__.py").write_text("from . import app")
    assert discover(target).title == "Shop"


def test_a_file_in_a_folder_that_is_no_package(here: Path) -> None:
    project(
        here,
        {
            "shop/app.py": "from words import TITLE\n" + app().replace("'Shop'", "TITLE"),
            "shop/words.py": "TITLE = 'plain'",
        },
    )
    assert discover("shop/app.py").title == "plain"


def test_src_layout(here: Path) -> None:
    project(here, {"src/shop/__init__.py": "", "src/shop/app.py": app()})
    assert discover("shop.app").title == "Shop"


def test_another_project_of_the_same_module_name(here: Path) -> None:
    project(here, {"one/app.py": app("one"), "two/app.py": app("two")})
    assert [discover("one/app.py").title, discover("two/app.py").title] == ["one", "two"]


# --- which object -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("from ketch import App\napp = App(title='a')\napplication = App(title='b')", "a"),
        ("from ketch import App\nother = App(title='a')\napplication = App(title='b')", "b"),
        ("from ketch import App\nshop = App(title='only')\nsame = shop", "only"),
        ("from ketch import App\ndef create_app(): return App(title='made')", "made"),
        ("from ketch import App\ndef create_app(debug=False): return App(title='made')", "made"),
        ("from ketch import App\nshop = App(title='x')\ndef create_app(): return shop", "x"),
        ("import app as module\nfrom ketch import App\nshop = App(title='y')", "y"),
    ],
)
def test_the_object(here: Path, text: str, title: str) -> None:
    project(here, {"app.py": text})
    assert discover().title == title


def test_a_factory_by_name(here: Path) -> None:
    project(here, {"app.py": "from ketch import App\ndef make(): return App(title='made')"})
    assert discover("app:make").title == "made"
    assert discover("app:make()").title == "made"


# --- what goes wrong --------------------------------------------------------------------------------------------------

MISTAKES: dict[str, tuple[dict[str, str], str | None]] = {
    "no-file": ({"shop.py": ""}, "shpo.py"),
    "no-module": ({"shop/__init__.py": "", "shop/app.py": ""}, "shop.ap"),
    "no-such-module": ({"shop.py": ""}, "shup"),
    "neither": ({}, "what is this"),
    "folder-without": ({"shop/models.py": ""}, "shop/"),
    "no-name-for-a-module": ({"my-app.py": ""}, "my-app.py"),
    "nothing-inside": ({"app.py": "x = 1"}, None),
    "another-framework": ({"app.py": "class Flask: pass\napp = Flask()"}, None),
    "several": ({"app.py": "from ketch import App\nshop = App()\nback_office = App()"}, None),
    "no-attribute": ({"app.py": "from ketch import App\napplication = App()"}, "app:aplication"),
    "not-an-app": ({"app.py": "orders = []"}, "app:orders"),
    "factory-with-parameters": ({"app.py": "def create_app(config): ..."}, None),
    "factory-that-is-async": ({"app.py": "async def create_app(): ..."}, None),
    "package-without": ({"shop/__init__.py": "", "shop/models.py": ""}, "shop"),
    "factory-of-nothing": ({"app.py": "def create_app(): return None"}, None),
    "broken-pyproject": ({"pyproject.toml": "[tool.ketch]\napp = shop.app\n"}, None),
    "configured-with-a-number": ({"pyproject.toml": "[tool.ketch]\napp = 7\n"}, None),
    "configured-but-absent": ({"pyproject.toml": "[tool.ketch]\napp = 'shop.app'\n", "shop/__init__.py": ""}, None),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_what_goes_wrong_is_told(here: Path, name: str) -> None:
    files, target = MISTAKES[name]
    project(here, files)
    with pytest.raises(ApplicationNotFound) as caught:
        discover(target)
    check(f"find-{name}", str(caught.value).replace(str(here), "/here"))


def test_nothing_at_all(here: Path) -> None:
    with pytest.raises(ApplicationNotFound) as caught:
        locate()
    check("find-nothing", str(caught.value).replace(str(here), "/here"))
    assert caught.value.code == "KETCH-FIND-001"


def test_a_file_with_the_name_of_a_module_of_pythons(here: Path) -> None:
    project(here, {"types.py": app()})
    with pytest.raises(ApplicationNotFound, match="a module of Python's own, types"):
        discover("types.py")


def test_errors_of_the_module_itself_come_out_as_they_are(here: Path) -> None:
    project(here, {"app.py": "import nothing_like_this"})
    with pytest.raises(ModuleNotFoundError, match="nothing_like_this"):
        discover()
    project(here, {"main.py": "from ketch import App, Query\nQuery(minn=1)"})
    with pytest.raises(SetupError) as caught:
        discover("main.py")
    assert caught.value.code == "KETCH-BIND-012"


def test_what_is_found_is_an_app(here: Path) -> None:
    project(here, {"app.py": app()})
    found = find()
    assert isinstance(found.app, App)
    assert found.target.file == (here / "app.py").resolve()
