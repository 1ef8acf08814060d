"""The `ketch` command. Nothing is loaded before it is needed: `ketch --help` knows its commands by name only.

    commands    the group, its commands and what they are called elsewhere
    loading     finding the application, and what is printed if that fails      terminal    how things are printed
    dev         supervisor (the process that stays) · worker (the one that serves) · watching · edge · hosts · broken
    run         production (serving: the application in a worker)       adapters/    the watcher of files, rich tables
    new         layouts/         what a new project begins with
    own         an application's own commands
    routes · explain · check · shell · openapi · test

Exit codes: 0 fine, 1 problems were found, 2 the command was used wrongly, 3 there is no application or it cannot be
loaded.
"""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; `arguments` are those of the process unless given. Returns the exit code."""
    from ketch.cli.commands import run

    return run(arguments)
