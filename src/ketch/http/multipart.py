"""Forms: `multipart/form-data` and `application/x-www-form-urlencoded` become one `FormData` (RFC 7578, WHATWG URL).

Both spellings obey the same limits, give the same errors, and are UTF-8 or refused. The bytes of a multipart body are
taken apart by the `multipart` package's push parser; this file feeds it, counts, and keeps what comes out:

    pieces of the body -> `_pieces` (steady framing) -> PushMultipartParser -> `_Collector` (limits, fields, uploads)

How a body is cut into messages must not show in the result, so the parser gets its first piece only when the opening
boundary is complete, and never a piece that ends between CR and LF.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .formdata import FormData
from .headers import Headers
from .percent import unquote_bytes
from .problems import BadRequest, ContentTooLarge, UnsupportedMediaType
from .uploads import UploadFile, close_uploads
from .url import parse_query

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from multipart import MultipartSegment

    from .limits import Limits
    from .request import Request

__all__ = ["FORM_TYPES", "FormData", "UploadFile", "parse_form", "parse_urlencoded", "read_multipart"]

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
FORM_TYPES = frozenset({URLENCODED, MULTIPART})
"""The media types that `parse_form` reads; anything else is the caller's 415."""

_PIECE = 262_144  # bytes parsed before other tasks get their turn
_THREAD_FROM = 65_536  # a urlencoded body from this size is unescaped in a thread
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]").fullmatch  # RFC 2046, 5.1.1
_UTF8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_PARAMETER = re.compile(r';[ \t]*([^\s;="]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^;"]*)')


async def parse_form(request: Request) -> FormData:
    """Read the body of `request` as a form. The uploads close with the request; on any failure they are closed here.

    Raises UnsupportedMediaType (415) for a body of another content type, a charset that is not UTF-8 or a compressed
    body, BadRequest (400) for one that is malformed, cut short or not UTF-8, ContentTooLarge (413) past a limit.
    """
    from .negotiate import parse_content_type

    request.refuse_coding()
    media_type, parameters = parse_content_type(request.header(b"content-type") or "")
    if parameters.get("charset", "utf-8").lower() not in _UTF8:
        raise UnsupportedMediaType("Forms are read as UTF-8 only.")
    if media_type == URLENCODED:
        return await _parse_small(await request.body(), request.limits)
    if media_type == MULTIPART:
        chunks = request.stream(limit=request.limits.multipart)
        return await read_multipart(chunks, parameters.get("boundary", ""), request.limits)
    if not request.content_length and not await request.body():
        return parse_urlencoded(b"", request.limits)  # nothing at all is an empty form
    raise UnsupportedMediaType(f"A form is sent as {MULTIPART} or {URLENCODED}.")


async def _parse_small(raw: bytes, limits: Limits) -> FormData:
    if len(raw) < _THREAD_FROM:
        return parse_urlencoded(raw, limits)
    from .threads import in_thread

    # Unescaping megabytes of %XX takes longer than the loop may stand still.
    return await in_thread(parse_urlencoded, raw, limits)


def parse_urlencoded(raw: bytes, limits: Limits) -> FormData:
    """The fields of a urlencoded body. Raises BadRequest if it is not UTF-8, ContentTooLarge past a limit."""
    if raw.count(b"&") >= limits.form_fields:
        raise ContentTooLarge(f"The form has more than {limits.form_fields} fields.")
    pairs = parse_query(raw, max_fields=limits.form_fields, where="form")
    if len(raw) > limits.field_size:
        for name, value in pairs:
            if _utf8_size(value) > limits.field_size or _utf8_size(name) > limits.field_size:
                raise _field_too_large(limits)
    return FormData(pairs)


def _utf8_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8"))


async def read_multipart(chunks: AsyncIterator[bytes], boundary: str, limits: Limits) -> FormData:
    """Read a multipart body from `chunks`. Raises as `parse_form` does; `chunks` itself bounds the whole body."""
    from multipart import MultipartError, ParserLimitReached, PushMultipartParser

    if not _BOUNDARY(boundary):
        raise BadRequest("multipart/form-data needs a boundary of 1 to 70 characters (RFC 2046, section 5.1.1).")
    collector = _Collector(limits)
    try:
        parser = PushMultipartParser(
            boundary,
            max_header_count=limits.part_headers,
            max_header_size=limits.part_header_size,
            strict=True,  # the other limits are the collector's, which knows fields from files
        )
        await _feed(parser, _pieces(chunks, boundary.encode("ascii")), collector)
        return FormData(collector.items)
    except ParserLimitReached as error:
        await collector.close()
        raise ContentTooLarge(f"The form is too large: {_told(error)}.") from error
    except MultipartError as error:
        await collector.close()
        raise BadRequest(f"The form is malformed: {_told(error)}.") from error
    except BaseException:
        await collector.close()
        raise


def _told(error: Exception) -> str:
    words = str(error.args[0]).replace("segment", "part") if error.args else "unreadable"
    return words[:1].lower() + words[1:]


async def _feed(parser: Any, pieces: AsyncIterator[bytes], collector: _Collector) -> None:
    from multipart import StrictParserError

    ended = False
    async for piece in pieces:
        if ended or parser.closed:
            continue  # what follows the last boundary is ignored (RFC 2046, 5.1.1), but it is read
        try:
            for event in parser.parse(piece):
                if event is None:
                    await collector.end()
                elif isinstance(event, bytes | bytearray):
                    if collector.data(event):
                        await collector.flush()
                else:
                    collector.start(event)
        except StrictParserError as error:
            if "after end of" not in str(error):
                raise
            ended = True
    if not ended and not parser.closed:
        parser.close()  # raises unless the last boundary was seen


async def _pieces(chunks: AsyncIterator[bytes], boundary: bytes) -> AsyncIterator[bytes]:
    """The body in pieces that the parser treats alike however they were cut; other tasks run between large ones."""
    from asyncio import sleep

    held = b""
    opening = b"--" + boundary
    begun = False
    async for chunk in chunks:
        held = held + chunk if held else chunk
        if not begun:
            if len(held) < len(opening) + 4:
                continue
            held = held.removeprefix(b"\r\n")
            if not held.startswith(opening):
                raise BadRequest("The form is malformed: it does not begin with its boundary.")
            begun = True
        piece, held = (held[:-1], b"\r") if held.endswith(b"\r") else (held, b"")
        for start in range(0, len(piece), _PIECE):
            if start:
                await sleep(0)
            yield piece if len(piece) <= _PIECE else piece[start : start + _PIECE]
    if held:
        yield held.removeprefix(b"\r\n") if not begun else held


class _Collector:
    """Turns the parser's events into fields and uploads, counting as it goes."""

    __slots__ = ("_dropped", "_field", "_field_bytes", "_fields", "_files", "_limits", "_name", "_upload", "items")

    def __init__(self, limits: Limits) -> None:
        self.items: list[tuple[str, str | UploadFile]] = []
        self._limits = limits
        self._fields = self._files = self._field_bytes = 0
        self._name = ""
        self._field = bytearray()
        self._upload: UploadFile | None = None

    def start(self, segment: MultipartSegment) -> None:
        """A part begins: check its headers and decide what it is."""
        limits, headers = self._limits, segment.headerlist
        if self._fields + self._files >= limits.parts:
            raise ContentTooLarge(f"The form has more than {limits.parts} parts.")
        if sum(len(name) + len(value) + 4 for name, value in headers) > limits.part_header_size:
            raise ContentTooLarge(f"The headers of a part are more than {limits.part_header_size} bytes.")
        if sum(name == "Content-Disposition" for name, _ in headers) > 1:
            raise BadRequest("The form is malformed: a part has two Content-Disposition headers.")
        encoding = segment.header("Content-Transfer-Encoding", "binary")
        if encoding.strip().lower() not in ("7bit", "8bit", "binary"):
            raise BadRequest("Content-Transfer-Encoding has no meaning in forms (RFC 7578, section 4.7).")
        self._name = segment.name or ""
        filename = _filename(segment)
        if filename is None:
            self._start_field(segment)
        else:
            self._start_file(filename, headers)
        self._check_size(int(segment.header("Content-Length", "0")))  # some clients say so; the parser has checked it

    def _start_field(self, segment: MultipartSegment) -> None:
        self._fields += 1
        if self._fields > self._limits.form_fields:
            raise ContentTooLarge(f"The form has more than {self._limits.form_fields} fields.")
        if (segment.charset or "utf-8").lower() not in _UTF8:
            raise BadRequest("Form fields are read as UTF-8 only.")
        self._upload = None
        self._field = bytearray()

    def _start_file(self, filename: str, headers: list[tuple[str, str]]) -> None:
        self._files += 1
        if self._files > self._limits.files:
            raise ContentTooLarge(f"The form has more than {self._limits.files} files.")
        raw = [(name.lower().encode("utf-8"), value.encode("utf-8")) for name, value in headers]
        self._upload = UploadFile(filename=filename, headers=Headers(raw), spool=self._limits.spool)
        self.items.append((self._name, self._upload))

    def data(self, piece: bytes | bytearray) -> bool:
        """Take content; True when `flush` should be awaited."""
        self._check_size(len(piece))
        if self._upload is not None:
            return self._upload.receive(piece)
        self._field_bytes += len(piece)
        self._field += piece
        return False

    def _check_size(self, more: int) -> None:
        """Refuse `more` bytes of the present part if they are too many."""
        limits = self._limits
        if self._upload is not None:
            if (self._upload.size or 0) + more > limits.file:
                raise ContentTooLarge(f"A file is larger than {limits.file} bytes.")
            return
        if len(self._field) + more > limits.field_size:
            raise _field_too_large(limits)
        if self._field_bytes + more > limits.body:
            raise ContentTooLarge(f"The fields of the form are more than {limits.body} bytes together.")

    async def flush(self) -> None:
        """Let a thread write what is to go to disk."""
        if self._upload is not None:
            await self._upload.flush()

    async def end(self) -> None:
        """A part is complete."""
        upload = self._upload
        if upload is None:
            try:
                self.items.append((self._name, self._field.decode("utf-8")))
            except UnicodeDecodeError:
                raise BadRequest("The form is not valid UTF-8.") from None
            self._field = bytearray()
        elif upload.raw_filename == "" and not upload.size:
            self.items.pop()  # a file input in which nothing was chosen (WHATWG HTML, 4.10.21.4) sends an empty file
            await upload.close()
        else:
            await upload.rewind()

    async def close(self) -> None:
        """Close every upload begun so far."""
        await close_uploads(value for _, value in self.items if isinstance(value, UploadFile))


def _field_too_large(limits: Limits) -> ContentTooLarge:
    return ContentTooLarge(f"A form field is larger than {limits.field_size} bytes.")


def _filename(segment: MultipartSegment) -> str | None:
    """The file name of a part, `filename*` (which RFC 7578 forbids and several clients send) before `filename`."""
    header = segment.header("Content-Disposition", "")
    filename: str | None = segment.filename
    if "filename*" not in header.lower():
        return filename
    position = header.find(";")
    while found := _PARAMETER.match(header, position) if position >= 0 else None:
        if found[1].lower() == "filename*":
            return _extended(found[2].strip(" \t"))
        position = found.end()
    return filename


def _extended(value: str) -> str:
    """Decode `UTF-8''na%C3%AFve.txt` (RFC 8187)."""
    charset, _, rest = value.partition("'")
    text = rest.partition("'")[2]
    if charset.lower() != "utf-8":
        raise BadRequest("The form is malformed: filename* is read as UTF-8 only.")
    try:
        return unquote_bytes(text.encode("utf-8")).decode("utf-8")
    except UnicodeDecodeError:
        raise BadRequest("The form is not valid UTF-8.") from None
