"""Counters, the board that processes share, and the page for Prometheus."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from ketch import SetupError
from ketch.server.counters import Counters
from ketch.server.metrics import NUMBERS, ROWS, Board, exposition, numbers_of
from ketch.server.statuspage import StatusPage, listen_for_status

CHILD = """
import sys
from ketch.server.counters import Counters
from ketch.server.metrics import Board
counters = Counters()
counters.requests, counters.answers[2], counters.open_connections = 7, 6, 3
Board(int(sys.argv[1])).write(int(sys.argv[2]), counters)
"""


def named(totals: list[int]) -> dict[str, int]:
    return {number.name: value for number, value in zip(NUMBERS, totals, strict=True)}


def test_every_number_is_counted() -> None:
    counters = Counters()
    assert {n.name for n in NUMBERS if not n.name.startswith("answers_")} | {"answers"} == set(Counters.__slots__)
    assert numbers_of(counters) == [0] * len(NUMBERS)


def test_processes_are_added_up_and_those_that_went_stay_counted() -> None:
    board = Board.create()
    rows = [board.take(), board.take()]
    for row in rows:
        command = [sys.executable, "-c", CHILD, str(board.descriptor), str(row)]
        subprocess.run(command, check=True, pass_fds=(board.descriptor,), env={**os.environ, "PYTHONPATH": "src"})
    found = named(board.totals())
    assert (found["requests"], found["answers_2xx"], found["open_connections"]) == (14, 12, 6)
    silence = board.silence(rows[0])
    assert silence is not None and 0 <= silence < 60
    board.give_back(rows[0])
    found = named(board.totals())
    assert (found["requests"], found["open_connections"]) == (14, 3)
    assert board.silence(rows[0]) is None
    assert board.take() == rows[0]
    assert named(board.totals())["requests"] == 14


def test_there_are_so_many_rows() -> None:
    board = Board.create()
    for _ in range(ROWS - 1):
        board.take()
    with pytest.raises(OSError, match="processes already"):
        board.take()


def test_the_page_is_what_prometheus_reads() -> None:
    counters = Counters()
    counters.answers[4] = 9
    text = exposition(numbers_of(counters), workers=2, restarts=1).decode()
    assert 'ketch_server_responses_total{status="4xx"} 9\n' in text
    assert text.endswith("ketch_server_worker_restarts_total 1\n")
    typed = re.findall(r"^# TYPE (\S+) (counter|gauge)$", text, re.MULTILINE)
    assert len({name for name, _ in typed}) == len(typed)
    for line in text.splitlines():
        assert line.startswith("# ") or re.fullmatch(r'[a-z_]+(\{[a-z]+="\w+"\})? \d+', line), line
    for name, kind in typed:
        assert (kind == "counter") == name.endswith("_total")


def test_the_status_page() -> None:
    ready = False
    listener = listen_for_status("127.0.0.1:0", "ketch run")
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    page = StatusPage(listener, lambda: b"numbers 1\n", lambda: ready)

    def get(path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(url + path, timeout=10) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    assert get("/metrics") == (200, b"numbers 1\n")
    assert get("/live") == (200, b"live\n")
    assert get("/ready") == (503, b"not ready\n")
    ready = True
    assert get("/ready?x=1") == (200, b"ready\n")
    assert get("/")[0] == 404
    with socket.create_connection(listener.getsockname()[:2], 10) as raw:
        raw.sendall(b"POST /metrics HTTP/1.1\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 405")
    page.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 5).close()


@pytest.mark.parametrize("address", ["9100", "127.0.0.1", "127.0.0.1:many", "127.0.0.1:70000"])
def test_addresses_of_metrics_that_are_none(address: str) -> None:
    with pytest.raises(SetupError, match="KETCH-SERVE-001"):
        listen_for_status(address, "ketch run")
