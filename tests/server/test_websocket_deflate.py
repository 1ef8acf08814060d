"""permessage-deflate as Autobahn's cases 12 and 13 use it, and what must not inflate (RFC 7692)."""

from __future__ import annotations

import os
import random
import tracemalloc
import zlib
from collections.abc import Iterator

import pytest

from ketch.server.adapters.wsproto import BadFrame, Close, Frames, Ping
from tests.server.socket_app import SocketApp
from tests.support.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEFLATE,
    PING,
    PONG,
    TEXT,
    Line,
    closing,
    deflated,
    fragments,
    frame,
    inflated,
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
    with opened(sea.port, "/", DEFLATE) as opening:
        yield opening


def text_of(line: Line, bits: int = 15) -> bytes:
    read = line.read_frame()
    assert read.opcode in (TEXT, BINARY), read
    assert read.reserved in (0, 4)
    return inflated(read.payload, bits) if read.reserved else read.payload


@pytest.mark.parametrize("size", [0, 1, 16, 64, 256, 1_024, 8_192, 32_768, 131_072, LIMIT])
@pytest.mark.parametrize("kind", ["zeros", "noise", "words"])
def test_a_compressed_message_of_any_length(line: Line, size: int, kind: str) -> None:
    noise = random.Random(size).randbytes(size)
    words = b"sail mast keel stern bow ".ljust(40, b".") * (size // 40 + 1)
    sent = {"zeros": bytes(size), "noise": noise, "words": words[:size]}[kind]
    line.send_frame(BINARY, deflated(sent), reserved=4)
    assert text_of(line) == sent


def test_what_is_worth_it_is_compressed_and_nothing_else(line: Line) -> None:
    line.send_frame(TEXT, b"keel " * 1_000)
    large = line.read_frame()
    assert large.reserved == 4
    assert len(large.payload) < 500
    line.send_frame(TEXT, b"keel")
    assert line.read_frame().reserved == 0
    line.send_frame(BINARY, os.urandom(1_000))
    assert line.read_frame().reserved == 0


def test_the_window_that_the_client_asks_for_is_kept(sea: Native) -> None:
    with opened(sea.port, "/", f"{DEFLATE}; server_max_window_bits=9") as line:
        sent = os.urandom(600) * 20
        line.send_frame(BINARY, sent)
        assert text_of(line, bits=9) == sent


def test_no_message_needs_the_one_before_it(line: Line) -> None:
    sent = b"the same words again and again, " * 30
    for _ in range(3):
        line.send_frame(TEXT, deflated(sent), reserved=4)
        assert text_of(line) == sent  # `inflated` begins anew each time


@pytest.mark.parametrize("step", [1, 5, 64])
def test_a_compressed_message_in_fragments_with_pings_in_between(line: Line, step: int) -> None:
    sent = "Wörter über dem Meer ".encode() * 20
    raw = deflated(sent)
    pieces = [raw[at : at + step] for at in range(0, len(raw), step)]
    parts = [fragments(TEXT, pieces, reserved=4)]
    line.send(b"".join(parts))
    assert text_of(line) == sent
    line.send(frame(TEXT, raw[:5], fin=False, reserved=4) + frame(PING, b"!") + frame(CONTINUATION, raw[5:]))
    assert line.read_frame()[:2] == (PONG, b"!")
    assert text_of(line) == sent


@pytest.mark.parametrize("step", [1, 3])
def test_a_compressed_message_byte_by_byte(line: Line, step: int) -> None:
    sent = b"dribbling " * 100
    line.chop(frame(TEXT, deflated(sent), reserved=4), step)
    assert text_of(line) == sent


def test_an_empty_last_fragment(line: Line) -> None:
    line.send(fragments(TEXT, [deflated(b"whole"), b""], reserved=4))
    assert text_of(line) == b"whole"


def test_compressed_and_plain_messages_take_turns(line: Line) -> None:
    for turn in range(4):
        sent = b"turn %d " % turn * 100
        line.send_frame(TEXT, deflated(sent) if turn % 2 else sent, reserved=4 * (turn % 2))
        assert text_of(line) == sent


def test_a_block_that_says_it_is_the_last(line: Line) -> None:
    """RFC 7692, 7.2.3.4, and two of them in one message."""
    line.send_frame(TEXT, b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", reserved=4)
    assert text_of(line) == b"Hello"
    one = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = one.compress(b"Hel") + one.flush()
    line.send_frame(TEXT, first + deflated(b"lo"), reserved=4)
    assert text_of(line) == b"Hello"
    line.send_frame(TEXT, deflated(b"again"), reserved=4)
    assert text_of(line) == b"again"


def test_a_block_without_compression(line: Line) -> None:
    """RFC 7692, 7.2.3.3"""
    line.send_frame(TEXT, b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", reserved=4)
    assert text_of(line) == b"Hello"


def test_a_continuation_must_not_say_that_it_is_compressed(line: Line) -> None:
    raw = deflated(b"two parts")
    line.send(frame(TEXT, raw[:4], fin=False, reserved=4) + frame(CONTINUATION, raw[4:], reserved=4))
    assert line.read_frame().code == 1002


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_a_control_frame_is_never_compressed(line: Line, opcode: int) -> None:
    line.send_frame(opcode, b"", reserved=4)
    assert line.read_frame().code == 1002


@pytest.mark.parametrize("reserved", [1, 2, 3, 5, 6, 7])
def test_the_other_reserved_bits_stay_reserved(line: Line, reserved: int) -> None:
    line.send_frame(TEXT, deflated(b"x"), reserved=reserved)
    assert line.read_frame().code == 1002


@pytest.mark.parametrize(
    "payload", [b"\xff\xff\xff", b"\x06\x00", b"\x04\xc0\xff\xff\xff\xff", b"\x01\x05\x00\x00\x00"]
)
def test_what_does_not_inflate(line: Line, payload: bytes) -> None:
    line.send_frame(TEXT, payload, reserved=4)
    assert line.read_frame().code == 1007


@pytest.mark.parametrize("part", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_message_that_ends_in_the_middle_of_a_block(line: Line, part: float) -> None:
    whole = deflated(bytes(range(256)) * 4)
    line.send_frame(BINARY, whole[: int(len(whole) * part)], reserved=4)
    assert line.read_frame().code == 1007


def test_text_is_checked_after_inflating(line: Line) -> None:
    line.send_frame(TEXT, deflated(b"Kosme\xf4\x90\x80\x80"), reserved=4)
    assert line.read_frame().code == 1007


def test_a_close_is_answered(line: Line) -> None:
    line.send(closing(1000))
    assert line.read_frame().code == 1000


def test_a_message_of_the_largest_size_and_one_byte_more(line: Line) -> None:
    line.send_frame(TEXT, deflated(b"x" * LIMIT), reserved=4)
    assert text_of(line) == b"x" * LIMIT
    line.send_frame(TEXT, deflated(b"x" * (LIMIT + 1)), reserved=4)
    assert line.read_frame().code == 1009


def test_padding_has_an_end(line: Line) -> None:
    """Empty blocks inflate to nothing, for ever."""
    line.send_frame(BINARY, b"", fin=False, reserved=4)
    empty = b"\x00\x00\x00\xff\xff" * 10_000
    answered = None
    for _ in range(30):
        line.send_frame(CONTINUATION, empty, fin=False)
    line.socket.settimeout(10)
    answered = line.read_frame()
    assert answered.code == 1009


def test_last_blocks_have_an_end(line: Line) -> None:
    """Each starts a new inflater; a mebibyte of them must not be worth a second."""
    line.send_frame(BINARY, b"\x03\x00" * 100_000, reserved=4)
    assert line.read_frame().code == 1007


# --- memory -----------------------------------------------------------------------------------------------------------


def bomb(size: int) -> bytes:
    """`size` mebibytes of zeros in a thousandth of it."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    pieces = [compressor.compress(bytes(LIMIT)) for _ in range(size)]
    return b"".join((*pieces, compressor.flush(zlib.Z_SYNC_FLUSH)))[:-4]


@pytest.mark.parametrize("step", [None, 1_000])
def test_a_bomb_never_inflates_beyond_the_limit(step: int | None) -> None:
    raw = bomb(256)
    sent = frame(BINARY, raw, reserved=4)
    assert len(sent) < LIMIT
    frames = Frames(limit=LIMIT, fragments=100, window_bits=12)
    tracemalloc.start()
    try:
        with pytest.raises(BadFrame) as caught:
            for at in range(0, len(sent), step or len(sent)):
                frames.feed(sent[at : at + (step or len(sent))])
                assert frames.next() is None
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.code == 1009
    assert most < 6 * LIMIT, "a 256 MiB message was to be stopped at one"


def test_nothing_is_kept_between_messages() -> None:
    frames = Frames(limit=LIMIT, fragments=100, window_bits=12)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(3):
            frames.feed(frame(BINARY, deflated(b"sea " * 10_000), reserved=4))
            assert frames.next() == b"sea " * 10_000
            assert frames.next() is None
            frames.message(b"sea " * 10_000)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2_000


# --- any pieces, any frames -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(30))
def test_the_same_bytes_in_any_pieces_are_the_same_messages(seed: int) -> None:
    chance = random.Random(seed)
    expected: list[object] = []
    sent = b""
    for _ in range(8):
        kind = chance.choice([TEXT, BINARY, PING])
        text = "".join(chance.choice("aé€𝄞 ") for _ in range(chance.choice([0, 1, 100, 400])))
        if kind == PING:
            sent += frame(PING, text.encode()[:100])
            expected.append(Ping(text.encode()[:100]))
            continue
        packed = chance.random() < 0.5
        raw = deflated(text.encode()) if packed else text.encode()
        cuts = sorted(chance.sample(range(len(raw) + 1), min(len(raw), chance.randrange(4))))
        pieces = [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
        sent += fragments(kind, pieces, reserved=4 * packed)
        expected.append(text if kind == TEXT else text.encode())
    sent += closing(4_000, b"enough")
    expected.append(Close(4_000, "enough"))
    frames = Frames(limit=2_000, fragments=10, window_bits=12)
    found: list[object] = []
    while sent:
        size = chance.choice([1, 1, 2, 7, 50, 1_000])
        frames.feed(sent[:size])
        sent = sent[size:]
        while (event := frames.next()) is not None:
            found.append(event)
    assert found == expected
