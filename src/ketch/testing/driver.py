"""What both test clients are made of: an application, how its scopes look, and its lifespan, inside one event loop."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from ketch.testing.exchange import ASGIApp, HTTPExchange, RawHeaders, Scope
from ketch.testing.lifespan import Lifespan
from ketch.testing.session import AsyncWebSocketSession, Refusal
from ketch.testing.waiting import DEFAULT_TIMEOUT

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes, as bytes and words that an ASGI scope is made of."""

    scheme: str
    host: str
    port: int | None
    raw_path: bytes
    query: bytes
    headers: RawHeaders


@dataclass(slots=True)
class Driver:
    """Starts the application once, makes scopes, opens exchanges. All coroutines run in one event loop."""

    app: ASGIApp
    root_path: str = ""
    client: tuple[str, int] = ("testclient", 50000)
    raises: bool = True
    seconds: float = DEFAULT_TIMEOUT
    state: dict[str, Any] = field(default_factory=dict)
    _lifespan: Lifespan | None = None
    _started: asyncio.Future[None] | None = None
    _open: weakref.WeakSet[HTTPExchange | AsyncWebSocketSession] = field(default_factory=weakref.WeakSet)

    async def start(self, *, lazily: bool) -> None:
        """Run the application's start-up, once for each event loop; concurrent callers wait for the first.

        `lazily`: before a first request, where an application without a lifespan is no mistake.
        """
        loop = asyncio.get_running_loop()
        if self._started is not None and self._started.get_loop() is loop:
            return await asyncio.shield(self._started)
        self._started = started = loop.create_future()
        try:
            lifespan = Lifespan(self.app, self.state, seconds=self.seconds)
            self._lifespan = lifespan if await lifespan.startup(optional=lazily) else None
        except BaseException as error:
            self._started = None
            if isinstance(error, Exception):
                started.set_exception(error)
                started.exception()  # told here; nobody else need have waited
            else:
                started.cancel()
            raise
        started.set_result(None)

    async def stop(self) -> None:
        """End what is still open, then run the application's shutdown. The driver may be started again."""
        for left in list(self._open):
            await left.drop()
        lifespan, self._lifespan, self._started = self._lifespan, None, None
        if lifespan is not None:
            await lifespan.shutdown()

    def exchange(
        self, method: str, target: Target, body: bytes | AsyncIterator[bytes], seconds: float | None
    ) -> HTTPExchange:
        """Call the application for one HTTP request."""
        scope = self._scope("http", target)
        scope["method"] = method
        scope["extensions"] = {"http.response.trailers": {}, "http.response.debug": {}}
        self._ask_to_raise(scope)
        exchange = HTTPExchange(self.app, scope, body, raises=self.raises, seconds=seconds or self.seconds)
        self._open.add(exchange)
        return exchange

    def session(
        self,
        target: Target,
        subprotocols: list[str],
        *,
        refusal: Refusal,
        accepted: Callable[[RawHeaders], object],
    ) -> AsyncWebSocketSession:
        """A WebSocket that is not open yet."""
        scope = self._scope("websocket", target)
        scope["scheme"] = {"http": "ws", "https": "wss"}.get(target.scheme, target.scheme)
        scope["subprotocols"] = subprotocols
        scope["extensions"] = {"websocket.http.response": {}}
        self._ask_to_raise(scope)
        session = AsyncWebSocketSession(
            self.app, scope, raises=self.raises, seconds=self.seconds, refusal=refusal, accepted=accepted
        )
        self._open.add(session)
        return session

    def _scope(self, kind: str, target: Target) -> Scope:
        return {
            "type": kind,
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": target.scheme,
            "path": unquote(target.raw_path.decode("latin-1")),
            "raw_path": target.raw_path,
            "query_string": target.query,
            "root_path": self.root_path,
            "headers": [(name.lower(), value) for name, value in target.headers],
            "client": self.client,
            "server": (target.host, target.port or _PORTS.get(target.scheme, 80)),
            "state": self.state.copy(),
        }

    def _ask_to_raise(self, scope: Scope) -> None:
        """Ketch's edge answers 500 and then re-raises when it finds this extension; others raise by themselves."""
        if self.raises:
            scope["extensions"]["ketch.raise"] = {}
