"""How much a client has not taken yet: what the transport holds, and what the kernel does.

A socket's buffer in the kernel may hold megabytes, and it says that there is room only when a third of it is free. To
whoever looks at the transport alone, a slow client seems to take nothing for seconds.
"""

from __future__ import annotations

import struct
from typing import Any

_PROGRESS = 4_096  # bytes a client has to take, or it has taken nothing

ioctl: Any
try:
    from fcntl import ioctl
    from termios import TIOCOUTQ
except ImportError:  # Windows
    ioctl = None


def unsent(transport: Any) -> int:
    """Bytes written that the client's side has not acknowledged; without the kernel's where it does not tell."""
    waiting: int = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    if ioctl is None or sock is None:
        return waiting
    try:
        (in_kernel,) = struct.unpack("i", ioctl(sock.fileno(), TIOCOUTQ, b"\0\0\0\0"))
    except (OSError, ValueError):  # it is closed, or no socket that counts
        return waiting
    return waiting + int(in_kernel)


class Stall:
    """A client that reads too slowly, from the moment on at which its transport was full."""

    __slots__ = ("_left", "_since", "_transport")

    def __init__(self, transport: Any, now: float) -> None:
        self._transport = transport
        self._since = now
        self._left = -1  # what it had not taken when we last looked

    def spent(self, now: float) -> float:
        """Seconds in which the client has taken nothing. Ask twice or more: progress is what changed in between."""
        left = unsent(self._transport)
        if self._left < 0:
            self._left = left
        elif left <= self._left - _PROGRESS:
            self._left, self._since = left, now
        return now - self._since
