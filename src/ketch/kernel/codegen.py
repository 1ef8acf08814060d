"""Printed functions: source text compiled so that tracebacks, debuggers and people can read it.

The source is registered with `linecache` under a file name like `<GET /orders/{id} -> show_order>`, the trick attrs
and doctest use; pdb steps into it and a traceback shows its lines.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from typing import Any


def compile_function(name: str, source: str, namespace: dict[str, Any], *, label: str) -> Callable[..., Any]:
    """Compile `source`, which defines a function called `name`, with `namespace` as its globals.

    `label` is the file name shown in tracebacks. The returned function carries its text as `__source__`.
    """
    file = f"<{label}>"
    # dont_inherit: this module's own __future__ flags are not the printed function's.
    code = compile(source, file, "exec", dont_inherit=True)
    exec(code, namespace)
    lines = source.splitlines(keepends=True)
    # mtime None tells linecache.checkcache to leave the entry alone.
    linecache.cache[file] = (len(source), None, lines, file)
    function: Callable[..., Any] = namespace[name]
    function.__source__ = source  # type: ignore[attr-defined]
    return function


def compile_when_called(
    name: str, source: str, namespace: dict[str, Any], *, label: str, ready: Callable[[Any], None]
) -> Callable[..., Any]:
    """An async function that compiles `source` when it is first called, and hands the compiled one to `ready`.

    PERF: what there is to find wrong has been found by printing; compiling a thousand functions that may never be
    called is a third of the start-up time of a thousand routes.
    """

    async def first_call(*args: Any) -> Any:
        function = compile_function(name, source, namespace, label=label)
        ready(function)
        return await function(*args)

    first_call.__source__ = source  # type: ignore[attr-defined]
    return first_call


class Lines:
    """Source being written: indented lines and a namespace of the objects they name."""

    def __init__(self, namespace: dict[str, Any] | None = None) -> None:
        self.lines: list[str] = []
        self.namespace: dict[str, Any] = namespace if namespace is not None else {}
        self.reserved: set[str] = set()  # local variables, which a global of the same name would break
        self._depth = 0

    def add(self, line: str) -> None:
        self.lines.append("    " * self._depth + line)

    def block(self, head: str) -> _Indent:
        """`with lines.block("if x:"):` writes the head and indents what follows."""
        self.add(head)
        return _Indent(self)

    def bind(self, hint: str, value: object) -> str:
        """A name for `value` inside the printed function; the same object keeps its name."""
        base = "".join(c if c.isalnum() else "_" for c in hint) or "value"
        if base[0].isdigit():
            base = "_" + base
        name, n = base, 1
        while name in self.reserved or (name in self.namespace and self.namespace[name] is not value):
            n += 1
            name = f"{base}_{n}"
        self.namespace[name] = value
        return name

    def __str__(self) -> str:
        return "\n".join(self.lines) + "\n"


class _Indent:
    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def __enter__(self) -> None:
        self._lines._depth += 1

    def __exit__(self, *_: object) -> None:
        self._lines._depth -= 1
