"""Percent-encoding of segments is strict and goes both ways."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.routing.percent import decode, encode_segment

texts = st.text(st.characters(codec="utf-8"))


@given(texts)
def test_what_is_encoded_decodes_to_itself(text: str) -> None:
    encoded = encode_segment(text)
    assert encoded.isascii()
    assert "/" not in encoded and "\\" not in encoded
    assert decode(encoded.encode()) == text


@given(texts)
def test_it_reads_what_the_standard_library_writes_and_is_read_by_it(text: str) -> None:
    assert decode(quote(text, safe="").encode()) == text
    assert unquote(encode_segment(text), errors="strict") == text


@pytest.mark.parametrize(
    "raw",
    [
        b"%",
        b"%4",
        b"a%",
        b"%zz",
        b"%4g",
        b"%%41",
        b"% 41",
        b"%+1",
        b"\xc3\xa9",
        b"%ff",
        b"%c3",
        b"%ed%a0%80",
        b"%c0%af",
    ],
)
def test_malformed_text_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        decode(raw)


@given(st.binary())
def test_any_bytes_decode_or_raise_value_error(raw: bytes) -> None:
    try:
        text = decode(raw)
    except ValueError:
        return
    text.encode("utf-8")


@pytest.mark.parametrize("spelling", [b"%c3%a9", b"%C3%A9", b"%C3%a9", b"%c3%A9"])
def test_both_cases_of_digits_are_read(spelling: bytes) -> None:
    assert decode(b"caf" + spelling) == "café"


def test_a_lone_surrogate_has_no_encoding() -> None:
    with pytest.raises(UnicodeEncodeError):
        encode_segment("\ud800")
