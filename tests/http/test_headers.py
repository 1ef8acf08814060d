"""Headers: a case-insensitive multi-mapping over raw pairs that lets nothing through that a header cannot hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.headers import Headers, MutableHeaders, encode_headers, encode_name, encode_value

RAW = [(b"content-type", b"text/plain"), (b"x-a", b"1"), (b"x-a", b"2"), (b"x-latin", b"caf\xe9")]
TOKEN = st.text(alphabet="abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=12)
VALUE = st.text(
    alphabet=st.characters(
        max_codepoint=255, exclude_characters=[*map(chr, range(9)), *map(chr, range(10, 32)), "\x7f"]
    )
)


def test_lookup_is_case_insensitive_and_gives_the_first() -> None:
    headers = Headers(RAW)
    assert headers["Content-Type"] == headers["content-type"] == "text/plain"
    assert headers["X-A"] == "1"
    assert headers.getlist("X-a") == ["1", "2"]
    assert headers["x-latin"] == "café"
    assert headers.get("nothing") is None
    assert "X-A" in headers
    assert "nothing" not in headers
    assert 3 not in headers
    with pytest.raises(KeyError):
        headers["nothing"]


def test_views_keep_repeated_names_as_in_starlette() -> None:
    headers = Headers(RAW)
    assert headers.keys() == list(headers) == ["content-type", "x-a", "x-a", "x-latin"]
    assert headers.values() == ["text/plain", "1", "2", "café"]
    assert headers.items()[1:3] == [("x-a", "1"), ("x-a", "2")]
    assert len(headers) == 4
    assert dict(headers)["x-a"] == "1"


def test_equality_ignores_the_order() -> None:
    assert Headers(RAW) == Headers(list(reversed(RAW)))
    assert Headers(RAW) != Headers(RAW[:1])
    assert Headers(RAW) != dict(RAW)
    assert repr(Headers(RAW[:1])) == "Headers([('content-type', 'text/plain')])"
    with pytest.raises(TypeError):
        hash(Headers())


def test_a_name_that_no_header_has_is_only_absent() -> None:
    assert "naïve \u20ac" not in Headers(RAW)
    assert Headers(RAW).getlist("\u20ac") == []


def test_headers_of_text() -> None:
    assert Headers.of({"X-A": "1"}).raw == [(b"x-a", b"1")]
    assert Headers.of([("X-A", "1"), ("x-a", " 2\t")]).raw == [(b"x-a", b"1"), (b"x-a", b"2")]
    assert encode_headers(Headers(RAW)) == RAW


def test_setting_replaces_every_header_of_the_name_in_place() -> None:
    raw = list(RAW)
    headers = MutableHeaders(raw)
    headers["X-A"] = "new"
    assert raw == [(b"content-type", b"text/plain"), (b"x-a", b"new"), (b"x-latin", b"caf\xe9")]
    headers["X-B"] = "b"
    assert raw[-1] == (b"x-b", b"b")
    headers.append("x-b", "c")
    assert headers.getlist("x-b") == ["b", "c"]
    del headers["X-B"]
    del headers["never there"]
    assert "x-b" not in headers
    assert headers.setdefault("X-C", "1") == "1"
    assert headers.setdefault("x-c", "2") == "1"
    headers.update({"x-c": "3", "x-d": "4"})
    headers.update([("x-d", "5")])
    assert (headers["x-c"], headers["x-d"]) == ("3", "5")
    assert headers.raw is raw


def test_a_mutable_of_nothing() -> None:
    headers = MutableHeaders()
    headers["a"] = "b"
    assert headers.raw == [(b"a", b"b")]


def test_vary_grows_without_repeating() -> None:
    headers = MutableHeaders([])
    headers.add_vary("Accept")
    headers.add_vary("accept")
    headers.add_vary("Origin")
    assert headers["vary"] == "Accept, Origin"
    headers["vary"] = "*"
    headers.add_vary("Cookie")
    assert headers["vary"] == "*"


@pytest.mark.parametrize(
    "value", ["a\r\nset-cookie: x=1", "a\nb", "a\rb", "a\0b", "\x1b[0m", "\x7f", "€", "\ud800", "a\x0bb"]
)
def test_a_value_that_no_header_holds_is_refused(value: str) -> None:
    headers = MutableHeaders([])
    for attempt in (
        lambda: headers.append("x", value),
        lambda: headers.__setitem__("x", value),
        lambda: headers.setdefault("x", value),
        lambda: headers.update({"x": value}),
        lambda: Headers.of({"x": value}),
    ):
        with pytest.raises(ValueError, match="cannot be a header value"):
            attempt()
    assert headers.raw == []


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "é", "(a)", "a\0"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a header name"):
        encode_name(name)


def test_types_that_are_no_text_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="header value is a str, not int"):
        encode_value(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="header name is a str, not bytes"):
        encode_name(b"x")  # type: ignore[arg-type]


@given(st.lists(st.tuples(TOKEN, VALUE), max_size=8))
def test_what_goes_in_comes_out(pairs: list[tuple[str, str]]) -> None:
    headers = MutableHeaders([])
    for name, value in pairs:
        headers.append(name, value)
    for name, _ in pairs:
        expected = [v.strip(" \t") for n, v in pairs if n.lower() == name.lower()]
        assert headers.getlist(name) == expected
        assert headers[name.swapcase()] == expected[0]


@given(st.text(), st.text())
def test_no_text_puts_a_line_break_into_a_header(name: str, value: str) -> None:
    headers = MutableHeaders([])
    try:
        headers.append(name, value)
    except ValueError:
        assert headers.raw == []
        return
    ((raw_name, raw_value),) = headers.raw
    assert not set(raw_name + raw_value) & {0, 10, 13}
    assert raw_name == name.lower().encode("ascii")
