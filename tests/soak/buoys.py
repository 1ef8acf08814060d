"""An application whose WebSockets mostly stay where they are; `/gauges` says what its process holds."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

from ketch import App, WebSocket

app = App()
NOISE = os.urandom(4_096)  # what can be compressed would take long to fill a buffer


@app.get("/health")
async def health() -> str:
    return "afloat"


@app.get("/gauges")
async def gauges() -> dict[str, int]:
    gc.collect()
    return {
        "rss": _resident(),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "tasks": len(asyncio.all_tasks()),
        "objects": len(gc.get_objects()),
    }


def _resident() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) * 1024


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


@app.websocket("/flood")
async def flood(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        await websocket.send_bytes(NOISE)
