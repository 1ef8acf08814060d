"""A new project: the questions, the layouts, and that what was laid out works at once."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ketch.cli.new import ANSWERS, CHOOSE, INSTALL, LAYOUTS, SOON
from tests.cli.running import environ, ketch, ketch_process

pytestmark = pytest.mark.serial


@pytest.mark.parametrize("layout", LAYOUTS)
def test_its_own_tests_pass_at_once(tmp_path: Path, layout: str) -> None:
    done = ketch("new", "my-shop", "--layout", layout, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "my-shop"
    few = ("-q", "-p", "no:cacheprovider", "-p", "ketch.testing.plugin")
    command = [sys.executable, "-m", "ketch", "test", *few]
    env = environ({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    tested = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout
    assert ketch_process("check", cwd=folder).returncode == 0
    assert "/notes" in ketch_process("routes", cwd=folder).stdout
    ignored = (folder / ".gitignore").read_text().splitlines()
    assert {".env", "*.db"} <= set(ignored)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_laid_out_is_tidy(tmp_path: Path, layout: str) -> None:
    ketch("new", "shop", "--layout", layout, cwd=tmp_path)
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--line-length", "120", "--select", "E,F,I,UP,B,W"]
    linted = subprocess.run(ruff, cwd=tmp_path / "shop", capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout
    formatted = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "120", "--check"]
    assert subprocess.run(formatted, cwd=tmp_path / "shop", capture_output=True).returncode == 0
    for file in (tmp_path / "shop").rglob("*"):
        if file.is_file() and file.suffix in (".py", ".toml", ".md", ".html"):
            assert "__" not in file.read_text().replace("__init__", "").replace("__file__", ""), file


def test_the_full_kit_is_fit_for_production(tmp_path: Path) -> None:
    ketch("new", "shop", "--layout", "full", cwd=tmp_path)
    folder = tmp_path / "shop"
    key = next(line for line in (folder / ".env").read_text().splitlines() if line.startswith("SECRET_KEY="))
    assert len(key) > 60
    production = {"SECRET_KEY": key.partition("=")[2], "ALLOWED_HOSTS": "example.com"}
    done = ketch_process("check", "--deploy", "--strict", "--json", cwd=folder, env=production)
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert ketch_process("check", "--deploy", cwd=folder).returncode == 1  # without a key
    assert "SECRET_KEY=\n" in (folder / ".env.example").read_text()
    other = ketch("new", "other", "--layout", "full", cwd=tmp_path)
    assert other.returncode == 0
    assert key not in (tmp_path / "other" / ".env").read_text()


@pytest.mark.parametrize(("soon", "choose"), ANSWERS)
def test_two_answers_choose_the_layout(tmp_path: Path, soon: str, choose: str) -> None:
    layout = ANSWERS[soon, choose]
    assert ketch("new", "shop", "--soon", soon, "--choose", choose, cwd=tmp_path).returncode == 0
    assert (tmp_path / "shop" / "app.py").exists() is (layout == "single")
    assert (tmp_path / "shop" / "deploy").exists() is (layout == "full")


def test_the_questions_are_asked(tmp_path: Path) -> None:
    done = ketch("new", "shop", cwd=tmp_path, stdin="3\nsome\n")
    assert done.returncode == 0
    assert "How soon must it be in production?" in done.stderr
    assert "How much do you want to choose yourself?" in done.stderr
    assert "single" in done.stderr
    assert sorted(path.name for path in (tmp_path / "shop").iterdir()) == [".gitignore", "app.py", "test_app.py"]
    assert "cd shop" in done.stdout
    assert "ketch dev" in done.stdout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_says_what_to_install(tmp_path: Path, layout: str) -> None:
    line = f'pip install "{INSTALL[layout]}"'
    assert f"  {line}\n" in ketch("new", "shop", "--layout", layout, cwd=tmp_path).stdout
    readme = tmp_path / "shop" / "README.md"
    assert not readme.exists() or f"$ {line}\n" in readme.read_text()
    project = tmp_path / "shop" / "pyproject.toml"
    if project.exists():
        written = tomllib.loads(project.read_text())
        wanted = [*written["project"]["dependencies"], *written["dependency-groups"]["dev"]]
        extras = {extra for one in wanted for extra in one.removeprefix("ketch[").removesuffix("]").split(",")}
        assert extras == set(INSTALL[layout].removeprefix("ketch[").removesuffix("]").split(","))


def test_nobody_answers(tmp_path: Path) -> None:
    assert ketch("new", "shop", cwd=tmp_path).returncode == 130
    assert not (tmp_path / "shop").exists()


def test_every_answer_leads_somewhere() -> None:
    assert set(ANSWERS) == {(soon, choose) for soon in SOON for choose in CHOOSE}
    assert set(ANSWERS.values()) == set(LAYOUTS)


@pytest.mark.parametrize("name", ["types", "class", "9lives", "a b", "tests", "ketch", "ä"])
def test_impossible_names(tmp_path: Path, name: str) -> None:
    done = ketch("new", name, "--layout", "single", cwd=tmp_path)
    assert done.returncode == 2
    assert not (tmp_path / name).exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "app.py").write_text("mine")
    done = ketch("new", "shop", "--layout", "single", cwd=tmp_path)
    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert (tmp_path / "shop" / "app.py").read_text() == "mine"


def test_an_empty_folder_or_a_fresh_repository_will_do(tmp_path: Path) -> None:
    (tmp_path / "shop" / ".git").mkdir(parents=True)
    assert ketch("new", ".", "--layout", "package", cwd=tmp_path / "shop").returncode == 0
    assert (tmp_path / "shop" / "shop" / "app.py").exists()
