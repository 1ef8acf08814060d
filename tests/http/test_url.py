"""URLs as values; query strings, quickly and strictly."""

from __future__ import annotations

import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.problems import BadRequest
from ketch.http.url import URL, QueryParams, encode_query, parse_query, valid_host

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)


def test_a_url_taken_apart() -> None:
    url = URL("HTTPS://ann:pw@Example.org:8443/a/b?x=1&y=2#top")
    assert (url.scheme, url.netloc, url.path, url.query, url.fragment) == (
        "https",
        "ann:pw@Example.org:8443",
        "/a/b",
        "x=1&y=2",
        "top",
    )
    assert (url.username, url.password, url.hostname, url.port) == ("ann", "pw", "example.org", 8443)
    assert url.is_secure
    assert url.origin == ("https", "example.org", 8443)
    assert str(url).startswith("HTTPS://ann:pw@")
    assert repr(url) == "URL('https://ann:********@example.org:8443/a/b?x=1&y=2#top')"


@pytest.mark.parametrize(
    ("text", "hostname", "port"),
    [
        ("http://[::1]:80/", "::1", 80),
        ("http://[::1]", "::1", None),
        ("http://a:b@c@d:1", "d", 1),
        ("http://host:", "host", None),
        ("http://host:65535", "host", 65535),
        ("http://host:65536", "host", None),
        ("http://host:٣", "host", None),
        ("http://host:-1", "host", None),
        ("/path", None, None),
        ("mailto:x", None, None),
        ("", None, None),
        ("http://[", None, None),
    ],
)
def test_hosts_and_ports(text: str, hostname: str | None, port: int | None) -> None:
    url = URL(text)
    assert (url.hostname, url.port) == (hostname, port)


def test_origins_know_default_ports() -> None:
    assert URL("http://a/").origin == URL("HTTP://A:80/x").origin == ("http", "a", 80)
    assert URL("https://a").origin != URL("http://a").origin
    assert URL("x://a").origin == ("x", "a", None)


def test_replacing_components() -> None:
    url = URL("http://ann:pw@example.org:81/a?b=c")
    assert url.replace(path="/z", query="", scheme="https") == "https://ann:pw@example.org:81/z"
    assert url.replace(port=None) == "http://ann:pw@example.org/a?b=c"
    assert url.replace(hostname="::1", username=None) == "http://[::1]:81/a?b=c"
    assert url.replace(password=None) == "http://ann@example.org:81/a?b=c"
    assert url.replace(netloc="other") == "http://other/a?b=c"
    assert url.replace(fragment="f") == "http://ann:pw@example.org:81/a?b=c#f"
    assert URL("http://a").replace(path="b") == "http://a/b"
    assert url == URL(str(url))
    assert hash(url) == hash(URL(str(url)))
    assert url != 3
    with pytest.raises(TypeError, match="a URL has no colour"):
        url.replace(colour="red")


def test_query_methods() -> None:
    url = URL("/a?x=1&y=2&x=3")
    assert url.include_query_params(y=5, z="é &") == "/a?x=1&x=3&y=5&z=%C3%A9%20%26"
    assert url.replace_query_params(q=1) == "/a?q=1"
    assert url.remove_query_params("x") == "/a?y=2"
    assert url.remove_query_params(["x", "y"]) == "/a"


@given(st.text(max_size=60))
def test_any_text_is_some_url(text: str) -> None:
    url = URL(text)
    repr(url), url.hostname, url.port, url.origin, url.username, url.password
    assert str(url) == text


@pytest.mark.parametrize(
    "host",
    [
        "a",
        "example.org",
        "example.org.",
        "EXAMPLE.org:80",
        "127.0.0.1:8000",
        "[::1]",
        "[::1]:8000",
        "my_service",
        "xn--bcher-kva.de",
    ],
)
def test_valid_hosts(host: str) -> None:
    assert valid_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":80",
        "a b",
        "a/b",
        "a@b",
        "a:b",
        "a:",
        "a:123456",
        "a#b",
        "a?b",
        "a\\b",
        "a\r\nb",
        "a\n",
        "[::1",
        "::1",
        "[g::1]",
        "-a",
        ".a",
        "é",
        "a%20b",
        "<script>",
        "a" * 300,
        "a, b",
    ],
)
def test_invalid_hosts(host: str) -> None:
    assert not valid_host(host)


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        (b"", []),
        (b"a=1", [("a", "1")]),
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"a", [("a", "")]),
        (b"a=", [("a", "")]),
        (b"=1&&a=2&", [("a", "2")]),
        (b"a==b", [("a", "=b")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a+b=c+d", [("a b", "c d")]),
        (b"a=%2B%26%3D%25", [("a", "+&=%")]),
        (b"a%3Db=c", [("a=b", "c")]),
        (b"a=%2541", [("a", "%41")]),
        (b"a=100%", [("a", "100%")]),
        (b"a=%zz%4", [("a", "%zz%4")]),
        (b"a=%00", [("a", "\0")]),
        (b"caf%C3%A9=\xc3\xa9", [("café", "é")]),
        (b"caf\xc3\xa9=1", [("café", "1")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
    ],
)
def test_query_strings(raw: bytes, pairs: list[tuple[str, str]]) -> None:
    assert parse_query(raw) == pairs


@pytest.mark.parametrize(
    "raw", [b"a=\xff", b"a=%FF", b"%ff=1", b"a=%ED%A0%80", b"a=\xed\xa0\x80", b"a=%C0%80", b"a=1&b=%C3"]
)
def test_what_is_not_utf8_is_400(raw: bytes) -> None:
    with pytest.raises(BadRequest, match="not valid UTF-8"):
        parse_query(raw)


def test_too_many_fields_are_400() -> None:
    assert len(parse_query(b"&".join([b"a=1"] * 1000))) == 1000
    for raw in (b"&".join([b"a=1"] * 1001), b"&" * 1_000_000, b"%41&" * 1001):
        with pytest.raises(BadRequest, match="The form has more than 1000 fields"):
            parse_query(raw, where="form")


def test_stray_signs_are_let_through_only_where_they_are_few() -> None:
    assert parse_query(b"a=" + b"%" * 60_000) == [("a", "%" * 60_000)]
    with pytest.raises(BadRequest, match="not percent-encoded"):
        parse_query(b"a=" + b"%" * 70_000)
    assert parse_query(b"a=" + b"%41" * 70_000) == [("a", "A" * 70_000)]


@given(st.lists(st.tuples(TEXT.filter(bool), TEXT), max_size=6))
def test_pairs_survive_the_round_trip(pairs: list[tuple[str, str]]) -> None:
    assert parse_query(encode_query(pairs).encode()) == pairs
    assert parse_query(urllib.parse.urlencode(pairs).encode()) == pairs


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_as_the_standard_library_would_or_refused(raw: bytes) -> None:
    fields = [field.replace(b"+", b" ").partition(b"=") for field in raw.split(b"&")]
    expected = [(urllib.parse.unquote_to_bytes(n), urllib.parse.unquote_to_bytes(v)) for n, _, v in fields]
    try:
        pairs = parse_query(raw)
    except BadRequest:
        with pytest.raises(UnicodeDecodeError):
            for name, value in expected:
                name.decode(), value.decode()
        return
    assert [(n.encode(), v.encode()) for n, v in pairs] == [(n, v) for n, v in expected if n]


def test_query_params() -> None:
    params = QueryParams("a=1&b=2&a=3")
    assert params["a"] == "3"
    assert params.getlist("a") == ["1", "3"]
    assert params.multi_items() == [("a", "1"), ("b", "2"), ("a", "3")]
    assert dict(params) == {"a": "3", "b": "2"}
    assert params.get("z") is None
    assert str(params) == "a=1&b=2&a=3"
    assert params == QueryParams(b"b=2&a=1&a=3")
    assert params == QueryParams([("a", "1"), ("a", "3"), ("b", "2")])
    assert QueryParams({"a": "1"}) == QueryParams("a=1")
    assert params != QueryParams("a=1")
    assert repr(QueryParams("a=1")) == "QueryParams([('a', '1')])"
