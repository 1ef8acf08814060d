"""How much a client has not taken yet: what the transport holds, and what the kernel does.

A socket's buffer in the kernel may hold megabytes, and it says that there is room only when a third of it is free. To
whoever looks at the transport alone, a slow client seems to take nothing for seconds.
"""

from __future__ import annotations

import struct
from typing import Any

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
