"""Frames as Autobahn's cases 1 to 7 send them: what must be understood, and what ends the connection with which code.

The numbers in brackets are those of the Autobahn test suite.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator

import pytest

from tests.server.socket_app import SocketApp
from tests.support.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Line,
    closing,
    fragments,
    frame,
    opened,
)
from tests.support.native import Native, native

pytestmark = pytest.mark.serial

LIMIT = 1_048_576


@pytest.fixture(scope="module")
def sea() -> Iterator[Native]:
    with native(SocketApp()) as running:
        yield running


@pytest.fixture
def line(sea: Native) -> Iterator[Line]:
    with opened(sea.port) as opening:
        yield opening


def fails(line: Line, *frames: bytes) -> int:
    """The code the server closes with after these, having said nothing else; and then it closes the line."""
    line.send(b"".join(frames))
    answer = line.read_frame()
    line.socket.shutdown(1)
    assert line.is_closed()
    return answer.code


# --- messages (1) -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, LIMIT])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_of_any_length_comes_back(line: Line, size: int, opcode: int) -> None:
    payload = b"*" * size if opcode == TEXT else b"\xfe" * size
    line.send_frame(opcode, payload)
    back = line.read_frame()
    assert (back.opcode, back.fin, back.reserved) == (opcode, True, 0)
    assert back.payload == payload


@pytest.mark.parametrize("step", [1, 7, 997])
def test_bytes_may_come_in_any_pieces(line: Line, step: int) -> None:
    sent = frame(TEXT, "Seemöwe".encode() * 20) + frame(PING, b"?") + frame(BINARY, b"\x00" * 300)
    line.chop(sent, step)
    back = [line.read_frame() for _ in range(3)]
    back.sort(key=lambda read: read.opcode == PONG)  # it may overtake messages
    assert [read.payload for read in back] == ["Seemöwe".encode() * 20, b"\x00" * 300, b"?"]


def test_many_messages_in_one_piece_are_answered_in_order(line: Line) -> None:
    texts = [b"%d" % n for n in range(1_000)]
    line.send(b"".join(frame(TEXT, text) for text in texts))
    assert [line.read_frame().payload for _ in texts] == texts


# --- pings and pongs (2) ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125])
def test_a_ping_is_answered_with_its_payload(line: Line, payload: bytes) -> None:
    line.send_frame(PING, payload)
    assert line.read_frame()[:2] == (PONG, payload)


def test_a_ping_of_126_bytes_is_an_error(line: Line) -> None:
    assert fails(line, frame(PING, b"\xfe" * 126)) == 1002


def test_pongs_that_nobody_asked_for_are_ignored(line: Line) -> None:
    line.send(frame(PONG) + frame(PONG, b"unasked") + frame(PING, b"asked"))
    assert line.read_frame()[:2] == (PONG, b"asked")


def test_ten_pings_are_answered_in_order(line: Line) -> None:
    line.chop(b"".join(frame(PING, b"%d" % n) for n in range(10)), 1)
    assert [line.read_frame().payload for _ in range(10)] == [b"%d" % n for n in range(10)]


# --- reserved bits and opcodes (3, 4), masks and lengths --------------------------------------------------------------


@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG, CLOSE])
def test_reserved_bits_are_an_error(line: Line, reserved: int, opcode: int) -> None:
    assert fails(line, frame(opcode, reserved=reserved)) == 1002


def test_messages_before_a_broken_frame_are_answered(line: Line) -> None:
    line.send(frame(TEXT, b"first") + frame(PING, b"second") + frame(TEXT, b"third", reserved=4))
    *answers, last = line.frames()
    assert sorted(read.payload for read in answers) == [b"first", b"second"]
    assert last.code == 1002


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"reserved"])
def test_reserved_opcodes_are_an_error(line: Line, opcode: int, payload: bytes) -> None:
    assert fails(line, frame(opcode, payload)) == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
def test_a_frame_without_a_mask_is_an_error(line: Line, opcode: int) -> None:
    assert fails(line, frame(opcode, b"\x03\xe8", masked=False)) == 1002


@pytest.mark.parametrize(("size", "width"), [(5, 16), (125, 16), (5, 64), (126, 64), (65_535, 64)])
def test_a_length_is_written_in_its_shortest_form(line: Line, size: int, width: int) -> None:
    assert fails(line, frame(BINARY, b"x" * size, width=width)) == 1002


def test_a_length_of_64_bits_is_an_error(line: Line) -> None:
    assert fails(line, frame(BINARY, claims=1 << 63, width=64)) == 1002


# --- fragments (5) ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_control_frames_are_never_fragmented(line: Line, opcode: int) -> None:
    assert fails(line, frame(opcode, b"", fin=False), frame(CONTINUATION, b"")) == 1002


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("step", [None, 1])
def test_fragments_become_one_message_with_pings_in_between(line: Line, opcode: int, step: int | None) -> None:
    sent = b"".join(
        (
            frame(opcode, b"frag1", fin=False),
            frame(CONTINUATION, b"frag2", fin=False),
            frame(PING, b"between"),
            frame(CONTINUATION, b"", fin=False),
            frame(CONTINUATION, b"frag3"),
        )
    )
    line.chop(sent, step or len(sent))
    assert line.read_frame()[:2] == (PONG, b"between")
    assert line.read_frame()[:2] == (opcode, b"frag1frag2frag3")


def test_empty_fragments_are_an_empty_message(line: Line) -> None:
    line.send(fragments(TEXT, [b"", b"", b""]))
    assert line.read_frame()[:2] == (TEXT, b"")


@pytest.mark.parametrize("fin", [True, False])
def test_a_continuation_of_nothing_is_an_error(line: Line, fin: bool) -> None:
    assert fails(line, frame(CONTINUATION, b"of what?", fin=fin)) == 1002


def test_a_continuation_after_the_last_is_an_error(line: Line) -> None:
    line.send(fragments(TEXT, [b"a", b"b"]))
    assert line.read_frame().payload == b"ab"
    assert fails(line, frame(CONTINUATION, b"c")) == 1002


@pytest.mark.parametrize("second", [TEXT, BINARY])
def test_a_message_within_another_is_an_error(line: Line, second: int) -> None:
    assert fails(line, frame(TEXT, b"a", fin=False), frame(second, b"b")) == 1002


# --- UTF-8 (6) --------------------------------------------------------------------------------------------------------

GOOD = [
    "Hello-µ@ßöäüàá-UTF-8!!",
    "κόσμε",
    "\x00",
    "\x7f\x80߿ࠀ\uffff",
    "\U00010000\U0010ffff",
    "\ud7ff\ue000�",
    "￾\U0001fffe\U0002ffff",
]
BAD = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"\x80",
    b"\xbf\x80",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xfe",
    b"\xff",
    b"\xc1\xbf",
    b"abc\xe2\x82",
    b"\xf0\x9f\x92",
]


@pytest.mark.parametrize("text", GOOD)
@pytest.mark.parametrize("size", [None, 1, 2])
def test_good_text(line: Line, text: str, size: int | None) -> None:
    raw = text.encode()
    pieces = [raw] if size is None else [raw[at : at + size] for at in range(0, len(raw), size)]
    line.send(fragments(TEXT, pieces))
    assert line.read_frame()[:2] == (TEXT, raw)


@pytest.mark.parametrize("raw", BAD)
def test_bad_text(line: Line, raw: bytes) -> None:
    assert fails(line, frame(TEXT, raw)) == 1007


@pytest.mark.parametrize("raw", BAD)
def test_bad_text_in_fragments(line: Line, raw: bytes) -> None:
    assert fails(line, fragments(TEXT, [raw[at : at + 1] for at in range(len(raw))])) == 1007


def test_what_is_no_text_may_be_binary(line: Line) -> None:
    line.send_frame(BINARY, b"".join(BAD))
    assert line.read_frame()[:2] == (BINARY, b"".join(BAD))


@pytest.mark.parametrize("bad", [b"\xff", b"\xf4\x90", b"\xed\xa0\x80"])
def test_bad_text_is_seen_before_its_frame_is_whole(line: Line, bad: bytes) -> None:
    """[6.4] The rest of the frame, and the other frames, are never sent."""
    line.send(frame(TEXT, b"Kosme" + bad, claims=1_000))
    assert line.read_frame().code == 1007


def test_bad_text_is_seen_before_the_message_is_whole(line: Line) -> None:
    line.send(frame(TEXT, b"Kosme", fin=False) + frame(CONTINUATION, b"\xf4", fin=False))
    time.sleep(0.05)  # half a character is no mistake yet
    line.send_frame(CONTINUATION, b"\x90", fin=False)
    assert line.read_frame().code == 1007


# --- closing (7) ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 3999, 4000, 4999]
)
def test_a_close_is_answered_with_its_code(line: Line, code: int) -> None:
    line.send(closing(code, b"bye"))
    assert line.read_frame().code == code
    assert line.is_closed()


def test_a_close_without_a_code(line: Line) -> None:
    line.send(closing())
    assert line.read_frame()[:2] == (CLOSE, b"")
    assert line.is_closed()


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
def test_a_close_with_a_code_that_never_travels_is_an_error(line: Line, code: int) -> None:
    assert fails(line, closing(code)) == 1002


def test_a_close_of_one_byte_is_an_error(line: Line) -> None:
    assert fails(line, frame(CLOSE, b"\x03")) == 1002


def test_a_reason_of_123_bytes_fits_and_one_more_does_not(line: Line) -> None:
    line.send(closing(1000, b"*" * 123))
    assert line.read_frame().code == 1000


def test_a_reason_that_is_too_long_is_an_error(line: Line) -> None:
    assert fails(line, closing(1000, b"*" * 124)) == 1002


def test_a_reason_that_is_not_utf8_is_an_error(line: Line) -> None:
    assert fails(line, closing(1000, BAD[0])) in (1002, 1007)


@pytest.mark.parametrize("after", [frame(TEXT, b"late"), frame(PING), closing(1000), b"\xff\xff\xff"])
def test_nothing_after_a_close_counts(line: Line, after: bytes) -> None:
    line.send(closing(1000) + after)
    assert line.read_frame().code == 1000
    assert line.is_closed()


def test_a_close_within_a_fragmented_message(line: Line) -> None:
    line.send(frame(TEXT, b"unfinished", fin=False) + closing(1000) + frame(CONTINUATION, b"!"))
    assert line.read_frame().code == 1000


def test_messages_before_a_close_are_answered(line: Line) -> None:
    """[7.1.1]"""
    line.send(frame(TEXT, b"last") + frame(TEXT, b"words") + closing(1000))
    *answers, last = line.frames()
    assert [read.payload for read in answers] == [b"last", b"words"]
    assert last.code == 1000


# --- limits (9) -------------------------------------------------------------------------------------------------------


def test_a_frame_that_is_too_large_is_refused_by_its_header(line: Line) -> None:
    line.send(frame(BINARY, claims=LIMIT + 1, width=64))
    answer = line.read_frame()
    assert answer.code == 1009
    assert answer.reason == "the message is too big"


def test_fragments_are_counted_together(line: Line) -> None:
    half = b"x" * (LIMIT // 2)
    assert fails(
        line, frame(TEXT, half, fin=False), frame(CONTINUATION, half, fin=False), frame(CONTINUATION, b"x")
    ) == (1009)


def test_too_many_fragments_are_refused(line: Line) -> None:
    line.send(frame(TEXT, b"", fin=False) + frame(CONTINUATION, b"", fin=False) * 16_384)
    assert line.read_frame().code == 1009


def test_a_mebibyte_in_frames_of_64_bytes(line: Line) -> None:
    """[9.3, 9.4]"""
    line.send(fragments(BINARY, [b"\xfe" * 64] * 16_384))
    assert line.read_frame().payload == b"\xfe" * LIMIT


def test_a_message_in_single_bytes_takes_no_more_than_it_holds(line: Line) -> None:
    """[9.5, 9.6] Each byte a packet, or nearly."""
    text = "é" * 4_000
    line.chop(frame(TEXT, text.encode()), 1)
    assert line.read_frame().payload.decode() == text


def test_the_frame_after_one_that_was_too_large_is_not_read(line: Line) -> None:
    assert fails(line, frame(BINARY, claims=1 << 40, width=64), frame(TEXT, b"hello")) == 1009


def test_a_header_that_comes_byte_by_byte_is_counted_once(line: Line) -> None:
    line.chop(frame(BINARY, b"x" * 70_000, fin=False)[:14], 1)
    line.send(b"\x00" * 70_000)
    line.chop(frame(CONTINUATION, b"")[:6], 1)
    assert len(line.read_frame().payload) == 70_000


def test_the_server_never_sends_more_than_125_bytes_of_close(sea: Native) -> None:
    with opened(sea.port, "/close/4000/" + "%C3%A9" * 100) as line:
        answer = line.read_frame()
        assert answer.code == 4000
        assert answer.reason == "é" * 61
        line.send(struct.pack("!BB", 0x88, 0x80) + b"mask")
        assert line.is_closed()
