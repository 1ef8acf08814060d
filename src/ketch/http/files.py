"""Files on disk as responses, with everything a download deserves: validators, conditions, ranges, a safe name.

Two steps, so that a missing file is found while middleware and error handlers can still see it:

    prepare  looks the file up in a thread and decides (404, 412, 416, 304, 206, 200); serving may await it inside the
             onion, and `send` does it where nobody has
    send     opens, reads a small file whole, in one hop; a larger one goes out in pieces, each read when the client has
             taken the one before

What was decided holds for the file that was opened: if it was replaced in between, the decision is made again.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from .conditional import Conditions, Outcome, seconds_of
from .dates import http_date
from .disposition import content_disposition
from .lifeline import Lifeline
from .mediatypes import guess_media_type
from .problems import NotFound, PreconditionFailed, RangeNotSatisfiable
from .ranges import Span, UnsatisfiableRange, parse_range
from .request import ClientDisconnect
from .response import Response
from .threads import in_thread

if TYPE_CHECKING:
    from .background import BackgroundTask, BackgroundTasks
    from .connection import HTTPConnection, Send
    from .headers import RawHeaders
    from .response import HeadersInput

_PIECE = 262_144
_FRESH = 2.0  # seconds within which a file might change again without its time stamp showing it
_ABOUT_CONTENT = frozenset(
    {
        b"content-type",
        b"content-length",
        b"content-range",
        b"content-encoding",
        b"content-disposition",
        b"accept-ranges",
    }
)


class _Decision(NamedTuple):
    """What is sent of which version of the file. `parts` are literal bytes and spans of it, `length` their sum."""

    status: int
    version: tuple[int, int]
    headers: RawHeaders
    parts: list[bytes | Span]
    length: int


class FileResponse(Response):
    """A file. Its media type is guessed from its name, `filename` offers it as a download under that name.

    `content_disposition_type` is "attachment" or "inline". ETag and Last-Modified come from the file unless `headers`
    bring their own; GET and HEAD obey If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, Range and
    If-Range (RFC 9110, sections 13 and 14). `stat_result` saves a look at the disk where the caller has had one.
    `prepare` and `send` raise NotFound for what is no file, PreconditionFailed, and RangeNotSatisfiable.
    """

    __slots__ = ("_conditions", "_decision", "_stat", "path")
    has_length = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        status_code: int = 200,
        headers: HeadersInput | None = None,
        media_type: str | None = None,
        background: BackgroundTask | BackgroundTasks | None = None,
        filename: str | None = None,
        stat_result: os.stat_result | None = None,
        content_disposition_type: str = "attachment",
    ) -> None:
        self.path = os.fspath(path)
        guessed = media_type or guess_media_type(filename or self.path)
        super().__init__(None, status_code, headers, guessed, background)
        if filename is not None or content_disposition_type != "attachment":
            self.headers.setdefault("content-disposition", content_disposition(filename, content_disposition_type))
        self._stat = stat_result
        self._conditions: Conditions | None = None
        self._decision: _Decision | None = None

    async def prepare(self, request: HTTPConnection) -> None:
        """Look the file up and decide what to send. Raises NotFound, PreconditionFailed, RangeNotSatisfiable."""
        await self._prepared(request)

    async def _prepared(self, request: HTTPConnection) -> _Decision:
        if self._decision is None:
            self._conditions = _conditions(request) if self.status_code == 200 else Conditions("")
            if self._stat is None:
                self._stat = await in_thread(_look_up, self.path)
            if not stat.S_ISREG(self._stat.st_mode):
                raise NotFound
            self._decision = self._decide(self._stat, self._conditions, request.limits.ranges)
        return self._decision

    async def send(self, send: Send, request: HTTPConnection, *, head: bool = False) -> None:
        """Send what `prepare` decided. Raises RuntimeError if the file shrinks meanwhile: the server cuts off."""
        decision = await self._prepared(request)
        bodiless = head or decision.status == 304
        if not bodiless and decision.status == 200 and self._server_sends_files(request):
            await send(self._start(request, decision, head=head))
            try:
                await send({"type": "http.response.pathsend", "path": _absolute(self.path)})
            except ConnectionError as error:  # any other OSError is the file's
                raise ClientDisconnect from error
            return
        if bodiless:
            await send(self._start(request, decision, head=head))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        file, decision, first = await in_thread(self._open, decision, request.limits.ranges)
        start = self._start(request, decision, head=head)
        if file is None:
            await send(start)
            await send({"type": "http.response.body", "body": first, "more_body": False})
            return
        try:
            async with Lifeline(request, send) as line:
                await line.send(start)
                await self._send_parts(line, file, decision)
        finally:
            await in_thread(file.close)

    async def _send_parts(self, line: Lifeline, file: BinaryIO, decision: _Decision) -> None:
        for part in decision.parts:
            if isinstance(part, bytes):
                await line.send({"type": "http.response.body", "body": part, "more_body": True})
                continue
            position = part.start
            while position < part.stop:
                piece = await in_thread(_read, file, position, min(_PIECE, part.stop - position))
                position += len(piece)
                await line.send({"type": "http.response.body", "body": piece, "more_body": True})
        await line.send({"type": "http.response.body", "body": b"", "more_body": False})

    def _start(self, request: HTTPConnection, decision: _Decision, *, head: bool) -> dict[str, object]:
        raw = self.outgoing_headers(request, head=head)
        replaced = {name for name, _ in decision.headers}
        if decision.status == 304:
            replaced |= _ABOUT_CONTENT
        headers = [pair for pair in raw if pair[0] not in replaced]
        headers += decision.headers
        return {"type": "http.response.start", "status": decision.status, "headers": headers}

    @staticmethod
    def _server_sends_files(request: HTTPConnection) -> bool:
        return "http.response.pathsend" in (request.scope.get("extensions") or ())

    def _open(self, decision: _Decision, ranges: int) -> tuple[BinaryIO | None, _Decision, bytes]:
        """In a thread: open, see that it is still the file that was decided upon, and read what is small."""
        file = _open_file(self.path)
        try:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise NotFound
            if _version(found) != decision.version:
                decision = self._decide(found, self._conditions or Conditions(""), ranges)
            if decision.length > _PIECE:
                return file, decision, b""
            content = b"".join(part if isinstance(part, bytes) else _read_span(file, part) for part in decision.parts)
        except BaseException:
            file.close()
            raise
        file.close()
        return None, decision, content

    def _decide(self, found: os.stat_result, conditions: Conditions, ranges: int) -> _Decision:
        size = found.st_size
        own = self.headers
        etag = own.get("etag") or _etag(found)
        stamp = own.get("last-modified")
        headers = [(b"etag", etag.encode("latin-1"))]
        if stamp is None:
            headers.append((b"last-modified", http_date(min(found.st_mtime, _now())).encode("ascii")))
        modified = found.st_mtime if stamp is None else seconds_of(stamp)
        outcome = conditions.evaluate(etag=etag, modified=modified)
        if outcome is Outcome.FAILED:
            raise PreconditionFailed("The file has another version than the request demands.")
        if outcome is Outcome.NOT_MODIFIED:
            return _Decision(304, _version(found), headers, [], 0)
        headers.append((b"accept-ranges", b"bytes"))
        spans = _spans(conditions.wants_range(etag=etag, modified=modified), size, ranges)
        if spans is None:
            headers.append((b"content-length", b"%d" % size))
            return _Decision(self.status_code, _version(found), headers, [Span(0, size)], size)
        if len(spans) == 1:
            headers.append((b"content-range", b"bytes %d-%d/%d" % (spans[0].start, spans[0].stop - 1, size)))
            parts: list[bytes | Span] = [spans[0]]
        else:
            kind, parts = _byteranges(spans, size, own.get("content-type"))
            headers.append((b"content-type", kind))
        length = sum(len(part) if isinstance(part, bytes) else part.stop - part.start for part in parts)
        headers.append((b"content-length", b"%d" % length))
        return _Decision(206, _version(found), headers, parts, length)


def _conditions(request: HTTPConnection) -> Conditions:
    method = request.scope.get("method", "")
    return Conditions.of(request, method) if method in ("GET", "HEAD") else Conditions(method)


def _spans(field: str | None, size: int, limit: int) -> list[Span] | None:
    if field is None:
        return None
    try:
        return parse_range(field, size, limit=limit)
    except UnsatisfiableRange as error:
        told = str(error)
        raise RangeNotSatisfiable(
            f"{told[:1].upper()}{told[1:]}.", headers={"Content-Range": f"bytes */{size}"}
        ) from None


def _byteranges(spans: list[Span], size: int, kind: str | None) -> tuple[bytes, list[bytes | Span]]:
    """The Content-Type and the parts of a multipart/byteranges body (RFC 9110, section 14.6)."""
    from secrets import token_hex

    boundary = token_hex(16).encode("ascii")
    content_type = b"content-type: " + (kind or "application/octet-stream").encode("latin-1")
    parts: list[bytes | Span] = []
    for index, span in enumerate(spans):
        content_range = b"content-range: bytes %d-%d/%d" % (span.start, span.stop - 1, size)
        opening = b"%s--%s\r\n" % (b"\r\n" if index else b"", boundary)
        parts += [b"%s%s\r\n%s\r\n\r\n" % (opening, content_type, content_range), span]
    parts.append(b"\r\n--%s--\r\n" % boundary)
    return b"multipart/byteranges; boundary=" + boundary, parts


def _now() -> float:
    from time import time

    return time()


def _version(found: os.stat_result) -> tuple[int, int]:
    return found.st_mtime_ns, found.st_size


def _etag(found: os.stat_result) -> str:
    """Time and size as an entity tag; weak while another change might leave both the same (RFC 9110, 8.8.1)."""
    weak = "W/" if _now() - found.st_mtime < _FRESH else ""
    return f'{weak}"{found.st_mtime_ns:x}-{found.st_size:x}"'


def _absolute(path: str) -> str:
    return os.path.abspath(path)  # no look at the disk, only at the working directory


def _look_up(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise NotFound from None
    except OSError as error:
        raise _no_such_file(error) from None


def _open_file(path: str) -> BinaryIO:
    # Non-blocking, because opening a named pipe would wait for its other end.
    waitless = getattr(os, "O_NONBLOCK", 0)
    try:
        return cast(BinaryIO, open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | waitless)))
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
        raise NotFound from None
    except OSError as error:
        raise _no_such_file(error) from None


def _no_such_file(error: OSError) -> Exception:
    """NotFound where the name itself is impossible; other trouble (permissions, a broken disk) is the server's own."""
    from errno import ELOOP, ENAMETOOLONG, ENXIO

    return NotFound() if error.errno in (ELOOP, ENAMETOOLONG, ENXIO) else error


def _read(file: BinaryIO, position: int, size: int) -> bytes:
    file.seek(position)
    piece = file.read(size)
    if not piece:
        raise RuntimeError(f"{file.name} became shorter while it was being sent")
    return piece


def _read_span(file: BinaryIO, span: Span) -> bytes:
    pieces = []
    position = span.start
    while position < span.stop:
        pieces.append(_read(file, position, span.stop - position))
        position += len(pieces[-1])
    return b"".join(pieces)
