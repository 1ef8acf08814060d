"""Tracebacks with only the lines their reader wrote: not Python's own, not an installed package's, not ours."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import traceback
    from types import FrameType

_INSTALLED = ("site-packages", "dist-packages")


@functools.cache
def is_own(file: str) -> bool:
    """True for a file of the project: not printed (`<...>`), not the standard library, not installed, not Ketch."""
    if file.startswith("<"):
        return False
    path = os.path.abspath(file)
    parts = path.split(os.sep)
    return not any(name in parts for name in _INSTALLED) and not path.startswith(_elsewhere())


@functools.cache
def _elsewhere() -> tuple[str, ...]:
    ketch = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    library = os.path.dirname(os.path.abspath(os.__file__))
    scripts = os.path.dirname(os.path.abspath(sys.executable))
    return tuple(folder + os.sep for folder in (ketch, library, scripts))


def own_traceback(error: BaseException) -> str:
    """The error as Python prints it, causes included, but only with the project's own lines.

    Where an error has none of them, everybody's but ours are kept.
    """
    import traceback

    told = traceback.TracebackException.from_exception(error)
    has_own = any(is_own(frame.filename) for one in _chain(told) for frame in one.stack or ())
    for one in _chain(told):
        _keep(one, is_own if has_own else _is_foreign)
    return "".join(told.format()).rstrip("\n")


def _is_foreign(file: str) -> bool:
    importing = file.startswith("<frozen ") or os.path.basename(os.path.dirname(file)) == "importlib"
    return not importing and not os.path.abspath(file).startswith(_elsewhere()[0])


def _chain(told: traceback.TracebackException) -> Iterable[traceback.TracebackException]:
    seen: list[traceback.TracebackException] = []
    waiting: list[traceback.TracebackException | None] = [told]
    while waiting:
        one = waiting.pop()
        if one is None or any(one is other for other in seen):
            continue
        seen.append(one)
        waiting += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]
    return seen


def _keep(told: traceback.TracebackException, wanted: Callable[[str], bool]) -> None:
    kept = [frame for frame in told.stack or () if wanted(frame.filename)]
    if kept:
        told.stack[:] = kept
    else:
        told.stack = None  # type: ignore[assignment]  # Python prints no heading then


def own_lines(frame: FrameType | None) -> list[str]:
    """The project's own lines on a stack, outermost first: `shop/app.py:12 in slow: time.sleep(1)`."""
    import linecache

    found: list[str] = []
    here = os.getcwd() + os.sep
    while frame is not None:
        file = frame.f_code.co_filename
        if is_own(file):
            text = linecache.getline(file, frame.f_lineno).strip()
            found.append(f"{file.removeprefix(here)}:{frame.f_lineno} in {frame.f_code.co_name}: {text}")
        frame = frame.f_back
    return found[::-1]
