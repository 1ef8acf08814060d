"""Headers that tell browsers to be careful."""

from __future__ import annotations

from typing import Any

import pytest

from ketch.http.response import HTMLResponse, JSONResponse, Response
from ketch.kernel.errors import SetupError
from ketch.middleware import SecurityHeadersMiddleware
from tests.middleware.onion_app import broken, client_of

DEFAULT_POLICY = "object-src 'none'; base-uri 'self'; frame-ancestors 'self'"


async def page(request: Any) -> Response:
    return HTMLResponse(getattr(request.state, "csp_nonce", "none"))


def test_the_defaults() -> None:
    secure = client_of(SecurityHeadersMiddleware(), base_url="https://x.example", handler=page).get("/")
    assert secure.headers["strict-transport-security"] == "max-age=31536000"
    assert secure.headers["cross-origin-opener-policy"] == "same-origin"
    assert secure.headers["content-security-policy"] == DEFAULT_POLICY
    assert "permissions-policy" not in secure.headers
    plain = client_of(SecurityHeadersMiddleware(), handler=page).get("/")
    assert "strict-transport-security" not in plain.headers


def test_errors_carry_them() -> None:
    response = client_of(SecurityHeadersMiddleware(), base_url="https://x.example", handler=broken).get("/")
    assert response.status_code == 500
    assert response.headers["strict-transport-security"] == "max-age=31536000"
    assert response.headers["cross-origin-opener-policy"] == "same-origin"


def test_every_header() -> None:
    layer = SecurityHeadersMiddleware(
        hsts=63_072_000,
        hsts_include_subdomains=True,
        hsts_preload=True,
        permissions_policy={"camera": [], "geolocation": ["self", "https://maps.example"], "fullscreen": "*"},
        referrer_policy="no-referrer",
        cross_origin_opener_policy=None,
        cross_origin_embedder_policy="require-corp",
        cross_origin_resource_policy="same-site",
    )
    headers = client_of(layer, base_url="https://x.example").get("/").headers
    assert headers["strict-transport-security"] == "max-age=63072000; includeSubDomains; preload"
    assert headers["permissions-policy"] == 'camera=(), geolocation=(self "https://maps.example"), fullscreen=*'
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-resource-policy"] == "same-site"
    assert "cross-origin-opener-policy" not in headers


def test_what_a_handler_said_stays() -> None:
    async def own(request: Any) -> Response:
        said = {
            "Strict-Transport-Security": "max-age=1",
            "Cross-Origin-Opener-Policy": "unsafe-none",
            "Content-Security-Policy": "default-src 'none'",
            "Referrer-Policy": "origin",
        }
        return HTMLResponse("x", headers=said)

    layer = SecurityHeadersMiddleware(content_security_policy="default-src *", referrer_policy="no-referrer")
    headers = client_of(layer, base_url="https://x.example", handler=own).get("/").headers
    assert headers.get_list("strict-transport-security") == ["max-age=1"]
    assert headers.get_list("cross-origin-opener-policy") == ["unsafe-none"]
    assert headers.get_list("content-security-policy") == ["default-src 'none'"]
    assert headers.get_list("referrer-policy") == ["origin"]


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("default-src 'self'; img-src *", "default-src 'self'; img-src *"),
        ({"default-src": ["'self'"], "IMG-src": "*"}, "default-src 'self'; img-src *"),
        ({"upgrade-insecure-requests": []}, "upgrade-insecure-requests"),
    ],
)
def test_a_policy_of_ones_own_on_pages_only(policy: Any, text: str) -> None:
    layer = SecurityHeadersMiddleware(content_security_policy=policy)
    response = client_of(layer, handler=page).get("/")
    assert response.headers.get_list("content-security-policy") == [text]
    assert response.headers["x-frame-options"] == "SAMEORIGIN"

    async def data(request: Any) -> Response:
        return JSONResponse({})

    assert "content-security-policy" not in client_of(layer, handler=data).get("/").headers


def test_a_policy_that_speaks_of_frames_has_the_last_word() -> None:
    layer = SecurityHeadersMiddleware(content_security_policy={"frame-ancestors": ["https://partner.example"]})
    headers = client_of(layer, handler=page).get("/").headers
    assert headers["content-security-policy"] == "frame-ancestors https://partner.example"
    assert "x-frame-options" not in headers


def test_report_only_leaves_the_policy_in_force() -> None:
    layer = SecurityHeadersMiddleware(content_security_policy="default-src 'none'", report_only=True)
    headers = client_of(layer, handler=page).get("/").headers
    assert headers["content-security-policy-report-only"] == "default-src 'none'"
    assert headers["content-security-policy"] == DEFAULT_POLICY


def test_nonces_are_fresh_and_the_pages_own() -> None:
    client = client_of(SecurityHeadersMiddleware(nonces=True), handler=page)
    first, second = client.get("/"), client.get("/")
    assert first.text != second.text
    assert len(first.text) == 24
    policy = first.headers["content-security-policy"]
    assert f"script-src 'self' 'nonce-{first.text}'; style-src 'self' 'nonce-{first.text}'" in policy
    assert policy.count("nonce-") == 2


def test_nonces_in_a_policy_of_ones_own() -> None:
    policy = {"default-src": ["'none'"], "style-src": ["'self'"]}
    client = client_of(SecurityHeadersMiddleware(nonces=True, content_security_policy=policy), handler=page)
    response = client.get("/")
    nonce = f"'nonce-{response.text}'"
    expected = f"default-src 'none'; style-src 'self' {nonce}; script-src {nonce}"
    assert response.headers["content-security-policy"] == expected


def test_a_304_keeps_the_nonce_that_the_page_has() -> None:
    async def unchanged(request: Any) -> Response:
        return Response(status_code=304, headers={"Content-Type": "text/html", "ETag": '"1"'})

    response = client_of(SecurityHeadersMiddleware(nonces=True), handler=unchanged).get("/")
    assert "nonce" not in response.headers.get("content-security-policy", "")


def test_websockets_are_left_alone() -> None:
    with client_of(SecurityHeadersMiddleware(nonces=True)).websocket_connect("/") as ws:
        assert ws.receive_text() == "welcome"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"hsts": -1}, "KETCH-MW-010"),
        ({"hsts": True}, "KETCH-MW-010"),
        ({"hsts_preload": True}, "KETCH-MW-020"),
        ({"hsts": 300, "hsts_preload": True, "hsts_include_subdomains": True}, "KETCH-MW-020"),
        ({"content_security_policy": "default-src 'self'\nX-Evil: 1"}, "KETCH-MW-019"),
        ({"content_security_policy": {"img-src": ["a; script-src *"]}}, "KETCH-MW-019"),
        ({"content_security_policy": {"img-src": ["a, b"]}}, "KETCH-MW-019"),
        ({"content_security_policy": {"": ["*"]}}, "KETCH-MW-019"),
        ({"permissions_policy": {"camera": ['x" y']}}, "KETCH-MW-019"),
        ({"permissions_policy": {"camera=(), x": []}}, "KETCH-MW-019"),
        ({"referrer_policy": "a\r\nb"}, "KETCH-MW-019"),
        ({"cross_origin_opener_policy": 3}, "KETCH-MW-019"),
    ],
)
def test_mistakes_are_told_at_start_up(options: dict[str, Any], code: str) -> None:
    with pytest.raises(SetupError) as caught:
        SecurityHeadersMiddleware(**options)
    assert caught.value.code == code
