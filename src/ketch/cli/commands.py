"""The group `ketch`: which commands there are, and what people from elsewhere call them.

Commands are named here with their one line of help, and imported when they are used. A name that is not among them is
looked for in the application.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from ketch.cli.loading import set_option
from ketch.kernel.suggest import did_you_mean

BUILT_IN: dict[str, tuple[str, str]] = {
    "new": ("ketch.cli.new:new", "Begin a project: two questions, or --layout."),
    "dev": ("ketch.cli.dev:dev", "Serve with reload, on this machine only."),
    "run": ("ketch.cli.run:run", "Serve in production."),
    "test": ("ketch.cli.test:test", "Run the tests (pytest, with KETCH_ENV=test)."),
    "routes": ("ketch.cli.routes:routes", "List every route."),
    "explain": ("ketch.cli.explain:explain", "Show what a request would meet, and why."),
    "check": ("ketch.cli.check:check", "Find mistakes before anybody else does."),
    "shell": ("ketch.cli.shell:shell", "A Python prompt with the application, its container and await."),
    "openapi": ("ketch.cli.openapi:openapi", "Print the API's document."),
    "commands": ("ketch.cli.own:commands", "List the application's own commands."),
}

_MIGRATIONS = "the data room's migrations (ketch.data)"
LATER: dict[str, str] = {
    **dict.fromkeys(("makemigrations", "migrate", "showmigrations", "sqlmigrate"), _MIGRATIONS),
    **dict.fromkeys(("dbshell", "inspectdb", "dumpdata", "loaddata"), "the data room (ketch.data)"),
    **dict.fromkeys(("createsuperuser", "changepassword"), "the accounts room (ketch.auth)"),
}
"""Commands of rooms to come. A room that is there registers its commands like everybody, and they win."""

ELSEWHERE: dict[str, str] = {
    "runserver": "dev",
    "serve": "dev",
    "start": "run",
    "startproject": "new",
    "startapp": "new",
    "init": "new",
    "show_urls": "routes",
    "urls": "routes",
    "repl": "shell",
    "console": "shell",
    "tests": "test",
    "pytest": "test",
}
"""What others call it."""


class Commands(click.Group):
    """Built-in commands by name, the application's own behind them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The built-in ones, in the order in which people meet them."""
        return list(BUILT_IN)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if nobody has it."""
        if cmd_name in BUILT_IN:
            module, _, name = BUILT_IN[cmd_name][0].partition(":")
            command: click.Command = getattr(import_module(module), name)
            return command
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown name is looked for in the application, then taught."""
        name = args[0]
        if name in BUILT_IN or name.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        from ketch.cli.own import own_command

        found, names, broken = own_command(name)
        if found is None:
            raise _unknown(name, names, broken, ctx)
        return name, found, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table above: nothing is imported for a list."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in BUILT_IN.items()])


def _unknown(name: str, own: Sequence[str], broken: click.ClickException | None, context: click.Context) -> Exception:
    if name in LATER:
        return click.UsageError(f'"{name}" comes with {LATER[name]}, which this version does not have yet.', context)
    if name in ELSEWHERE:
        return click.UsageError(f'ketch calls it "{ELSEWHERE[name]}":  ketch {ELSEWHERE[name]} --help', context)
    guess = did_you_mean(name, [*BUILT_IN, *own, *LATER])
    if guess is None and broken is not None:
        return broken  # it may be one of the application's own, which nobody can know before that is mended
    hint = f' Did you mean "{guess}"?' if guess else ""
    return click.UsageError(f'There is no command "{name}".{hint}', context)


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if not value or context.resilient_parsing:
        return
    from ketch import __version__

    python = ".".join(map(str, sys.version_info[:3]))
    click.echo(f"ketch {__version__} (Python {python})")
    context.exit()


EPILOG = """\b
Begin:      ketch new shop
            ketch dev shop/app.py
Look:       ketch routes        ketch explain GET /orders/7        ketch check --deploy
The application is an argument or --app, else KETCH_APP, [tool.ketch] app in
pyproject.toml, app.py or main.py. `ketch commands` lists its own commands.
Exit codes: 0 fine, 1 problems were found, 2 used wrongly, 3 no application.
"""


@click.group(
    cls=Commands,
    invoke_without_command=True,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option("--app", metavar="APP", help="The application: shop/app.py, shop.app:app.")
@set_option
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
@click.pass_context
def ketch(context: click.Context, app: str | None) -> None:
    """Ketch, a web framework whose parts come out: typed handlers, a documented API, pages, data."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command of `arguments`; returns its exit code."""
    try:
        outcome: Any = ketch.main(arguments, prog_name="ketch", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Stopped.", err=True)
        return 130
    except BrokenPipeError:  # `ketch routes | head`: whoever read has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (Python flushes it once more at its end)
        return 0
    return outcome if isinstance(outcome, int) and not isinstance(outcome, bool) else 0


__all__ = ["BUILT_IN", "ELSEWHERE", "LATER", "Commands", "ketch", "run"]
