"""Whole files without copying them through Python: the kernel's sendfile(2), where the connection is plain TCP.

Neither uvloop nor TLS has a sendfile, so it is called here, on a duplicate of the socket, after the transport's own
buffer has been emptied. Elsewhere the file is read in pieces, in a thread.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from ketch.http.threads import in_thread

if TYPE_CHECKING:
    from ketch.server.connection import Connection

_PIECE = 262_144
"""Bytes that are read at a time where there is no sendfile."""
_SPAN = 8_388_608
"""Bytes the kernel is asked to send at a time."""
_SMALL = 65_536
"""Bytes up to which reading the file is quicker than everything around sendfile."""


async def send_file(
    connection: Connection,
    path: str,
    head: Callable[[int], bytes],
    write: Callable[[list[bytes]], None],
    silent: bool,
) -> int:
    """Write the head and the file; its size. `head` makes the head for a size, `write` writes it.

    Raises OSError if the file cannot be read or the client has gone, and what `head` raises before anything is written.
    """
    file = await in_thread(_opened, path)
    try:
        size = os.fstat(file.fileno()).st_size
        start = head(size)
        if silent:
            write([start])
        elif size <= _SMALL:
            write([start, await in_thread(_whole, file, size)])
        else:
            write([start])
            if connection.is_plain and hasattr(os, "sendfile"):
                await _by_kernel(connection, file, size)
            else:
                await _by_reading(connection, file, size)
        return size
    finally:
        await in_thread(file.close)


def _opened(path: str) -> BinaryIO:
    return open(path, "rb")


def _whole(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise OSError("the file has become shorter while it was sent")
    return content


async def _by_reading(connection: Connection, file: BinaryIO, size: int) -> None:
    left = size
    while left > 0:
        piece = await in_thread(file.read, min(_PIECE, left))
        if not piece:
            raise OSError("the file has become shorter while it was sent")
        left -= len(piece)
        connection.put([piece])
        await connection.drained()
        if connection.is_over:
            raise ConnectionResetError("the client has disconnected")


async def _by_kernel(connection: Connection, file: BinaryIO, size: int) -> None:
    await connection.emptied()
    duplicate = socket.socket(fileno=os.dup(connection.transport.get_extra_info("socket").fileno()))
    try:
        duplicate.setblocking(False)
        offset = rested = 0
        while offset < size:
            if connection.is_over:
                raise ConnectionResetError("the client has disconnected")
            try:
                sent = os.sendfile(duplicate.fileno(), file.fileno(), offset, min(_SPAN, size - offset))
            except (BlockingIOError, InterruptedError):
                await _writable(connection, duplicate)
                continue
            if not sent:
                raise OSError("the file has become shorter while it was sent")
            offset += sent
            connection.progressed(sent)
            if offset - rested >= _SPAN:  # to a client that reads as fast as the kernel sends; others have their turn
                rested = offset
                await asyncio.sleep(0)
    finally:
        duplicate.close()


async def _writable(connection: Connection, duplicate: socket.socket) -> None:
    """Until the kernel takes more, or the connection is lost."""
    loop = connection.server.loop
    ready = loop.create_future()
    loop.add_writer(duplicate.fileno(), lambda: ready.done() or ready.set_result(None))
    connection.stalled(ready)
    try:
        await ready
    finally:
        loop.remove_writer(duplicate.fileno())
        connection.stalled(None)
