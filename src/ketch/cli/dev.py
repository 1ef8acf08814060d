"""`ketch dev`: serve on this machine, reload when a file is saved."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import click

from ketch.cli.loading import PROBLEMS, Unloadable, app_argument, named_before, report, set_option
from ketch.cli.terminal import say

_BACKLOG = 256
_NEXT = 50  # ports that are tried for a suggestion


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
    Exit codes: 1 the port is taken or there is no server, 3 there is no application.
    """
    from ketch.app.discovery import ApplicationNotFound, locate
    from ketch.cli.adapters import uvicorn

    os.environ["KETCH_ENV"] = "dev"
    if not uvicorn.is_installed():
        say(f"ketch dev needs {uvicorn.NAME}:  {uvicorn.INSTALL}")
        raise click.exceptions.Exit(PROBLEMS)
    named = app or named_before()
    try:
        target = locate(named)
    except ApplicationNotFound as error:
        raise Unloadable(report(error)) from None
    listener = bind(host, port, f"ketch dev{' ' + app if app else ''}")
    words = {"level": log_level, "access_log": access_log, "reload": reload}
    code = _supervise(named, target, listener, host, words)
    raise click.exceptions.Exit(code)


def _supervise(named: str | None, target: Any, listener: socket.socket, host: str, words: dict[str, Any]) -> int:
    from ketch.cli.supervisor import Supervisor
    from ketch.cli.worker import Order

    order = Order(named, host, url_of(host, listener.getsockname()[1]), **words)
    signal.signal(signal.SIGTERM, _interrupt)
    with listener:
        return Supervisor(order, listener, _roots(target)).run()


def _interrupt(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _roots(target: Any) -> list[str]:
    """What to watch: the working directory, and the application's own if it is elsewhere."""
    here = Path.cwd()
    own = target.file.parent if target.file is not None else target.root
    if not own.is_relative_to(here):
        return [str(here), str(own)] if (here / "pyproject.toml").exists() else [str(own)]
    return [str(here)]


def url_of(host: str, port: int) -> str:
    """What to type into a browser."""
    name = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def bind(host: str, port: int, command: str) -> socket.socket:
    """An open, listening socket. Prints what is in the way and exits with 1 if there is none to be had."""
    try:
        return _bound(host, port)
    except OSError as error:
        say(_taken(host, port, command) if error.errno == errno.EADDRINUSE else _refused(host, port, error))
        raise click.exceptions.Exit(PROBLEMS) from None


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    opened = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # there it would let two servers share a port
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen(_BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened


def _taken(host: str, port: int, command: str) -> str:
    free = next((n for n in range(port + 1, min(port + _NEXT, 65536)) if _is_free(host, n)), None)
    hint = f"  This one is free:  {command} --port {free}" if free is not None else "  Choose one with --port."
    return f"Port {port} of {host} is taken by another program.\n{hint}"


def _is_free(host: str, port: int) -> bool:
    try:
        _bound(host, port).close()
    except OSError:
        return False
    return True


def _refused(host: str, port: int, error: OSError) -> str:
    reason = error.strerror or str(error)
    hint = "  Ports below 1024 need more rights; choose a higher one." if 0 < port < 1024 else "  Look at --host."
    return f"Cannot listen on {host}, port {port}: {reason}.\n{hint}"
