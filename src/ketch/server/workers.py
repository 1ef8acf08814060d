"""The supervisor: a small process that holds the sockets, starts the workers and replaces them. It never imports the
application, so nothing in the application can bring it down.

    slot        a place for one worker, with listening sockets of its own that outlive whoever serves on them
    current     the worker that serves in a slot      successor   the one that is starting and will take over from it
    leaving     workers that were told to finish
    orphan      a slot in which nobody serves just now; meanwhile all others accept its connections

    TERM, INT   everybody finishes within `grace`; the second one ends everybody at once
    HUP         slot after slot: start a successor; when it serves, tell the current one to finish
    TTIN, TTOU  one slot more, one less

A worker that ends by itself comes back after 0.1 s, then twice that and so on up to 5 s, until one has served for three
seconds. If no worker ever served, the supervisor ends with 3 and the reason; if a successor cannot start, the current
one goes on serving.
"""

from __future__ import annotations

import logging
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ketch.server.child import READY, RETIRE, Child, Order, has_terminal, how_ended
from ketch.server.metrics import Board
from ketch.server.settings import ServerSettings
from ketch.server.sockets import Listeners
from ketch.server.systemd import Notifier

START_FAILED = 3
"""The exit code if no worker could start."""

_logger = logging.getLogger("ketch.server")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds until a worker that ended comes back
_STEADY = 3.0  # seconds of serving after which its end is no part of a crash loop
_MARGIN = 3.0  # seconds beyond `grace`, which a worker keeps by itself: this is for one that cannot
_LOOK = 1.0  # seconds between two looks at the clocks


@dataclass(slots=True, eq=False)
class Slot:
    """A place for one worker."""

    number: int
    current: Child | None = None
    successor: Child | None = None
    pause: float = _FIRST_PAUSE
    due: float | None = None


class Supervisor:
    """Runs `command`, the line's descriptor after it, once per slot until a signal. `run` returns an exit code."""

    def __init__(
        self,
        command: Sequence[str],
        settings: ServerSettings,
        listeners: Listeners,
        target: str,
        *,
        level: str = "info",
        announce: Callable[[str, int], None] = lambda name, count: None,
    ) -> None:
        self.command, self.settings, self.listeners, self.target = command, settings, listeners, target
        self.level, self.announce = level, announce
        self.board = Board.create()
        self.notifier = Notifier()
        self.slots = [Slot(number) for number in range(settings.processes)]
        self.leaving: list[Child] = []
        self.queue: deque[Slot] = deque()
        self.reloading = self.started = self.stopping = self.hurrying = False
        self.restarts = 0
        self.reason: str | None = None
        """Why the first worker that failed could not start."""
        self._selector = selectors.DefaultSelector()
        self._signals: deque[int] = deque()
        # Under nohup HUP is not the end even when the terminal goes.
        self._terminal = has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        self._next_word = 0.0

    # --- the life of the supervisor -----------------------------------------------------------------------------------

    def run(self) -> int:
        """Serve until a signal. 0, or 3 if no worker could start (`reason` says why)."""
        bell = self._listen_for_signals()
        try:
            self.listeners.opened(len(self.slots) - 1)  # before the first worker, which inherits those of all
            for slot in self.slots:
                self._start(slot)
            while not self._finished():
                for key, _ in self._selector.select(self._patience()):
                    if key.data is None:
                        bell.recv(4_096)
                    else:
                        self._hear(key.data)
                self._obey()
                self._bury()
                self._look()
        finally:
            self._end_everybody()
        return 0 if self.started or self.reason is None else START_FAILED

    def _listen_for_signals(self) -> socket.socket:
        bell, striker = socket.socketpair()
        bell.setblocking(False)
        striker.setblocking(False)
        self._striker = striker  # kept, or it would be closed
        signal.set_wakeup_fd(striker.fileno(), warn_on_full_buffer=False)
        for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGTTIN", "SIGTTOU"):
            signal.signal(getattr(signal, name), lambda number, frame: self._signals.append(number))
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # it only wakes the loop
        self._selector.register(bell, selectors.EVENT_READ)
        return bell

    def _finished(self) -> bool:
        return self.stopping and not self._children()

    def _children(self) -> list[Child]:
        serving = [child for slot in self.slots for child in (slot.current, slot.successor) if child is not None]
        return serving + self.leaving

    def _end_everybody(self) -> None:
        for child in self._children():
            child.kill()
        self.listeners.close()

    # --- what is heard ------------------------------------------------------------------------------------------------

    def _hear(self, child: Child) -> None:
        words = list(child.words())
        if child.hung_up and child.line in self._selector.get_map():
            self._selector.unregister(child.line)  # its end is told by a signal
        for word in words:
            if word == READY:
                self._serves(child)
            elif word == RETIRE and (slot := self._slot_of(child)) is not None and slot.current is child:
                self.queue.append(slot)

    def _slot_of(self, child: Child) -> Slot | None:
        return next((slot for slot in self.slots if child in (slot.current, slot.successor)), None)

    def _serves(self, child: Child) -> None:
        if (slot := self._slot_of(child)) is not None and slot.successor is child:
            if slot.current is not None:
                self._leave(slot.current)
            slot.current, slot.successor = child, None
            _logger.info("worker %d serves in the place of the old one", child.pid)
        self._look_whether_started()

    def _look_whether_started(self) -> None:
        """It has begun when a worker serves and every other one does too, or has failed for now."""
        if self.started or self.stopping or not self.serving():
            return
        if all(slot.due is not None or (slot.current is not None and slot.current.ready_at) for slot in self.slots):
            self.started = True
            name = next(slot.current.name for slot in self.slots if slot.current is not None and slot.current.ready_at)
            self.announce(name, self.serving())
            self._say_ready()
            if self.reason is not None:
                _logger.error("a worker could not start. %s", self.reason)

    def _say_ready(self) -> None:
        self.notifier.ready(f"{len(self.slots)} workers on {', '.join(self.listeners.addresses)}")

    def _leave(self, child: Child) -> None:
        child.drain(self.settings.grace + _MARGIN)
        self.leaving.append(child)

    # --- signals ------------------------------------------------------------------------------------------------------

    def _obey(self) -> None:
        while self._signals:
            number = self._signals.popleft()
            if number == signal.SIGHUP and self._terminal and not has_terminal():
                number = signal.SIGTERM  # the terminal was closed: nobody wants new workers
            if number in (signal.SIGTERM, signal.SIGINT):
                self._stop()
            elif self.stopping:
                continue
            elif number == signal.SIGHUP:
                self._reload()
            elif number == signal.SIGTTIN:
                self._more()
            elif number == signal.SIGTTOU:
                self._less()

    def _stop(self) -> None:
        if self.stopping:
            if not self.hurrying:
                _logger.warning("ending at once")
            self.hurrying = True
            for child in self._children():
                child.end_now(_MARGIN)
            return
        self.stopping = True
        _logger.info("finishing requests, for at most %g s", self.settings.grace)
        self.notifier.stopping()
        self.queue.clear()
        self.listeners.close()  # from now on connections are refused and not left waiting
        for slot in self.slots:
            slot.due = None
        for child in self._children():
            if not child.told_to_end:
                child.drain(self.settings.grace + _MARGIN)

    def _reload(self) -> None:
        _logger.info("replacing %d workers, one after the other", len(self.slots))
        self.notifier.reloading()
        self.reloading = True
        for slot in self.slots:
            slot.pause = _FIRST_PAUSE
            if slot.successor is not None:  # it may have read the old code
                self._leave(slot.successor)
                slot.successor = None
        self.queue = deque(self.slots)

    def _more(self) -> None:
        self.slots.append(Slot(len(self.slots)))
        self._start(self.slots[-1])

    def _less(self) -> None:
        if len(self.slots) == 1:
            _logger.warning("the last worker stays")
            return
        slot = self.slots.pop()
        self.listeners.give_up(slot.number)
        for one in (slot.current, slot.successor):
            if one is not None:
                self._leave(one)
        if not self.listeners.shared:
            for child in self._children():
                child.forget(slot.number)

    # --- starting and burying -----------------------------------------------------------------------------------------

    def _start(self, slot: Slot, successor: bool = False) -> None:
        slot.due = None
        row = 0
        try:
            row = self.board.take()
            own = self.listeners.opened(slot.number)
            order = Order(
                settings=self.settings,
                slots=[[one.fileno() for one in sockets] for sockets in self.listeners.slots],
                own=own,
                board=self.board.descriptor,
                row=row,
                target=self.target,
                level=self.level,
            )
            child = Child(self.command, order, slot.number)
        except OSError as error:  # no processes, descriptors or memory left just now
            if row:
                self.board.give_back(row)
            _logger.error("no worker can be started: %s", error)
            self._later(slot)
            return
        self._selector.register(child.line, selectors.EVENT_READ, child)
        if successor:
            slot.successor = child
        else:
            slot.current = child

    def _later(self, slot: Slot) -> None:
        slot.due = time.monotonic() + slot.pause
        slot.pause = min(2 * slot.pause, _LONGEST_PAUSE)

    def _bury(self) -> None:
        """Workers that have ended: take them out of the lists, and say what follows."""
        for child in self._children():
            code = child.ended()
            if code is None:
                continue
            while not child.hung_up:
                self._hear(child)  # its last words
            child.line.close()
            self.board.give_back(child.row)
            slot = self._slot_of(child)
            if child in self.leaving:
                self.leaving.remove(child)
            elif slot is not None and slot.successor is child:
                slot.successor = None
                self._successor_failed(slot, child, code)
            elif slot is not None:
                # Who was to take over does so a little earlier.
                slot.current, slot.successor = slot.successor, None
                self._worker_ended(slot, child, code)

    def _worker_ended(self, slot: Slot, child: Child, code: int) -> None:
        if self.stopping:
            return
        if child.ready_at is None:
            self._tell_failure(child, code)
            if not self.started and not any(slot.current is not None for slot in self.slots):
                self.stopping = True
                return
        self.restarts += 1
        if child.lived() > _STEADY:
            slot.pause = _FIRST_PAUSE
        if child.ready_at is not None:
            _logger.error("worker %d %s; another one starts in %g s", child.pid, how_ended(code), slot.pause)
        if slot.current is None:
            self._later(slot)
        self._look_whether_started()

    def _successor_failed(self, slot: Slot, child: Child, code: int) -> None:
        self._tell_failure(child, code)
        if self.reloading:
            _logger.error("the new worker could not start: the old ones go on serving")
            self.queue.clear()
            self._reloaded()
        else:  # the current one has only had enough requests: it goes on until somebody can take over
            self._later(slot)

    def _tell_failure(self, child: Child, code: int) -> None:
        reason = child.reason or f"It {how_ended(code)}."
        if self.started:
            _logger.error("worker %d could not start. %s", child.pid, reason)
        elif self.reason is None:
            self.reason = reason

    # --- clocks -------------------------------------------------------------------------------------------------------

    def _patience(self) -> float:
        """Seconds until the clocks have to be looked at again."""
        now = time.monotonic()
        clocks = [slot.due for slot in self.slots] + [child.deadline for child in self._children()]
        return max(0.0, min([_LOOK, *(clock - now for clock in clocks if clock is not None)]))

    def _look(self) -> None:
        now = time.monotonic()
        for child in self._children():
            self._look_at(child, now)
        if self.stopping:
            return
        for slot in self.slots:
            if slot.due is not None and slot.due <= now:
                self._start(slot, successor=slot.current is not None)
        self._roll()
        self._share_orphans()
        if self.notifier.watchdog is not None and now >= self._next_word:
            self._next_word = now + self.notifier.watchdog / 2
            self.notifier.alive()

    def _look_at(self, child: Child, now: float) -> None:
        if child.deadline is not None:
            if now >= child.deadline:
                _logger.error("worker %d did not end in time and is killed", child.pid)
                child.kill()
            return
        if child.ready_at is None:
            patience = self.settings.start_timeout
            if patience is not None and not child.told_to_end and now - child.born > patience:
                _logger.error("worker %d did not serve within %g s and is killed", child.pid, patience)
                child.kill()
            return
        limit, silence = self.settings.hang_timeout, self.board.silence(child.row)
        if limit is not None and silence is not None and silence > limit and not child.told_to_end:
            _logger.error("the event loop of worker %d has stood still for %.1f s: it is ended", child.pid, silence)
            child.abort(_LOOK)

    def _roll(self) -> None:
        """Replace the next worker of those that are to be replaced, if no other one is being replaced."""
        if any(slot.successor is not None for slot in self.slots):
            return
        while self.queue:
            slot = self.queue.popleft()
            if slot in self.slots and slot.current is not None and slot.due is None:
                self._start(slot, successor=True)
                return
        if self.reloading:
            self._reloaded()

    def _share_orphans(self) -> None:
        """Whoever serves accepts for slots without; not at the start, where the first would keep everybody's."""
        if self.listeners.shared or not self.started:
            return
        serving = {slot.number: slot.current for slot in self.slots if slot.current and slot.current.ready_at}
        orphans = [slot.number for slot in self.slots if slot.number not in serving]
        for child in serving.values():
            child.accept_for(orphans)

    def _reloaded(self) -> None:
        self.reloading = False
        self._say_ready()

    # --- what is asked about it ---------------------------------------------------------------------------------------

    def is_ready(self) -> bool:
        """Whether requests are wanted. May be called from another thread."""
        return self.serving() > 0 and not self.stopping

    def serving(self) -> int:
        """How many workers serve now. May be called from another thread."""
        return sum(1 for slot in list(self.slots) if slot.current is not None and slot.current.ready_at is not None)
