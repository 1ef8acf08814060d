"""A chunked body: bytes in, pieces of content out (RFC 9112, section 7.1).

No sockets. `ChunkedBody.feed` takes whatever has arrived and gives back what is content in it. A line that has not come
whole is kept here, and every line is bounded, so a body that dribbles in costs no more than one that comes at once.
Lines are read strictly: a size is hexadecimal digits and nothing else, and every line ends with CR LF.

PERF: not compiled. Regular expressions and slices do the work; compiled it took nine tenths of the time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ketch.server.grammar import TOKEN_PATTERN

__all__ = ["BadBody", "ChunkLimits", "ChunkedBody"]


@dataclass(frozen=True, slots=True)
class ChunkLimits:
    """What may surround the content.

    line: bytes of one line with a chunk's size (400)
    extensions: bytes of all chunk extensions of a body together (400)
    trailer_size: bytes of all trailer lines together (431)
    trailers: trailer fields (431)
    """

    line: int = 1_024
    extensions: int = 8_192
    trailer_size: int = 8_192
    trailers: int = 32


_DEFAULT_LIMITS = ChunkLimits()


class BadBody(Exception):
    """The body cannot be read on; answer with `status` (400 or 431) if nothing was sent yet, and close the connection.

    `reason` is a sentence for people, without anything that was sent.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


_quoted = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*+"'
# Digits for 2 ** 60 bytes; more is no size. RFC 9112 would have us read white space around ";" and "=" as well. No
# client sends it, other servers refuse it, and what readers disagree about is how requests are smuggled.
_value = rb"(?:" + TOKEN_PATTERN + rb"|" + _quoted + rb")"
_extension = rb";" + TOKEN_PATTERN + rb"(?:=" + _value + rb")?+"
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:" + _extension + rb")*+").fullmatch
_PLAIN = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n").match
_TRAILER = re.compile(rb"(" + TOKEN_PATTERN + rb"):[ \t]*([\t -~\x80-\xff]*+)").fullmatch
# Fields that frame, route or authenticate a message come too late in a trailer (RFC 9110, section 6.5.1).
_FORBIDDEN = frozenset(
    b"content-length transfer-encoding host connection trailer te upgrade expect authorization cookie "
    b"content-encoding content-type content-range".split()
)

# What comes next.
_AT_SIZE, _AT_DATA, _AT_DATA_END, _AT_TRAILER = range(4)


class ChunkedBody:
    """Reads one body. `done` is True after its last byte; `trailers` holds the fields that came after the content."""

    __slots__ = ("_extensions", "_kept", "_left", "_limits", "_next", "_trailer_size", "done", "trailers")

    def __init__(self, limits: ChunkLimits | None = None) -> None:
        self.done = False
        self.trailers: list[tuple[bytes, bytes]] = []
        self._limits = limits or _DEFAULT_LIMITS
        self._next = _AT_SIZE
        self._left = 0  # bytes of the chunk that have not come
        self._kept = b""  # the beginning of a line whose end has not come
        self._extensions = 0
        self._trailer_size = 0

    def feed(self, data: bytes, start: int = 0) -> tuple[list[bytes], int]:
        """Read `data` from `start` on: pieces of content in order, and where reading stopped.

        That is the end of the data, or, when the body is `done`, the offset of the first byte after it.

        Raises BadBody; pieces that came before the mistake are lost, as the whole message is.
        """
        pieces: list[bytes] = []
        at = start
        end = len(data)
        while at < end and not self.done:
            if self._next == _AT_SIZE and not self._kept:
                at = _take_whole(data, at, end, pieces)
                if data[at : at + 5] == b"0\r\n\r\n":
                    self.done = True
                    return pieces, at + 5
                if at == end:
                    break
            if self._next == _AT_DATA:
                stop = min(at + self._left, end)
                pieces.append(data[at:stop])
                self._left -= stop - at
                at = stop
                if not self._left:
                    self._next = _AT_DATA_END
            else:
                at = self._line(data, at, end)
        return pieces, at

    def _line(self, data: bytes, at: int, end: int) -> int:
        """Read one line, or keep what there is of it; where reading goes on."""
        room = self._room()
        found = data.find(b"\n", at, at + room + 2)
        line = self._kept + data[at : found + 1 if found >= 0 else end]
        if len(line) > room + 2:
            raise self._too_long()
        whole = line.endswith(b"\r\n")
        if not whole and (found >= 0 or b"\r" in line[:-1]):
            raise BadBody(400, "a line of the chunked body does not end with CR LF")
        self._kept = b"" if whole else line
        if whole:
            self._read(line[:-2])
        elif self._next == _AT_DATA_END and line != b"\r":
            raise self._too_long()
        return found + 1 if whole else end

    def _room(self) -> int:
        """How many bytes the line may have, its end not counted."""
        if self._next == _AT_DATA_END:
            return 0
        return self._limits.line if self._next == _AT_SIZE else self._limits.trailer_size - self._trailer_size

    def _too_long(self) -> BadBody:
        if self._next == _AT_DATA_END:
            return BadBody(400, "a chunk is longer than its size")
        if self._next == _AT_SIZE:
            return BadBody(400, "the line of a chunk's size is too long")
        return BadBody(431, "the trailers are too large")

    def _read(self, line: bytes) -> None:
        """A whole line, without its end."""
        if self._next == _AT_DATA_END:
            self._next = _AT_SIZE
        elif self._next == _AT_SIZE:
            self._read_size(line)
        elif line:
            self._read_trailer(line)
        else:
            self.done = True

    def _read_size(self, line: bytes) -> None:
        match = _SIZE(line)
        if match is None:
            raise BadBody(400, "a chunk's size or its extensions are not valid")
        digits = match[1]
        self._extensions += len(line) - len(digits)
        if self._extensions > self._limits.extensions:
            raise BadBody(400, "the chunk extensions are too large")
        self._left = int(digits, 16)
        self._next = _AT_DATA if self._left else _AT_TRAILER

    def _read_trailer(self, line: bytes) -> None:
        match = _TRAILER(line)
        if match is None:
            raise BadBody(400, "a trailer is not a header line")
        name = match[1].lower()
        if name in _FORBIDDEN:
            raise BadBody(400, "a field that belongs into the head came as a trailer")
        self._trailer_size += len(line) + 2
        if len(self.trailers) == self._limits.trailers:
            raise BadBody(431, "too many trailers")
        self.trailers.append((name, match[2].strip(b" \t")))


def _take_whole(data: bytes, at: int, end: int, pieces: list[bytes]) -> int:
    """Read the chunks that came whole and have no extensions, as nearly all do; the offset of the first that is not so.

    PERF: a third of the time of the lines one by one (0.7 us a chunk), which bounds what a read full of chunks of one
    byte can hold the event loop.
    """
    while True:
        match = _PLAIN(data, at, end)
        if match is None:
            return at
        begin = match.end()
        stop = begin + int(match[1], 16)
        if stop == begin or data[stop : stop + 2] != b"\r\n":
            return at  # the last, or not whole, or wrong
        pieces.append(data[begin:stop])
        at = stop + 2
