"""Names from other frameworks: what is taught instead exists."""

from __future__ import annotations

import importlib
import re

import pytest

import ketch
from ketch.teaching import TABLE

IMPORT = re.compile(r"from (ketch[\w.]*) import (\w+(?:, [A-Z]\w+)*)")


@pytest.mark.parametrize("name", TABLE)
def test_what_is_taught_can_be_imported(name: str) -> None:
    for module, names in IMPORT.findall(TABLE[name]):
        for taught in names.split(", "):
            assert hasattr(importlib.import_module(module), taught), f"{name} teaches {module}.{taught}"


@pytest.mark.parametrize("name", TABLE)
def test_a_taught_name_is_none_of_ours(name: str) -> None:
    with pytest.raises(ImportError, match=f"ketch has no {name}: "):
        getattr(ketch, name)
