"""A client that sends exactly the bytes it is told to, and leaves when it is told to."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

HOST = b"host: 127.0.0.1\r\n"
PATIENCE = 30.0
"""Seconds until an answer is given up."""


@dataclass
class Answer:
    """A status, the headers by lower-case name, and the body as it was sent (chunks joined)."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


class Wire:
    """One connection. Requests on it follow each other; it opens again when the server has closed it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> asyncio.StreamWriter:
        if self._writer is None:
            self.reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
        return self._writer

    async def write(self, data: bytes) -> None:
        writer = await self.open()
        writer.write(data)
        await writer.drain()

    async def ask(self, method: str, target: str, body: bytes = b"", *, headers: bytes = b"") -> Answer:
        """One request and its whole answer. `headers` are lines that end with CRLF."""
        await self.write(request(method, target, body, headers=headers))
        async with asyncio.timeout(PATIENCE):
            return await self.answer(head=method == "HEAD")

    async def answer(self, *, head: bool = False) -> Answer:
        """The next answer. Raises EOFError (IncompleteReadError) where the server closes in the middle of it."""
        answer = await self.head()
        if head or answer.status in (204, 304) or answer.status < 200:
            return answer
        if answer.headers.get("transfer-encoding") == "chunked":
            answer.body = await self._chunks()
        else:
            answer.body = await self.reader.readexactly(int(answer.headers.get("content-length", "0")))
        if answer.headers.get("connection") == "close":
            await self.close()
        return answer

    async def head(self) -> Answer:
        """Status and headers of the next answer."""
        lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [line.partition(":") for line in lines[1:] if line]
        return Answer(int(lines[0].split()[1]), {name.lower(): value.strip() for name, _, value in pairs})

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body

    async def close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def abort(self) -> None:
        """Leave without a word: a reset instead of an end."""
        writer, self._writer = self._writer, None
        if writer is not None:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()


def request(method: str, target: str, body: bytes = b"", *, headers: bytes = b"") -> bytes:
    """A request as bytes, with its length if it has a body."""
    length = b"content-length: %d\r\n" % len(body) if body or method in ("POST", "PUT", "PATCH") else b""
    return b"%s %s HTTP/1.1\r\n%s%s%s\r\n%s" % (method.encode(), target.encode(), HOST, length, headers, body)


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Wire]:
    """A connection of its own that ends with the block."""
    wire = Wire(port)
    await wire.open()
    try:
        yield wire
    finally:
        wire.abort()


def multipart(filename: str, content: bytes, **fields: str) -> tuple[bytes, bytes]:
    """A form with one file called `photo`: the Content-Type line and the body."""
    parts = [
        b'--cut\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value.encode())
        for name, value in fields.items()
    ]
    opening = b'--cut\r\ncontent-disposition: form-data; name="photo"; filename="%s"\r\n' % filename.encode()
    body = b"".join(parts) + opening + b"content-type: image/png\r\n\r\n" + content + b"\r\n--cut--\r\n"
    return b"content-type: multipart/form-data; boundary=cut\r\n", body
