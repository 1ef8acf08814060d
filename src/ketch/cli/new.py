"""`ketch new`: lay out a project whose own tests pass at once."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

import click

from ketch.cli.loading import PROBLEMS
from ketch.cli.terminal import paint, say, tell

LAYOUTS: dict[str, dict[str, str]] = {
    "single": {
        "app.py": "app.py",
        "test_app.py": "test_app.py",
        ".gitignore": "gitignore",
    },
    "package": {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        ".gitignore": "gitignore",
        "{package}/__init__.py": "init.py",
        "{package}/app.py": "app.py",
        "{package}/notes.py": "notes.py",
        "tests/test_notes.py": "test_notes.py",
    },
    "full": {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        ".gitignore": "gitignore",
        ".env.example": "env.example",
        ".env": "env",
        "{package}/__init__.py": "init.py",
        "{package}/app.py": "app.py",
        "{package}/settings.py": "settings.py",
        "{package}/models.py": "models.py",
        "{package}/api.py": "api.py",
        "{package}/pages.py": "pages.py",
        "{package}/templates/base.html": "base.html",
        "{package}/templates/home.html": "home.html",
        "{package}/templates/404.html": "404.html",
        "{package}/static/style.css": "style.css",
        "tests/test_api.py": "test_api.py",
        "tests/test_pages.py": "test_pages.py",
        "tests/test_settings.py": "test_settings.py",
        "deploy/README.md": "deploy.md",
        "deploy/{name}.service": "service",
        "deploy/Dockerfile": "Dockerfile",
        "deploy/Caddyfile": "Caddyfile",
    },
}
"""Where each file goes, and the one in `layouts/` that it is made of."""

INSTALL = {"single": "ketch[standard,test]", "package": "ketch[standard,test]", "full": "ketch[standard,sql,test]"}
"""What a layout and its tests need. pip finds out quickly that it is there already."""

SOON = {"week": "this week", "month": "in a month or two", "never": "perhaps never, it is a try"}
CHOOSE = {"little": "little: give me what works", "some": "some things", "all": "everything, from an empty page"}
ANSWERS = {
    ("week", "little"): "full",
    ("week", "some"): "full",
    ("week", "all"): "package",
    ("month", "little"): "full",
    ("month", "some"): "package",
    ("month", "all"): "single",
    ("never", "little"): "package",
    ("never", "some"): "single",
    ("never", "all"): "single",
}
"""What the two answers lead to. Who is in a hurry gets more, who wants to choose gets less."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*\Z").match
_TAKEN = frozenset({"ketch", "tests", "deploy", "app"})


@click.command()
@click.argument("name", type=click.Path(path_type=Path))
@click.option("--layout", type=click.Choice(list(LAYOUTS)), help="A single file, a package, or the full kit.")
@click.option("--soon", type=click.Choice(list(SOON)), help="How soon must it be in production?")
@click.option("--choose", type=click.Choice(list(CHOOSE)), help="How much do you want to choose yourself?")
def new(name: Path, layout: str | None, soon: str | None, choose: str | None) -> None:
    """Begin a project in a new folder NAME.

    \b
    single    app.py and its test
    package   a package, tests, pyproject.toml
    full      also a database, pages, sessions, settings, and how to deploy it
    Example:  ketch new shop
              ketch new shop --layout full
    Without --layout two questions choose it; --soon and --choose answer them.
    Exit code 1: there is something in the way.
    """
    folder = name.resolve()
    package = _package(folder.name)
    _check_free(folder, name)
    if layout is None:
        soon = soon or _ask("How soon must it be in production?", SOON)
        choose = choose or _ask("How much do you want to choose yourself?", CHOOSE)
        layout = ANSWERS[soon, choose]
        say(f"Then {paint(layout, bold=True)} is for you. (Another time:  ketch new NAME --layout {layout})")
    written = lay_out(layout, folder, package)
    _tell_next(folder, written, INSTALL[layout])


def _ask(question: str, answers: dict[str, str]) -> str:
    say(f"\n{paint(question, bold=True)}")
    names = list(answers)
    for number, name in enumerate(names, 1):
        say(f"  {number}  {answers[name]}")
    words = click.Choice([*names, *(str(number) for number in range(1, len(names) + 1))])
    answer: str = click.prompt("Your answer", type=words, default="1", show_choices=False, err=True)
    return names[int(answer) - 1] if answer.isdecimal() else answer


def _package(name: str) -> str:
    """The name as a module. Raises click.BadParameter for one that cannot be."""
    package = name.replace("-", "_").lower()
    if not _NAME(name) or keyword.iskeyword(package):
        raise click.BadParameter(
            f"{name!r} is no name for a package: letters, digits, - and _ only.", param_hint="NAME"
        )
    if package in sys.stdlib_module_names or package in _TAKEN:
        raise click.BadParameter(f"{name!r} is the name of another package, which it would hide.", param_hint="NAME")
    return package


def _check_free(folder: Path, said: Path) -> None:
    there = [entry.name for entry in folder.iterdir() if entry.name != ".git"] if folder.is_dir() else []
    if there or (folder.exists() and not folder.is_dir()):
        say(f"{said} is there already{' and not empty' if there else ''}. Choose another name, or an empty folder.")
        raise click.exceptions.Exit(PROBLEMS)


def lay_out(layout: str, folder: Path, package: str) -> list[Path]:
    """Write the files of a layout into `folder`, and return their paths."""
    import secrets

    name = folder.name
    words = {
        "__NAME__": name.lower(),
        "__PACKAGE__": package,
        "__TITLE__": re.sub(r"[-_]+", " ", name).strip().capitalize(),
        "__SECRET__": secrets.token_urlsafe(48),
    }
    source = Path(__file__).parent / "layouts" / layout
    written: list[Path] = []
    for target, template in LAYOUTS[layout].items():
        text = (source / f"{template}.txt").read_text("utf-8")
        for word, value in words.items():
            text = text.replace(word, value)
        file = folder / target.format(package=package, name=words["__NAME__"])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8", newline="\n")
        written.append(file)
    return written


def _tell_next(folder: Path, written: list[Path], install: str) -> None:
    tell(f"\n{paint(folder.name, bold=True)} is laid out:")
    for file in written:
        tell(f"  {file.relative_to(folder)}")
    into = [] if folder == Path.cwd() else [f"cd {_relative(folder)}"]
    steps = [
        *into,
        f'pip install "{install}"',
        "ketch dev        then open http://127.0.0.1:8000/docs",
        "ketch test",
        "ketch routes",
    ]
    tell(f"\n{paint('Next', bold=True)}")
    for step in steps:
        tell(f"  {step}")


def _relative(folder: Path) -> str:
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else str(folder)
