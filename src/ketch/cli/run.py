"""`ketch run`: serve in production."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from logging import getLogger
from typing import TYPE_CHECKING, Any

import click

from ketch.cli.listening import listening
from ketch.cli.loading import (
    NO_APPLICATION,
    USAGE,
    Unloadable,
    app_argument,
    frozen,
    load,
    named_before,
    report,
    set_option,
)
from ketch.cli.serving import MODULE, prepare
from ketch.cli.terminal import say, told
from ketch.kernel.errors import SetupError
from ketch.server.settings import OPTIONS, Option, ServerSettings
from ketch.server.sockets import Listeners, listen

if TYPE_CHECKING:
    from socket import socket

_COMMAND = "ketch run"
_METAVARS = {int: "NUMBER", float: "SECONDS", str: "TEXT", "max_requests_jitter": "PART"}
_logger = getLogger("ketch.server")


def _settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """A flag for each setting of the server; None where nothing was said, so that a variable can count."""
    for option in reversed(OPTIONS):
        function = _flag(option)(function)
    return function


def _flag(option: Option) -> Callable[..., Any]:
    words: dict[str, Any] = {"default": None, "help": f"{option.help}  [env: {option.variable}{_default(option)}]"}
    if option.kind is bool:
        return click.option(f"{option.flag}/--no-{option.flag.removeprefix('--')}", option.name, **words)
    # Text: the settings know what it may be, and say it in the same words as for a variable.
    return click.option(
        option.flag,
        option.name,
        metavar=_METAVARS.get(option.name, _METAVARS.get(option.kind)),
        multiple=option.several,
        callback=_joined,
        **words,
    )


def _joined(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    return " ".join(value) or None if isinstance(value, tuple) else value


def _default(option: Option) -> str:
    default = option.default
    if isinstance(default, tuple):
        default = " ".join(default)
    if option.name == "uds_mode":
        default = f"{default:o}"
    if isinstance(default, float):
        default = f"{default:g}"
    return "" if default in (None, "", False) and default != 0 else f"; default: {default}"


@click.command()
@app_argument
@_settings_options
@click.option(
    "--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"])
)
@set_option
def run(app: str | None, log_level: str, **said: Any) -> None:
    """Serve in production: KETCH_ENV=production, JSON lines in the log, no reload, no tracebacks for clients.

    \b
    Example:  ketch run --host 0.0.0.0 --workers 4
              ketch run shop.app:app --uds /run/shop.sock --forwarded-allow-ips unix
    Signals: TERM and INT finish what was begun (twice: end at once), HUP replaces the workers one by one,
    TTIN and TTOU add and remove one. With --workers 1 this process serves by itself.
    Exit codes: 1 the port is taken, 2 used wrongly, 3 the application cannot be loaded or did not start.
    """
    from ketch.app.logs import setup_logging
    from ketch.app.mode import mode

    os.environ.setdefault("KETCH_ENV", "production")
    settings = _settings(said)
    serve = _serve_alone if _is_alone(settings) else _supervise
    setup_logging(mode(), level=log_level)
    raise click.exceptions.Exit(serve(app, settings, log_level))


def _settings(said: dict[str, Any]) -> ServerSettings:
    try:
        return ServerSettings.read(**said)
    except SetupError as error:
        say(told(error))
        raise click.exceptions.Exit(USAGE) from None


def _is_alone(settings: ServerSettings) -> bool:
    """One process that was asked for needs nobody above it: whoever started it will see it end.

    Somebody has to replace it where there is max_requests, and Windows cannot hand sockets down.
    """
    return sys.platform == "win32" or (settings.workers == 1 and settings.max_requests is None)


def _announce(listeners: Listeners, name: str, processes: int) -> None:
    from ketch.app.mode import mode

    if mode() != "production":
        _logger.warning("KETCH_ENV is %s: this is not production.", mode())
    where, plural = ", ".join(listeners.addresses), "es" * (processes > 1)
    _logger.info("serving %s on %s with %d process%s", name, where, processes, plural)


def _status_listener(settings: ServerSettings) -> socket | None:
    """Where /metrics is to be, if that is wanted."""
    if settings.metrics is None:
        return None
    from ketch.server.statuspage import listen_for_status

    try:
        return listening(partial(listen_for_status, settings.metrics, _COMMAND))
    except SetupError as error:
        say(told(error))
        raise click.exceptions.Exit(USAGE) from None


# --- one process ------------------------------------------------------------------------------------------------------


def _serve_alone(app: str | None, settings: ServerSettings, level: str) -> int:
    from ketch.server.worker import serve_alone

    found = load(app)
    prepare(found.app, settings)
    frozen(found)
    listeners = listening(partial(listen, settings, _COMMAND))
    status = _status_listener(settings)

    def open_page(metrics: Callable[[], bytes], is_ready: Callable[[], bool]) -> None:
        from ketch.server.statuspage import StatusPage

        if status is not None:
            StatusPage(status, metrics, is_ready)

    try:
        ready = partial(_announce, listeners, str(found.target), 1)
        failure = serve_alone(found.app, settings, listeners.of(0), ready, open_page)
    except SetupError as error:
        failure = error
    finally:
        listeners.close()
    if failure is None:
        return 0
    say(report(failure))
    return NO_APPLICATION


# --- several ----------------------------------------------------------------------------------------------------------


def _supervise(app: str | None, settings: ServerSettings, level: str) -> int:
    """Only look where the application should be: it is imported by those who serve it."""
    from ketch.app.discovery import ApplicationNotFound, locate
    from ketch.server.child import worker_command
    from ketch.server.metrics import exposition
    from ketch.server.workers import Supervisor

    named = app or named_before() or ""
    try:
        locate(named or None)
    except ApplicationNotFound as error:
        raise Unloadable(report(error)) from None
    listeners = listening(partial(listen, settings, _COMMAND, settings.processes))
    status = _status_listener(settings)
    announce = partial(_announce, listeners)
    supervisor = Supervisor(worker_command(MODULE), settings, listeners, named, level=level, announce=announce)
    if status is not None:
        from ketch.server.statuspage import StatusPage

        board = supervisor.board
        StatusPage(
            status, lambda: exposition(board.totals(), supervisor.serving(), supervisor.restarts), supervisor.is_ready
        )
    code = supervisor.run()
    if code:
        say(supervisor.reason or "No worker could start.")
    return code
