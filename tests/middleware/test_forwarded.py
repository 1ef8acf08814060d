"""Reading Forwarded and X-Forwarded-For: by the examples of the RFC, and by anything at all."""

from __future__ import annotations

import time
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.middleware.forwarded import MOST_HOPS, parse_address, parse_forwarded, parse_node, split_list


@pytest.mark.parametrize(
    ("line", "elements"),
    [
        ('for="_gazonk"', [{"for": "_gazonk"}]),
        ('For="[2001:db8:cafe::17]:4711"', [{"for": "[2001:db8:cafe::17]:4711"}]),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", [{"for": "192.0.2.60", "proto": "http", "by": "203.0.113.43"}]),
        ("for=192.0.2.43, for=198.51.100.17", [{"for": "192.0.2.43"}, {"for": "198.51.100.17"}]),
        ("for=a , for=b ; host=c", [{"for": "a"}, {"for": "b", "host": "c"}]),
        ('for="a\\"b, c"', [{"for": 'a"b, c'}]),
        ("for=a,,for=b,", [{"for": "a"}, {"for": "b"}]),
        ("for=a;;proto=b;", [{"for": "a", "proto": "b"}]),
        ("", []),
        (" , ;", []),
        # malformed
        ("for", None),
        ("for=", None),
        ("for =a", None),
        ("for= a", None),
        ('for="a', None),
        ('for="a"b', None),
        ("for=[::1]", None),
        ("for=a:80", None),
        ("for=a;for=b", None),
        ("for=a;FOR=b", None),
        ("for=a b", None),
        ("f\x00r=a", None),
        ("for=\xe9", None),
        ("for=" + "a" * 8200, None),
    ],
)
def test_forwarded(line: str, elements: list[dict[str, str]] | None) -> None:
    assert parse_forwarded(line) == elements


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("192.0.2.1", ("192.0.2.1", 0)),
        ("192.0.2.1:80", ("192.0.2.1", 80)),
        ("[2001:db8::1]", ("2001:db8::1", 0)),
        ("[2001:db8::1]:65535", ("2001:db8::1", 65535)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("[::ffff:10.0.0.1]:9", ("10.0.0.1", 9)),
        ("::ffff:10.0.0.1", ("10.0.0.1", 0)),
    ],
)
def test_nodes(text: str, node: tuple[str, int]) -> None:
    found = parse_node(text)
    assert found is not None
    assert (str(found.address), found.port) == node


@pytest.mark.parametrize(
    "text",
    ["", "unknown", "_hidden", "localhost", "192.0.2", "192.0.2.256", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:8x"]  # noqa: RUF005
    + [
        "[::1",
        "::1]",
        "[::1]80",
        "fe80::1%eth0",
        "[fe80::1%25eth0]",
        "1.2.3.4, 5.6.7.8",
        "01.2.3.4",
        "1" * 100,
        "٣.1.1.1",
    ],
)
def test_what_is_no_node(text: str) -> None:
    assert parse_node(text) is None


TOKEN = st.text(st.sampled_from("abcXYZ019!#$%&'*+-.^_`|~"), min_size=1, max_size=8)
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=12)


@given(st.lists(st.dictionaries(TOKEN.map(str.lower), VALUE, min_size=1, max_size=3), max_size=4))
def test_what_is_written_is_read(elements: list[dict[str, str]]) -> None:
    def quoted(value: str) -> str:
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'

    line = ", ".join(";".join(f"{name}={quoted(value)}" for name, value in element.items()) for element in elements)
    assert parse_forwarded(line) == elements


@given(st.text(max_size=200))
def test_nothing_raises(text: str) -> None:
    parse_forwarded(text)
    split_list([text])
    node = parse_node(text)
    assert node is None or str(parse_address(str(node.address))) == str(node.address)


@given(st.text(st.sampled_from('for=";,\\ \t[]:1a_'), max_size=60))
def test_the_text_of_a_proxy_behind_a_clients_is_never_swallowed_whole(sent: str) -> None:
    """What a client sends in front cannot make a proxy's own element, on the same line, say something else."""
    read = parse_forwarded(f'{sent}, for="[2001:db8::1]:80";proto=https')
    assert read is None or read[-1] == {"for": "[2001:db8::1]:80", "proto": "https"}


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_address_is_read(address: object, port: int) -> None:
    text = f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"
    node = parse_node(text)
    assert node is not None
    assert node.port == port
    mapped = getattr(ip_address(str(address)), "ipv4_mapped", None)
    assert node.address == (mapped or address)


@pytest.mark.soak
@pytest.mark.serial
@pytest.mark.parametrize(
    "line", ["\t" * 8000 + "x", "a=" + '"\\' * 4000, "for=" + "a" * 8000 + " x", ";" * 8000, '"' * 8000, "a=b;" * 2000]
)
def test_hostile_lines_take_no_time(line: str) -> None:
    begin = time.perf_counter()
    parse_forwarded(line)
    assert time.perf_counter() - begin < 0.05


def test_lists_are_bounded_and_keep_the_nearest() -> None:
    assert split_list([]) == split_list(["  "]) == []
    assert split_list(["a, b", "c"]) == ["a", "b", "c"]
    many = split_list([", ".join(map(str, range(1000)))])
    assert many == [str(number) for number in range(1000 - MOST_HOPS, 1000)]
    assert len(split_list(["," * 100_000])) == MOST_HOPS
