"""The bytes of a response's head (RFC 9112, sections 4 and 5), put together from pieces that were made before.

This file knows no connection: it turns a status, headers and a body into what is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

import msgspec

from ketch.http.defaults import Base

CRLF = b"\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CLOSE = b"connection: close\r\n"
STAY = b"connection: keep-alive\r\n"
"""What a client of HTTP/1.0 wants to hear that asked for it."""

_REASONS = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
_status_lines: dict[int, bytes] = {}

# PERF: most bodies are short and of few lengths.
_KNOWN = 4_096
_LENGTHS = [b"content-length: %d\r\n\r\n" % size for size in range(_KNOWN)]

# The application's own headers are checked where they are made; those of a foreign ASGI application are checked here.
_HEADERS = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*\r\n)*").fullmatch


class BadResponse(RuntimeError):
    """An application said something that cannot be sent."""


def status_line(status: int) -> bytes:
    """`HTTP/1.1 404 Not Found`, with its line end. Raises BadResponse for what is no final status."""
    line = _status_lines.get(status)
    if line is None:
        if type(status) is not int or not 200 <= status <= 999:
            raise BadResponse(f"{status!r} is not the status of a response")
        line = _status_lines[status] = b"HTTP/1.1 %d %s\r\n" % (status, _REASONS.get(status, b""))
    return line


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Raw headers as lines. Raises BadResponse for anything that would break the head."""
    lines = b"".join([b"%s: %s\r\n" % pair for pair in headers])
    if not _HEADERS(lines) or lines.count(b"\n") != len(list(headers)):
        raise BadResponse("a response header holds characters that no header can")
    return lines


def edited(status: int, headers: Iterable[tuple[bytes, bytes]], date: bytes, fate: bytes) -> bytes:
    """The head of a whole response whose headers somebody has edited. Raises BadResponse."""
    kept = [pair for pair in headers if pair[0] not in (b"connection", b"transfer-encoding")]
    if any(name == b"date" for name, _ in kept):
        date = b""
    return b"".join((status_line(status), header_lines(kept), date, fate, CRLF))


def asks_to_close(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether an application wants this answer to be the connection's last."""
    return any(name == b"connection" and b"close" in value.lower() for name, value in headers)


def fate(stays: bool, version: int) -> bytes:
    """The line, if it takes one, that says what becomes of the connection; `version` is 10 or 11."""
    if not stays:
        return CLOSE
    return STAY if version == 10 else b""


def whole(base: Base, status: int, body: bytes, date: bytes, silent: bool) -> bytes:
    """Head and body, in one piece, of a response that has the headers of `base` and no others.

    `silent` leaves the body out, not its length: the answer to a HEAD, or one whose body follows by itself.
    """
    lines = base.lines
    start = lines.get(status)
    if start is None:
        start = lines[status] = status_line(status) + header_lines(base)
    size = len(body)
    length = _LENGTHS[size] if size < _KNOWN else b"content-length: %d\r\n\r\n" % size
    return start + date + length if silent else b"".join((start, date, length, body))


def problem(status: int, reason: str, date: bytes, more: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """A problem document (RFC 9457) of the server itself, after which it closes: head and body.

    `more` headers go with it. Raises BadResponse for what none can hold.
    """
    told = {"type": "about:blank", "title": _REASONS.get(status, b"").decode(), "status": status, "detail": reason}
    body = msgspec.json.encode(told)
    return (
        status_line(status)
        + date
        + (
            b"content-type: application/problem+json\r\nx-content-type-options: nosniff\r\n"
            b"connection: close\r\ncontent-length: %d\r\n%s\r\n%s" % (len(body), header_lines(more), body)
        )
    )
