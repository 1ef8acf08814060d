"""`ketch test`: pytest, where the application knows that it is being tested."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import click

from ketch.cli.loading import PROBLEMS, named_before
from ketch.cli.terminal import say

_NO_TESTS = 5  # pytest's exit code when it collected nothing


@click.command(
    add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED, metavar="[PYTEST ARGUMENTS]")
@click.pass_context
def test(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Run the tests: pytest with KETCH_ENV=test, so that no configured database is touched.

    \b
    Example:  ketch test
              ketch test -x tests/test_orders.py -k place
    Arguments go to pytest as they are. Exit code 1: tests failed, or there are none.
    """
    if arguments[:1] in (("--help",), ("-h",)):
        click.echo(context.get_help())
        return
    if find_spec("pytest") is None:
        say('ketch test needs pytest:  pip install "ketch[test]"')
        raise click.exceptions.Exit(PROBLEMS)
    environ = {**os.environ, "KETCH_ENV": "test"}
    named = named_before()
    if named:
        environ["KETCH_APP"] = named
    code = subprocess.call([sys.executable, "-m", "pytest", *arguments], env=environ)
    if code == _NO_TESTS:
        say("There are no tests here yet. A first one:")
        say("  def test_home(client): assert client.get('/').status_code == 200")
    if code:
        raise click.exceptions.Exit(code if code in (2, 130) else PROBLEMS)
