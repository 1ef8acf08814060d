"""Bare granian over its own RSGI interface: the server without a framework."""

from __future__ import annotations

from typing import Any

TEXT = [("content-type", "text/plain; charset=utf-8")]
JSON = [("content-type", "application/json")]


async def app(scope: Any, proto: Any) -> None:
    if scope.path == "/json":
        proto.response_bytes(200, JSON, b'{"message":"Hello, World!"}')
    else:
        proto.response_str(200, TEXT, "Hello, World!")
