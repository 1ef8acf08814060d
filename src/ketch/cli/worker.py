"""The process that serves in `ketch dev`: loads the application, serves it, and ends when it is told to.

It is started before it is needed, with everything imported but the application, and waits for a word of the supervisor;
so a reload costs the import of the application and nothing else. While the application cannot be loaded it serves the
reason. It ends by itself when the supervisor is gone.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from socket import socket
from typing import Any

from ketch.cli.terminal import paint, say


@dataclass(frozen=True, slots=True)
class Order:
    """What to serve, and where it can be reached."""

    target: str | None
    bound: str
    url: str
    level: str = "info"
    access_log: bool = True
    reload: bool = True


@dataclass(frozen=True, slots=True)
class Go:
    """The supervisor's word to begin: `since` is the time of the change (0: the first start)."""

    since: float = 0.0
    changed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Serving:
    """The worker's word that it serves; `modules` is what of Ketch it has loaded, for the next worker to begin with."""

    modules: tuple[str, ...]
    broken: bool = False


_GRACE = 0.3
"""Seconds that requests on their way have when a file is saved; then they, and all streams, are cancelled."""

STOP, CLOSED = "stop", "closed"
"""The supervisor's word to end, and the worker's that everything is closed: its process may end when it likes."""


def work(line: Connection, listener: socket, order: Order, modules: tuple[str, ...]) -> None:
    """The whole life of the process. `line` leads to the supervisor."""
    os.environ["KETCH_ENV"] = "dev"
    os.environ["KETCH_URL"] = order.url
    try:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 (multiprocessing took it away; breakpoint() needs it)
    except OSError:  # there is none
        pass
    try:
        _preload(modules)
        go = line.recv()
        if isinstance(go, Go):
            if go.since:
                os.environ["KETCH_RELOADED"] = "1"  # an application need not greet again
            _Worker(line, listener, order, go).run()
        line.send(CLOSED)
    except (KeyboardInterrupt, EOFError, BrokenPipeError):
        pass


def _preload(modules: tuple[str, ...]) -> None:
    import ketch.server.server  # noqa: F401 (what serving needs, before there is an application to serve)

    for name in modules:
        try:
            import_module(name)
        except Exception:  # it will be told when the application itself asks for it
            continue


class _Worker:
    def __init__(self, line: Connection, listener: socket, order: Order, go: Go) -> None:
        self.line = line
        self.listener = listener
        self.order = order
        self.go = go
        self.server: Any = None
        self.stopped = False

    def run(self) -> None:
        from ketch.app.logs import setup_logging

        setup_logging("dev", level=self.order.level)
        threading.Thread(target=self._listen, name="ketch-supervisor", daemon=True).start()
        try:
            edge, banner = self._load()
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            self._serve_reason(error)
            return
        failure = self._serve(edge, lambda: self._announce(banner))
        if failure is not None and not self.stopped:
            self._serve_reason(edge.failure or failure)

    # --- the application ----------------------------------------------------------------------------------------------

    def _load(self) -> tuple[Any, str]:
        from ketch.app.discovery import find
        from ketch.app.environment import here, put_dotenv
        from ketch.cli.edge import Edge
        from ketch.cli.hosts import host_test

        put_dotenv(here("dev"))
        found = find(self.order.target)
        runtime = found.app.runtime
        self._warn(runtime)
        return Edge(found.app, host_test(self.order.bound)), self._banner(found)

    def _warn(self, runtime: Any) -> None:
        """Links that lead nowhere are no reason not to serve."""
        from ketch.app.links import broken_links
        from ketch.cli.terminal import told_fault

        for fault in broken_links(runtime):
            say(told_fault(fault, "yellow"))

    def _banner(self, found: Any) -> str:
        from ketch import __version__

        app, url = found.app, self.order.url
        rows = [("App", f"{url}/")]
        if app.openapi_url is not None and app.docs_url is not None:
            rows.append(("Docs", f"{url}{app.docs_url}"))
        title = f"{paint(app.title, bold=True)}  {paint(f'{found.target} on ketch {__version__}', dim=True)}"
        lines = [f"  {paint(f'{label:<5}', fg='cyan')} {text}" for label, text in rows]
        return "\n".join([f"\n  {title}\n", *lines, "", paint("  Saving a file reloads. Ctrl+C stops.", dim=True), ""])

    # --- serving ------------------------------------------------------------------------------------------------------

    def _serve(self, app: Any, ready: Any) -> BaseException | None:
        """Serve until `stop`; what the application's start raised, if it did."""
        from ketch.server.accesslog import open_access_log
        from ketch.server.server import Server
        from ketch.server.settings import ServerSettings

        def serves() -> None:
            ready()
            if self.stopped:  # the word came while the application started
                server.stop()

        server = Server(app, ServerSettings(grace=_GRACE, access_log=self.order.access_log), ready=serves)
        if self.order.access_log:
            server.access_log = open_access_log(pause=0)
        self.server = server
        if not self.stopped:
            server.run([self.listener])
        return server.failure

    def _serve_reason(self, error: BaseException) -> None:
        """Show why, and answer with it, until the next change."""
        import click

        from ketch.cli.broken import broken
        from ketch.cli.loading import NO_APPLICATION, report

        reason = report(error)
        if not self.order.reload:
            say(reason)
            sys.exit(NO_APPLICATION)
        say(f"\n{reason}\n\n{paint('Waiting for the next change.', fg='yellow')}\n")
        self._serve(broken(click.unstyle(reason)), lambda: self._tell(broken=True))

    def _announce(self, banner: str) -> None:
        if not self.go.since:
            say(banner)
        else:
            names = ", ".join(self.go.changed[:3]) + (" ..." if len(self.go.changed) > 3 else "")
            say(paint(f"  reloaded in {time.time() - self.go.since:.2f} s  ({names})", dim=True))
        self._tell()

    def _tell(self, broken: bool = False) -> None:
        ours = tuple(name for name in sys.modules if name.startswith("ketch."))
        try:
            self.line.send(Serving(ours, broken))
        except OSError:  # the supervisor is gone; _listen ends us
            pass

    def _listen(self) -> None:
        """Wait for the word to stop; the end of the line is the end of the supervisor."""
        try:
            self.line.recv()
        except (EOFError, OSError):
            # Nobody is left to end us, should the loop be stuck.
            threading.Timer(2, lambda: os._exit(1)).start()
        self.stopped = True
        if self.server is None:  # still importing: there is nothing yet that would have to be closed
            os._exit(0)
        self.server.stop()
