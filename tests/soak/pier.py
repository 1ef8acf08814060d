"""An application for attackers of connections. `python -m tests.soak.pier PORT SECONDS` is an ordinary client of it."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator

from ketch import App, FileResponse, Request, StreamingResponse
from tests.soak.buoys import gauges

app = App()
app.get("/gauges")(gauges)

_PIECE = b"\xa5" * 65_536


@app.get("/health")
async def health() -> str:
    return "moored"


@app.get("/size/{size}")
async def size(size: int) -> bytes:
    return b"\xa5" * size


@app.get("/stream/{pieces}")
async def stream(pieces: int) -> StreamingResponse:
    async def made() -> AsyncIterator[bytes]:
        for _ in range(pieces):
            yield _PIECE

    return StreamingResponse(made())


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(os.environ["PIER_FILE"])


@app.post("/count")
async def count(request: Request) -> int:
    total = 0
    async for piece in request.stream(limit=10_000_000_000):
        total += len(piece)
    return total


@app.post("/count/slowly")
async def count_slowly(request: Request) -> int:
    total = 0
    async for piece in request.stream(limit=10_000_000_000):
        total += len(piece)
        await asyncio.sleep(0.05)
    return total


@app.get("/hang")
@app.post("/hang")
async def hang() -> str:
    await asyncio.sleep(0.3)
    return "late"


def ordinary(port: int, seconds: float) -> list[float]:
    """How long each answer took, in seconds, for somebody who asks every five milliseconds."""
    line = socket.create_connection(("127.0.0.1", port), timeout=30)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        began = time.perf_counter()
        line.sendall(b"GET /health HTTP/1.1\r\nHost: pier\r\n\r\n")
        heard = b""
        while not heard.endswith(b"moored"):
            piece = line.recv(65_536)
            if not piece:
                raise SystemExit("the server has closed an ordinary connection")
            heard += piece
        taken.append(time.perf_counter() - began)
        time.sleep(0.005)
    return taken


if __name__ == "__main__":
    print(json.dumps(ordinary(int(sys.argv[1]), float(sys.argv[2]))))
