"""Logging for people in `dev` and for machines in production. Set up by `ketch dev` and `ketch run` only.

dev          14:03:22 warning  ketch.data  the pool is exhausted        (coloured on a terminal)
production   {"time":"2030-01-31T14:03:22.120Z","level":"warning","logger":"ketch.data","message":"...", ...}

A record is one line (in dev further lines of a message are indented, and its traceback follows). What a client sent may
stand in a message: no character of it can forge a record or command a terminal. Neither formatter ever raises. An
application that wants something else configures logging itself, as always with the standard library.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from datetime import UTC, datetime
from typing import Any, TextIO

from ketch.http.redact import looks_secret, plain
from ketch.http.request_id import request_id

ACCESS = "ketch.access"
"""The logger of one line per request: method, path, status, milliseconds."""

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id", "color_message"}
_TEXT = 200_000  # characters of one text, a traceback for instance
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NOISY = ("watchfiles", "httpx", "httpx2", "httpcore", "asyncio")
_COLOURS = {"debug": "2", "info": "36", "warning": "33", "error": "31", "critical": "1;31"}


def setup_logging(
    mode: str, *, level: int | str = logging.INFO, stream: TextIO | None = None, colour: bool | None = None
) -> None:
    """One handler on the root logger, for `mode` (production, dev, test); what stood there before is taken away.

    `stream` is standard error. `colour` is decided by the terminal (and NO_COLOR) unless it is given.
    Raises ValueError for a level that logging does not know.
    """
    out = stream if stream is not None else sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(JSONFormatter() if mode == "production" else DevFormatter(_coloured(out, colour)))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper() if isinstance(level, str) else level)
    logging.captureWarnings(True)
    for name in _NOISY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _coloured(stream: TextIO, wish: bool | None) -> bool:
    import os

    if wish is not None:
        return wish
    return bool(getattr(stream, "isatty", bool)()) and not os.environ.get("NO_COLOR")


class JSONFormatter(logging.Formatter):
    """One JSON object in one line: time (UTC, RFC 3339), level, logger, message; then request_id, exception, extras."""

    def format(self, record: logging.LogRecord) -> str:
        import msgspec

        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": message_of(record),
        }
        if (identity := identity_of(record)) is not None:
            line["request_id"] = identity
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = traceback_of(record)
        if record.stack_info:
            line["stack"] = record.stack_info
        for name, value in vars(record).items():
            if name not in _STANDARD and not name.startswith("_"):
                line.setdefault(name, "[redacted]" if looks_secret(name) else value)
        return msgspec.json.encode(plain(line, text=_TEXT, values=1_000)).decode()


class DevFormatter(logging.Formatter):
    """Short lines for a person; requests in one colour a kind of status."""

    def __init__(self, colour: bool = False) -> None:
        super().__init__()
        self.colour = colour

    def format(self, record: logging.LogRecord) -> str:
        clock = self._paint(time.strftime("%H:%M:%S", time.localtime(record.created)), "2")
        text = _CONTROL.sub(_escaped, message_of(record)).replace("\n", "\n    ")
        if record.name == ACCESS:
            lines = f"{clock} {self._paint(text, _access_colour(record))}"
        else:
            word = record.levelname.lower()
            level = self._paint(f"{word:<8}", _COLOURS.get(word, ""))
            lines = f"{clock} {level} {self._paint(record.name, '2')}  {text}"
        if (identity := identity_of(record)) is not None:
            lines += self._paint(f"  [{_CONTROL.sub(_escaped, identity)}]", "2")
        if record.exc_info and record.exc_info[1] is not None:
            lines += "\n" + _CONTROL.sub(_escaped, traceback_of(record))
        return lines + (f"\n{record.stack_info}" if record.stack_info else "")

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code else text


def _access_colour(record: logging.LogRecord) -> str:
    status = getattr(record, "status", 0)
    return "31" if status >= 500 else "33" if status >= 400 else "32" if status >= 200 else "36"


def _escaped(match: re.Match[str]) -> str:
    character = ord(match[0])
    return f"\\x{character:02x}" if character < 256 else f"\\u{character:04x}"


def message_of(record: logging.LogRecord) -> str:
    """The message; a record whose arguments do not fit its text is told as it is, not lost."""
    try:
        text = record.getMessage()
    except Exception:
        text = str(plain([record.msg, record.args]))
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def identity_of(record: logging.LogRecord) -> str | None:
    """The id of the request that was being handled, if requests have ids."""
    own = getattr(record, "request_id", None)
    found = own if isinstance(own, str) and own != "-" else request_id.get()
    return found or None


def traceback_of(record: logging.LogRecord) -> str:
    """The record's traceback as text; total, though an exception's own `__str__` may raise."""
    import traceback

    try:
        kind, error, frames = record.exc_info or (None, None, None)
        text = "".join(traceback.format_exception(kind, error, frames))
    except Exception:
        text = f"{type((record.exc_info or (None, None))[1]).__name__} (its traceback cannot be written)"
    return text.rstrip("\n").encode("utf-8", "replace").decode("utf-8")
