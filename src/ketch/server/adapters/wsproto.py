"""WebSocket frames by wsproto: bytes in, whole messages and control frames out, and back.

wsproto reads and checks the frames (RFC 6455, 5); its own permessage-deflate inflates whatever comes, so `_Bounds`
stands in its place: an extension to wsproto, active with and without compression, that holds every message to its
limits before a byte more than that is in memory.

    bytes -> FrameProtocol -> _Bounds (size, inflate) -> UTF-8 -> Frames.next(): str, bytes, Ping, Close
"""

from __future__ import annotations

import zlib
from typing import Any, NamedTuple

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, Frame, FrameDecoder, FrameProtocol, Opcode, ParseFailed, RsvBits

_TAIL = b"\x00\x00\xff\xff"  # ends a flushed block; left out of a message (RFC 7692, 7.2.1)
_EMPTY_LAST = b"\x03\x00"
_STREAMS = 16  # deflate streams in one message: a second one starts where a block was marked as the last (7.2.3.4)
_WORTH_COMPRESSING = 256  # bytes: below, a message grows or hardly shrinks
_PIECES = 1_024
_FRAMED = frozenset({Opcode.TEXT, Opcode.BINARY})
_PING = bytes(FrameProtocol(client=False, extensions=[]).ping())  # PERF: thousands are sent at a time
_RSV1, _NO_RSV = RsvBits(True, False, False), RsvBits(False, False, False)


class Ping(NamedTuple):
    """To be answered with a pong of the same payload."""

    payload: bytes


class Close(NamedTuple):
    """The peer's close frame; `code` is 1005 if it holds none (RFC 6455, 7.1.5)."""

    code: int
    reason: str


class BadFrame(Exception):
    """The peer broke the protocol or a limit: close with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Frames:
    """One connection's framing, the server's side.

    `limit` is the bytes of a message after decompression and before text is decoded, `fragments` the frames it may
    come in; `window_bits` is log2 of the window to compress with, 0 for none. Without a need for it nothing is kept
    between messages but wsproto's few objects.
    """

    __slots__ = ("_bounds", "_fragments", "_joined", "_pieces", "_protocol", "_seen")

    def __init__(self, *, limit: int, fragments: int, window_bits: int = 0) -> None:
        self._bounds = _Bounds(limit, window_bits)
        self._protocol = FrameProtocol(client=False, extensions=[self._bounds])
        self._fragments = fragments
        self._pieces: list[Any] = []
        self._joined = 0  # how many of them are joined already
        self._seen = 0  # frames of the message that is arriving

    def feed(self, data: bytes) -> None:
        """Bytes as they came. Call `next` until it has nothing more."""
        self._protocol.receive_bytes(data)

    def next(self) -> str | bytes | Ping | Close | None:
        """The next whole message or control frame; None until more bytes come. Nothing comes after Close.

        Raises BadFrame: 1002 for what is no frame, 1007 for text that is not UTF-8 or data that does not inflate, 1009
        for a message over its limits. Text and sizes are judged as they arrive, not when the message is whole.
        """
        try:
            for frame in self._protocol.received_frames():
                opcode, payload = frame.opcode, _as_any(frame.payload)
                if opcode is Opcode.PING:
                    return Ping(payload)
                if opcode is Opcode.CLOSE:
                    return Close(int(payload[0]), payload[1])
                if opcode is not Opcode.PONG and (whole := self._collect(frame)) is not None:
                    return whole
        except ParseFailed as error:
            reason = _REASONS.get(int(error.code)) or str(error)
            raise BadFrame(int(error.code), reason) from None
        return None

    def _collect(self, frame: Frame) -> str | bytes | None:
        """The message, once it is whole."""
        whole, payload = frame.message_finished, _as_any(frame.payload)
        if whole and not self._pieces:
            self._seen = 0
            return payload  # type: ignore[no-any-return]
        if payload:
            self._keep(payload)
        if frame.frame_finished:
            self._seen += 1
            if self._seen > self._fragments:
                raise BadFrame(1009, f"a message may come in {self._fragments} frames")
        if not whole:
            return None
        pieces, self._pieces, self._joined, self._seen = self._pieces, [], 0, 0
        return type(payload)().join(pieces)  # type: ignore[no-any-return]

    def _keep(self, piece: str | bytes) -> None:
        """A client may send a byte at a time: many small pieces become one, so that they take what they hold."""
        self._pieces.append(piece)
        if len(self._pieces) - self._joined >= _PIECES:
            self._pieces[self._joined :] = [type(piece)().join(self._pieces[self._joined :])]
            self._joined += 1

    def message(self, data: str | bytes) -> bytes | bytearray:
        """A whole message in one frame. Raises UnicodeEncodeError for text that UTF-8 cannot hold."""
        return self._protocol.send_data(data)

    def pong(self, payload: bytes) -> bytes | bytearray:
        """The answer to a ping."""
        return self._protocol.pong(payload)

    @staticmethod
    def ping() -> bytes:
        """A ping without payload."""
        return _PING

    def close(self, code: int | None, reason: str = "") -> bytes | bytearray:
        """A close frame; without a code it is empty. The reason is cut to the 123 bytes that fit."""
        text = reason.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be sent
        return self._protocol.close(code, text or None)


def _as_any(payload: Any) -> Any:
    """wsproto's payload is bytes, text or a pair: its opcode says which, its type does not."""
    return payload


_REASONS = {1007: "the message is not what its frames say it is", 1009: "the message is too big"}


class _Bounds(Extension):
    """Counts, and inflates no further than it counts. wsproto calls it for each frame: header, pieces, end.

    wsproto calls `frame_inbound_header` again while a header is incomplete, so that method must change nothing twice.
    """

    name = "permessage-deflate"

    def __init__(self, limit: int, window_bits: int) -> None:
        self._limit = limit
        # What compression can make of incompressible data; beyond it is only padding.
        self._wire_limit = limit + limit // 64 + 1_024
        self._window_bits = window_bits
        self._size = 0  # bytes of the message so far, inflated
        self._wire = 0  # and as they came
        self._within = False  # a message has begun and its last frame has not ended
        self._compressed = False
        self._inflater: Any = None
        self._streams = 0

    def enabled(self) -> bool:
        return True

    def offer(self) -> bool | str:
        return False

    def frame_inbound_header(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, payload_length: int
    ) -> CloseReason | RsvBits:
        if opcode.iscontrol():
            return _NO_RSV
        first = opcode in _FRAMED
        if first is self._within:
            return CloseReason.PROTOCOL_ERROR  # a continuation of nothing, or a message inside another
        if first:
            self._compressed = rsv.rsv1 and self._window_bits > 0
        limit = self._wire_limit if self._compressed else self._limit
        if self._wire + payload_length > limit:
            return CloseReason.MESSAGE_TOO_BIG
        return _RSV1 if self._compressed and first else _NO_RSV

    def frame_inbound_payload_data(self, proto: Any, data: bytes) -> bytes | CloseReason:
        if proto.header.opcode.iscontrol():
            return data
        self._within = True
        self._wire += len(data)
        if self._compressed:
            return self._inflate(data)
        self._size += len(data)
        return data

    def frame_inbound_complete(self, proto: Any, fin: bool) -> bytes | CloseReason | None:
        if not fin or proto.header.opcode.iscontrol():
            return None
        last = self._end_inflating() if self._compressed else b""
        self._within = self._compressed = False
        self._inflater = None
        self._size = self._wire = self._streams = 0
        return last

    def _end_inflating(self) -> bytes | CloseReason:
        """The last bytes. One more block shows whether the message ended where a block does: if it did not, zlib takes
        the tail for data and waits for more."""
        last = self._inflate(_TAIL)
        if isinstance(last, CloseReason) or self._inflater is None:
            return last
        try:
            beyond = self._inflater.decompress(_EMPTY_LAST, 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        return last if self._inflater.eof and not beyond else CloseReason.INVALID_FRAME_PAYLOAD_DATA

    def _inflate(self, data: bytes) -> bytes | CloseReason:
        """At most one byte more than the message may still hold, so that too much shows and costs nothing."""
        whole = b""
        while data:
            if self._inflater is None:
                self._streams += 1
                if self._streams > _STREAMS:
                    return CloseReason.INVALID_FRAME_PAYLOAD_DATA
                self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                piece = self._inflater.decompress(data, self._limit - self._size + 1)
            except zlib.error:
                return CloseReason.INVALID_FRAME_PAYLOAD_DATA
            self._size += len(piece)
            if self._size > self._limit:
                return CloseReason.MESSAGE_TOO_BIG
            whole = whole + piece if whole else piece
            data = self._inflater.unused_data
            if self._inflater.eof:
                self._inflater = None
        return whole

    def frame_outbound(
        self, proto: FrameDecoder | FrameProtocol, opcode: Opcode, rsv: RsvBits, data: bytes, fin: bool
    ) -> tuple[RsvBits, bytes]:
        """Messages are sent in one frame, so each is compressed here as a whole, and by itself."""
        if not self._window_bits or opcode not in _FRAMED or len(data) < _WORTH_COMPRESSING:
            return rsv, data
        compressor = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, -self._window_bits, 5)
        smaller = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)[: -len(_TAIL)]
        return (_RSV1, smaller) if len(smaller) < len(data) else (rsv, data)
