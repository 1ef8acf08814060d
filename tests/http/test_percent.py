"""Percent-encoding, against the standard library's."""

from __future__ import annotations

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.percent import quote, quote_path, quote_url, unquote_bytes

PIECES = st.lists(
    st.sampled_from(
        [
            b"%",
            b"%4",
            b"%41",
            b"%zz",
            b"%%",
            b"=",
            b"=3D",
            b"=\n",
            b"%\n",
            b"%\r\n",
            b"\r",
            b"_",
            b" ",
            b"a",
            b"\xff",
            b"%C3%A9",
        ]
    )
).map(b"".join)


@given(
    PIECES | st.binary() | st.lists(st.sampled_from([b"%41", b"%c3", b"=", b"_", b" \n"]), min_size=20).map(b"".join)
)
def test_decoding_agrees_with_the_standard_library(raw: bytes) -> None:
    assert unquote_bytes(raw) == urllib.parse.unquote_to_bytes(raw)


@given(PIECES)
def test_strict_decoding_refuses_exactly_the_stray_signs(raw: bytes) -> None:
    stray = any(
        len(piece) < 2 or not all(c in b"0123456789abcdefABCDEF" for c in piece[:2]) for piece in raw.split(b"%")[1:]
    )
    if stray:
        with pytest.raises(ValueError, match="begins no escape"):
            unquote_bytes(raw, strict=True)
    else:
        assert unquote_bytes(raw, strict=True) == urllib.parse.unquote_to_bytes(raw)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_quoting_a_component_is_undone_by_decoding(text: str) -> None:
    assert quote(text) == urllib.parse.quote(text, safe="")
    assert unquote_bytes(quote(text).encode()).decode() == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_quoting_a_path_is_undone_by_decoding(text: str) -> None:
    assert unquote_bytes(quote_path(text).encode()).decode() == text
    assert quote_path(text).count("/") == text.count("/")


@given(st.text())
def test_a_quoted_url_is_plain_and_quoting_it_again_changes_nothing(text: str) -> None:
    quoted = quote_url(text)
    assert quoted.isascii()
    assert quoted.isprintable()
    assert not set(quoted) & set(' "<>\\^`{|}')
    assert quote_url(quoted) == quoted


def test_examples() -> None:
    assert quote("a b/é") == "a%20b%2F%C3%A9"
    assert quote_path("/a b/é%;=") == "/a%20b/%C3%A9%25;="
    assert quote_url("/a b?x=é&y=%41#z\r\n") == "/a%20b?x=%C3%A9&y=%41#z%0D%0A"
    assert quote_url("100%") == "100%25"
    assert quote_url(b"\xff") == "%FF"
    assert quote("\ud800") == "%3F"
