"""One ASGI exchange by hand: what the client sends is scripted, what the server would send is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from ketch.http.limits import DEFAULT_LIMITS, Limits
from ketch.http.request import Request
from ketch.http.response import Response

RawHeaders = Iterable[tuple[bytes, bytes]]


class Exchange:
    """A client and the server's side of the line. `leave()` disconnects, `leave_after=n` does so after n messages."""

    def __init__(
        self,
        method: str = "GET",
        *,
        headers: RawHeaders = (),
        body: Iterable[bytes] = (b"",),
        limits: Limits = DEFAULT_LIMITS,
        leave_after: int | None = None,
        refuse_after: int | None = None,
        path_params: Mapping[str, str] | None = None,
        extensions: Mapping[str, Any] | None = None,
        query: bytes = b"",
    ) -> None:
        self.sent: list[dict[str, Any]] = []
        self.asked_for = 0
        self._incoming = list(body)
        self._left = asyncio.Event()
        self._leave_after = leave_after
        self._refuse_after = refuse_after
        scope = {
            "type": "http",
            "method": method,
            "path": "/here",
            "query_string": query,
            "scheme": "http",
            "headers": list(headers),
            "extensions": dict(extensions or {}),
        }
        self.request = Request(scope, self.receive, limits)
        if path_params is not None:
            self.request.path_params = dict(path_params)

    def leave(self) -> None:
        self._left.set()

    async def receive(self) -> dict[str, Any]:
        self.asked_for += 1
        if self._incoming:
            body = self._incoming.pop(0)
            return {"type": "http.request", "body": body, "more_body": bool(self._incoming)}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        if self._refuse_after is not None and len(self.sent) >= self._refuse_after:
            raise OSError("the connection is closed")
        self.sent.append(dict(message))
        if self._leave_after is not None and len(self.sent) >= self._leave_after:
            asyncio.get_running_loop().call_later(0.005, self.leave)
        await asyncio.sleep(0)

    async def answer(self, response: Response) -> Exchange:
        head = self.request.method == "HEAD"
        await response.send(self.send, self.request, head=head)
        return self

    # What came out

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode("latin-1") for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent[1:])

    @property
    def complete(self) -> bool:
        return bool(self.sent) and self.sent[-1]["type"] == "http.response.body" and not self.sent[-1].get("more_body")
