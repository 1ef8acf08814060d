"""Testing: clients that drive an application without a server, and the pytest plugin.

httpx2 is imported when a client is first asked for, so the rest of this package needs nothing installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ketch.testing.client import AsyncTestClient, TestClient, WebSocketDenied
    from ketch.testing.session import AsyncWebSocketSession, WebSocketSession

__all__ = [
    "AsyncTestClient",
    "AsyncWebSocketSession",
    "TestClient",
    "WebSocketDenied",
    "WebSocketSession",
]

_HOMES = {
    "AsyncTestClient": "client",
    "AsyncWebSocketSession": "session",
    "TestClient": "client",
    "WebSocketDenied": "client",
    "WebSocketSession": "session",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
