"""Only requests for the hosts we are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.url import host_name, valid_host
from ketch.kernel.errors import SetupError
from ketch.middleware import TrustedHostMiddleware
from ketch.testing import WebSocketDenied
from tests.middleware.onion_app import client_of

PATTERNS = ["Example.com", "*.example.org", "[::1]", "127.0.0.1"]


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("example.com", True),
        ("EXAMPLE.com", True),
        ("example.com:8000", True),
        ("example.com.", True),
        ("example.com.:80", True),
        ("a.example.org", True),
        ("a.b.example.org:1", True),
        ("[::1]:8000", True),
        ("[::1]", True),
        ("127.0.0.1:8000", True),
        ("example.org", False),
        (".example.org", False),
        ("evilexample.org", False),
        ("sub.example.com", False),
        ("example.com.evil.example", False),
        ("evil.example:example.com", False),
        ("example.com:80@evil.example", False),
        ("evil.example/example.com", False),
        ("example.com#.example.org", False),
        ("example.com\\.example.org", False),
        ("example.com example.org", False),
        ("example.com,evil.example", False),
        ("example.com:port", False),
        ("[::2]", False),
        ("::1", False),
        ("", False),
        ("é.example.org", False),
        ("x" * 5000 + ".example.org", False),
    ],
)
def test_hosts(host: str, allowed: bool) -> None:
    client = client_of(TrustedHostMiddleware(allowed_hosts=PATTERNS))
    response = client.get("/", headers={b"Host": host.encode("latin-1")})
    assert response.status_code == (200 if allowed else 400)
    if not allowed:
        assert response.json()["code"] == "host"


@pytest.mark.parametrize("patterns", [PATTERNS, ["*"]])
def test_two_hosts_are_refused(patterns: list[str]) -> None:
    client = client_of(TrustedHostMiddleware(allowed_hosts=patterns))
    assert client.get("/", headers=[("Host", "example.com"), ("Host", "example.com")]).status_code == 400


@pytest.mark.parametrize(("host", "status"), [("anything.example", 200), ("a b", 400), ("a:99999999", 400)])
def test_any_host_still_has_to_be_one(host: str, status: int) -> None:
    assert client_of(TrustedHostMiddleware(allowed_hosts=["*"])).get("/", headers={"Host": host}).status_code == status


def test_www_is_redirected_to_keeping_path_port_and_query() -> None:
    layer = TrustedHostMiddleware(allowed_hosts=["www.example.com"])
    client = client_of(layer, base_url="https://example.com:8443", follow_redirects=False)
    response = client.post("/a%20b?c=d")
    assert (response.status_code, response.headers["location"]) == (307, "https://www.example.com:8443/a%20b?c=d")
    strict = TrustedHostMiddleware(allowed_hosts=["www.example.com"], www_redirect=False)
    assert client_of(strict, base_url="https://example.com").get("/").status_code == 400


def test_websockets_are_refused_too_and_never_redirected() -> None:
    client = client_of(TrustedHostMiddleware(allowed_hosts=["www.testserver"]))
    with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/"):
        pass
    assert caught.value.response.status_code == 400
    with client_of(TrustedHostMiddleware(allowed_hosts=["testserver"])).websocket_connect("/") as ws:
        assert ws.receive_text() == "welcome"


@given(st.text(st.characters(max_codepoint=255), max_size=60))
def test_nothing_but_the_allowed_names_gets_in(host: str) -> None:
    layer = TrustedHostMiddleware(allowed_hosts=["example.com", "*.example.org"])
    if valid_host(host) and layer.allows(host_name(host)):
        bare = host.lower().partition(":")[0].removesuffix(".")
        assert bare == "example.com" or bare.endswith(".example.org")


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        ([], "allows no host"),
        (["https://example.com/"], 'allowed_hosts=["example.com"]'),
        (["example.com:443"], 'allowed_hosts=["example.com"]'),
        (["*example.com"], "can never be"),
        (["a.*.com"], "can never be"),
        ([".example.com"], 'allowed_hosts=["example.com"]'),
        (["::1"], 'allowed_hosts=["[::1]"]'),
        ([""], "can never be"),
    ],
)
def test_mistakes_are_told_at_start_up(hosts: list[str], words: str) -> None:
    with pytest.raises(SetupError) as caught:
        TrustedHostMiddleware(allowed_hosts=hosts)
    assert caught.value.code == "KETCH-MW-014"
    assert words in str(caught.value)


def test_a_single_string_is_told_at_start_up() -> None:
    hosts: Any = "example.com"
    with pytest.raises(SetupError, match="letter by letter") as caught:
        TrustedHostMiddleware(allowed_hosts=hosts)
    assert caught.value.code == "KETCH-MW-010"
