"""Ten thousand idle connections, and ten thousand idle WebSockets: KiB each, and how soon a ping is answered.

The clients are plain blocking sockets opened one after the other; each has been served once before it idles. Memory is
the growth of the tree's proportional set size; what the kernel holds for a socket is not in it.
"""

from __future__ import annotations

import base64
import os
import random
import resource
import socket
import time

from benchmarks.accounting import memory_kib
from benchmarks.measure import PeerFailed, warm_up
from benchmarks.workloads import Call

CONNECTIONS = 10_000
PINGS = 2_000
SETTLE = 0.5
PING, PONG = b"\x89\x80\x00\x00\x00\x00", 0x8A


def possible() -> int:
    """How many connections this process may open (`ulimit -n`), at most `CONNECTIONS`; raises the soft limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    hard = CONNECTIONS * 2 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(CONNECTIONS, hard - 200)


def idle(pid: int, port: int, *, websocket: bool) -> dict[str, float]:
    """KiB per idle connection; for WebSockets also the p99 of pings in ms. Raises `PeerFailed`."""
    count = possible()
    kind = "WebSocket" if websocket else "connection"
    warm_up(port, Call("GET", "/plaintext"))
    links: list[socket.socket] = []
    try:
        for _ in range(100):  # the first ones pay for what is made once
            links.append(opened(port, websocket=websocket))
        time.sleep(SETTLE)
        before = memory_kib(pid, "Pss")
        for _ in range(count - len(links)):
            links.append(opened(port, websocket=websocket))
        time.sleep(SETTLE)
        found = {f"idle {kind} KiB": (memory_kib(pid, "Pss") - before) / (count - 100), f"idle {kind}s": float(count)}
        if websocket:
            found["ping p99 ms"] = p99([ping(random.choice(links)) for _ in range(PINGS)]) * 1000
    except OSError as exc:
        raise PeerFailed(f"after {len(links)} idle {kind}s: {str(exc) or type(exc).__name__}") from exc
    finally:
        for link in links:
            link.close()
    return found


def opened(port: int, *, websocket: bool) -> socket.socket:
    """A connection that has been answered once: a request, or the handshake of a WebSocket."""
    link = socket.create_connection(("127.0.0.1", port), timeout=10)
    if websocket:
        key = base64.b64encode(os.urandom(16))
        link.sendall(
            b"GET /ws HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
            b"sec-websocket-version: 13\r\nsec-websocket-key: " + key + b"\r\n\r\n"
        )
    else:
        link.sendall(b"GET /plaintext HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    expected = b" 101 " if websocket else b" 200 "
    data = b""
    while not (b"\r\n\r\n" in data if websocket else data.endswith(b"Hello, World!")):
        more = link.recv(4096)
        if not more:
            raise ConnectionError("closed by the server")
        data += more
    if expected not in data.partition(b"\r\n")[0]:
        raise ConnectionError(data[:40].decode("latin-1"))
    return link


def ping(link: socket.socket) -> float:
    """Seconds from a ping to its pong; the server's own pings in between are passed over."""
    begun = time.perf_counter()
    link.sendall(PING)
    while True:
        head = link.recv(2)
        if not head:
            raise ConnectionError("closed by the server")
        link.recv(head[1]) if head[1] else None
        if head[0] == PONG:
            return time.perf_counter() - begun


def p99(values: list[float]) -> float:
    """The value that 99 of 100 do not exceed."""
    return sorted(values)[min(len(values) - 1, len(values) * 99 // 100)]
