"""`ketch dev`: serve on this machine, reload when a file is saved."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import click

from ketch.cli.listening import listening
from ketch.cli.loading import Unloadable, app_argument, named_before, report, set_option
from ketch.server.sockets import listen_tcp, url_of


@click.command()
@app_argument
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--reload/--no-reload", default=True, help="Reload when a file is saved (that is the default).")
@click.option("--access-log/--no-access-log", default=True, help="A line for each request (that is the default).")
@click.option(
    "--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"])
)
@set_option
def dev(app: str | None, port: int, host: str, reload: bool, access_log: bool, log_level: str) -> None:
    """Serve for development: KETCH_ENV=dev, reload on save, error pages that explain, this machine only.

    \b
    Example:  ketch dev
              ketch dev shop/app.py --port 8001
    Exit codes: 1 the port is taken, 3 there is no application.
    """
    from ketch.app.discovery import ApplicationNotFound, locate

    os.environ["KETCH_ENV"] = "dev"
    named = app or named_before()
    try:
        target = locate(named)
    except ApplicationNotFound as error:
        raise Unloadable(report(error)) from None
    command = f"ketch dev{' ' + app if app else ''}"
    listener = listening(lambda: listen_tcp(host, port, command))
    words = {"level": log_level, "access_log": access_log, "reload": reload}
    code = _supervise(named, target, listener, host, words)
    raise click.exceptions.Exit(code)


def _supervise(named: str | None, target: Any, listener: socket.socket, host: str, words: dict[str, Any]) -> int:
    from ketch.cli.supervisor import Supervisor
    from ketch.cli.worker import Order

    order = Order(named, host, url_of(host, listener.getsockname()[1]), **words)
    with listener:
        return Supervisor(order, listener, _roots(target)).run()


def _roots(target: Any) -> list[str]:
    """What to watch: the working directory, and the application's own if it is elsewhere."""
    here = Path.cwd()
    own = target.file.parent if target.file is not None else target.root
    if not own.is_relative_to(here):
        return [str(here), str(own)] if (here / "pyproject.toml").exists() else [str(own)]
    return [str(here)]
