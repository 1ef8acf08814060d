"""The process that stays in `ketch dev`: it holds the socket, watches the files, and exchanges the worker.

    listener   bound once; while no worker accepts, connections wait in its queue instead of being refused
    spare      the next worker, started as soon as one serves: everything is imported in it but the application
    reload     stop the old worker (its open streams are cancelled), let the spare go

A worker that does not end in time is ended; the terminal shows what it was doing only if it says so itself.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from multiprocessing.connection import Connection, wait
from socket import socket
from typing import Any

from ketch.cli.terminal import paint, say
from ketch.cli.watching import changes
from ketch.cli.worker import CLOSED, STOP, Go, Order, Serving, work

_PATIENCE = 3.0  # seconds a worker has to close what it holds
_spawn = get_context("spawn")


@dataclass(slots=True)
class _Hand:
    """A worker process and the line to it."""

    process: Any
    line: Connection

    def send(self, word: Any) -> None:
        try:
            self.line.send(word)
        except OSError:  # it has ended already
            pass

    def discard(self) -> None:
        """End a spare, which has nothing to close."""
        self.process.kill()
        self.process.join()
        self.line.close()

    def stop(self) -> None:
        """Ask, wait until everything is closed, insist. The process may be there a little longer."""
        self.send(STOP)
        if not self._closed(time.monotonic() + _PATIENCE):
            say(paint("  The old process did not end in time and was ended.", fg="yellow"))
            self.process.kill()
            self.process.join()
        self.line.close()

    def _closed(self, until: float) -> bool:
        while (left := until - time.monotonic()) > 0:
            ready = wait([self.line, self.process.sentinel], left)
            try:
                if self.line in ready and self.line.recv() != CLOSED:
                    continue
            except (EOFError, OSError):
                self.process.join(left)
                return not self.process.is_alive()
            if ready:
                return True
        return False


class Supervisor:
    """Serves `order` on `listener` and reloads when files below `roots` change. `run` returns an exit code."""

    def __init__(self, order: Order, listener: socket, roots: list[str]) -> None:
        self.order = order
        self.listener = listener
        self.roots = roots
        self.reload = order.reload
        self.modules: tuple[str, ...] = ()
        self.worker: _Hand | None = None
        self.spare: _Hand | None = None
        self._stopped = threading.Event()
        self._bell, self._striker = _spawn.Pipe(duplex=False)

    def run(self) -> int:
        """Until Ctrl+C or SIGTERM. Without reload a worker that ends, ends this too."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        news, tell = _spawn.Pipe(duplex=False)
        if self.reload:
            threading.Thread(target=self._watch, args=(tell,), name="ketch-watch", daemon=True).start()
        try:
            self._go(Go())
            while True:
                code = self._wait(news)
                if code is not None:
                    return code
        finally:
            self._close()

    def _end(self, number: int, frame: Any) -> None:
        """Only a word to the loop: an exception here could be raised in the middle of anything, and be lost there."""
        self._striker.send_bytes(b".")

    def _close(self) -> None:
        """End the workers in peace; a second Ctrl+C ends them at once, a second SIGTERM changes nothing."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._stopped.set()
        if self.spare is not None:
            self.spare.discard()
        try:
            if self.worker is not None:
                self.worker.stop()
            for process in active_children():
                process.join(_PATIENCE)
        except KeyboardInterrupt:
            pass
        for process in active_children():
            process.kill()

    def _watch(self, tell: Connection) -> None:
        for changed in changes(self.roots, self._stopped):
            tell.send((time.time(), changed))

    def _wait(self, news: Connection) -> int | None:
        """One thing that happens. An exit code ends everything."""
        worker = self.worker
        lines: list[Any] = [self._bell, news, *([worker.line, worker.process.sentinel] if worker is not None else [])]
        ready = wait(lines)
        if self._bell in ready:
            return 0
        if news in ready:
            since, changed = news.recv()
            while news.poll(0.03):
                changed |= news.recv()[1]
            self._changed(since, changed)
        elif worker is not None and worker.process.sentinel in ready:
            return self._ended(worker)
        elif worker is not None:
            self._hear(worker)
        return None

    # --- workers ------------------------------------------------------------------------------------------------------

    def _start(self) -> _Hand:
        ours, theirs = _spawn.Pipe()
        arguments = (theirs, self.listener, self.order, self.modules)
        process = _spawn.Process(target=work, args=arguments, name="ketch-dev", daemon=False)
        process.start()
        theirs.close()
        return _Hand(process, ours)

    def _go(self, word: Go) -> None:
        hand, self.spare = self.spare or self._start(), None
        if not hand.process.is_alive():  # somebody ended the spare meanwhile
            hand = self._start()
        self.worker = hand
        hand.send(word)

    def _changed(self, since: float, changed: set[str]) -> None:
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.stop()
        names = tuple(sorted(os.path.relpath(path) for path in changed))
        if any(name.endswith(".env") for name in names) and self.spare is not None:
            self.spare.discard()  # what it has imported may have read the old one
            self.spare = None
        self._go(Go(since, names))

    def _hear(self, worker: _Hand) -> None:
        try:
            word = worker.line.recv()
        except (EOFError, OSError):
            worker.process.join()  # it has ended; the next look finds that
            return
        if isinstance(word, Serving) and self.reload:
            self.modules = word.modules or self.modules
            if self.spare is None:
                self.spare = self._start()

    def _ended(self, worker: _Hand) -> int | None:
        """A worker that nobody stopped: its application called sys.exit, or crashed, or was killed."""
        worker.process.join()
        code = worker.process.exitcode
        worker.line.close()
        self.worker = None
        if not self.reload:
            return int(code) if code and code > 0 else 0 if code == 0 else 1
        say(paint(f"  The server has ended by itself (exit code {code}). Waiting for the next change.", fg="yellow"))
        return None
