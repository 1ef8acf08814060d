"""Which changes are seen, with watchfiles and without."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ketch.cli.watching import changes, directories, is_wanted
from tests.cli.running import eventually, project

pytestmark = pytest.mark.serial


@pytest.fixture(params=[False, True], ids=["watchfiles", "polling"])
def seen(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], set[str]]]:
    """What has been seen so far, by file name."""
    project(tmp_path, {"app.py": "1", "shop/models.py": "1", ".venv/pyvenv.cfg": "", ".venv/lib/x.py": "1"})
    project(tmp_path, {"env/pyvenv.cfg": "", "env/x.py": "", "node_modules/x.py": "", "__pycache__/x.py": ""})
    stop, found = threading.Event(), set[str]()

    def look() -> None:
        for changed in changes([str(tmp_path)], stop, polling=request.param):
            found.update(changed)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    time.sleep(0.6)
    yield lambda: {str(Path(path).relative_to(tmp_path)) for path in found}
    stop.set()
    thread.join(5)
    assert not thread.is_alive()


def test_what_is_seen(seen: Callable[[], set[str]], tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("22")
    eventually(lambda: "app.py" in seen(), 10)
    (tmp_path / "shop/models.py").write_text("22")
    (tmp_path / ".env").write_text("A=1")
    eventually(lambda: {"shop/models.py", ".env"} <= seen(), 10)


def test_a_new_folder_and_an_atomic_save_are_seen(seen: Callable[[], set[str]], tmp_path: Path) -> None:
    (tmp_path / "fresh").mkdir()
    (tmp_path / "fresh" / "one.py").write_text("1")
    eventually(lambda: "fresh/one.py" in seen(), 10)
    (tmp_path / "fresh" / "one.py").write_text("22")
    (tmp_path / "app.py.tmp").write_text("333")
    (tmp_path / "app.py.tmp").rename(tmp_path / "app.py")
    eventually(lambda: "app.py" in seen(), 10)
    (tmp_path / "shop/models.py").unlink()
    eventually(lambda: "shop/models.py" in seen(), 10)


def test_what_is_not_seen(seen: Callable[[], set[str]], tmp_path: Path) -> None:
    for name in (
        ".venv/lib/x.py",
        "env/x.py",
        "node_modules/x.py",
        "__pycache__/x.py",
        "shop.db",
        "notes.txt",
        ".#app.py",
    ):
        (tmp_path / name).write_text("changed")
    (tmp_path / "app.py").write_text("the last")
    eventually(lambda: "app.py" in seen(), 10)
    assert seen() == {"app.py"}


def test_folders_of_others_are_left_out(tmp_path: Path) -> None:
    project(
        tmp_path,
        {"shop/a/b.py": "", ".git/x": "", "node_modules/y/z.py": "", "venv/pyvenv.cfg": "", "venv/lib/w.py": ""},
    )
    assert {str(Path(folder).relative_to(tmp_path)) for folder in directories([str(tmp_path)])} == {
        ".",
        "shop",
        "shop/a",
    }


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("app.py", True),
        ("pyproject.toml", True),
        (".env", True),
        ("x.db", False),
        (".#app.py", False),
        ("app.pyc", False),
    ],
)
def test_wanted(name: str, wanted: bool) -> None:
    assert is_wanted(f"/srv/{name}") is wanted
