"""Commands that only look: with a developer's eyes where there is a `.env`, unless KETCH_ENV says otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import ketch_process

pytestmark = pytest.mark.serial

LOOKING = [("check",), ("routes",), ("explain", "GET", "/"), ("openapi",), ("commands",)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "app.py").write_text(
        "from ketch import App\nfrom ketch.sessions import Sessions\n\napp = App(extensions=[Sessions()])\n\n\n"
        '@app.get("/")\nasync def home() -> str:\n    return "here"\n'
    )
    return tmp_path


@pytest.mark.parametrize("command", LOOKING)
def test_a_dotenv_makes_them_a_developers(folder: Path, command: tuple[str, ...]) -> None:
    assert "SECRET_KEY" in str(ketch_process(*command, cwd=folder))  # production asks for it
    assert ketch_process(*command, cwd=folder, env={"KETCH_ENV": "dev"}).returncode == 0
    (folder / ".env").write_text("")
    assert ketch_process(*command, cwd=folder).returncode == 0
    assert "SECRET_KEY" in str(ketch_process(*command, cwd=folder, env={"KETCH_ENV": "production"}))


def test_others_stay_in_production(folder: Path) -> None:
    (folder / ".env").write_text("")
    for command in (("check", "--deploy"), ("shell", "-c", "1")):
        done = ketch_process(*command, cwd=folder)
        assert done.returncode != 0
        assert "SECRET_KEY" in done.stdout + done.stderr
