"""What wrk is told and what it says; our own generator where there is none."""

from __future__ import annotations

import math

import pytest
from benchmarks.generator import length_of, request, summary
from benchmarks.load import LoadFailed, heard, latency, script
from benchmarks.workloads import Call, call_of

from benchmarks import load as loading
from tests.benchmarks.answering import Answering

SAID = """Running 2s test @ http://127.0.0.1:8099/plaintext
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.05ms    2.13ms  31.21ms   95.93%
    Req/Sec    94.31k     9.02k  106.72k    75.00%
  Latency Distribution
     50%  640.00us
     75%  731.00us
     90%    1.20ms
     99%   12.34ms
  187810 requests in 2.00s, 29.55MB read
Requests/sec:  93894.51
Transfer/sec:     14.77MB
"""


def test_wrks_report_is_read() -> None:
    found = heard(SAID)
    assert (found.requests, found.rps, found.p50_ms, found.p99_ms) == (187_810, 93_894.51, pytest.approx(0.64), 12.34)


def test_units_of_latencies() -> None:
    assert latency("     99%    1.50s \n".rstrip(" \n"), "99%") == 1500
    assert latency("     99%    2.00m", "99%") == 120_000
    assert math.isnan(latency("", "99%"))


@pytest.mark.parametrize(
    "line",
    ["  Non-2xx or 3xx responses: 17", "  Socket errors: connect 0, read 3, write 0, timeout 0"],
)
def test_errors_under_load_are_failures(line: str) -> None:
    with pytest.raises(LoadFailed, match=r"17|read 3"):
        heard(SAID.replace("Requests/sec", f"{line}\nRequests/sec"))


def test_nothing_completed_is_a_failure() -> None:
    with pytest.raises(LoadFailed, match="completed nothing"):
        heard(SAID.replace("187810 requests", "0 requests"))


def test_the_script_quotes_what_lua_would_read() -> None:
    lines = script(Call("POST", "/it", b'{"a": "b\\n"}', (("x", 'say "hi"'),)), pause_ms=3).splitlines()
    assert lines == [
        'wrk.method = "POST"',
        'wrk.headers["x"] = "say \\"hi\\""',
        'wrk.body = "{\\"a\\": \\"b\\\\n\\"}"',
        "function delay() return math.random(0, 6) end",
    ]


def test_the_browsers_headers_are_sent() -> None:
    assert len(call_of("T1+headers").headers) == 10
    assert "sec-fetch-mode" in script(call_of("T1+headers"))


# --- our own generator -----------------------------------------------------------------------------------------------


def test_a_request_has_its_length() -> None:
    sent = request("POST", "/orders", "{}", {"content-type": "application/json"})
    expected = (
        b"POST /orders HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    )
    assert sent == expected
    assert request("GET", "/", "", {}).endswith(b"127.0.0.1\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Le", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 43),
        (b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\nHTTP/1.1", 43),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 59),
    ],
)
def test_where_an_answer_ends(data: bytes, length: int | None) -> None:
    assert length_of(data) == length


def test_a_refusal_stops_the_load() -> None:
    with pytest.raises(ValueError, match="status 422"):
        length_of(b"HTTP/1.1 422 Unprocessable\r\ncontent-length: 0\r\n\r\n")


def test_latencies_are_summed_up() -> None:
    found = summary([number / 1000 for number in range(1, 101)], 2.0)
    assert found == {"requests": 100, "rps": 50.0, "p50_ms": pytest.approx(51), "p99_ms": pytest.approx(100)}
    with pytest.raises(ValueError, match="nothing"):
        summary([], 1.0)


@pytest.mark.serial
def test_the_generator_loads_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading.shutil, "which", lambda name: None)
    with Answering({"/plaintext": (200, "text/plain", b"Hello, World!")}) as server:
        found = loading.load(server.port, Call("GET", "/plaintext"), 1, connections=4)
        assert found.requests > 10
        assert 0 < found.p50_ms <= found.p99_ms
        with pytest.raises(LoadFailed, match="404"):
            loading.load(server.port, Call("GET", "/nothing"), 1, connections=1)
