"""Too much of a body: refused early where its length says so, by counting where it does not, the same either way."""

from __future__ import annotations

import socket
import time

import pytest

from tests.hostile.conftest import Sea, head, read_answer

pytestmark = pytest.mark.serial

BODY = 2_621_440
MULTIPART = 33_554_432

DOORS = {
    "/bytes": ("text/plain", BODY),
    "/struct": ("application/json", BODY),
    "/by-hand": ("application/json", BODY),
    "/form": ("application/x-www-form-urlencoded", BODY),
    "/upload": ("multipart/form-data; boundary=bb", MULTIPART),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("over", [1, 10**12, 10**18])
def test_a_length_that_is_too_large_is_refused_at_once(each_sea: Sea, door: str, over: int) -> None:
    """Not a byte of the body is sent, and the answer is there all the same."""
    kind, limit = DOORS[door]
    answer = each_sea.ask(head("POST", door, (b"Host: x", f"Content-Type: {kind}", f"Content-Length: {limit + over}")))
    assert answer.status == 413
    assert answer.json()["status"] == 413


@pytest.mark.parametrize("door", ["/bytes", "/struct", "/by-hand", "/form"])
def test_counting_gives_the_same(each_sea: Sea, door: str) -> None:
    kind, limit = DOORS[door]
    body = b"x" * (limit + 1)
    by_length, by_counting = each_sea.post(door, body, kind), each_sea.post_chunked(door, body, kind)
    assert by_length.status == by_counting.status == 413
    assert by_length.body == by_counting.body


def test_exactly_the_limit(sea: Sea) -> None:
    assert sea.post("/bytes", b"x" * BODY, "text/plain").body == b"%d" % BODY
    assert sea.post_chunked("/bytes", b"x" * BODY, "text/plain").body == b"%d" % BODY


def test_multipart_that_is_too_large(sea: Sea) -> None:
    part = b'--bb\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n' + b"x" * 12_000_000 + b"\r\n"
    answer = sea.post_chunked("/upload", part * 3 + b"--bb--\r\n", DOORS["/upload"][0], 1_000_000)
    assert answer.status == 413


def test_tiny_chunks(sea: Sea) -> None:
    body = b'{"free": "' + b"x" * 50_000 + b'"}'
    assert sea.post_chunked("/struct", body, piece=1).status == 200


def test_a_body_that_never_comes(each_sea: Sea) -> None:
    """It costs a connection, and nobody else anything."""
    lines = []
    for n in range(20):
        line = socket.create_connection(("127.0.0.1", each_sea.up.port))
        line.sendall(head("POST", "/struct", (b"Host: x", "Content-Type: application/json", "Content-Length: 1000")))
        line.sendall(b"{" * n)
        lines.append(line)
    started = time.monotonic()
    each_sea.check_alive()
    assert time.monotonic() - started < 2
    for line in lines:
        line.close()


def test_an_early_answer_arrives(each_sea: Sea) -> None:
    """A client that goes on sending after the refusal can still read it."""
    with socket.create_connection(("127.0.0.1", each_sea.up.port), timeout=10) as line:
        line.sendall(head("POST", "/bytes", (b"Host: x", f"Content-Length: {BODY + 1}")))
        try:
            line.sendall(b"x" * 100_000)
        except OSError:
            pass
        assert read_answer(line).status in (413, 0)


def test_queries_over_and_over(sea: Sea) -> None:
    """Nothing is kept from request to request: memory stays where it is after thousands of different ones."""

    def resident() -> int:
        with open(f"/proc/{sea.up.process.pid}/statm") as file:
            return int(file.read().split()[1]) * 4_096

    def wave(start: int) -> None:
        with socket.create_connection(("127.0.0.1", sea.up.port), timeout=10) as line:
            for n in range(start, start + 500):
                pad = f"{n}" * 200
                line.sendall(
                    f"GET /query?text={pad} HTTP/1.1\r\nHost: h{n}\r\nAccept: x/{pad}\r\nX-{n}: 1\r\n"
                    f"Cookie: {pad}={n}\r\nOrigin: https://{n}\r\n\r\n".encode()
                )
                line.recv(65_536)

    wave(0)
    before = resident()
    for start in range(1_000, 5_000, 500):
        wave(start)
    assert resident() - before < 16_000_000
