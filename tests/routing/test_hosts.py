"""Host patterns: what they match and what is built from them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.routing import BuildError, HostPattern, parse_host
from ketch.routing.hosts import host_labels
from tests.routing.making import HERE


def host(text: str) -> HostPattern:
    return parse_host(text, HERE)


@pytest.mark.parametrize(
    ("text", "given", "found"),
    [
        ("example.org", "example.org", ()),
        ("example.org", "EXAMPLE.ORG.", ()),
        ("Example.Org:8080", "example.org:80", ()),
        ("example.org", "www.example.org", None),
        ("example.org", "", None),
        ("localhost", "localhost:8000", ()),
        ("[::1]", "[::1]:8000", ()),
        ("[::1]:80", "[::2]", None),
        ("127.0.0.1", "127.0.0.1", ()),
        ("{tenant}.example.org", "Acme.example.org", ("acme",)),
        ("{tenant}.example.org", "example.org", None),
        ("{tenant}.example.org", "a.b.example.org", None),
        ("{tenant}.example.org", ".example.org", None),
        ("{Tenant}.{zone}.org", "a.b.org", ("a", "b")),
        ("{env}-api.example.org", "test-eu-api.example.org", ("test-eu",)),
        ("{env}-api.example.org", "api.example.org", None),
        ("v{n:int}.example.org", "v7.example.org", ("7",)),
        ("bücher.example", "xn--bcher-kva.example", ()),
    ],
)
def test_matching(text: str, given: str, found: tuple[str, ...] | None) -> None:
    assert host(text).match(given) == found


def test_what_a_pattern_knows() -> None:
    read = host("{tenant}.{n:int}.example.org")
    assert read.names == ("tenant", "n")
    assert [param.kind for param in read.params] == ["", "int"]
    assert str(read) == "{tenant}.{n:int}.example.org"


@pytest.mark.parametrize(
    ("text", "params", "built"),
    [
        ("example.org", {}, "example.org"),
        ("{tenant}.example.org", {"tenant": "Acme"}, "acme.example.org"),
        ("{n}.example.org", {"n": 7}, "7.example.org"),
        ("{env}-api.example.org", {"env": "test"}, "test-api.example.org"),
    ],
)
def test_building(text: str, params: dict[str, object], built: str) -> None:
    assert host(text).build(params) == built


@pytest.mark.parametrize(
    "tenant", ["", ".", "a.b", "a/b", "a:1", "a@b", "-a", "a-", "a b", "é", "x" * 64, "a\n", "%41"]
)
def test_no_other_host_can_be_built(tenant: str) -> None:
    with pytest.raises(BuildError):
        host("{tenant}.example.org").build({"tenant": tenant})


def test_building_needs_its_parameters() -> None:
    with pytest.raises(BuildError, match="needs tenant; given: nothing"):
        host("{tenant}.example.org").build({})


@given(st.text())
def test_any_host_header_has_labels(header: str) -> None:
    assert all("." not in label or label.startswith("[") for label in host_labels(header))
    host("{a}.{b}").match(header)
