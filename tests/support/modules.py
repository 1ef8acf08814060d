"""Put `sys.modules` back: what a test imports, takes away or loads anew must not meet the next test.

A class finds the names in its annotations through `sys.modules`; where its module has been replaced by a fresh copy,
or by nothing, an application that was imported before cannot start any more.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


@contextmanager
def modules_put_back(folder: Path | None = None) -> Iterator[None]:
    """Afterwards every module is the one it was before.

    New ones stay, unless their files are in `folder`, they only pretend that something is missing, or they belong to
    a package that was loaded a second time: a library's second half must fit the first.
    """
    before = dict(sys.modules)
    try:
        yield
    finally:
        now = dict(sys.modules)
        replaced = {name for name, module in before.items() if now.get(name) is not module}
        for name in now.keys() - before.keys():
            if now[name] is None or _inside(now[name], folder) or _belongs(name, replaced):
                del sys.modules[name]
        for name in replaced:
            sys.modules[name] = before[name]
        for name in replaced:
            _hang(name, before[name])


def _inside(module: ModuleType, folder: Path | None) -> bool:
    return folder is not None and Path(str(getattr(module, "__file__", None) or "")).is_relative_to(folder)


def _belongs(name: str, packages: Collection[str]) -> bool:
    return any(name.startswith(package + ".") for package in packages)


def _hang(name: str, module: ModuleType) -> None:
    """`from package import name` asks the package, not `sys.modules`."""
    parent, _, last = name.rpartition(".")
    if parent in sys.modules and last in vars(sys.modules[parent]):
        setattr(sys.modules[parent], last, module)
