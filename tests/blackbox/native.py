"""Our own server on a port, without the command line: `python -m tests.blackbox.native module:name port [asgi]`.

With `asgi` the application is called through ASGI, as another framework's is.
"""

from __future__ import annotations

import signal
import socket
import sys
from importlib import import_module
from typing import Any

from ketch.app.logs import setup_logging
from ketch.server.server import Server


def main(target: str, port: str, how: str = "native") -> None:
    setup_logging("production")
    module, _, name = target.partition(":")
    app: Any = getattr(import_module(module), name)
    listener = socket.create_server(("127.0.0.1", int(port)))
    listener.setblocking(False)

    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    server = Server(foreign if how == "asgi" else app)
    signal.signal(signal.SIGTERM, lambda number, frame: server.stop())
    signal.signal(signal.SIGINT, lambda number, frame: server.stop())
    if not server.run([listener]):
        raise SystemExit(f"the application did not start: {server.failure}")


if __name__ == "__main__":
    main(*sys.argv[1:])
