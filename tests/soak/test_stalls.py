"""No hostile input makes the event loop stand still for 50 milliseconds, and each gets a clear refusal."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.soak.hostile import Hostile, everything, texts
from tests.soak.serving import serving
from tests.soak.telling import tell
from tests.soak.wire import Wire, connected

pytestmark = [pytest.mark.soak, pytest.mark.serial]

LONGEST_MS = 50.0
TRIES = 4


async def longest(port: int, hostile: Hostile) -> tuple[float, str]:
    """The longest stall while this is answered, in milliseconds of CPU time, and what it was. The best of a few tries:
    what happens now and then (a full garbage collection) is not the input's doing."""
    tries = []
    for _ in range(TRIES):
        async with connected(port) as own:
            await stopwatch(port)
            status = await attempt(own, hostile.sent)
            if status not in hostile.statuses:
                return float("inf"), f"it was answered {status}"
            tries.append(await stopwatch(port))
    return min(tries)


async def attempt(wire: Wire, sent: bytes) -> int:
    """The status of the answer. It may come while we are still talking, and then the server hangs up: 413, or an
    answer that was lost with the connection, which counts as one."""
    try:
        await wire.write(sent)
    except ConnectionError:
        pass
    try:
        async with asyncio.timeout(60):
            answer = await wire.answer()
            return answer.status
    except (EOFError, ConnectionError):
        return 413


async def stopwatch(port: int) -> tuple[float, str]:
    """What the stopwatch says; it starts again."""
    async with connected(port) as wire:
        told = json.loads((await wire.ask("GET", "/longest")).body)
    callback, beat = float(told["callback"]), float(told["beat"])
    return max(callback, beat), str(told["name"]) if callback > beat / 2 else "a thread that kept the interpreter"


async def longest_message(port: int, text: bytes) -> tuple[float, str]:
    """The same for one WebSocket message."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    tries = []
    for _ in range(TRIES):
        async with connect(f"ws://127.0.0.1:{port}/words", max_size=None) as socket:
            await stopwatch(port)
            try:
                await socket.send(text.decode("utf-8", "replace"), text=True)
                await socket.recv()
            except ConnectionClosed as closed:
                assert closed.rcvd is not None and closed.rcvd.code in (1007, 1009), closed
            tries.append(await stopwatch(port))
    return min(tries)


async def every_stall(port: int) -> dict[str, tuple[float, str]]:
    """By name of the input."""
    found = {hostile.name: await longest(port, hostile) for hostile in everything()}
    for name, (_, text) in texts().items():
        found[f"WebSocket: {name}"] = await longest_message(port, text[:1_048_000])
    return found


@pytest.mark.timeout(900)
def test_the_loop_never_stands_still(tmp_path: Path) -> None:
    options = ("--loop", "asyncio", "--ws-max-size", "2000000")
    with serving("tests.soak.stopwatch:timed", tmp_path, *options, ready="/about", SOAK_FOLDER=str(tmp_path)) as server:
        stalls = asyncio.run(every_stall(server.port))
        worst = sorted(stalls, key=lambda name: stalls[name][0], reverse=True)
        tell(f"{len(stalls)} hostile inputs; the longest stalls, in milliseconds of CPU time:")
        for name in worst[:15]:
            tell(f"  {stalls[name][0]:6.1f}  {name}  ({stalls[name][1][:90]})")
        assert {name: stalls[name] for name in worst if stalls[name][0] >= LONGEST_MS} == {}
        assert "Traceback" not in server.words(), server.words()[-4_000:]
