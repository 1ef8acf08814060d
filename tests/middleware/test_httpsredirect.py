"""http is sent to https."""

from __future__ import annotations

import pytest

from ketch.middleware import HTTPSRedirectMiddleware
from ketch.testing import WebSocketDenied
from tests.middleware.onion_app import client_of


@pytest.mark.parametrize(
    ("base", "target"),
    [
        ("http://shop.example", "https://shop.example/a?b=c"),
        ("http://shop.example:80", "https://shop.example/a?b=c"),
        ("http://shop.example:443", "https://shop.example/a?b=c"),
        ("http://shop.example:8000", "https://shop.example:8000/a?b=c"),
        ("http://[::1]:8000", "https://[::1]:8000/a?b=c"),
    ],
)
def test_redirects(base: str, target: str) -> None:
    response = client_of(HTTPSRedirectMiddleware(), base_url=base, follow_redirects=False).post("/a?b=c")
    assert (response.status_code, response.headers["location"]) == (307, target)


def test_https_passes_and_permanent_is_308() -> None:
    assert client_of(HTTPSRedirectMiddleware(), base_url="https://shop.example").get("/").text == "hello"
    client = client_of(HTTPSRedirectMiddleware(permanent=True), follow_redirects=False)
    assert client.get("/").status_code == 308


@pytest.mark.parametrize("host", ["a b", "", "x@y", "evil.example/", "a\tb"])
def test_a_hostile_host_is_a_400(host: str) -> None:
    response = client_of(HTTPSRedirectMiddleware(), follow_redirects=False).get("/", headers={"Host": host})
    assert response.status_code == 400
    assert "location" not in response.headers


def test_websockets() -> None:
    with pytest.raises(WebSocketDenied) as caught, client_of(HTTPSRedirectMiddleware()).websocket_connect("/"):
        pass
    assert caught.value.response.status_code == 403
    with client_of(HTTPSRedirectMiddleware()).websocket_connect("wss://testserver/") as ws:
        assert ws.receive_text() == "welcome"
