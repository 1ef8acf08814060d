"""Whatever comes, the framing answers with messages or BadFrame, and the negotiation with an offer or ValueError."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ketch.server.adapters.wsproto import BadFrame, Close, Frames, Ping
from ketch.server.deflate import NAME, negotiate
from tests.support.frames import frame

LIMIT = 1_000
CODES = {1002, 1007, 1009}

some_frames = st.builds(
    frame,
    st.integers(0, 15),
    st.one_of(st.binary(max_size=40), st.text(max_size=20).map(str.encode), st.binary(min_size=120, max_size=1_100)),
    fin=st.booleans(),
    reserved=st.sampled_from([0, 0, 0, 4, 1]),
    masked=st.sampled_from([True, True, True, True, False]),
)
words = st.sampled_from(
    [NAME, "server_no_context_takeover", "client_max_window_bits", "server_max_window_bits", "=", "8", "9", "15", '"']
)


def judged(pieces: list[bytes], window_bits: int) -> list[object]:
    """All that these bytes say, the code of what is wrong with them at the end."""
    frames = Frames(limit=LIMIT, fragments=5, window_bits=window_bits)
    found: list[object] = []
    try:
        for piece in pieces:
            frames.feed(piece)
            while (event := frames.next()) is not None:
                found.append(event)
    except BadFrame as error:
        assert error.code in CODES
        assert len(str(error)) < 123
        found.append(error.code)
    return found


def check(found: list[object]) -> None:
    for event in found:
        if isinstance(event, str):
            assert len(event.encode()) <= LIMIT
        elif isinstance(event, bytes):
            assert len(event) <= LIMIT
        elif isinstance(event, Ping):
            assert len(event.payload) <= 125
        elif isinstance(event, Close):
            assert 1000 <= event.code < 5000
            assert event is found[-1]


@given(st.binary(max_size=200), st.sampled_from([0, 12]))
def test_any_bytes(sent: bytes, window_bits: int) -> None:
    check(judged([sent], window_bits))


@given(st.lists(some_frames, max_size=6), st.sampled_from([0, 12]), st.integers(1, 50))
def test_any_frames_mean_the_same_in_any_pieces(sent: list[bytes], window_bits: int, size: int) -> None:
    raw = b"".join(sent)
    found = judged([raw], window_bits)
    check(found)
    again = judged([raw[at : at + size] for at in range(0, len(raw), size)], window_bits)
    assert [event for event in again if type(event) is not int] == [event for event in found if type(event) is not int]
    assert [type(event) is int for event in again[-1:]] == [type(event) is int for event in found[-1:]]


@given(st.one_of(st.text(max_size=60), st.lists(words, max_size=8).map("; ".join), st.lists(words).map(",".join)))
def test_any_offer(offered: str) -> None:
    try:
        accepted = negotiate(offered)
    except ValueError:
        return
    if accepted is not None:
        assert NAME in offered
        assert 9 <= accepted.window_bits <= 12
        assert accepted.answer.startswith(f"{NAME}; server_no_context_takeover; client_no_context_takeover")
