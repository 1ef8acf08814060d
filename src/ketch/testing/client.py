"""`TestClient` and `AsyncTestClient`: httpx2's clients, talking to an application in the same process."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

try:
    import httpx2
except ImportError as error:
    raise ImportError('The test clients need httpx2:  pip install "ketch[test]"') from error

from ketch.http.websocket import WebSocketDisconnect
from ketch.testing.driver import Driver, Target
from ketch.testing.exchange import ASGIApp, RawHeaders
from ketch.testing.session import AsyncWebSocketSession, WebSocketSession
from ketch.testing.transport import AsyncTransport, Stage, SyncTransport, target_of
from ketch.testing.waiting import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from httpx2._types import CookieTypes, HeaderTypes, QueryParamTypes


class WebSocketDenied(WebSocketDisconnect):
    """The application answered a WebSocket's handshake with an HTTP response: `response` is it.

    An application that closes before it accepts is answered for by a server with 403; `code` and `reason` are what it
    closed with then.
    """

    def __init__(self, response: httpx2.Response, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.response = response

    def __str__(self) -> str:
        return f"the WebSocket was denied: {self.response.status_code} {self.response.reason_phrase} {self.reason}"


class _Common:
    """What does not depend on `await`. Mixed into both clients, before httpx2's class."""

    app: Any

    def override(self, replacements: Mapping[Any, Any]) -> AbstractContextManager[Any]:
        """`with client.override({Mailer: outbox}):` is the application's own `override`."""
        override = getattr(self.app, "override", None)
        if override is None:
            raise TypeError(f"{type(self.app).__name__} has no override(): it is not a Ketch application")
        replaced: AbstractContextManager[Any] = override(replacements)
        return replaced


def _setting(
    app: ASGIApp,
    base_url: str,
    headers: HeaderTypes | None,
    cookies: CookieTypes | None,
    follow_redirects: bool,
    timeout: float,
) -> dict[str, Any]:
    """The arguments for httpx2's constructors that both clients share."""
    if not callable(app):
        raise TypeError(f"a test client drives an ASGI application, not {app!r}")
    # A test is a test even when nothing else said so; whoever set another mode meant it.
    os.environ.setdefault("KETCH_ENV", "test")
    defaults = httpx2.Headers({"user-agent": "testclient", "sec-fetch-site": "same-origin"})
    defaults.update(headers)
    return {
        "base_url": base_url,
        "headers": defaults,
        "cookies": cookies,
        "follow_redirects": follow_redirects,
        "timeout": timeout,
    }


def _handshake(
    client: httpx2.Client | httpx2.AsyncClient,
    url: str,
    subprotocols: Sequence[str],
    headers: HeaderTypes | None,
    params: QueryParamTypes | None,
) -> tuple[Target, httpx2.Request]:
    """The request of RFC 6455, 4.1, with the client's own headers and cookies. The URL may say ws, wss or a path."""
    merged = httpx2.Headers(headers)
    merged.setdefault("connection", "upgrade")
    merged.setdefault("upgrade", "websocket")
    merged.setdefault("sec-websocket-key", "dGVzdGNsaWVudCBub25jZQ==")
    merged.setdefault("sec-websocket-version", "13")
    if subprotocols:
        merged.setdefault("sec-websocket-protocol", ", ".join(subprotocols))
    for scheme, http in (("ws://", "http://"), ("wss://", "https://")):
        if url.startswith(scheme):  # cookies know the schemes of HTTP only
            url = http + url.removeprefix(scheme)
    request = client.build_request("GET", url, headers=merged, params=params)
    return target_of(request), request


def _session(
    client: httpx2.Client | httpx2.AsyncClient,
    driver: Driver,
    url: str,
    subprotocols: Sequence[str] | None,
    headers: HeaderTypes | None,
    params: QueryParamTypes | None,
) -> AsyncWebSocketSession:
    target, request = _handshake(client, url, subprotocols or (), headers, params)

    def refusal(status: int, headers: RawHeaders, body: bytes, code: int, reason: str) -> WebSocketDenied:
        response = httpx2.Response(status, headers=headers, content=body, request=request)
        client.cookies.extract_cookies(response)
        return WebSocketDenied(response, code, reason)

    def accepted(headers: RawHeaders) -> None:
        client.cookies.extract_cookies(httpx2.Response(101, headers=headers, request=request))

    offered = request.headers.get("sec-websocket-protocol", "")
    offers = [word.strip() for word in offered.split(",") if word.strip()]
    return driver.session(target, offers, refusal=refusal, accepted=accepted)


class TestClient(_Common, httpx2.Client):
    """An HTTP client for tests, without a server and without a socket.

    `with TestClient(app) as client:` starts the application's lifespan, in an event loop in a thread of its own, and
    shuts it down at the end. Without `with` the application is started before the first request and shut down by
    `close()`, when the client is garbage, or when the interpreter exits.

    `raise_server_exceptions`: what the application raises reaches the test; if False the test sees the response a
    client would see. `client` is the peer's address. `root_path` is passed as it is; paths are not changed by it.
    `timeout`: seconds to wait for any one thing; every request may say its own. TimeoutError tells what was awaited.
    All of httpx2.Client works: cookies, auth, `stream`, `base_url`; redirects are followed unless told otherwise.
    """

    __test__ = False  # pytest would collect a class of this name

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        *,
        cookies: CookieTypes | None = None,
        headers: HeaderTypes | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] = ("testclient", 50000),
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        setting = _setting(app, base_url, headers, cookies, follow_redirects, timeout)
        self.app = app
        self._stage = Stage(Driver(app, root_path, client, raise_server_exceptions, timeout))
        self._entered = False
        super().__init__(transport=SyncTransport(self._stage), **setting)
        # The finalizer must not know the client, or the client would never be garbage.
        weakref.finalize(self, self._stage.stop_quietly)

    def websocket_connect(
        self,
        url: str,
        subprotocols: Sequence[str] | None = None,
        *,
        headers: HeaderTypes | None = None,
        params: QueryParamTypes | None = None,
    ) -> WebSocketSession:
        """`with client.websocket_connect("/ws") as ws:`. Raises WebSocketDenied if the application does not accept."""
        driver = self._stage.driver

        def call(make: Any, seconds: float | None) -> Any:
            thread = self._stage.start(lazily=True)
            return thread.call(make, driver.seconds if seconds is None else seconds, f"the WebSocket {url}")

        return WebSocketSession(lambda: _session(self, driver, url, subprotocols, headers, params), call)

    def __enter__(self) -> Self:
        if self._entered:
            raise RuntimeError("this test client is already open")
        self._stage.start(lazily=False)
        self._entered = True
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        self._entered = False
        self._stage.stop()

    def close(self) -> None:
        """Shut the application down; the client cannot be used afterwards."""
        self._entered = False
        try:
            self._stage.stop()
        finally:
            super().close()


class AsyncTestClient(_Common, httpx2.AsyncClient):
    """`TestClient` for tests that are coroutines: the application runs in the test's own event loop (asyncio).

    `async with AsyncTestClient(app) as client:`. Without it the application is started before the first request; call
    `await client.aclose()`, since nothing can be awaited for you later. Everything else is as in TestClient.
    """

    __test__ = False

    def __init__(
        self,
        app: ASGIApp,
        base_url: str = "http://testserver",
        raise_server_exceptions: bool = True,
        root_path: str = "",
        *,
        cookies: CookieTypes | None = None,
        headers: HeaderTypes | None = None,
        follow_redirects: bool = True,
        client: tuple[str, int] = ("testclient", 50000),
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        setting = _setting(app, base_url, headers, cookies, follow_redirects, timeout)
        self.app = app
        self._driver = Driver(app, root_path, client, raise_server_exceptions, timeout)
        super().__init__(transport=AsyncTransport(self._driver), **setting)

    def websocket_connect(
        self,
        url: str,
        subprotocols: Sequence[str] | None = None,
        *,
        headers: HeaderTypes | None = None,
        params: QueryParamTypes | None = None,
    ) -> AsyncWebSocketSession:
        """`async with client.websocket_connect("/ws") as ws:`. Raises WebSocketDenied if it is not accepted."""
        return _session(self, self._driver, url, subprotocols, headers, params)

    async def __aenter__(self) -> Self:
        await self._driver.start(lazily=False)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._driver.stop()

    async def aclose(self) -> None:
        """Shut the application down; the client cannot be used afterwards."""
        try:
            await self._driver.stop()
        finally:
            await super().aclose()
