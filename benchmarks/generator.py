"""A small load generator for machines without wrk: some kept connections, the next request when an answer is whole.

    python benchmarks/generator.py PORT SECONDS CONNECTIONS METHOD TARGET BODY HEADERS-AS-JSON

Prints what `load.Heard` holds, as JSON. One core of it drives about 30,000 requests a second; wrk drives several times
that. A server quicker than its load spends more processor time per request, because it sleeps and wakes more often.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time


def request(method: str, target: str, body: str, headers: dict[str, str]) -> bytes:
    """The bytes that are sent again and again."""
    lines = [f"{method} {target} HTTP/1.1", "host: 127.0.0.1", *(f"{key}: {value}" for key, value in headers.items())]
    if body:
        lines.append(f"content-length: {len(body.encode())}")
    return "\r\n".join([*lines, "", body]).encode()


def length_of(data: bytes) -> int | None:
    """The length of the first whole answer in `data`, or None. Raises `ValueError` for a status that is no success."""
    head, separator, _ = data.partition(b"\r\n\r\n")
    if not separator:
        return None
    if head[9:10] != b"2":
        raise ValueError(f"status {head[9:12].decode()}")
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            whole = len(head) + 4 + int(value)
            return whole if len(data) >= whole else None
    end = data.find(b"\r\n0\r\n\r\n", len(head))  # chunked; our workloads' bodies never hold this
    return end + 7 if end >= 0 else None


def drive(port: int, seconds: float, connections: int, sent: bytes) -> dict[str, float]:
    """Keep every connection busy until the time is up; requests, rate and latencies."""
    poll = select.epoll()
    sockets, received, started = {}, {}, {}
    for _ in range(connections):
        link = socket.create_connection(("127.0.0.1", port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[link.fileno()], received[link.fileno()] = link, b""
        poll.register(link.fileno(), select.EPOLLIN)
    begun = time.monotonic()
    for number, link in sockets.items():
        started[number] = time.monotonic()
        link.sendall(sent)
    latencies: list[float] = []
    while (now := time.monotonic()) < begun + seconds:
        for number, _ in poll.poll(1):
            data = received[number] + sockets[number].recv(65536)
            if data == received[number]:
                raise ConnectionError("the server closed a connection")
            length = length_of(data)
            if length is not None:
                data = data[length:]
                now = time.monotonic()
                latencies.append(now - started[number])
                started[number] = now
                sockets[number].sendall(sent)
            received[number] = data
    took = time.monotonic() - begun
    for link in sockets.values():
        link.close()
    return summary(latencies, took)


def summary(latencies: list[float], took: float) -> dict[str, float]:
    """The figures of `load.Heard`. Raises `ValueError` where nothing was completed."""
    if not latencies:
        raise ValueError("nothing was completed")
    latencies.sort()
    count = len(latencies)
    return {
        "requests": count,
        "rps": count / took,
        "p50_ms": latencies[count // 2] * 1000,
        "p99_ms": latencies[min(count - 1, count * 99 // 100)] * 1000,
    }


if __name__ == "__main__":
    port, seconds, connections, method, target, body, headers = sys.argv[1:]
    sent = request(method, target, body, json.loads(headers))
    print(json.dumps(drive(int(port), float(seconds), int(connections), sent)))
