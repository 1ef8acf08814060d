"""Log lines: for people in dev, for machines in production; nothing in them forges a line or fails."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.app.logs import ACCESS, DevFormatter, JSONFormatter, setup_logging
from ketch.http.request_id import request_id


def record(message: Any, *args: Any, name: str = "shop", level: int = logging.INFO, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "shop.py", 7, message, args or None, None)
    made.__dict__.update(extra)
    return made


def parsed(made: logging.LogRecord) -> dict[str, Any]:
    line = JSONFormatter().format(made)
    assert "\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_one_json_object_a_line() -> None:
    made = record("order %d\nplaced", 7, level=logging.WARNING, order=7, api_key="s3cret")
    made.created = 0.5
    assert parsed(made) == {
        "time": "1970-01-01T00:00:00.500Z",
        "level": "warning",
        "logger": "shop",
        "message": "order 7\nplaced",
        "order": 7,
        "api_key": "[redacted]",
    }


def test_request_ids_and_tracebacks() -> None:
    token = request_id.set("abc-123")
    try:
        try:
            raise ValueError("no\x1b[2J good")
        except ValueError:
            made = record("failed")
            made.exc_info = sys.exc_info()
        found = parsed(made)
        shown = DevFormatter().format(made)
    finally:
        request_id.reset(token)
    assert found["request_id"] == "abc-123"
    assert found["exception"].splitlines()[-1] == "ValueError: no\x1b[2J good"
    assert "[abc-123]" in shown
    assert "\x1b" not in shown
    assert shown.splitlines()[-1] == "ValueError: no\\x1b[2J good"


def test_short_lines_in_dev() -> None:
    made = record("pool exhausted", name="ketch.data", level=logging.WARNING)
    assert DevFormatter().format(made)[9:] == "warning  ketch.data  pool exhausted"
    access = record("GET / 200 2 ms", name=ACCESS, status=200)
    assert DevFormatter().format(access)[9:] == "GET / 200 2 ms"
    assert "\x1b[32m" in DevFormatter(colour=True).format(access)


def test_a_message_cannot_forge_a_record_or_command_a_terminal() -> None:
    shown = DevFormatter().format(record("hello %s", "x\n12:00:00 error    shop  forged\x1b]0;title\x07\u202e"))
    assert len([line for line in shown.splitlines() if not line.startswith("    ")]) == 1
    assert "\x1b" not in shown
    assert "\u202e" not in shown


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    "made",
    [
        record("%d", "not a number"),
        record("%s %s", 1),
        record(Hostile()),
        record("%s", Hostile()),
        record("lone \ud800 surrogate", odd="\ud800", thing=Hostile(), big=10**5000, nan=float("nan")),
        record({"a": 1}),
        record(b"bytes"),
    ],
)
def test_no_record_makes_it_fail(made: logging.LogRecord) -> None:
    assert parsed(made)["logger"] == "shop"
    assert DevFormatter().format(made).encode()


@given(st.text(max_size=80), st.text(max_size=20))
def test_any_text_is_one_line_of_json(text: str, name: str) -> None:
    assert set(parsed(record("%s", text, name=name))) == {"time", "level", "logger", "message"}
    shown = DevFormatter().format(record("%s", text)).splitlines()
    assert all(line.startswith("    ") for line in shown[1:])


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)
    logging.captureWarnings(False)


@pytest.mark.parametrize(("mode", "formatter"), [("production", JSONFormatter), ("dev", DevFormatter)])
def test_set_up(root: logging.Logger, mode: str, formatter: type) -> None:
    stream = io.StringIO()
    setup_logging(mode, stream=stream, level="warning")
    assert [type(handler.formatter) for handler in root.handlers] == [formatter]
    logging.getLogger("shop").info("quiet")
    logging.getLogger("shop").warning("loud")
    assert "loud" in stream.getvalue()
    assert "quiet" not in stream.getvalue()


def test_colour_is_the_terminals_unless_it_is_given(root: logging.Logger, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def shown(stream: io.StringIO, colour: bool | None = None) -> bool:
        setup_logging("dev", stream=stream, colour=colour)
        logging.getLogger("shop").error("loud")
        return "\x1b[" in stream.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert shown(Terminal()) and not shown(io.StringIO())
    assert shown(io.StringIO(), True) and not shown(Terminal(), False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert not shown(Terminal()) and shown(Terminal(), True)


@pytest.mark.parametrize("formatter", [JSONFormatter(), DevFormatter()])
def test_where_it_was_logged_is_told_if_it_was_asked_for(formatter: logging.Formatter) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    logger = logging.getLogger("shop.where")
    logger.addHandler(handler)
    try:
        logger.warning("here", stack_info=True)
    finally:
        logger.removeHandler(handler)
    assert "test_where_it_was_logged" in stream.getvalue()


@pytest.mark.parametrize("formatter", [JSONFormatter(), DevFormatter()])
def test_an_exception_that_cannot_be_told_is_named(formatter: logging.Formatter) -> None:
    class Fights(Exception):
        @property
        def __cause__(self) -> BaseException:  # type: ignore[override]
            raise RuntimeError("no cause")

    made = record("failed")
    made.exc_info = (Fights, Fights("no"), None)
    assert "Fights (its traceback cannot be written)" in formatter.format(made)
