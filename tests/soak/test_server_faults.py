"""What befalls a server in production, made to happen over real sockets, and counted."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.cli.running import eventually
from tests.server.processes import Load, Shop, in_background, ketch_run, wait_some
from tests.soak.telling import tell

pytestmark = [
    pytest.mark.soak,
    pytest.mark.serial,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform != "linux", reason="it counts on /proc and ps"),
]


def test_term_with_a_hundred_requests_in_flight(tmp_path: Path) -> None:
    """None is lost, and whoever follows on a connection kept alive is told to close."""
    with ketch_run(tmp_path, "--workers", "2") as shop:
        followers = [shop.connect() for _ in range(20)]
        for follower in followers:
            follower.request("GET", "/")
            follower.getresponse().read()
        results = in_background(lambda: shop.get("/slow?seconds=3"), 100)
        wait_some(2)
        shop.signal(signal.SIGTERM)
        shop.wait_for("finishing requests")
        wait_some(0.2)
        for follower in followers:
            follower.request("GET", "/")
            response = follower.getresponse()
            response.read()
            assert (response.status, response.getheader("connection")) == (200, "close")
        assert shop.process.wait(30) == 0
        eventually(lambda: len(results) == 100)
        failed = [one for one in results if isinstance(one, Exception)]
        assert failed == []


@pytest.mark.parametrize("where", ["tcp", "alone on one socket"])
def test_twenty_hups_under_load(tmp_path: Path, where: str) -> None:
    """Ten thousand requests, and none is lost."""
    workers = "2" if where == "tcp" else "1"
    arguments = ("--workers", workers, *(("--max-requests", "1000000000") if workers == "1" else ()))
    with ketch_run(tmp_path, *arguments) as shop, Load(shop, clients=8) as load:
        for number in range(1, 21):
            shop.signal(signal.SIGHUP)
            shop.wait_for("serves in the place", times=number * int(workers), seconds=60)
        eventually(lambda: load.answered >= 10_000, 300)
    tell(f"{load.answered} requests, {len(load.pids)} processes, {load.told_to_close} times told to close")
    assert load.lost == []
    assert len(load.pids) > 20


def test_kill_nine_of_a_worker_under_load(tmp_path: Path) -> None:
    """Only the requests it was answering are lost, and another one serves within a second."""
    clients, rounds = 8, 8
    with ketch_run(tmp_path, "--workers", "2") as shop, Load(shop, clients=clients) as load:
        lost = 0
        for _ in range(rounds):
            wait_until_quiet(shop)
            victim = shop.workers()[0]
            connected = connections_of(victim, shop.port)
            before = len(load.lost)
            began = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            eventually(lambda victim=victim: len(shop.workers()) == 2 and victim not in shop.workers())
            back = time.monotonic() - began
            wait_some(1.5)
            new = len(load.lost) - before
            assert new <= max(connected, 0), f"{new} lost, {connected} connections"
            assert back < 1.0
            lost += new
    tell(f"{rounds} workers were killed; {lost} of {load.answered} requests were lost")


def connections_of(pid: int, port: int) -> int:
    """How many clients a process has just now."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found = re.match(r"socket:\[(\d+)\]", os.readlink(entry))
        except OSError:
            continue
        if found:
            sockets.add(found[1])
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if words[1].endswith(f":{port:04X}") and words[3] == "01" and words[9] in sockets:
            count += 1
    return count


def wait_until_quiet(shop: Shop) -> None:
    """Until both serve and nobody is being replaced."""
    eventually(lambda: len(shop.workers()) == 2)
    wait_some(3.5)  # a worker that has served for three seconds is no part of a crash loop


def test_a_crash_loop_backs_off(tmp_path: Path) -> None:
    """An application that dies 50 ms after it began to serve is started seldom, and costs next to nothing."""
    dying = (
        "import os, threading\nfrom ketch import App\n\napp = App()\n"
        "if os.path.exists('die'):\n    threading.Timer(0.3, lambda: os._exit(9)).start()\n"
    )
    with ketch_run(tmp_path, "--workers", "1", "--max-requests", "1000000", app=dying) as shop:
        (tmp_path / "die").write_text("")
        for pid in shop.workers():
            os.kill(pid, signal.SIGKILL)
        wait_some(20)
        pauses = [float(found) for found in re.findall(r"another one starts in ([\d.]+) s", shop.text)]
        (tmp_path / "die").unlink()
        tell(f"pauses: {pauses}")
        assert pauses[:7] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0][: len(pauses)]
        assert len(pauses) >= 5


def test_the_supervisor_is_small_and_idle(tmp_path: Path) -> None:
    with ketch_run(tmp_path, "--workers", "2") as shop:
        pid = shop.process.pid
        spent = cpu_seconds(pid)
        wait_some(10)
        used = cpu_seconds(pid) - spent
        status = Path(f"/proc/{pid}/status").read_text()
        rss = int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) / 1024
        private = int(re.findall(r"RssAnon:\s+(\d+) kB", status)[0]) / 1024
        tell(f"the supervisor: {rss:.1f} MiB, {private:.1f} of them its own; {used * 100:.1f} ms of CPU a second")
        assert used < 0.1
        assert rss < 40


def cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
