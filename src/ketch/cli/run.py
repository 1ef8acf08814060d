"""`ketch run`: serve in production."""

from __future__ import annotations

import os
from typing import Any

import click

from ketch.cli.dev import bind, url_of
from ketch.cli.loading import PROBLEMS, app_argument, frozen, load, set_option
from ketch.cli.terminal import say


@click.command()
@app_argument
@click.option("--host", default="127.0.0.1", show_default=True, envvar="HOST", help="0.0.0.0 for every address.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, envvar="PORT", show_envvar=True)
@click.option("--uds", metavar="PATH", help="A Unix socket instead of an address.")
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, envvar="WEB_CONCURRENCY", show_envvar=True
)
@click.option(
    "--forwarded-allow-ips",
    metavar="ADDRESSES",
    envvar="FORWARDED_ALLOW_IPS",
    show_envvar=True,
    help="Proxies whose X-Forwarded-* headers count, with commas; without it nobody's do.",
)
@click.option("--root-path", default="", help="The prefix that a proxy takes off.")
@click.option("--grace", type=click.IntRange(0), default=30, show_default=True, help="Seconds to finish requests in.")
@click.option("--access-log", is_flag=True, help="A line for each request.")
@click.option(
    "--log-level", default="info", show_default=True, type=click.Choice(["debug", "info", "warning", "error"])
)
@set_option
def run(app: str | None, log_level: str, **words: Any) -> None:
    """Serve in production: KETCH_ENV=production, JSON lines in the log, no reload, no tracebacks for clients.

    \b
    Example:  ketch run --host 0.0.0.0 --workers 4
              ketch run shop.app:app --uds /run/shop.sock --forwarded-allow-ips 127.0.0.1
    Exit codes: 1 the port is taken or there is no server, 3 the application cannot be loaded or did not start.
    """
    from ketch.app.logs import setup_logging
    from ketch.app.mode import mode
    from ketch.cli.adapters import uvicorn

    os.environ.setdefault("KETCH_ENV", "production")
    if not uvicorn.is_installed():
        say(f"ketch run needs {uvicorn.NAME}:  {uvicorn.INSTALL}")
        raise click.exceptions.Exit(PROBLEMS)
    found = load(app)
    setup_logging(mode(), level=log_level)
    frozen(found)
    how = uvicorn.Production(**words)
    if how.uds is None:
        bind(how.host, how.port, "ketch run").close()  # a taken port is told in our words
    _announce(found, how)
    raise click.exceptions.Exit(uvicorn.serve(found.app, _again(found), how))


def _announce(found: Any, how: Any) -> None:
    from logging import getLogger

    from ketch.app.mode import mode

    logger = getLogger("ketch")
    if mode() != "production":
        logger.warning("KETCH_ENV is %s: this is not production.", mode())
    address = f"unix:{how.uds}" if how.uds else url_of(how.host, how.port)
    logger.info("serving %s on %s with %d process%s", found.target, address, how.workers, "es" * (how.workers > 1))


def _again(found: Any) -> str:
    """What finds the same application in another process."""
    target = found.target
    return f"{target.file}:{target.name}" if target.file is not None else str(target)
