"""The application as `ketch run` serves it: here, or in a worker's process, which runs this file as a module."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ketch.app.application import App
    from ketch.server.child import Order
    from ketch.server.settings import ServerSettings

MODULE = "ketch.cli.serving"
_ANYWHERE = ("0.0.0.0/0", "::/0", "unix")


def prepare(app: App, settings: ServerSettings) -> None:
    """What the settings say about an application that is not frozen yet: whose word about clients counts."""
    if settings.forwarded_allow_ips is None:
        return
    from ketch.middleware import ProxyHeadersMiddleware

    said = [part for part in settings.forwarded_allow_ips.replace(",", " ").split() if part]
    hosts = [one for part in said for one in (_ANYWHERE if part == "*" else (part,))]
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=hosts)


def load_for(order: Order) -> tuple[Any, str]:
    """The frozen application and its name. Raises whatever is wrong with it."""
    from ketch.app.discovery import find
    from ketch.app.environment import here, put_dotenv
    from ketch.app.logs import setup_logging
    from ketch.app.mode import mode

    setup_logging(mode(), level=order.level)
    if mode() == "dev":
        put_dotenv(here("dev"))
    found = find(order.target or None)
    prepare(found.app, order.settings)
    _ = found.app.runtime
    return found.app, str(found.target)


def _report(error: BaseException) -> str:
    import click

    from ketch.cli.loading import report

    return click.unstyle(report(error))


if __name__ == "__main__":
    from ketch.server.worker import work

    sys.exit(work(load_for, _report))
