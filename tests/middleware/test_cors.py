"""Cross-origin requests: who may read, what preflights answer, and what cannot be configured."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.response import PlainTextResponse, Response
from ketch.kernel.errors import SetupError
from ketch.middleware import CORSMiddleware
from ketch.testing import TestClient, WebSocketDenied
from tests.middleware.onion_app import Onion, broken, client_of

SHOP = "https://shop.example"


def preflight(
    client: TestClient, origin: str = SHOP, method: str = "POST", headers: str | None = None, **more: str
) -> Any:
    sent = {"Origin": origin, "Access-Control-Request-Method": method, **more}
    if headers is not None:
        sent["Access-Control-Request-Headers"] = headers
    return client.options("/", headers=sent)


# -- ordinary requests


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://shop.example", True),
        ("https://SHOP.example", False),
        ("https://shop.example:443", False),
        ("http://shop.example", False),
        ("https://shop.example.evil.example", False),
        ("https://evil-shop.example", False),
        ("https://a.tenant.example", True),
        ("https://a.tenant.example.evil.example", False),
        ("https://evil.example/https://a.tenant.example", False),
        ("null", False),
        ("https://[::1]:3000", True),
        ("https://x" * 100, False),
    ],
)
def test_only_allowed_origins_get_permission(origin: str, allowed: bool) -> None:
    cors = CORSMiddleware(
        allow_origins=["https://Shop.example:443", "https://[::1]:3000"],
        allow_origin_regex=r"https://[a-z]+\.tenant\.example",
        allow_credentials=True,
        expose_headers=["X-Total"],
    )
    response = client_of(cors).get("/", headers={"Origin": origin})
    assert response.text == "hello"
    assert response.headers["vary"] == "Origin"
    assert response.headers.get("access-control-allow-origin") == (origin if allowed else None)
    assert response.headers.get("access-control-allow-credentials") == ("true" if allowed else None)
    assert response.headers.get("access-control-expose-headers") == ("X-Total" if allowed else None)


def test_vary_is_there_without_an_origin_and_beside_others() -> None:
    async def varied(request: Any) -> Response:
        return PlainTextResponse("x", headers={"Vary": "Accept"})

    assert client_of(CORSMiddleware(allow_origins=[SHOP])).get("/").headers["vary"] == "Origin"
    response = client_of(CORSMiddleware(allow_origins=[SHOP]), handler=varied).get("/")
    assert response.headers["vary"] == "Accept, Origin"


def test_everybody_means_everybody_and_never_varies() -> None:
    client = client_of(CORSMiddleware(allow_origins=["*"]))
    for headers in ({}, {"Origin": SHOP}, {"Origin": "null"}):
        response = client.get("/", headers=headers)
        assert response.headers["access-control-allow-origin"] == "*"
        assert "vary" not in response.headers
        assert "access-control-allow-credentials" not in response.headers


def test_two_origins_are_none() -> None:
    client = client_of(CORSMiddleware(allow_origins=[SHOP]))
    response = client.get("/", headers=[("Origin", SHOP), ("Origin", "https://evil.example")])
    assert "access-control-allow-origin" not in response.headers


def test_errors_carry_the_headers_too() -> None:
    client = client_of(CORSMiddleware(allow_origins=[SHOP], allow_credentials=True), handler=broken)
    response = client.get("/", headers={"Origin": SHOP})
    assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == SHOP
    assert response.headers["access-control-allow-credentials"] == "true"
    assert response.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in client.get("/", headers={"Origin": "https://x.example"}).headers


def test_one_policy_wins_over_what_a_handler_said() -> None:
    async def loose(request: Any) -> Response:
        return PlainTextResponse("x", headers={"Access-Control-Allow-Origin": "*"})

    response = client_of(CORSMiddleware(allow_origins=[SHOP]), handler=loose).get("/", headers={"Origin": SHOP})
    assert response.headers.get_list("access-control-allow-origin") == [SHOP]


# -- preflights


def test_a_preflight_is_answered_before_anything_else() -> None:
    onion = Onion(broken, CORSMiddleware(allow_origins=[SHOP], allow_methods=["POST"], allow_headers=["X-Token"]))
    response = preflight(TestClient(onion), headers="x-token, content-type")
    assert (response.status_code, response.content, onion.seen) == (204, b"", [])
    assert response.headers["access-control-allow-origin"] == SHOP
    assert response.headers["access-control-allow-methods"] == "POST"
    assert response.headers["access-control-max-age"] == "600"
    assert response.headers["vary"] == "Origin"
    told = "Accept, Accept-Language, Content-Language, Content-Type, X-Token"
    assert response.headers["access-control-allow-headers"] == told


def test_an_options_request_that_is_no_preflight_goes_on() -> None:
    onion = Onion(broken, CORSMiddleware(allow_origins=[SHOP]))
    TestClient(onion).options("/")
    TestClient(onion).options("/", headers={"Origin": SHOP})
    assert len(onion.seen) == 2


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"origin": "https://evil.example"}, "origin"),
        ({"method": "DELETE"}, "method"),
        ({"method": "post"}, "method"),
        ({"headers": "X-Other"}, "headers"),
        ({"headers": "X-Token, \x7f"}, "headers"),
        ({"headers": "a b"}, "headers"),
        ({"headers": ",".join(["X-Token"] * 65)}, "headers"),
        ({"Access-Control-Request-Private-Network": "true"}, "private network"),
        ({"origin": "null", "method": "X", "headers": "X-Y"}, "origin, method, headers"),
    ],
)
def test_a_refused_preflight_says_why(asked: dict[str, str], refused: str) -> None:
    cors = CORSMiddleware(allow_origins=[SHOP], allow_methods=["POST"], allow_headers=["X-Token"])
    response = preflight(client_of(cors), **asked)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == f"Disallowed CORS {refused}."
    assert response.headers["vary"] == "Origin"
    assert ("access-control-allow-origin" in response.headers) is ("origin" not in refused)
    assert "access-control-allow-methods" not in response.headers


def test_any_header_is_told_by_name() -> None:
    cors = CORSMiddleware(allow_origins=[SHOP], allow_headers=["*"], allow_methods=["*"], allow_credentials=True)
    response = preflight(client_of(cors), method="PATCH", headers="X-One, x-two,")
    assert response.status_code == 204
    assert response.headers["access-control-allow-headers"] == "X-One, x-two"
    assert response.headers["access-control-allow-methods"] == "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    assert response.headers["vary"] == "Origin, Access-Control-Request-Headers"
    assert "access-control-allow-headers" not in preflight(client_of(cors)).headers


def test_private_networks_when_asked_for() -> None:
    cors = CORSMiddleware(allow_origins=[SHOP], allow_methods=["POST"], allow_private_network=True)
    asked = preflight(client_of(cors), **{"Access-Control-Request-Private-Network": "true"})
    assert (asked.status_code, asked.headers["access-control-allow-private-network"]) == (204, "true")
    assert "access-control-allow-private-network" not in preflight(client_of(cors)).headers


@given(origin=st.text(st.characters(max_codepoint=255), max_size=30), names=st.text(st.characters(max_codepoint=255)))
def test_no_preflight_breaks_it(origin: str, names: str) -> None:
    cors = CORSMiddleware(allow_origins=[SHOP], allow_headers=["*"])
    scope = {
        "type": "http",
        "method": "OPTIONS",
        "path": "/",
        "headers": [
            (b"origin", origin.encode("latin-1")),
            (b"access-control-request-method", b"GET"),
            (b"access-control-request-headers", names.encode("latin-1")),
        ],
    }
    import asyncio

    from ketch.http.request import Request

    async def never(request: Any) -> Response:
        raise AssertionError

    async def receive() -> Any:
        raise AssertionError

    response = asyncio.run(cors(Request(scope, receive), never))
    assert response.status_code == (204 if response.headers.get("access-control-allow-methods") else 400)
    assert origin == SHOP or "access-control-allow-origin" not in response.headers


# -- WebSockets


@pytest.mark.parametrize(
    ("origin", "opens"),
    [(SHOP, True), ("http://testserver", True), ("http://testserver:80", True), (None, True)]
    + [
        (other, False)
        for other in ("https://evil.example", "https://testserver", "http://testserver:8000", "null", "x")
    ],
)
def test_a_websocket_opens_to_ourselves_and_the_allowed(origin: str | None, opens: bool) -> None:
    onion = Onion(broken, CORSMiddleware(allow_origins=[SHOP], allow_credentials=True))
    client = TestClient(onion)
    headers = {} if origin is None else {"Origin": origin}
    if opens:
        with client.websocket_connect("/", headers=headers) as ws:
            assert ws.receive_text() == "welcome"
        assert onion.seen[0].scope.get("ketch.origin_allowed", False) is (origin == SHOP)
        return
    with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/", headers=headers):
        pass
    assert (caught.value.response.status_code, onion.seen) == (403, [])


def test_a_websocket_with_a_bad_host_is_refused() -> None:
    client = client_of(CORSMiddleware(allow_origins=[SHOP]))
    headers = {"Origin": "https://evil.example", "Host": "a b"}
    with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/", headers=headers):
        pass
    assert caught.value.response.status_code == 400


# -- what cannot be configured


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"allow_origins": "https://a.example"}, "KETCH-MW-010", 'allow_origins=["https://a.example"]'),
        ({"allow_methods": [1]}, "KETCH-MW-010", "not a list of strings"),
        ({"allow_headers": ["X Y"]}, "KETCH-MW-010", "'X Y' is not a name"),
        ({"expose_headers": ["a\r\nb"]}, "KETCH-MW-010", "is not a name"),
        ({"max_age": "600"}, "KETCH-MW-010", "whole number"),
        ({"max_age": -1}, "KETCH-MW-010", "whole number"),
        ({"allow_origins": ["*"], "allow_credentials": True}, "KETCH-MW-011", 'allows "*"'),
        ({"allow_origins": ["null"], "allow_credentials": True}, "KETCH-MW-011", 'allows "null"'),
        ({"allow_origin_regex": ".*", "allow_credentials": True}, "KETCH-MW-011", "matches every origin"),
        ({"allow_origin_regex": "https?://.+", "allow_credentials": True}, "KETCH-MW-011", "matches every origin"),
        ({"allow_origins": ["https://a.example/"]}, "KETCH-MW-012", 'allow_origins=["https://a.example"]'),
        ({"allow_origins": ["https://a.example/path"]}, "KETCH-MW-012", 'allow_origins=["https://a.example"]'),
        ({"allow_origins": ["a.example"]}, "KETCH-MW-012", 'allow_origins=["https://a.example"]'),
        ({"allow_origins": ["https://u@a.example"]}, "KETCH-MW-012", "is not an origin"),
        ({"allow_origins": [""]}, "KETCH-MW-012", "is not an origin"),
        ({"allow_origins": ["https://*.a.example"]}, "KETCH-MW-012", r'r"https://[a-z0-9\-]+\.a\.example"'),
        ({"allow_origin_regex": "("}, "KETCH-MW-013", "not a regular expression"),
        ({"allow_origin_regex": 3}, "KETCH-MW-013", "not a regular expression"),
    ],
)
def test_mistakes_are_told_at_start_up(options: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(SetupError) as caught:
        CORSMiddleware(**options)
    assert caught.value.code == code
    assert words in str(caught.value)
