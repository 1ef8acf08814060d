"""The middleware in a whole application, through its edge."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ketch import App, Request, Router, SetupError, StreamingResponse, WebSocket
from ketch.http.request_id import stamp_record
from ketch.middleware import (
    CompressionMiddleware,
    CORSMiddleware,
    HTTPSRedirectMiddleware,
    ProxyHeadersMiddleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
    TrustedHostMiddleware,
)
from ketch.testing import TestClient, WebSocketDenied

SHOP = "https://shop.example"


def application() -> App:
    app = App()

    @app.get("/hello/{name}")
    async def hello(name: str) -> dict[str, str]:
        return {"message": f"Hello, {name}."}

    @app.get("/who")
    async def who(request: Request) -> dict[str, Any]:
        assert request.client is not None
        return {"url": str(request.url), "client": request.client.host, "id": request.state.request_id, "x": "x" * 200}

    @app.get("/boom")
    async def boom() -> str:
        raise ValueError("boom")

    @app.get("/lines")
    async def lines() -> StreamingResponse:
        async def made() -> AsyncIterator[str]:
            for number in range(100):
                yield f"line {number}\n"

        return StreamingResponse(made(), media_type="text/plain")

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():
            await websocket.send_text(text * 2)

    app.add_middleware(CompressionMiddleware, minimum_size=20)
    app.add_middleware(SecurityHeadersMiddleware)
    app.add_middleware(CORSMiddleware, allow_origins=[SHOP], allow_credentials=True, allow_methods=["*"])
    app.add_middleware(HTTPSRedirectMiddleware)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["testserver"])
    app.add_middleware(RequestIDMiddleware)
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=["10.0.0.0/8"])
    return app


PROXIED = {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "Origin": SHOP}


@pytest.fixture
def client() -> Any:
    with TestClient(
        application(), client=("10.0.0.1", 1), raise_server_exceptions=False, headers=PROXIED, follow_redirects=False
    ) as client:
        yield client


def test_a_request_through_all_of_it(client: TestClient) -> None:
    answer = client.get("/who")
    shown = answer.json()
    assert (shown["url"], shown["client"]) == ("https://testserver/who", "1.2.3.4")
    assert answer.headers["x-request-id"] == shown["id"]
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["strict-transport-security"]
    assert answer.headers["content-encoding"] in ("gzip", "zstd")
    assert answer.headers["vary"] == "Origin, Accept-Encoding"


@pytest.mark.parametrize(("path", "status"), [("/boom", 500), ("/missing", 404)])
def test_failures_have_all_headers(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["strict-transport-security"]
    assert len(answer.headers["x-request-id"]) == 32


def test_a_preflight_before_routing(client: TestClient) -> None:
    answer = client.options("/missing", headers={"Access-Control-Request-Method": "PUT"})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, SHOP)


def test_a_stream_is_compressed_and_whole(client: TestClient) -> None:
    answer = client.get("/lines")
    assert answer.headers["content-encoding"] in ("gzip", "zstd")
    assert answer.text.splitlines()[-1] == "line 99"


def test_head(client: TestClient) -> None:
    answer = client.head("/who")
    assert (answer.status_code, answer.content) == (200, b"")
    assert "content-length" not in answer.headers


def test_what_the_outer_layers_refuse(client: TestClient) -> None:
    assert client.get("/who", headers={"Host": "evil.example"}).status_code == 400
    redirect = client.get("/who", headers={"X-Forwarded-Proto": "http"})
    assert (redirect.status_code, redirect.headers["location"]) == (307, "https://testserver/who")


def test_websockets(client: TestClient) -> None:
    # With cookies from another origin: the framework's own rule lets it pass because CORS allows it.
    with client.websocket_connect("/ws", headers={"Cookie": "a=b"}) as ws:
        ws.send_text("ab")
        assert ws.receive_text() == "abab"
        assert b"x-request-id" in dict(ws.headers)
    refused: list[tuple[dict[str, str], int]] = [
        ({"Origin": "https://evil.example"}, 403),
        ({"Host": "evil.example"}, 400),
        ({"X-Forwarded-Proto": "http"}, 403),
    ]
    for headers, status in refused:
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws", headers=headers):
            pass
        assert caught.value.response.status_code == status


def test_the_id_is_in_the_log_of_a_failure(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(stamp_record)
    try:
        answer = client.get("/boom")
    finally:
        caplog.handler.removeFilter(stamp_record)
    failed = next(record for record in caplog.records if record.levelno == logging.ERROR)
    assert failed.__dict__["request_id"] == answer.headers["x-request-id"]


def test_on_a_router_alone() -> None:
    app = App()
    api = Router(prefix="/api", middleware=[CORSMiddleware(allow_origins=["*"])])

    @api.get("/x")
    async def x() -> str:
        return "x"

    @app.get("/y")
    async def y() -> str:
        return "y"

    app.include_router(api)
    with TestClient(app) as client:
        assert client.get("/api/x").headers["access-control-allow-origin"] == "*"
        assert client.get("/api/missing").headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-origin" not in client.get("/y").headers
        asked = {"Origin": SHOP, "Access-Control-Request-Method": "GET"}
        assert client.options("/api/x", headers=asked).headers["access-control-allow-origin"] == "*"


def test_a_wrong_option_stops_the_start() -> None:
    app = App()
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["https://x"])
    with pytest.raises(SetupError) as caught, TestClient(app):
        pass
    assert {fault.code for fault in caught.value.faults} == {"KETCH-MW-011", "KETCH-MW-014"}
