"""`ketch check`: every mistake that can be found without a request."""

from __future__ import annotations

from typing import Any

import click

from ketch.app.checks import ERROR, Finding
from ketch.app.checks import check as check_app
from ketch.cli.loading import PROBLEMS, Unloadable, app_argument, json_option, load
from ketch.cli.terminal import paint, say, tell, tell_json, told_fault
from ketch.kernel.errors import SetupError


@click.command()
@app_argument
@json_option
@click.option("--deploy", is_flag=True, help="Also what would be unsafe in production.")
@click.option("--strict", is_flag=True, help="Warnings count as problems.")
def check(app: str | None, as_json: bool, deploy: bool, strict: bool) -> None:
    """Find mistakes before anybody else does: declarations, dependencies, settings, url_for names, extensions' checks.

    \b
    Example:  ketch check
              ketch check --deploy --strict
    Exit code 1: problems were found (errors; with --strict also warnings).
    """
    found = _found(app, deploy)
    errors = [finding for finding in found if finding.is_error]
    if as_json:
        tell_json([_as_data(finding) for finding in found])
    else:
        for finding in found:
            colour = "red" if finding.is_error else "yellow"
            tell(f"{paint(finding.level, fg=colour)}  {told_fault(finding.fault, colour)}\n")
        say(_summary(len(errors), len(found) - len(errors)))
    if errors or (strict and found):
        raise click.exceptions.Exit(PROBLEMS)


def _found(app: str | None, deploy: bool) -> list[Finding]:
    try:
        loaded = load(app, looking=not deploy)
    except Unloadable as error:
        # A SetupError while the module is imported is a mistake like the others; that there is no module is not.
        cause = error.__cause__
        if isinstance(cause, SetupError) and not cause.code.startswith("KETCH-FIND"):
            return [Finding(ERROR, fault) for fault in cause.faults]
        raise
    found = check_app(loaded.app, deploy=deploy)
    if loaded.app._runtime is not None:
        found += _commands(loaded.app)
    return found


def _commands(app: Any) -> list[Finding]:
    """Own commands whose parameters cannot be filled, and those that a built-in command hides."""
    from ketch.cli.commands import BUILT_IN
    from ketch.cli.own import check_command
    from ketch.kernel.errors import Fault, Place
    from ketch.kernel.origin import origin_of

    found: list[Finding] = []
    for name, function in app.commands.items():
        found += [Finding(ERROR, fault) for fault in check_command(name, function, app.runtime)]
        if name in BUILT_IN:
            place = Place("command", origin_of(function))
            what = f'"ketch {name}" is a built-in command, which hides the application\'s own.'
            found.append(Finding(ERROR, Fault("KETCH-CMD-002", what, (place,), fix="Give it another name.")))
    return found


def _summary(errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return paint("No problems were found.", fg="green")
    words = [
        f"{count} {word}{'s' * (count > 1)}" for count, word in ((errors, "error"), (warnings, "warning")) if count
    ]
    return " and ".join(words) + "."


def _as_data(finding: Finding) -> dict[str, Any]:
    fault = finding.fault
    places = [
        {"label": p.label, "file": p.origin.file, "line": p.origin.line, "text": p.text or p.origin.text}
        for p in fault.places
    ]
    words = {"code": fault.code, "what": fault.what, "why": fault.why, "fix": fault.fix}
    return {"level": finding.level, **words, "places": places}
