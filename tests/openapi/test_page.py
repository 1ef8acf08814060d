from __future__ import annotations

from typing import Any

import pytest

from ketch.openapi.page import policy, relative


@pytest.mark.parametrize(
    ("target", "page", "found"),
    [
        ("/openapi.json", "/docs", "openapi.json"),
        ("/openapi.json", "/docs/", "../openapi.json"),
        ("/openapi.json", "/api/docs", "../openapi.json"),
        ("/api/openapi.json", "/docs", "api/openapi.json"),
        ("/docs/assets/x.js", "/docs", "docs/assets/x.js"),
        ("/docs/assets/x.js", "/docs/oauth2-redirect", "assets/x.js"),
        ("/assets/x.js", "/", "assets/x.js"),
        ("/a/", "/b", "a/"),
    ],
)
def test_relative(target: str, page: str, found: str) -> None:
    assert relative(target, page) == found


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.example.org/v1", "https://api.example.org"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://[::1]:8080/x", "https://[::1]:8080"),
        ("/v1", None),
        ("https://{tenant}.example.org", None),
        ("https://x.org; script-src *", None),
        ("https://user@evil.org/", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_the_policy_lets_requests_go_where_the_document_says(url: str, origin: str | None) -> None:
    rules = policy({"servers": [{"url": url}]})
    assert f"connect-src 'self'{f' {origin}' if origin else ''};" in rules


def test_the_policy_knows_where_tokens_come_from() -> None:
    schemes: dict[str, Any] = {
        "a": {"type": "oauth2", "flows": {"password": {"tokenUrl": "https://id.example.org/token", "scopes": {}}}},
        "b": {"type": "openIdConnect", "openIdConnectUrl": "https://oidc.example.org/.well-known/openid-configuration"},
    }
    rules = policy({"components": {"securitySchemes": schemes}})
    assert "connect-src 'self' https://id.example.org https://oidc.example.org;" in rules
