"""Finding the application: for the `ketch` command, for the pytest plugin, for the workers of a server.

    target      said on the command line, in KETCH_APP, in `[tool.ketch] app` of pyproject.toml; else app.py, main.py
    module      `shop/app.py`, `shop.app`, `shop.app:app`, a folder or a package that has an app.py or main.py
    object      `app`, `application`, the only App in the module, what `create_app()` returns

Nothing is guessed silently: what could mean several applications is an error that lists them.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
from dataclasses import dataclass, replace
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import Any

from ketch.app.application import App
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin, origin_of
from ketch.kernel.suggest import hint

FILES = ("app.py", "main.py")
NAMES = ("app", "application")
FACTORY = "create_app"

_SPLIT = re.compile(r"(?P<module>.+?)(?::(?P<name>[A-Za-z_][\w.]*)(?:\(\))?)?\Z", re.DOTALL).match
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*\Z").match


class ApplicationNotFound(SetupError):
    """There is no application where one was looked for, or more than one."""


@dataclass(frozen=True, slots=True)
class Target:
    """A module to import: `root` has to be on `sys.path`, `source` says who named it, for messages."""

    module: str
    root: Path
    name: str | None = None
    source: str = ""
    file: Path | None = None

    def __str__(self) -> str:
        return f"{self.module}:{self.name}" if self.name else self.module


@dataclass(frozen=True, slots=True)
class Found:
    """An application with the place where it was found; `target` has both names filled in."""

    app: App
    target: Target


def discover(target: str | None = None, folder: Path | None = None) -> App:
    """The application, imported. `folder` is the working directory unless it is given.

    Raises ApplicationNotFound (a SetupError, KETCH-FIND-...), and whatever importing the module raises.
    """
    return find(target, folder).app


def find(target: str | None = None, folder: Path | None = None) -> Found:
    """`discover`, with the place. Raises as `discover` does."""
    return load(locate(target, folder))


# --- which module -----------------------------------------------------------------------------------------------------


def locate(target: str | None = None, folder: Path | None = None) -> Target:
    """Where the application should be, nothing imported yet.

    Raises ApplicationNotFound (KETCH-FIND-001, -002, -008).
    """
    base = (folder or Path.cwd()).resolve()
    if target:
        return _parse(target, base, "the command line")
    named = os.environ.get("KETCH_APP")
    if named:
        return _parse(named, base, "KETCH_APP")
    project = project_file(base)
    if project is not None:
        configured = _configured(project)
        if configured:
            return _parse(configured, project.parent, f"[tool.ketch] app in {_shown(project)}")
    for name in FILES:
        if (base / name).is_file():
            return _from_file(base / name, base, None, name)
    raise ApplicationNotFound(
        "KETCH-FIND-001",
        "There is no application here.",
        why=f"Looked for: an argument, KETCH_APP, [tool.ketch] app in {_shown(project or base / 'pyproject.toml')}, "
        f"{', '.join(FILES)} in {base}.",
        fix="Say where it is:  ketch dev shop/app.py   or   export KETCH_APP=shop.app:app\n"
        "Or begin with one:  ketch new shop",
    )


def project_file(folder: Path) -> Path | None:
    """The nearest pyproject.toml in this folder or above it."""
    for place in (folder, *folder.parents):
        if (place / "pyproject.toml").is_file():
            return place / "pyproject.toml"
    return None


def _configured(file: Path) -> str | None:
    text = file.read_text("utf-8", "replace")
    if "ketch" not in text:
        return None
    import tomllib

    try:
        table = tomllib.loads(text).get("tool", {}).get("ketch", {})
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        place = Place("here", Origin(str(file), int(line[1]) if line else 1))
        raise ApplicationNotFound("KETCH-FIND-008", f"pyproject.toml cannot be read: {error}", places=[place]) from None
    named = table.get("app") if isinstance(table, dict) else None
    if named is not None and not isinstance(named, str):
        raise ApplicationNotFound(
            "KETCH-FIND-008", f"[tool.ketch] app in {_shown(file)} is not a text.", fix='app = "shop.app:app"'
        )
    return named


def _parse(text: str, base: Path, source: str) -> Target:
    parts = _SPLIT(text.strip())
    module, name = (parts["module"], parts["name"]) if parts else (text, None)
    path = (base / module).resolve()
    if module.endswith(".py") or "/" in module or os.sep in module or module in (".", ".."):
        return _from_path(path, base, name, source, module)
    if not _MODULE(module):
        raise _absent(f'"{text}" is neither a file nor a module.', source, base, module)
    inside = Path(*module.split("."))
    for root in (base, base / "src"):
        if (root / inside.with_suffix(".py")).is_file() or (root / inside).is_dir():
            file = root / inside.with_suffix(".py")
            return Target(module, root, name, source, file if file.is_file() else None)
    return Target(module, base, name, source)  # perhaps an installed one; importing will tell


def _from_path(path: Path, base: Path, name: str | None, source: str, said: str) -> Target:
    if path.is_file():
        return _from_file(path, base, name, source)
    if path.is_dir():
        for inner in (*FILES, "__init__.py"):
            if (path / inner).is_file():
                return _from_file(path / inner, base, name, source)
        raise _absent(f"The folder {said} has neither {' nor '.join(FILES)}.", source, base, said)
    raise _absent(f"There is no file {said}.", source, base, said)


def _from_file(file: Path, base: Path, name: str | None, source: str) -> Target:
    """A file inside a package is imported as a part of it, so that its relative imports work."""
    names = [] if file.name == "__init__.py" else [file.stem]
    root = file.parent
    while (root / "__init__.py").is_file():
        names.insert(0, root.name)
        root = root.parent
    if not all(part.isidentifier() for part in names):
        raise ApplicationNotFound(
            "KETCH-FIND-002",
            f"{_shown(file)} cannot be imported: {file.stem!r} is no name for a module.",
            fix="Rename it with letters, digits and _ only.",
        )
    return Target(".".join(names), root, name, source, file)


def _absent(what: str, source: str, base: Path, said: str) -> ApplicationNotFound:
    near = _modules_near(said, base) if _MODULE(said) and not said.endswith(".py") else _files_near(said, base)
    return ApplicationNotFound("KETCH-FIND-002", what, why=f"It was named by {source}.", fix=hint(said, near))


def _files_near(said: str, base: Path) -> list[str]:
    folder = (base / said).parent
    return sorted(_relative(file, base) for file in folder.glob("*.py")) if folder.is_dir() else []


def _modules_near(said: str, base: Path) -> list[str]:
    parent = said.rpartition(".")[0]
    folder = base.joinpath(*parent.split("."))
    names = [file.stem for file in folder.glob("*.py")] + [file.parent.name for file in folder.glob("*/__init__.py")]
    return [f"{parent}.{name}" if parent else name for name in sorted(names) if name != "__init__"]


# --- importing it -----------------------------------------------------------------------------------------------------


def load(target: Target) -> Found:
    """Import the module and choose the application in it. Raises as `discover` does."""
    module = _import(target)
    if target.name is None and hasattr(module, "__path__") and not _candidates(module):
        for inner in FILES:
            below = replace(target, module=f"{target.module}.{inner.removesuffix('.py')}")
            if _exists(module, inner):
                target, module = below, _import(below)
                break
    name, app = _choose(module, target)
    return Found(app, replace(target, name=name, file=_file_of(module) or target.file))


def _exists(package: ModuleType, inner: str) -> bool:
    return any((Path(folder) / inner).is_file() for folder in package.__path__)


def _import(target: Target) -> ModuleType:
    _make_importable(target)
    try:
        return import_module(target.module)
    except ModuleNotFoundError as error:
        if error.name is None or not (target.module == error.name or target.module.startswith(error.name + ".")):
            raise  # something that the module itself imports
        raise _absent(f"There is no module {target.module}.", target.source, target.root, target.module) from None


def _make_importable(target: Target) -> None:
    root = str(target.root)
    here = os.getcwd()
    sys.path[:] = [root, *([here] if here != root else []), *(p for p in sys.path if p not in (root, here, ""))]
    invalidate_caches()
    first = target.module.partition(".")[0]
    loaded = sys.modules.get(target.module)
    if loaded is None or target.file is None:
        return
    known = _file_of(loaded)
    if known is not None and known == target.file.resolve():
        return
    if first in sys.stdlib_module_names:
        raise ApplicationNotFound(
            "KETCH-FIND-002",
            f"{_shown(target.file)} has the name of a module of Python's own, {first}.",
            why="Python has loaded that one already, and so would everybody who imports it.",
            fix="Rename the file.",
        )
    # Another project's module of the same name, from an earlier look in this process.
    for name in [name for name in sys.modules if name == first or name.startswith(first + ".")]:
        del sys.modules[name]


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


# --- which object -----------------------------------------------------------------------------------------------------


def _candidates(module: ModuleType) -> dict[str, Any]:
    """Every App in the module by its first name, and the factory."""
    found: dict[str, Any] = {}
    for name, thing in vars(module).items():
        if isinstance(thing, App) and all(thing is not other for other in found.values()):
            found[name] = thing
    factory = getattr(module, FACTORY, None)
    if inspect.isfunction(factory):
        found[FACTORY] = factory
    return found


def _choose(module: ModuleType, target: Target) -> tuple[str, App]:
    if target.name is not None:
        return target.name, _named(module, target)
    for name in NAMES:
        if isinstance(getattr(module, name, None), App):
            return name, getattr(module, name)
    found = _candidates(module)
    factory = found.pop(FACTORY, None)
    if len(found) == 1:
        return next(iter(found.items()))
    if len(found) > 1:
        raise ApplicationNotFound(
            "KETCH-FIND-004",
            f"{target.module} has {len(found)} applications.",
            places=[Place(name, app.origin) for name, app in found.items()],
            fix=f"Say which one:  {target.module}:{next(iter(found))}   or call one of them app.",
        )
    if factory is not None:
        return FACTORY, _made(factory, target)
    raise _none_in(module, target)


def _none_in(module: ModuleType, target: Target) -> ApplicationNotFound:
    what, fix = f"{target.module} has no application.", "app = App()"
    for name in NAMES:
        other = getattr(module, name, None)
        if other is not None and not isinstance(other, ModuleType):
            what = f"{target.module}:{name} is {_kind(other)}, not a ketch App."
            fix = f"Mount it in one:  app = App(); app.mount('/', {name})"
    place = [Place("module", Origin(str(target.file), 0))] if target.file else []
    why = f"Looked for: {', '.join(NAMES)}, the only App, {FACTORY}()."
    return ApplicationNotFound("KETCH-FIND-003", what, places=place, why=why, fix=fix)


def _named(module: ModuleType, target: Target) -> App:
    thing: Any = module
    for part in str(target.name).split("."):
        if not hasattr(thing, part):
            guess = hint(part, [*_candidates(module)]) or hint(part, [n for n in vars(thing) if n[0] != "_"])
            raise ApplicationNotFound(
                "KETCH-FIND-005",
                f'{target.module} has nothing called "{target.name}".',
                why=f"It was named by {target.source}.",
                fix=guess,
            )
        thing = getattr(thing, part)
    if isinstance(thing, App):
        return thing
    if callable(thing) and not isinstance(thing, type):
        return _made(thing, target)
    raise ApplicationNotFound(
        "KETCH-FIND-006",
        f"{target} is {_kind(thing)}, not a ketch App.",
        why=f"It was named by {target.source}.",
    )


def _made(factory: Any, target: Target) -> App:
    name = getattr(factory, "__name__", FACTORY)
    place = [Place("factory", origin_of(factory))]
    try:
        inspect.signature(factory).bind()
    except TypeError:
        raise ApplicationNotFound(
            "KETCH-FIND-007",
            f"{target.module}:{name} cannot be called without arguments.",
            places=place,
            why="It is called to get the application, and nobody is there to give it any.",
            fix="Give its parameters defaults, or name an App.",
        ) from None
    made = factory()
    if not isinstance(made, App):
        fix = ""
        if inspect.iscoroutine(made):
            made.close()
            fix = f"Write:  def {name}() -> App"
        raise ApplicationNotFound(
            "KETCH-FIND-006",
            f"{target.module}:{name}() returns {_kind(made)}, not a ketch App.",
            places=place,
            fix=fix,
        )
    return made


def _kind(thing: object) -> str:
    kind = type(thing)
    name = kind.__name__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def _shown(file: Path) -> str:
    return _relative(file, Path.cwd())


def _relative(file: Path, folder: Path) -> str:
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


__all__ = ["ApplicationNotFound", "Found", "Target", "discover", "find", "load", "locate", "project_file"]
