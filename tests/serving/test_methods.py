"""What a client may say in the place of a method."""

from __future__ import annotations

import pytest

from ketch import App, WebSocket
from ketch.testing import TestClient

app = App()


@app.websocket("/ws")
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()


@app.websocket("/both")
async def both(websocket: WebSocket) -> None:
    await websocket.accept()


@app.get("/both")
async def page() -> str:
    return "page"


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("WEBSOCKET", "/ws", 404, None),
        ("GET", "/ws", 404, None),
        ("OPTIONS", "/ws", 404, None),
        ("WEBSOCKET", "/both", 405, "GET, HEAD, OPTIONS"),
        ("POST", "/both", 405, "GET, HEAD, OPTIONS"),
        ("OPTIONS", "/both", 204, "GET, HEAD, OPTIONS"),
    ],
)
def test_a_websocket_route_is_reached_by_no_method(method: str, path: str, status: int, allow: str | None) -> None:
    with TestClient(app) as client:
        response = client.request(method, path)
        assert response.status_code == status
        assert response.headers.get("allow") == allow
