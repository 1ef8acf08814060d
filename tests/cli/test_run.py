"""`ketch run` on a real socket: production's mode, log, limits on what is believed, several processes."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.cli.running import Running, eventually, ketch, ketch_process, project, serving
from tests.cli.test_dev import alive, children

pytestmark = pytest.mark.serial

APP = """\
import asyncio
import logging
import os

from ketch import App, Request

app = App(title="Shop")


@app.get("/")
async def home(request: Request) -> dict[str, object]:
    logging.getLogger("shop").info("seen\\nby %s", request.client.host if request.client else "")
    client = request.client.host if request.client else ""
    return {"pid": os.getpid(), "mode": os.environ["KETCH_ENV"], "client": client, "url": str(request.url)}


@app.get("/fails")
async def fails() -> None:
    raise RuntimeError("boom")


@app.get("/long")
async def long() -> str:
    await asyncio.sleep(1)
    return "finished"
"""

SERVING = r"serving app:app on (http://[\d.:]+)"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return project(tmp_path, {"app.py": APP})


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def answers(running: Running) -> bool:
    try:
        return running.get()[0] == 200
    except OSError:
        return False


def test_production(shop: Path) -> None:
    with serving("run", "--port", free_port(), "--access-log", cwd=shop, until=SERVING) as running:
        eventually(lambda: answers(running))
        found = json.loads(running.get("/", {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"})[1])
        assert (found["mode"], found["client"]) == ("production", "127.0.0.1")
        assert found["url"].startswith("http://127.0.0.1")
        status, body = running.get("/fails")
        assert (status, "boom" in body) == (500, False)
        running.wait_for("RuntimeError: boom")
        running.wait_for('"logger":"ketch.access".*"path":"/fails"')
        lines = [json.loads(line) for line in running.lines]
    assert any(line["message"].startswith("seen\nby ") and line["logger"] == "shop" for line in lines)
    failed = next(line for line in lines if "exception" in line)
    assert failed["level"] == "error"
    access = [line for line in lines if line["logger"] == "ketch.access"]
    told = {"method": "GET", "path": "/fails", "status": 500}.items()
    assert any(told <= line.items() for line in access)  # lines of several processes come in any order


def test_a_proxy_that_is_named_is_believed(shop: Path) -> None:
    with serving(
        "run", "--port", free_port(), "--forwarded-allow-ips", "127.0.0.1", cwd=shop, until=SERVING
    ) as running:
        eventually(lambda: answers(running))
        found = json.loads(running.get("/", {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"})[1])
    assert found["client"] == "203.0.113.9"
    assert found["url"].startswith("https://")


def test_several_processes(shop: Path) -> None:
    with serving("run", "--port", free_port(), "--workers", "2", cwd=shop, until=SERVING) as running:
        eventually(lambda: answers(running))
        seen: set[int] = set()
        eventually(lambda: seen.add(json.loads(running.get()[1])["pid"]) or len(seen) == 2)
        below = children(running.process.pid)
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(15)
        eventually(lambda: not alive(below), 10)


def test_requests_are_finished_before_it_ends(shop: Path) -> None:
    with serving("run", "--port", free_port(), cwd=shop, until=SERVING) as running:
        eventually(lambda: answers(running))
        host, _, port = running.url.removeprefix("http://").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.request("GET", "/long")
        assert answers(running)  # so the one before has arrived
        os.kill(running.process.pid, signal.SIGTERM)
        assert connection.getresponse().read() == b"finished"


def test_a_unix_socket(shop: Path) -> None:
    path = shop / "shop.sock"
    with serving("run", "--uds", str(path), cwd=shop, until=r"serving app:app on (unix:[\w./-]+)"):
        eventually(path.exists)
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(10)
            eventually(lambda: raw.connect_ex(str(path)) == 0)
            raw.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
            assert raw.recv(15) == b"HTTP/1.1 200 OK"


def test_a_taken_port(shop: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = ketch("run", "--port", str(taken.getsockname()[1]), cwd=shop)
    assert done.returncode == 1
    assert "is taken by another program" in done.stderr


def test_an_application_that_cannot_start(tmp_path: Path) -> None:
    lifespan = (
        "from contextlib import asynccontextmanager\nfrom ketch import App\n\n\n@asynccontextmanager\n"
        "async def lifespan(app):\n    raise ConnectionError('no database')\n    yield\n\n\n"
        "app = App(lifespan=lifespan)\n"
    )
    unused = "from ketch import App\napp = App()\n@app.get('/{a}')\nasync def f(): ...\n"
    project(tmp_path, {"app.py": lifespan, "wrong.py": unused})
    wrong = ketch("run", "wrong.py", cwd=tmp_path)
    assert (wrong.returncode, "KETCH-BIND-002" in wrong.stderr) == (3, True)
    done = ketch_process("run", "--port", free_port(), cwd=tmp_path)
    assert done.returncode == 3
    assert "no database" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--max-head", "1"), "The least is 256."),
        (("--port", "many"), "It takes a whole number."),
        (("--port", "65536"), "Ports end at 65535."),
        (("--metrics", "9100"), "It takes HOST:PORT."),
        (("--tls-key", "shop.key"), "Set tls_cert too."),
    ],
)
def test_settings_that_make_no_sense(shop: Path, arguments: tuple[str, ...], said: str) -> None:
    done = ketch("run", *arguments, cwd=shop)
    assert done.returncode == 2
    assert "KETCH-SERVE-001" in done.stderr
    assert said in done.stderr


def test_a_variable_says_it_too(shop: Path) -> None:
    done = ketch("run", cwd=shop, env={"WEB_CONCURRENCY": "some"})
    assert (done.returncode, "said by  WEB_CONCURRENCY" in done.stderr) == (2, True)


def test_every_setting_is_in_the_help(shop: Path) -> None:
    from ketch.server.settings import OPTIONS

    text = ketch("run", "--help", cwd=shop).stdout
    for option in OPTIONS:
        assert option.flag in text
        assert option.variable in text
