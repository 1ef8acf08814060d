"""ASGI's lifespan: start when the server starts, stop when it stops.

A failed start is told to the server in the words of the SetupError, so that the terminal shows them.
"""

from __future__ import annotations

from typing import Any


async def serve_lifespan(runtime: Any, scope: Any, receive: Any, send: Any) -> None:
    """https://asgi.readthedocs.io/en/latest/specs/lifespan.html"""
    message = await receive()
    if message["type"] != "lifespan.startup":
        return
    try:
        await runtime.start(scope.get("state"))
    except BaseException as error:
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        raise
    await send({"type": "lifespan.startup.complete"})
    try:
        while (await receive())["type"] != "lifespan.shutdown":
            pass
    except BaseException:  # a server that gives up without a word
        await runtime.stop()
        raise
    try:
        await runtime.stop()
    except BaseException as error:
        await send({"type": "lifespan.shutdown.failed", "message": str(error)})
        raise
    await send({"type": "lifespan.shutdown.complete"})


async def frozen(app: Any, receive: Any, send: Any) -> Any:
    """The runtime of `app`; if it cannot be frozen, the server is told why, so that the terminal shows it."""
    try:
        return app.runtime
    except BaseException as error:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": str(error)})
        raise
