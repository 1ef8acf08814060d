"""A worker process as its supervisor sees it, and the words the two say to each other.

They are joined by one pair of sockets, the *line*. Down it goes an `Order` first, then single words; up it come words,
each a line of text. The end of the line means that the other one has gone: a worker whose supervisor was killed
finishes its requests and ends.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from ketch.server.settings import ServerSettings

DRAIN, NOW, ACCEPT, FORGET = "drain", "now", "accept", "forget"
"""To a worker: finish what was begun and end; end at once; accept also for these slots, whose workers have gone; this
slot is given up."""
READY, RETIRE, FAILED = "ready", "retire", "failed"
"""From a worker: it serves the application of this name; it has had its number of requests; it could not start, with
the reason as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a worker is to do: descriptors of every slot's sockets, which slot is its own, the board's descriptor and
    its row there, the application's name."""

    settings: ServerSettings
    slots: list[list[int]]
    own: int
    board: int
    row: int
    target: str
    level: str = "info"


class Child:
    """One process. It is starting until it is `ready`, and leaving from `drain` on."""

    def __init__(self, command: Sequence[str], order: Order, slot: int) -> None:
        ours, theirs = socket.socketpair()
        descriptors = {theirs.fileno(), order.board, *(one for sockets in order.slots for one in sockets)}
        try:
            # A process group of its own: Ctrl+C in a terminal is the supervisor's to hear.
            words = [*command, str(theirs.fileno())]
            self._process = subprocess.Popen(words, pass_fds=tuple(descriptors), process_group=0)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self.line, self.slot, self.row = ours, slot, order.row
        self.pid = self._process.pid
        self.born = time.monotonic()
        self.ready_at: float | None = None
        self.deadline: float | None = None
        self.told_to_end = False
        self._reach = len(order.slots)
        self._orphans: list[int] = []
        self.reason: str | None = None
        self.name = ""
        self.hung_up = False
        self._unread = b""
        self._send(msgspec.json.encode(order))
        ours.setblocking(False)

    def _send(self, data: bytes) -> None:
        try:
            self.line.send(data + b"\n")
        except OSError:  # it has ended already
            pass

    def words(self) -> Iterator[str]:
        """What it has said since; `hung_up` is true when nothing more will come."""
        try:
            data = self.line.recv(65_536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self.hung_up = not data
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            word, _, rest = line.decode("utf-8", "replace").partition(" ")
            if word == READY:
                self.ready_at, self.name = time.monotonic(), rest
            elif word == FAILED:
                self.reason = str(msgspec.json.decode(rest))
            yield word

    def accept_for(self, slots: Sequence[int]) -> None:
        """Tell it which slots have nobody just now: their connections are not to wait for a new worker's start."""
        known = [slot for slot in slots if slot < self._reach]  # a newer slot's sockets it has not inherited
        if known != self._orphans:
            self._orphans = known
            self._send(" ".join([ACCEPT, *map(str, known)]).encode())

    def forget(self, slot: int) -> None:
        """A slot is given up: accept what waits there, and close its sockets."""
        if slot < self._reach:
            self._send(f"{FORGET} {slot}".encode())

    def drain(self, seconds: float) -> None:
        """Ask it to finish and end; after this many seconds it is overdue."""
        self.told_to_end = True
        self.deadline = time.monotonic() + seconds
        self._send(DRAIN.encode())

    def end_now(self, seconds: float) -> None:
        """Ask it to end at once."""
        self.told_to_end = True
        self.deadline = time.monotonic() + seconds
        self._send(NOW.encode())

    def kill(self) -> None:
        """End it, whatever it is doing."""
        self.deadline = None
        self._signal(signal.SIGKILL)

    def abort(self, seconds: float) -> None:
        """End it so that Python first prints where it stands; it is overdue if it has not ended by then."""
        self.deadline = time.monotonic() + seconds
        self._signal(signal.SIGABRT)

    def _signal(self, number: int) -> None:
        try:
            self._process.send_signal(number)
        except OSError:
            pass

    def ended(self) -> int | None:
        """Its exit code once it has ended (negative: the signal that ended it)."""
        return self._process.poll()

    def lived(self) -> float:
        """Seconds for which it has served."""
        return 0.0 if self.ready_at is None else time.monotonic() - self.ready_at


def how_ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def has_terminal() -> bool:
    """Whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def worker_command(module: str) -> list[str]:
    """This interpreter, as it was started, running `module`. The working directory is not put on its path for it."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    safe = [] if "-P" in flags or "-I" in flags else ["-P"]
    return [sys.executable, *flags, *safe, "-m", module]
