"""Compiled or not: where `./dev test --compiled` says so the modules are compiled; elsewhere Cython is not touched."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOOK = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"][
    "hooks"
]
MODULES: list[str] = HOOK["custom"]["compiled"]
EXPECTED = bool(os.environ.get("KETCH_EXPECT_COMPILED"))


@pytest.mark.parametrize("name", MODULES)
def test_a_listed_module_is_compiled_if_and_only_if_that_is_expected(name: str) -> None:
    file = importlib.import_module(name).__file__ or ""
    assert file.endswith((".so", ".pyd")) is EXPECTED, f"{name} is {file}"


@pytest.mark.parametrize("name", MODULES)
def test_a_listed_module_exists(name: str) -> None:
    assert (ROOT / "src" / (name.replace(".", "/") + ".py")).is_file()


def test_types_for_cython_stand_beside_listed_modules_only() -> None:
    source = ROOT / "src"
    found = {".".join(path.relative_to(source).with_suffix("").parts) for path in source.rglob("*.pxd")}
    assert found <= set(MODULES)


def test_running_never_imports_cython() -> None:
    code = f"import sys, importlib; [importlib.import_module(n) for n in {MODULES!r}]"
    code += "; print([name for name in sys.modules if name.partition('.')[0] in ('Cython', 'cython')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
