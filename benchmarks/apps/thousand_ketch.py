"""A thousand POST routes with a body type each, registered, frozen and documented. Prints CPU seconds."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Annotated, Any

from ketch import App, Field, Struct

SCOPE: dict[str, Any] = {
    "type": "http",
    "asgi": {"version": "3.0"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "path": "/openapi.json",
    "raw_path": b"/openapi.json",
    "query_string": b"",
    "root_path": "",
    "headers": [(b"host", b"localhost")],
    "server": ("127.0.0.1", 80),
    "client": ("127.0.0.1", 5),
}


def register(app: App, number: int) -> None:
    class Body(Struct):
        name: Annotated[str, Field(min_length=1)]
        price: float
        tags: list[str] = []

    Body.__name__ = Body.__qualname__ = f"Body{number}"

    async def handler(item_id: int, body: Any) -> Any:
        return body

    handler.__annotations__ = {"item_id": int, "body": Body, "return": Body}
    handler.__name__ = f"handler_{number}"
    app.post(f"/things{number}/{{item_id}}")(handler)


async def document(app: App) -> Any:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: Any) -> None:
        sent.append(event)

    await app(SCOPE, receive, send)
    return json.loads(b"".join(event.get("body", b"") for event in sent))


if __name__ == "__main__":
    begun = time.process_time()
    app = App()
    for number in range(1000):
        register(app, number)
    found = asyncio.run(document(app))
    taken = time.process_time() - begun
    assert len(found["paths"]) == 1000
    print(taken)
