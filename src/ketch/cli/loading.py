"""The application a command works on: found, imported, frozen; and what is printed when that does not succeed."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ketch.cli.terminal import paint, say, told
from ketch.kernel.errors import SetupError

if TYPE_CHECKING:
    from ketch.app.discovery import Found
    from ketch.app.runtime import Runtime

PROBLEMS, USAGE, NO_APPLICATION = 1, 2, 3
"""Exit codes; 0 is fine."""

F = TypeVar("F", bound=Callable[..., Any])
_FROM_DOTENV = ("KETCH-SET-001", "KETCH-SESSION-001")

app_argument = click.argument("app", required=False, metavar="[APP]")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def app_option(function: F) -> F:
    """`--app`, for commands whose arguments are taken."""
    option = click.option("--app", metavar="APP", help="The application: shop/app.py, shop.app:app.")
    return option(function)


def set_option(function: F) -> F:
    """`--set NAME=VALUE`, stronger than the environment."""
    text = "A setting for this run; stronger than the environment. May be repeated."
    option = click.option(
        "--set", "flags", multiple=True, metavar="NAME=VALUE", callback=_set, expose_value=False, help=text
    )
    return option(function)


def _set(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> None:
    from ketch.app.environment import FLAGS

    names = [name for name in os.environ.get(FLAGS, "").split(",") if name]
    for text in values:
        name, equals, value = text.partition("=")
        if not equals or not name or "\0" in text:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE.", context, parameter)
        os.environ[name] = value
        names.append(name)
    if names:
        os.environ[FLAGS] = ",".join(dict.fromkeys(names))


class Unloadable(click.ClickException):
    """There is no application (`absent`), or it cannot be loaded; the message says why, whole as it is."""

    exit_code = NO_APPLICATION

    def __init__(self, report: str, absent: bool = False) -> None:
        super().__init__(report)
        self.absent = absent

    def show(self, file: Any = None) -> None:
        """To standard error, without click's own words around it."""
        say(self.message)


def load(target: str | None, *, looking: bool = False) -> Found:
    """Find and import the application. Raises Unloadable.

    `looking` is said by commands that only look at it: where there is a `.env`, which is a developer's, they look with
    a developer's eyes unless KETCH_ENV says otherwise, so that what `ketch dev` serves they can show.
    """
    from ketch.app.discovery import find
    from ketch.app.environment import dotenv_file, here, put_dotenv
    from ketch.app.mode import mode

    if looking and not os.environ.get("KETCH_ENV") and dotenv_file() is not None:
        os.environ["KETCH_ENV"] = "dev"
    try:
        if mode() == "dev":
            put_dotenv(here("dev"))
        return find(target or named_before())
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        absent = isinstance(error, SetupError) and error.code == "KETCH-FIND-001"
        raise Unloadable(report(error), absent) from error


def named_before() -> str | None:
    """What `ketch --app X command` named."""
    context = click.get_current_context(silent=True)
    named: str | None = context.find_root().params.get("app") if context is not None else None
    return named


def frozen(found: Found) -> Runtime:
    """The application's runtime. Raises Unloadable with every mistake."""
    try:
        return found.app.runtime
    except Exception as error:
        raise Unloadable(report(error)) from error


def report(error: BaseException) -> str:
    """What a person has to know: a SetupError's own words, or the project's lines of a traceback."""
    if isinstance(error, SetupError):
        return "\n".join([told(error), *_dotenv_hint(error)])
    from ketch.kernel.tracebacks import own_traceback

    if isinstance(error, SystemExit):
        return f"Importing the application ended with sys.exit({error.code!r})."
    lines = [own_traceback(error)]
    if isinstance(error, ModuleNotFoundError) and error.name:
        lines += _missing(error.name)
    return "\n".join(lines)


def _missing(name: str) -> list[str]:
    from ketch.app.rooms import extra_for

    extra = extra_for(name)
    return [f'\npip install "ketch[{extra}]"'] if extra else []


def _dotenv_hint(error: SetupError) -> list[str]:
    from ketch.app.environment import dotenv_file
    from ketch.app.mode import mode

    if not any(fault.code in _FROM_DOTENV for fault in error.faults):
        return []
    file = dotenv_file()
    if file is None or mode() != "production":
        return []
    command = shlex.join(["ketch", *sys.argv[1:]])
    return ["", paint(f"{file.name} is read in dev only:  KETCH_ENV=dev {command}", dim=True)]
