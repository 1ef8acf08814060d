"""The `dev` script: old interpreters understand it, it finds Python, and it installs only when something changed."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "dev"


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module whose clone is a temporary directory."""
    loader = importlib.machinery.SourceFileLoader("ketch_dev", str(SCRIPT))
    spec = importlib.util.spec_from_loader("ketch_dev", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text("utf-8"), "utf-8")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True)


def fake_venv(dev: ModuleType, tmp_path: Path) -> Path:
    venv = tmp_path / ".venv"
    python = dev.python_of(venv)
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (venv / "pyvenv.cfg").write_text("version = 3.11.0\n")
    return venv


def test_old_interpreters_can_parse_it() -> None:
    ast.parse(SCRIPT.read_text("utf-8"), feature_version=(3, 7))


def test_it_is_executable_and_needs_only_the_standard_library() -> None:
    assert os.access(SCRIPT, os.X_OK)
    tree = ast.parse(SCRIPT.read_text("utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_help_names_every_command(dev: ModuleType) -> None:
    printed = run().stdout
    assert all(f"./dev {name}" in printed for name in dev.COMMANDS)


def test_a_misspelt_command_gets_a_hint() -> None:
    done = run("chek")
    assert done.returncode == 1
    assert "did you mean check?" in done.stderr


def test_a_wrong_port_is_a_word_and_not_a_traceback() -> None:
    done = run("demo", "--port", "http")
    assert done.returncode == 1
    assert done.stderr.strip() == "ketch: --port wants a number, not 'http'"


def test_a_shim_that_fails_is_passed_over(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shims = tmp_path / "bin"
    shims.mkdir()
    broken = shims / "python3.12"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(shims))
    assert dev.find_python("3.12") == ""


def test_pyenv_interpreters_are_found_beside_the_shims(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = f"3.{sys.version_info[1]}"
    real = tmp_path / "versions" / f"{version}.1" / "bin" / f"python{version}"
    real.parent.mkdir(parents=True)
    real.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    real.chmod(0o755)
    (tmp_path / "shims").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    assert dev.find_python(version)


def test_every_level_installs_from_the_project_file(dev: ModuleType) -> None:
    for level in dev.LEVELS:
        asked = dev.requirements(level)
        assert asked[0] == "-e"
        assert asked[1].startswith(".[")
        assert len(asked) > 2
    assert not any("mypy" in line for line in dev.requirements("demo"))
    assert any("mypy" in line for line in dev.requirements("test"))


def test_the_second_start_installs_nothing(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    venv, built = fake_venv(dev, tmp_path), []
    monkeypatch.setattr(dev, "output", lambda *command: "uv 1")
    monkeypatch.setattr(dev, "with_uv", lambda venv, asked, python: built.append(asked) or True)
    assert not dev.is_ready(venv, "demo")
    assert dev.environment("demo") == venv
    assert dev.environment("demo") == venv
    assert len(built) == 1


@pytest.mark.parametrize("change", ["level", "project", "python"])
def test_a_change_installs_again(dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    venv = fake_venv(dev, tmp_path)
    monkeypatch.setattr(dev, "output", lambda *command: "uv 1")
    monkeypatch.setattr(dev, "with_uv", lambda venv, asked, python: True)
    dev.environment("demo")
    if change == "project":
        (tmp_path / "pyproject.toml").write_text("[dependency-groups]\ndemo = []\ndev = []\n")
    if change == "python":
        (venv / "pyvenv.cfg").write_text("version = 3.12.0\n")
    assert not dev.is_ready(venv, "test" if change == "level" else "demo")


def test_a_machine_that_can_make_no_environment_is_told_what_to_do(
    dev: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuses = tmp_path / "python"
    refuses.write_text("#!/bin/sh\necho ensurepip is not available\nexit 1\n")
    refuses.chmod(0o755)
    with pytest.raises(SystemExit) as stopped:
        dev.with_pip(tmp_path / ".venv", ["-e", "."], str(refuses))
    assert "apt install python3-venv" in str(stopped.value)
    assert "ensurepip is not available" in str(stopped.value)
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    ("arguments", "parallel"),
    [([], True), (["-q"], True), (["tests/http"], False), (["-s"], False), (["-n0"], False), (["--pdb"], False)],
)
def test_only_whole_runs_are_parallel(dev: ModuleType, arguments: list[str], parallel: bool) -> None:
    assert bool(dev.parallel(arguments)) is parallel


def test_a_service_that_is_set_by_hand_stands(dev: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dev, "answers", lambda port: port == 6379)
    found = dev.with_services({"KETCH_TEST_POSTGRES": "postgresql://elsewhere/db"})
    assert found["KETCH_TEST_POSTGRES"] == "postgresql://elsewhere/db"
    assert found["KETCH_TEST_REDIS"].startswith("redis://")
    assert "KETCH_TEST_NATS" not in found
