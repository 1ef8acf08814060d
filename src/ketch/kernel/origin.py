"""Where a declaration stands: file and line, as people see them in their editor."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any


class Origin:
    """A place in a source file. `text` is what stands there (one line, may be empty).

    PERF: made for every provider and route, read only when something is wrong; so what is found out by reading source
    files (the line of a `def` below its decorators, its text) is found out when it is asked for.
    """

    __slots__ = ("_function", "_line", "_text", "file")

    def __init__(self, file: str, line: int, text: str = "", *, function: Any = None) -> None:
        self.file = file
        self._line = line
        self._text = text
        self._function = function

    def _look(self) -> None:
        function, self._function = self._function, None
        self._line += _decorator_lines(function)
        self._text = self._text or _signature_line(function)

    @property
    def line(self) -> int:
        """Counted from 1; 0 when it is not known."""
        if self._function is not None:
            self._look()
        return self._line

    @property
    def text(self) -> str:
        """What stands there."""
        if self._function is not None:
            self._look()
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origin) and (self.file, self.line, self.text) == (other.file, other.line, other.text)

    def __hash__(self) -> int:
        return hash((self.file, self.line, self.text))

    def __repr__(self) -> str:
        return f"Origin({self.file!r}, {self.line}, {self.text!r})"

    def __str__(self) -> str:
        return f"{_display(self.file)}:{self.line}" if self.line else _display(self.file)


UNKNOWN = Origin("<unknown>", 0)


def _display(file: str) -> str:
    """Paths below the working directory are shown relative, as editors and terminals link them."""
    here = os.getcwd() + os.sep
    return file[len(here) :] if file.startswith(here) else file


def caller(depth: int = 1) -> Origin:
    """The place `depth` frames above the function that calls this (1: its caller)."""
    frame = sys._getframe(depth + 1)
    return Origin(frame.f_code.co_filename, frame.f_lineno)


def outside(package: str) -> Origin:
    """The first frame on the stack that does not belong to `package`: the line a user wrote."""
    frame = sys._getframe(1)
    prefix = package + "."
    while frame.f_back is not None:
        name = frame.f_globals.get("__name__", "")
        # What loads a module stands between the line that imports it and the module's own.
        loading = name.startswith("importlib.") or frame.f_code.co_name == "exec_module"
        if name != package and not name.startswith(prefix) and not loading:
            break
        frame = frame.f_back
    return Origin(frame.f_code.co_filename, frame.f_lineno)


def origin_of(thing: object) -> Origin:
    """Where a function, class, partial or callable object is defined; `UNKNOWN` if Python cannot say."""
    function = _function_behind(thing)
    code = getattr(function, "__code__", None)
    if code is not None:
        return Origin(code.co_filename, code.co_firstlineno, function=function)
    kind = thing if inspect.isclass(thing) else type(thing)
    line = getattr(kind, "__firstlineno__", 0)  # Python 3.13 knows; before that the source is searched
    try:
        file = inspect.getsourcefile(kind) or "<unknown>"
        return Origin(file, line or inspect.getsourcelines(kind)[1], f"class {kind.__name__}")
    except (TypeError, OSError):
        return Origin(getattr(sys.modules.get(kind.__module__), "__file__", None) or "<unknown>", line)


def _function_behind(thing: object) -> object:
    while isinstance(thing, functools.partial):
        thing = thing.func
    thing = inspect.unwrap(thing) if callable(thing) else thing
    if isinstance(thing, (staticmethod, classmethod)) or inspect.ismethod(thing):
        thing = thing.__func__
    if not inspect.isclass(thing) and not hasattr(thing, "__code__"):
        call = getattr(type(thing), "__call__", None)  # noqa: B004 (the method itself is wanted)
        if hasattr(call, "__code__"):
            return call
    return thing


def _decorator_lines(function: object) -> int:
    """A code object's first line is its first decorator's: count down to the `def` itself."""
    import linecache

    code = function.__code__  # type: ignore[attr-defined]
    for ahead in range(40):
        line = linecache.getline(code.co_filename, code.co_firstlineno + ahead).lstrip()
        if line.startswith(("def ", "async def ", "class ")) or "lambda" in line:
            return ahead
    return 0


def _signature_line(function: object) -> str:
    """`async def show(id: int)`: what the reader will look for."""
    call: Callable[..., object] = function  # type: ignore[assignment]
    head = "async def" if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call) else "def"
    code = call.__code__
    if code.co_name == "<lambda>":
        return "lambda"
    written = _written_signature(code.co_filename, code.co_firstlineno + _decorator_lines(function))
    if written:
        return written
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    notes = call.__annotations__
    shown = ", ".join(f"{n}: {_spell(notes[n])}" if n in notes else n for n in names if n != "self")
    return f"{head} {call.__name__}({shown})"


def _written_signature(file: str, line: int) -> str:
    """The `def` as it stands in the file, up to its closing parenthesis; "" if it goes over several lines."""
    import linecache

    text = linecache.getline(file, line).strip()
    depth = 0
    for i, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if character == ")" and depth == 0:
            return text[: i + 1]
    return ""


def _spell(annotation: object) -> str:
    """An annotation the way people write it, without the modules' names."""
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type) and not hasattr(annotation, "__args__"):
        return annotation.__name__
    metadata = getattr(annotation, "__metadata__", None)
    if metadata is not None:
        return f"Annotated[{', '.join(map(_spell, (getattr(annotation, '__origin__', Any), *metadata)))}]"
    return str(annotation).replace("typing.", "").replace("builtins.", "")


spell = _spell
