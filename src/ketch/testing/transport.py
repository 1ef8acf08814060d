"""Two httpx2 transports over one exchange: how a request of httpx2 becomes a call of an ASGI application."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2

from ketch.testing.driver import Driver, Target
from ketch.testing.exchange import HTTPExchange, Truncated
from ketch.testing.loop import Errands, LoopThread, pulled

PATIENCE = 5.0
"""Seconds that a thread gets to end."""


def target_of(request: httpx2.Request) -> Target:
    """Host header first, as HTTP asks; `extensions={"target": b"/a/../b"}` sends a path that a URL cannot hold."""
    headers = list(request.headers.raw)
    if "host" not in request.headers:
        headers.insert(0, (b"host", request.url.netloc))
    raw: bytes = request.extensions.get("target", request.url.raw_path)
    raw_path, _, query = raw.partition(b"?")
    url = request.url
    return Target(url.scheme, url.raw_host.decode("ascii"), url.port, raw_path, query, headers)


def seconds_of(request: httpx2.Request) -> float | None:
    """The time-out given for this request, in seconds. httpx2 keeps four; a test client has one use for them."""
    timeout: float | None = request.extensions.get("timeout", {}).get("read")
    return timeout


def response_of(request: httpx2.Request, exchange: HTTPExchange, stream: Any) -> httpx2.Response:
    extensions: dict[str, Any] = {"http_version": b"HTTP/1.1", "http.response.trailers": exchange.trailers}
    if exchange.debug is not None:
        extensions["http.response.debug"] = exchange.debug
    return httpx2.Response(
        exchange.status, headers=exchange.headers, stream=stream, extensions=extensions, request=request
    )


@contextmanager
def told_by_httpx(request: httpx2.Request) -> Iterator[None]:
    try:
        yield
    except Truncated as error:
        raise httpx2.RemoteProtocolError(str(error), request=request) from None


class AsyncStream(httpx2.AsyncByteStream):
    """The body of a response, as the application sends it."""

    def __init__(self, request: httpx2.Request, exchange: HTTPExchange) -> None:
        self._request = request
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with told_by_httpx(self._request):
            while (piece := await self._exchange.chunk()) is not None:
                yield piece

    async def aclose(self) -> None:
        await self._exchange.close()


class AsyncTransport(httpx2.AsyncBaseTransport):
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._driver.start(lazily=True)
        exchange = self._driver.exchange(request.method, target_of(request), _body(request), seconds_of(request))
        with told_by_httpx(request):
            await exchange.head()
        return response_of(request, exchange, AsyncStream(request, exchange))


def _body(request: httpx2.Request) -> bytes | AsyncIterator[bytes]:
    if isinstance(request.stream, httpx2.ByteStream):
        return request.read()
    assert isinstance(request.stream, AsyncIterable)
    return aiter(request.stream)


class Stage:
    """The thread in which the application of a synchronous client lives, from the first use to `stop`."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self._lock = threading.RLock()
        self._thread: LoopThread | None = None

    def start(self, *, lazily: bool) -> LoopThread:
        """The thread, with the application started in it. Raises what its start-up raised."""
        with self._lock:
            if self._thread is None:
                thread = LoopThread()
                try:
                    what = "the application to start"
                    thread.call(lambda: self.driver.start(lazily=lazily), self.driver.seconds, what)
                except BaseException:
                    _end(thread)
                    raise
                self._thread = thread
            return self._thread

    def stop(self) -> None:
        """Shut the application down and end the thread. Raises what the shutdown raised."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        try:
            thread.call(self.driver.stop, self.driver.seconds, "the application to stop")
        finally:
            _end(thread)

    def stop_quietly(self) -> None:
        """For the garbage collector and the interpreter's exit: shut down, wait a little, raise nothing."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop(PATIENCE, self.driver.stop)


def _end(thread: LoopThread) -> None:
    if not thread.stop(PATIENCE):
        raise TimeoutError(f"waited {PATIENCE:g} s for the event loop to end; it is blocked by {thread.blocked_by()}")


class SyncStream(httpx2.SyncByteStream):
    """The body of a response, as the application sends it, handed from the loop's thread."""

    def __init__(self, request: httpx2.Request, exchange: HTTPExchange, thread: LoopThread, errands: Errands) -> None:
        self._request = request
        self._exchange = exchange
        self._thread = thread
        self._errands = errands
        self._seconds = exchange.seconds

    def __iter__(self) -> Iterator[bytes]:
        with told_by_httpx(self._request):
            what = "the response's body"
            while (piece := self._thread.call(self._exchange.chunk, self._seconds, what, self._errands)) is not None:
                yield piece

    def close(self) -> None:
        if not self._thread.stopped:
            self._thread.call(self._exchange.close, self._seconds, "the response to close", self._errands)


class SyncTransport(httpx2.BaseTransport):
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        thread = self._stage.start(lazily=True)
        driver = self._stage.driver
        errands = Errands()

        async def begin() -> HTTPExchange:
            body = _handed_body(request, errands)
            exchange = driver.exchange(request.method, target_of(request), body, seconds_of(request))
            await exchange.head()
            return exchange

        with told_by_httpx(request):
            what = f"the response's head, {request.method} {request.url}"
            exchange = thread.call(begin, seconds_of(request) or driver.seconds, what, errands)
        return response_of(request, exchange, SyncStream(request, exchange, thread, errands))


def _handed_body(request: httpx2.Request, errands: Errands) -> bytes | AsyncIterator[bytes]:
    if isinstance(request.stream, httpx2.ByteStream):
        return request.read()
    assert isinstance(request.stream, httpx2.SyncByteStream)
    return pulled(request.stream, errands)
