"""systemd's two small protocols, by hand: sockets it opened for us, and telling it how we are.

sd_listen_fds(3): LISTEN_FDS descriptors begin at 3, for the process whose id is LISTEN_PID.
sd_notify(3): one datagram of lines to the socket NOTIFY_SOCKET names. Without systemd both do nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping

_FIRST = 3  # SD_LISTEN_FDS_START


def activated(environ: MutableMapping[str, str] | None = None) -> list[socket.socket]:
    """The listening sockets that systemd opened for this process, which from then on are its own.

    The variables are taken out of the environment, so that no child thinks they are meant for it. Raises OSError for a
    descriptor that is no socket, ValueError for one that does not listen for streams.
    """
    variables = os.environ if environ is None else environ
    meant = variables.pop("LISTEN_PID", "")
    count = variables.pop("LISTEN_FDS", "")
    variables.pop("LISTEN_FDNAMES", None)
    if meant != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return []
    found = []
    for descriptor in range(_FIRST, _FIRST + int(count)):
        os.set_inheritable(descriptor, False)
        opened = socket.socket(fileno=descriptor)
        if opened.type != socket.SOCK_STREAM or not opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise ValueError(f"descriptor {descriptor} is no listening stream socket")
        found.append(opened)
    return found


class Notifier:
    """How we are, for systemd. It is made once: the variables are taken out of the environment."""

    def __init__(self, environ: MutableMapping[str, str] | None = None) -> None:
        variables = os.environ if environ is None else environ
        self._address = variables.pop("NOTIFY_SOCKET", "")
        pid, microseconds = variables.pop("WATCHDOG_PID", ""), variables.pop("WATCHDOG_USEC", "")
        ours = microseconds.isdigit() and pid in ("", str(os.getpid()))
        self.watchdog: float | None = int(microseconds) / 2e6 if ours and self._address else None
        """Seconds between two words of `alive`: half of what systemd allows; None if it does not ask."""

    def ready(self, status: str) -> None:
        """We serve."""
        self._send(f"READY=1\nSTATUS={status}\nMAINPID={os.getpid()}")

    def reloading(self) -> None:
        """We exchange our processes, and serve meanwhile; `ready` follows."""
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}\nSTATUS=replacing workers")

    def stopping(self) -> None:
        """We finish what was begun."""
        self._send("STOPPING=1\nSTATUS=finishing requests")

    def alive(self) -> None:
        """We are not stuck."""
        self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
                line.connect(address)
                line.sendall(text.encode())
        except OSError:  # nobody listens any more, which is no reason to stop serving
            pass
