"""What a person reads when a handler fails: at most five frames from the server to the handler."""

from __future__ import annotations

import os
import traceback

import pytest

from ketch import App
from ketch.testing import TestClient


def test_frames_from_the_edge_to_the_handler(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("KETCH_ENV", "dev")
    app = App(openapi_url=None, docs_url=None)

    @app.get("/orders/{id}")
    async def show_order(id: int) -> str:
        raise RuntimeError("lost")

    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/orders/7").status_code == 500
    logged = next(record.exc_info for record in caplog.records if record.exc_info)
    frames = traceback.extract_tb(logged[2])
    assert [
        (os.path.basename(frame.filename) if frame.filename[0] == "/" else frame.filename, frame.name)
        for frame in frames
    ] == [
        ("asgi.py", "__call__"),
        ("run.py", "run"),
        ("<GET /orders/{id} -> show_order>", "call"),
        ("test_traceback.py", "show_order"),
    ]
