"""The access log: one line a request, which nothing in a request can forge, off the hot path."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ketch.app.logs import ACCESS, setup_logging
from ketch.server.accesslog import AccessLog, open_access_log


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, put back as it was."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)
    logging.captureWarnings(False)


def opened(mode: str, stream: Any, pause: float = 0) -> AccessLog:
    setup_logging(mode, stream=stream, colour=False)
    log = open_access_log(pause)
    assert log is not None
    return log


def test_a_line_for_machines(root: logging.Logger) -> None:
    out = io.StringIO()
    log = opened("production", out)
    log.answer("203.0.113.9", "GET", b"/orders/1?token=secret", 200, 12, 0.0123, "abc")
    line = json.loads(out.getvalue())
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "ketch.access",
        "message": "GET /orders/1 200 12 ms",
        "method": "GET",
        "path": "/orders/1",
        "status": 200,
        "ms": 12.3,
        "bytes": 12,
        "client": "203.0.113.9",
        "request_id": "abc",
    }


def test_a_line_for_people(root: logging.Logger) -> None:
    out = io.StringIO()
    opened("dev", out).answer("unix", "GET", b"/", 0, 0, 0.0012)
    assert out.getvalue()[8:] == " GET / closed 1.2 ms\n"


@pytest.mark.parametrize("mode", ["production", "dev"])
def test_no_line_can_be_forged(root: logging.Logger, mode: str) -> None:
    out = io.StringIO()
    log = opened(mode, out)
    log.answer("1.2.3.4", "GET", b"/a\r\n{}\x1b[2J\xff\xe2\x80\xa8" + b"x" * 9_000, 404, 0, 1.0, "id\n\x1b")
    written = out.getvalue()
    assert written.count("\n") == 1
    assert "\x1b" not in written and "\r" not in written and "\u2028" not in written
    assert len(written) < 4_096


def test_levels_and_handlers_of_the_application_are_heard(root: logging.Logger) -> None:
    setup_logging("production", level="warning", stream=io.StringIO())
    assert open_access_log() is None
    out = io.StringIO()
    setup_logging("production", stream=out)
    records: list[logging.LogRecord] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(record)

    own, logger = Keeps(), logging.getLogger(ACCESS)
    logger.addHandler(own)
    try:
        log = open_access_log()
        assert log is not None
        log.answer("1.2.3.4", "GET", b"/a%20b", 200, 5, 0.5)
        assert records[0].getMessage() == "GET /a%20b 200 500 ms"
        assert records[0].__dict__["status"] == 200
        assert json.loads(out.getvalue())["client"] == "1.2.3.4"
    finally:
        logger.removeHandler(own)


def test_lines_are_gathered_written_whole_and_all_there_at_the_end(root: logging.Logger) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out, os.fdopen(reading, "rb") as ear:
        log = opened("production", out, pause=0.01)
        chunks: list[bytes] = []
        reader = threading.Thread(target=lambda: chunks.append(ear.read()))
        reader.start()
        for number in range(5_000):
            log.answer("1.2.3.4", "GET", b"/%d" % number, 200, 5, 0.5)
        log.close()
        log.close()
        out.close()
        reader.join(10)
    assert [json.loads(line)["path"] for line in chunks[0].splitlines()] == [f"/{n}" for n in range(5_000)]


def test_a_reader_that_does_not_read_costs_bounded_memory_and_no_time(root: logging.Logger) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out, os.fdopen(reading, "rb") as ear:
        log = opened("production", out, pause=0.01)
        path = b"/" + b"x" * 1_000
        for _ in range(10_000):
            log.answer("1.2.3.4", "GET", path, 200, 5, 0.5)
        assert sum(map(len, list(log._lines))) < 5_000_000
        chunks: list[bytes] = []
        reader = threading.Thread(target=lambda: chunks.append(ear.read()))
        reader.start()
        log.close()
        out.close()
        reader.join(10)
    lines = [json.loads(line) for line in chunks[0].splitlines()]
    told = [line["message"] for line in lines if line["level"] == "warning"]
    assert len(told) == 1 and int(told[0].partition(" ")[0]) == 10_000 - (len(lines) - 1)


def test_a_stream_that_is_closed_is_nobodys_fault(root: logging.Logger) -> None:
    out = io.StringIO()
    log = opened("production", out)
    out.close()
    log.answer("1.2.3.4", "GET", b"/", 200, 5, 0.5)
    assert sys.exc_info() == (None, None, None)
