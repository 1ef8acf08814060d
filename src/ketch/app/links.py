"""`url_for("name", id=...)` checked where it stands: in the modules of handlers, and in templates.

Only what is written out is checked: a name in quotes, and keywords unless there are `**` among them. What a template
says has Jinja2's grammar, which for these calls is nearly Python's; a call for which it is not is checked by its name.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ketch.app.templates import own_folder
from ketch.binding.signature import unwrap
from ketch.kernel.errors import Fault, Place
from ketch.kernel.origin import Origin
from ketch.kernel.tracebacks import is_own
from ketch.routing.pattern import texts_for
from ketch.routing.segment import BuildError

if TYPE_CHECKING:
    from ketch.app.runtime import Runtime
    from ketch.routing.reverse import Reverse

_CALLS = ("url_for", "url_path_for")
_IN_TEMPLATE = re.compile(r"\burl_for\(\s*(?=['\"])")
_NAME = re.compile(r"(['\"])(?P<name>[^'\"\n]*)\1")
_TEMPLATES = (".html", ".htm", ".jinja", ".jinja2", ".j2", ".txt", ".xml")
_LARGEST = 1_048_576  # bytes of a file that is looked at


class Call(NamedTuple):
    """One literal call. `keywords` is None where they cannot all be known."""

    name: str
    keywords: Sequence[str] | None
    origin: Origin


def broken_links(runtime: Runtime) -> list[Fault]:
    """A fault for each literal `url_for` that no route answers, or that gives it the wrong parameters."""
    found: list[Fault] = []
    for call in literal_calls(runtime):
        reason = _wrong(call, runtime.reverse)
        if reason:
            found.append(Fault("KETCH-ROUTE-022", reason, (Place("here", call.origin),)))
    return found


def literal_calls(runtime: Runtime) -> Iterator[Call]:
    """Every literal call in the modules of the application's own handlers and in its templates."""
    for file in _modules(runtime):
        yield from calls_in_python(_text(Path(file)), file)
    for folder in _folders(runtime):
        for file in _files(folder):
            yield from calls_in_template(_text(Path(file)), file)


def _modules(runtime: Runtime) -> list[str]:
    codes = (getattr(unwrap(route.endpoint), "__code__", None) for route in runtime.routes)
    files = dict.fromkeys(code.co_filename for code in codes if code is not None)
    return [file for file in files if is_own(file)]


def _folders(runtime: Runtime) -> list[str]:
    given = runtime.app.templates
    own = [own_folder(runtime.app, given)] if given is None or isinstance(given, (str, os.PathLike)) else []
    extra = [os.fspath(folder) for folder in runtime.template_folders if isinstance(folder, (str, os.PathLike))]
    return [folder for folder in dict.fromkeys(own + extra) if is_own(os.path.join(folder, "x"))]


def _files(folder: str) -> Iterator[str]:
    for base, folders, names in os.walk(folder):
        folders.sort()
        yield from (os.path.join(base, name) for name in sorted(names) if name.endswith(_TEMPLATES))


def _text(file: Path) -> str:
    try:
        return file.read_bytes()[:_LARGEST].decode("utf-8", "replace")
    except OSError:
        return ""


def calls_in_python(text: str, file: str) -> Iterator[Call]:
    """The literal calls of a module; none of one that has another framework's `url_for`."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    if any(_foreign(node) for node in ast.walk(tree)):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called(node.func) in _CALLS:
            call = _literal(node, Origin(file, node.lineno, text.splitlines()[node.lineno - 1].strip()))
            if call is not None:
                yield call


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _foreign(node: ast.AST) -> bool:
    if not isinstance(node, ast.ImportFrom):
        return False
    return any(alias.name in _CALLS for alias in node.names) and not (node.module or "ketch").startswith("ketch")


def _literal(node: ast.Call, origin: Origin) -> Call | None:
    if not node.args or not isinstance(node.args[0], ast.Constant) or not isinstance(node.args[0].value, str):
        return None
    keywords = [word.arg for word in node.keywords]
    known = None if None in keywords or len(node.args) > 1 else [word for word in keywords if word is not None]
    return Call(node.args[0].value, known, origin)


def calls_in_template(text: str, file: str) -> Iterator[Call]:
    """The literal calls of a template."""
    for match in _IN_TEMPLATE.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        end = _closing(text, match.end())
        origin = Origin(file, line, " ".join(text[match.start() : end + 1].split()))
        try:
            node = ast.parse("f(" + " ".join(text[match.end() : end].split()) + ")", mode="eval").body
            call = _literal(node, origin) if isinstance(node, ast.Call) else None
        except (SyntaxError, ValueError):
            name = _NAME.match(text, match.end())
            call = Call(name["name"], None, origin) if name else None
        if call is not None:
            yield call


def _closing(text: str, at: int) -> int:
    """Where the parenthesis that was opened before `at` is closed; quotes are looked through."""
    depth, quote = 1, ""
    for place in range(at, min(len(text), at + 2_000)):
        character = text[place]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        else:
            depth += (character in "([{") - (character in ")]}")
            if not depth:
                return place
    return at


def _wrong(call: Call, reverse: Reverse) -> str:
    try:
        route = reverse.find(call.name, call.keywords or ())
        if call.keywords is not None:
            names: Iterable[str] = route.path.names if route.host is None else route.host.names + route.path.names
            texts_for(route.path.text, tuple(names), dict.fromkeys(call.keywords, ""))
    except BuildError as error:
        # An ambiguity that only values would resolve is not a mistake where they cannot be known.
        return "" if call.keywords is None and "means several" in str(error) else f'url_for("{call.name}"): {error}'
    return ""
