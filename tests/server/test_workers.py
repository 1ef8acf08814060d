"""The supervisor and its workers: replaced without losing a request, back after a crash, ended in peace."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import environ, eventually
from tests.server.processes import APP, Load, Shop, in_background, is_alive, ketch_run, wait_some

pytestmark = [pytest.mark.serial, pytest.mark.skipif(sys.platform != "linux", reason="it counts on /proc and ps")]

FAILING = """\
from contextlib import asynccontextmanager
from ketch import App

@asynccontextmanager
async def lifespan(app):
    raise ConnectionError("no database")
    yield

app = App(lifespan=lifespan)
"""

ACTIVATE = """\
import os, sys
given = int(sys.argv[1])
os.set_inheritable(given, True) if given == 3 else os.dup2(given, 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""
"""What systemd does: the socket as descriptor 3, and whom it is for."""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with ketch_run(tmp_path, "--workers", "2") as running:
        yield running


def test_two_processes_below_one_that_has_no_application(shop: Shop) -> None:
    assert shop.pids() == set(shop.workers())
    assert len(shop.workers()) == 2
    maps = Path(f"/proc/{shop.process.pid}/maps").read_text()
    assert "uvloop" not in maps and "_ssl" not in maps


def test_hup_replaces_everybody_and_loses_nothing(shop: Shop, tmp_path: Path) -> None:
    before = set(shop.workers())
    (tmp_path / "app.py").write_text(APP.replace('"one"', '"two"'))
    with Load(shop) as load:
        eventually(lambda: load.answered > 20)
        for number in (1, 2):
            shop.signal(signal.SIGHUP)
            shop.wait_for("serves in the place", times=2 * number)
        eventually(lambda: len(shop.workers()) == 2)
    assert load.lost == []
    assert not before & set(shop.workers())
    assert shop.get()["version"] == "two"


def test_hups_in_quick_succession_and_a_term_in_their_middle(shop: Shop) -> None:
    results = in_background(lambda: shop.get("/slow?seconds=2"), 10)
    wait_some(0.4)
    for _ in range(5):
        shop.signal(signal.SIGHUP)
    shop.wait_for("serves in the place")
    shop.signal(signal.SIGHUP)
    shop.signal(signal.SIGTERM)
    assert shop.process.wait(20) == 0
    eventually(lambda: len(results) == 10)
    assert [one["version"] for one in results] == ["one"] * 10


def test_a_successor_that_cannot_start_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    before = set(shop.workers())
    (tmp_path / "app.py").write_text(FAILING)
    shop.signal(signal.SIGHUP)
    shop.wait_for("the old ones go on serving")
    assert "no database" in shop.text
    eventually(lambda: set(shop.workers()) == before)
    assert shop.get()["version"] == "one"
    (tmp_path / "app.py").write_text(APP.replace('"one"', '"two"'))
    shop.signal(signal.SIGHUP)
    shop.wait_for("serves in the place", times=2)
    assert shop.get()["version"] == "two"


def test_a_killed_worker_comes_back(shop: Shop) -> None:
    victim = shop.get()["pid"]
    os.kill(victim, signal.SIGKILL)
    shop.wait_for("was ended by SIGKILL; another one starts in 0.1 s")
    eventually(lambda: len(shop.workers()) == 2 and victim not in shop.workers())
    assert len(eventually(lambda: found if len(found := shop.pids()) == 2 else None)) == 2


def test_a_crash_loop_backs_off(shop: Shop) -> None:
    for number in range(1, 7):
        with pytest.raises((OSError, Exception)):
            shop.get("/die")
        shop.wait_for("ended with exit code 5", times=number)
    pauses = [float(found) for found in re.findall(r"another one starts in ([\d.]+) s", shop.text)]
    assert sorted(pauses)[0] == 0.1
    assert max(pauses) >= 0.4
    assert shop.get()["version"] == "one"


def test_nobody_waits_for_a_worker_that_takes_long_to_start(tmp_path: Path) -> None:
    late = "import os, time\nwhile os.path.exists('late'):\n    time.sleep(0.05)\n" + APP
    with ketch_run(tmp_path, "--workers", "2", app=late) as shop:
        for at in (0, 1):
            (tmp_path / "late").write_text("")
            victim, other = shop.workers()[at], shop.workers()[1 - at]
            os.kill(victim, signal.SIGKILL)
            shop.wait_for("was ended by SIGKILL", times=at + 1)
            wait_some(0.3)
            assert shop.pids(20) == {other}
            (tmp_path / "late").unlink()
            eventually(lambda: len(shop.pids()) == 2)  # and then it gives them back


def test_ttin_and_ttou(shop: Shop) -> None:
    shop.signal(signal.SIGTTIN)
    eventually(lambda: len(shop.workers()) == 3)
    eventually(lambda: len(shop.pids()) == 3)
    with Load(shop) as load:
        for left in (2, 1, 1):
            shop.signal(signal.SIGTTOU)
            eventually(lambda left=left: len(shop.workers()) == left)
            wait_some(0.7)
    assert load.lost == []
    shop.wait_for("the last worker stays")
    assert shop.get()["version"] == "one"


def test_term_finishes_what_was_begun_and_tells_followers_to_close(shop: Shop) -> None:
    results = in_background(lambda: shop.get("/slow?seconds=1"), 20)
    idle = shop.connect()
    idle.request("GET", "/")
    idle.getresponse().read()
    wait_some(0.4)
    shop.signal(signal.SIGTERM)
    shop.wait_for("finishing requests")
    wait_some(0.1)
    idle.request("GET", "/")
    response = idle.getresponse()
    assert (response.status, response.getheader("connection")) == (200, "close")
    assert shop.process.wait(15) == 0
    eventually(lambda: len(results) == 20)
    assert [one["version"] for one in results] == ["one"] * 20


def test_the_second_term_ends_at_once(shop: Shop) -> None:
    in_background(lambda: shop.get("/slow?seconds=25"), 3)
    wait_some(0.4)
    shop.signal(signal.SIGTERM)
    shop.wait_for("finishing requests")
    shop.signal(signal.SIGTERM)
    assert shop.process.wait(10) == 0


def test_everybody_may_be_told_at_once_as_systemd_does(shop: Shop) -> None:
    results = in_background(lambda: shop.get("/slow?seconds=1"), 10)
    wait_some(0.4)
    for pid in (*shop.workers(), shop.process.pid):
        os.kill(pid, signal.SIGTERM)
    assert shop.process.wait(15) == 0
    eventually(lambda: len(results) == 10)
    assert [one["version"] for one in results] == ["one"] * 10


def test_workers_end_when_their_supervisor_is_killed(shop: Shop) -> None:
    workers = shop.workers()
    shop.process.kill()
    eventually(lambda: not any(is_alive(pid) for pid in workers))


def test_a_worker_whose_loop_stands_still_is_replaced(tmp_path: Path) -> None:
    with ketch_run(tmp_path, "--workers", "2", "--hang-timeout", "1") as shop:
        before = set(shop.workers())
        in_background(lambda: shop.get("/stuck"), 1)
        shop.wait_for("has stood still")
        shop.wait_for("in stuck")  # where it stood
        eventually(lambda: len(shop.workers()) == 2 and len(before & set(shop.workers())) == 1)
        assert len(eventually(lambda: found if len(found := shop.pids()) == 2 else None)) == 2


def test_max_requests_replaces_a_worker_without_losing_a_request(tmp_path: Path) -> None:
    with ketch_run(tmp_path, "--workers", "1", "--max-requests", "50") as shop:
        with Load(shop, clients=2) as load:
            shop.wait_for("serves in the place", times=2)
        assert load.lost == []
        assert len(load.pids) >= 2


def test_all_failing_at_the_start_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(FAILING)
    command = [sys.executable, "-m", "ketch", "run", "--workers", "3", "--port", "0"]
    done = subprocess.run(command, cwd=tmp_path, env=environ(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert done.stderr.count("ConnectionError: no database") == 1, done.stderr


def test_some_failing_at_the_start_come_later(tmp_path: Path) -> None:
    once = "import os\nif not os.path.exists('more'):\n    os.close(os.open('lock', os.O_CREAT | os.O_EXCL))\n" + APP
    with ketch_run(tmp_path, "--workers", "2", app=once) as shop:
        assert "with 1 process" in shop.text
        assert "FileExistsError" in shop.text
        assert shop.get()["version"] == "one"
        (tmp_path / "more").write_text("")
        eventually(lambda: len(shop.pids()) == 2)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_application_that_does_not_stop_well_is_told(tmp_path: Path, workers: str) -> None:
    late = FAILING.replace("    raise ConnectionError", "    yield\n    raise ConnectionError")
    with ketch_run(tmp_path, "--workers", workers, app=late) as shop:
        shop.signal(signal.SIGTERM)
        assert shop.process.wait(20) == 0
        shop.wait_for("did not stop well", times=int(workers))
        assert "ConnectionError: no database" in shop.text


def test_a_start_takes_only_so_long(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("import time\ntime.sleep(60)\n")
    command = [sys.executable, "-m", "ketch", "run", "--workers", "2", "--port", "0", "--start-timeout", "1.5"]
    done = subprocess.run(command, cwd=tmp_path, env=environ(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    assert "did not serve within 1.5 s" in done.stderr
    assert "was ended by SIGKILL" in done.stderr


def test_processes_of_the_application_hold_no_port(tmp_path: Path) -> None:
    child = APP + ("\nimport subprocess\nsubprocess.Popen(['sleep', '30'], close_fds=False)\n")
    with ketch_run(tmp_path, "--workers", "2", app=child) as shop:
        pass
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", shop.port))


def test_a_unix_socket_for_several(tmp_path: Path) -> None:
    path = tmp_path / "shop.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))  # what a server that was killed leaves behind
    arguments = ("--workers", "2", "--uds", str(path), "--uds-mode", "600", "--forwarded-allow-ips", "unix")
    with ketch_run(tmp_path, *arguments, address=False) as shop:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for number in (0, 1):
            with socket.socket(socket.AF_UNIX) as raw:
                raw.settimeout(10)
                raw.connect(str(path))
                raw.sendall(b"GET / HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
                assert raw.recv(15) == b"HTTP/1.1 200 OK"
            if not number:
                shop.signal(signal.SIGHUP)
                shop.wait_for("serves in the place", times=2)
                wait_some(0.5)
        other = [sys.executable, "-m", "ketch", "run", "--uds", str(path)]
        done = subprocess.run(other, cwd=tmp_path, env=environ(), capture_output=True, text=True, timeout=60)
        assert (done.returncode, "is taken by another program" in done.stderr) == (1, True)
    assert not path.exists()


def test_sockets_that_systemd_opened(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with ketch_run(
            tmp_path,
            "--workers",
            "2",
            prefix=(sys.executable, "-c", ACTIVATE, str(listener.fileno())),
            pass_fds=(listener.fileno(),),
            address=False,
        ) as shop:
            shop.port = listener.getsockname()[1]
            assert f":{shop.port} " in shop.text
            with Load(shop, clients=2) as load:
                eventually(lambda: load.answered > 20)
                shop.signal(signal.SIGHUP)
                shop.wait_for("serves in the place", times=2)
            assert load.lost == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_systemd_is_told(tmp_path: Path, workers: str) -> None:
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(str(address))
        ear.settimeout(20)
        heard: list[str] = []

        def hear(word: str) -> None:
            while not any(word in text for text in heard):
                heard.append(ear.recv(4_096).decode())

        env = {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "400000"}
        with ketch_run(tmp_path, "--workers", workers, env=env) as shop:
            hear("READY=1")
            assert f"MAINPID={shop.process.pid}" in "".join(heard)
            hear("WATCHDOG=1")
            if workers == "2":
                shop.signal(signal.SIGHUP)
                hear("RELOADING=1\nMONOTONIC_USEC=")
                heard.clear()
                hear("READY=1")
        hear("STOPPING=1")


def test_alone(tmp_path: Path) -> None:
    with ketch_run(tmp_path, "--workers", "1") as shop:
        assert shop.workers() == []
        assert shop.pids(3) == {shop.process.pid}
        shop.signal(signal.SIGHUP)
        shop.wait_for("HUP replaces workers")
        results = in_background(lambda: shop.get("/slow?seconds=1"), 5)
        wait_some(0.4)
        shop.signal(signal.SIGTERM)
        assert shop.process.wait(15) == 0
        eventually(lambda: len(results) == 5)
        assert [one["version"] for one in results] == ["one"] * 5


def test_metrics_are_added_up_over_workers_and_outlive_them(tmp_path: Path) -> None:
    with ketch_run(tmp_path, "--workers", "2", "--metrics", "127.0.0.1:0") as shop:
        pass
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with ketch_run(tmp_path, "--workers", "2", "--metrics", f"127.0.0.1:{port}") as shop:
        page = shop.connect()
        page.port = port

        def number(name: str) -> float:
            page.request("GET", "/metrics")
            text = page.getresponse().read().decode()
            page.close()
            return float(re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[0])

        shop.pids(30)
        eventually(lambda: number("ketch_server_requests_total") == 30)
        assert number('ketch_server_responses_total{status="2xx"}') == 30
        assert number("ketch_server_workers") == 2
        os.kill(shop.workers()[0], signal.SIGKILL)
        eventually(lambda: number("ketch_server_worker_restarts_total") == 1)
        assert number("ketch_server_requests_total") == 30
        for path, status in (("/live", 200), ("/ready", 200), ("/nothing", 404)):
            page.request("GET", path)
            response = page.getresponse()
            response.read()
            page.close()
            assert response.status == status


def test_the_access_log_of_several(tmp_path: Path) -> None:
    with ketch_run(tmp_path, "--workers", "2", "--access-log") as shop:
        for _ in range(20):
            shop.get("/?secret=1")
        shop.wait_for('"logger":"ketch.access"', times=20)
        lines = [json.loads(line) for line in shop.lines if "ketch.access" in line]
    assert {(line["method"], line["path"], line["status"], line["client"]) for line in lines} == {
        ("GET", "/", 200, "127.0.0.1")
    }
    assert all(line["bytes"] > 10 for line in lines)


def test_tls(tmp_path: Path) -> None:
    import shutil
    import ssl

    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    make_certificate(tmp_path, "one")
    files = ("--tls-cert", "shop.pem", "--tls-key", "shop.key")
    with ketch_run(tmp_path, "--workers", "2", *files) as shop:
        assert f"https://127.0.0.1:{shop.port}" in shop.text

        def subject() -> str:
            context = ssl.create_default_context(cafile=str(tmp_path / "shop.pem"))
            context.check_hostname = False
            context.set_alpn_protocols(["h2", "http/1.1"])
            with socket.create_connection(("127.0.0.1", shop.port), 10) as raw:
                with context.wrap_socket(raw, server_hostname="localhost") as safe:
                    assert safe.selected_alpn_protocol() == "http/1.1"
                    safe.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    assert safe.recv(15) == b"HTTP/1.1 200 OK"
                    names = dict(pair[0] for pair in (safe.getpeercert() or {})["subject"])  # type: ignore[misc]
                    return str(names["commonName"])

        assert subject() == "one"
        make_certificate(tmp_path, "two")
        shop.signal(signal.SIGHUP)
        shop.wait_for("serves in the place", times=2)
        assert eventually(subject) == "two"
    shop_key = tmp_path / "shop.key"
    shop_key.write_text("nothing")
    command = [sys.executable, "-m", "ketch", "run", "--workers", "1", "--port", "0", *files]
    done = subprocess.run(command, cwd=tmp_path, env=environ(), capture_output=True, text=True, timeout=60)
    assert (done.returncode, "KETCH-SERVE-002" in done.stderr) == (3, True), done.stderr


def make_certificate(folder: Path, name: str) -> None:
    """A self-signed one for this name."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += [
        "-keyout",
        str(folder / "shop.key"),
        "-out",
        str(folder / "shop.pem"),
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
    ]
    subprocess.run(words, check=True, capture_output=True)
