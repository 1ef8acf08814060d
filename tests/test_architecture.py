"""ARCHITECTURE.md tells the truth: every path it names exists, and every room and layer is named in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "ARCHITECTURE.md").read_text("utf-8")

# A path is written in backquotes: it has a slash or a file's ending, and none of code's punctuation.
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?)`")


def named_paths() -> list[str]:
    found = dict.fromkeys(PATH.findall(TEXT))
    return [name for name in found if "/" in name or name.endswith((".py", ".md", ".toml"))]


@pytest.mark.parametrize("name", named_paths())
def test_a_named_path_exists(name: str) -> None:
    package = ROOT / "src" / "ketch"
    places = (ROOT / name, ROOT / "src" / name, package / name, *package.glob(f"*/{name}"))
    assert any(place.exists() for place in places), f"ARCHITECTURE.md names {name}, which is nowhere"


def test_every_package_is_named() -> None:
    packages = {path.parent.name for path in (ROOT / "src" / "ketch").glob("*/__init__.py")}
    missing = sorted(name for name in packages if not re.search(rf"`(?:[\w/]*/)?{name}/", TEXT))
    assert missing == [], "ARCHITECTURE.md says nothing of these packages"
