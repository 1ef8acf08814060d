"""How commands speak: in colour and tables to a person at a terminal, plainly or as JSON to everybody else."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from ketch.kernel.errors import Fault, SetupError


def paint(text: str, **style: Any) -> str:
    """Coloured for a terminal (click takes it off again where there is none), plain with NO_COLOR."""
    return text if os.environ.get("NO_COLOR") else click.style(text, **style)


def say(text: str = "") -> None:
    """To the person: standard error, which is never part of a result."""
    click.echo(text, err=True)


def tell(text: str = "") -> None:
    """A result, on standard output."""
    click.echo(text)


def tell_json(data: Any) -> None:
    """A result for a program."""
    import msgspec

    from ketch.http.redact import plain

    click.echo(msgspec.json.format(msgspec.json.encode(plain(data, text=1_000_000, values=1_000_000))).decode())


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns on standard output."""
    if sys.stdout.isatty():
        from ketch.cli.adapters.tables import print_table

        if print_table(headings, rows):
            return
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    for row in (headings, *rows):
        tell("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def told(error: SetupError) -> str:
    """A SetupError for a terminal: as it prints itself, its codes in colour."""
    shown = "\n\n".join(told_fault(fault) for fault in error.faults)
    count = len(error.faults)
    return shown if count == 1 else f"{count} mistakes were found:\n\n{shown}"


def told_fault(fault: Fault, colour: str = "red") -> str:
    """One mistake: the first line stands out."""
    first, *rest = str(fault).splitlines()
    code, _, what = first.partition("  ")
    return "\n".join([f"{paint(code, fg=colour, bold=True)}  {paint(what, bold=True)}", *rest])
