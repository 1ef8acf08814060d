"""The process that serves: under a supervisor, or by itself.

`work` is the whole life of a process that a supervisor started: hear what to do, load the application, serve until the
word to end. `serve_alone` is the same without anybody above it: signals take the place of words.

In both a timer in the event loop publishes the counters once a second. That is the heartbeat too: it stops when
somebody holds the loop, and then the supervisor replaces the process.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from ketch.server.accesslog import open_access_log
from ketch.server.child import ACCEPT, DRAIN, FAILED, FORGET, NOW, READY, RETIRE, Order, has_terminal
from ketch.server.metrics import Board, exposition
from ketch.server.orphans import Orphans
from ketch.server.server import Server
from ketch.server.settings import ServerSettings
from ketch.server.systemd import Notifier
from ketch.server.tls import make_context

_logger = logging.getLogger("ketch.server")
_BEAT = 1.0  # seconds between two publications of the counters
_START_FAILED = 3


class Serving:
    """One application on open sockets, with what surrounds it in a process: signals, heartbeat, access log."""

    def __init__(
        self,
        settings: ServerSettings,
        board: Board,
        row: int,
        ready: Callable[[], None] = lambda: None,
        retire: Callable[[], None] = lambda: None,
        notifier: Notifier | None = None,
    ) -> None:
        self.settings, self.board, self.row = settings, board, row
        self._ready, self._retire = ready, retire
        self._notifier = notifier if notifier is not None else Notifier({})
        self.server: Server | None = None
        self.ending = self.serves = False
        self.orphans: Orphans | None = None
        clocks = (settings.hang_timeout, self._notifier.watchdog)
        self._beat = min([_BEAT, *(clock / 4 for clock in clocks if clock is not None)])
        self._most = _drawn(settings)

    def run(self, app: Any, sockets: Sequence[socket.socket]) -> BaseException | None:
        """Serve until `stop`; what the application's start raised, if it did."""
        raise_descriptor_limit()
        make_context(self.settings)  # what is wrong with it is told before anything is started
        server = Server(app, self.settings, ready=self._serving)
        if self.settings.access_log:
            server.access_log = open_access_log()
        self.server = server
        if self.ending:
            return None
        try:
            server.run(sockets)
        except Exception as error:
            if not self.serves:
                raise
            _logger.error("the application did not stop well", exc_info=error)
        finally:
            self._publish()
            if server.access_log is not None:
                server.access_log.close()
        return server.failure

    def stop(self) -> None:
        """Finish what was begun, within `grace`. May be called again: systemd and the supervisor may both ask."""
        if not self.ending:
            self._notifier.stopping()
        self.ending = True
        with suppress(RuntimeError):  # the loop of another thread has just been closed: it has ended by itself
            if self.orphans is not None:
                self.orphans.leave()
            if self.server is not None:
                self.server.stop()

    def end_now(self) -> None:
        """End without waiting for anybody."""
        self.ending = True
        with suppress(RuntimeError):
            if self.server is not None:
                self.server.stop(now=True)

    def _serving(self) -> None:
        self._tick(asyncio.get_running_loop())
        self.serves = True
        if self.orphans is not None and self.server is not None:
            self.orphans.begin(self.server)
        self._ready()
        if self.ending and self.server is not None:  # the word came during the start
            self.server.stop()

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._publish()
        if self._notifier.watchdog is not None:
            self._notifier.alive()
        if self._most is not None and self.server is not None and self.server.counters.requests >= self._most:
            self._most = None
            self._retire()
        loop.call_later(self._beat, self._tick, loop)

    def _publish(self) -> None:
        server = self.server
        if server is not None:
            counters = server.counters
            counters.open_connections, counters.in_flight = len(server.connections), server.in_flight
            self.board.write(self.row, counters)


def _drawn(settings: ServerSettings) -> int | None:
    """After how many requests this process has done enough."""
    most = settings.max_requests
    return None if most is None else most + int(random.random() * settings.max_requests_jitter * most)


def raise_descriptor_limit() -> None:
    """Allow as many open files as we may: the usual soft limit of 1024 is for programs that use `select`."""
    try:
        import resource
    except ImportError:  # Windows
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


# --- under a supervisor -----------------------------------------------------------------------------------------------


def work(load: Callable[[Order], tuple[Any, str]], report: Callable[[BaseException], str]) -> int:
    """The life of a worker process; its one argument is the descriptor of the line. Returns the exit code.

    `load` makes the application and says its name, `report` says in words why it or its start failed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the supervisor's
    faulthandler.enable()  # SIGABRT prints where a hung process stands
    line = socket.socket(fileno=int(sys.argv[1]))
    heard = line.makefile("rb")
    order = msgspec.json.decode(heard.readline(), type=Order)

    def say(*words: str) -> None:
        with suppress(OSError):  # the supervisor has gone
            line.sendall(" ".join(words).encode() + b"\n")

    name = ""
    serving = Serving(order.settings, Board(order.board), order.row, lambda: say(READY, name), lambda: say(RETIRE))
    slots = [[socket.socket(fileno=one) for one in sockets] for sockets in order.slots]
    for descriptor in {line.fileno(), order.board, *(one.fileno() for sockets in slots for one in sockets)}:
        os.set_inheritable(descriptor, False)  # no process that the application starts may keep a port open
    serving.orphans = Orphans(slots, order.own, order.settings)
    signal.signal(signal.SIGTERM, lambda number, frame: _end(serving))
    threading.Thread(target=_listen, args=(heard, serving), name="ketch-supervisor", daemon=True).start()
    try:
        app, name = load(order)
        failure = serving.run(app, slots[order.own])
    except Exception as error:
        failure = error
    except SystemExit as error:  # the application's module ended the process
        failure = error
    if failure is None:
        return 0
    say(FAILED, msgspec.json.encode(report(failure)).decode())
    return _START_FAILED


def _listen(heard: Any, serving: Serving) -> None:
    """Obey the words that come down the line. Its end is the end of the supervisor, and of us."""
    with suppress(OSError):
        for line in heard:
            word, *numbers = line.decode().split()
            if word == ACCEPT and serving.orphans is not None:
                serving.orphans.accept_for([int(number) for number in numbers])
            elif word == FORGET and serving.orphans is not None:
                serving.orphans.forget(int(numbers[0]))
            elif word == DRAIN:
                _end(serving)
            elif word == NOW:
                if serving.server is None:
                    os._exit(0)
                serving.end_now()
    if not serving.ending:
        _end(serving)


def _end(serving: Serving) -> None:
    if serving.server is None:  # still importing: there is nothing yet that would have to be finished
        os._exit(0)
    serving.stop()


# --- by itself --------------------------------------------------------------------------------------------------------


def serve_alone(
    app: Any,
    settings: ServerSettings,
    sockets: Sequence[socket.socket],
    ready: Callable[[], None],
    open_page: Callable[[Callable[[], bytes], Callable[[], bool]], Any] | None = None,
) -> BaseException | None:
    """Serve in this process until TERM or INT; the second one ends it at once. What the start raised, if it did.

    `ready` is called when it serves, in the event loop; `open_page` gets what a status page shows.
    """
    board = Board.create()
    notifier = Notifier()

    def serves() -> None:
        ready()
        notifier.ready("one process")

    serving = Serving(settings, board, board.take(), serves, notifier=notifier)
    if open_page is not None:
        open_page(lambda: exposition(board.totals()), lambda: serving.serves and not serving.ending)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: serving.end_now() if serving.ending else serving.stop())
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        had = has_terminal()
        signal.signal(signal.SIGHUP, lambda number, frame: _hang_up(serving, had))
    return serving.run(app, sockets)


def _hang_up(serving: Serving, had_terminal: bool) -> None:
    """Nobody can take over from a process that is alone; without its terminal it ends, as every program does."""
    if had_terminal and not has_terminal():
        serving.stop()
    else:
        _logger.warning("HUP replaces workers, and this process serves alone: --workers 2 has some to replace")
