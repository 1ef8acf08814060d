"""What happens around a response: failures, clean-up, background work, start and stop."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from tests.blackbox.servers import Running, running

pytestmark = pytest.mark.serial


@pytest.mark.parametrize(("path", "told"), [("/boom", "boom in a handler"), ("/boom-sync", "boom in a thread")])
def test_a_failure_is_logged_and_told_to_nobody(up: Running, path: str, told: str) -> None:
    answer = up.client.get(path)
    assert answer.status_code == 500
    assert answer.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500, "instance": path}
    assert told in up.told()
    page = up.client.get(path, headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert "boom" not in page.text.replace(path, "")


def test_problems(up: Running) -> None:
    answer = up.client.get("/teapot")
    assert (answer.status_code, answer.headers["x-pot"]) == (418, "tea")
    assert answer.json()["detail"] == "short and stout"
    assert answer.json()["spout"] == "left"
    assert up.client.get("/nowhere").json()["status"] == 404
    assert up.client.get("/sunk").json() == {"sunk": "Vasa"}


@pytest.mark.parametrize("path", ["/unit", "/unit-sync"])
def test_dependencies_are_cleaned_up(up: Running, path: str) -> None:
    name = f"{path[1:]} of {up.server.name}"
    assert up.client.get(path, params={"name": name}).text == name
    log = up.wait_for(name, f"{name} close")
    assert log == [f"{name} {what}" for what in ("open", "used", "commit", "close")]
    failing = f"failing {name}"
    assert up.client.get(path, params={"name": failing, "fail": True}).status_code == 409
    log = up.wait_for(failing, f"{failing} close")
    assert log == [f"{failing} {what}" for what in ("open", "used", "rollback HTTPException", "close")]


def test_background_work(up: Running) -> None:
    name = up.server.name
    assert up.client.get(f"/background/{name}").text == name
    assert up.wait_for(f"{name} ", f"{name} after")[:3] == [f"{name} answered", f"{name} later", f"{name} after"]


def test_many_at_once(up: Running) -> None:
    answers: list[int] = []

    def ask() -> None:
        for path in ("/health", "/uuid/6f9619ff-8b86-d011-b42d-00c04fc964ff", "/stream-sync", "/old-wsgi", "/file"):
            answers.append(up.client.get(path).status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 40


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /raw HTTP/1.1\r\nHost: x\r\nContent-Le",
        b"POST /raw HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1_000,
        b"POST /old-wsgi HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1_000,
        b"POST /old-asgi HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + b"x" * 1_000,
    ],
    ids=["head", "body", "mounted WSGI", "chunked"],
)
def test_a_request_that_is_broken_off(up: Running, sent: bytes) -> None:
    if up.server.http2:
        pytest.skip("speaks HTTP/1.1")
    with socket.create_connection(("127.0.0.1", up.port)) as line:
        line.sendall(sent)
        time.sleep(0.05)
    assert up.client.get("/old-wsgi").status_code == 200


def test_start_and_stop(up: Running) -> None:
    """The lifespan runs once, and what was begun in the background is finished before it ends."""
    with running(up.server) as own:
        assert own.client.get("/log", params={"about": "started"}).json() == ["started"]
        own.client.get("/background/late")
        told = own.told
        own.client.close()
        own.process.terminate()
        own.process.wait(10)
        assert "lifespan stopped" in told()
