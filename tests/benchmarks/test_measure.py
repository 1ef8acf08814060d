"""A peer is checked before it counts: right answers, bad input refused, no access log, a port of its own."""

from __future__ import annotations

import json
import os
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.measure import PeerFailed, check, check_silence, measure, running
from benchmarks.peers import PEERS
from benchmarks.workloads import call_of, refused_of

from benchmarks import idle as idling
from tests.benchmarks.answering import Answering, Table

ITEM = {
    "item_id": 42,
    "q": "hello",
    "limit": 10,
    "name": "Item 42",
    "price": 42.5,
    "in_stock": True,
    "tags": ["a", "b", "c"],
}


@pytest.fixture(autouse=True)
def ports_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run of the real thing at the same time does no harm."""
    monkeypatch.setattr("benchmarks.peers.FIRST_PORT", random.randrange(20_000, 30_000))


def right_item(**changes: object) -> Table:
    return {call_of("T3").target: (200, "application/json", json.dumps(ITEM | changes).encode())}


def test_a_right_answer_passes() -> None:
    refusals = {call.target: (422, "application/json", b"{}") for call in refused_of("T3")}
    with Answering({**right_item(), **refusals}) as server:
        check(server.port, "T3")


def test_a_wrong_body_is_out() -> None:
    with Answering(right_item(price=42)) as server, pytest.raises(PeerFailed, match="T3: wrong answer, status 200"):
        check(server.port, "T3")


def test_a_wrong_type_of_content_is_out() -> None:
    table = {"/plaintext": (200, "text/html", b"Hello, World!")}
    with Answering(table) as server, pytest.raises(PeerFailed, match="T1: wrong answer"):
        check(server.port, "T1")


@pytest.mark.parametrize("limit", ["limit=1001", "limit=0", "limit=ten"])
def test_whoever_accepts_bad_input_is_out(limit: str) -> None:
    answers = {call.target: (422, "application/json", b"{}") for call in refused_of("T3")}
    table = {**right_item(), **answers, f"/items/42?q=hello&{limit}": (200, "application/json", b"{}")}
    with Answering(table) as server, pytest.raises(PeerFailed, match=f"{limit}.* should be refused, got 200"):
        check(server.port, "T3")


def test_a_server_error_is_no_refusal() -> None:
    answers = {call.target: (500, "application/json", b"{}") for call in refused_of("T3")}
    with Answering({**right_item(), **answers}) as server, pytest.raises(PeerFailed, match="got 500"):
        check(server.port, "T3")


def test_all_that_must_be_refused() -> None:
    assert {call.target.partition("?")[2] for call in refused_of("T3") if "/42" in call.target} == {
        "limit=10",
        "q=hello&limit=0",
        "q=hello&limit=1001",
        "q=hello&limit=ten",
    }
    bodies = [call.body for call in refused_of("T4")]
    assert any(b'"qty":0' in body for body in bodies)
    assert any(b'"qty":"two"' in body for body in bodies)
    assert any(b"email" not in body and body.endswith(b"}") for body in bodies)
    assert any(b'"items":{}' in body for body in bodies)
    assert any(not body.endswith(b"}") for body in bodies)


def test_twins_have_paths_of_their_own() -> None:
    assert call_of("T3+await").target == "/await" + call_of("T3").target
    assert all(call.target.startswith("/def/") for call in refused_of("T4+def"))


def test_an_access_log_is_noticed(tmp_path: Path) -> None:
    class Writing(dict[str, tuple[int, str, bytes]]):
        def get(self, key: str, default: object = None) -> tuple[int, str, bytes]:  # type: ignore[override]
            os.write(log.fileno(), b"127.0.0.1 GET /plaintext 200\n")
            return (200, "text/plain", b"Hello, World!")

    with open(tmp_path / "log", "wb") as log:
        with Answering(Writing()) as server, pytest.raises(PeerFailed, match="access log"):
            check_silence(server.port, log.fileno())
    with open(tmp_path / "quiet", "wb") as log:
        with Answering({"/plaintext": (200, "text/plain", b"")}) as server:
            check_silence(server.port, log.fileno())


def test_a_taken_port_is_not_measured_by_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    with Answering({}) as server:
        monkeypatch.setattr("benchmarks.peers.FIRST_PORT", server.port - list(PEERS).index("nginx"))
        with pytest.raises(PeerFailed, match="something else listens"), running(PEERS["nginx"], "nginx", []):
            pass


def test_a_server_that_dies_says_its_last_words() -> None:
    peer = replace(PEERS["uvicorn"], run="{python} -c raise(SystemExit('no-such-thing'))")
    with pytest.raises(PeerFailed, match=r"did not start\nno-such-thing"), running(peer, sys.executable, []):
        pass


@pytest.mark.serial
def test_ketch_is_measured_and_idled_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """From end to end: every test of Ketch's application is answered rightly, one is loaded, idle clients weigh."""
    pytest.importorskip("uvicorn")
    peer = PEERS["ketch-uvicorn"]
    command = "{python} -m uvicorn {app} --host 127.0.0.1 --port {port} --no-access-log --log-level warning"
    plain = replace(peer, run=command)
    tests = [f"{name}{suffix}" for name in peer.tests for suffix in ("", "+headers", "+await")]
    tests += [f"{name}+{suffix}" for name in ("T3", "T4") for suffix in ("def", "inline")]
    monkeypatch.setattr(idling, "CONNECTIONS", 150)
    with running(plain, sys.executable, tests) as pid:
        sample = measure(pid, plain.port, "T4", 1, warm=False)
        assert 1 < sample.cpu_us < 100_000
        assert sample.rps > 1
        assert idling.idle(pid, plain.port, websocket=False)["idle connections"] == 150
        found = idling.idle(pid, plain.port, websocket=True)
    assert found["idle WebSockets"] == 150
    assert 0 < found["ping p99 ms"] < 5_000
