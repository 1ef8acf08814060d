"""Something to ask hostile questions of, and a stopwatch on its event loop: `GET /longest` says how it stood still.

`callback` is the thread CPU time of the longest single callback on the loop. `beat` is the CPU time that the whole
process spent between two beats of a timer that asks to be called every millisecond: it also sees a worker thread that
keeps the interpreter to itself. Both are CPU times, so a busy machine does not count. Asking starts from zero again.

Needs uvicorn's `--loop asyncio`; uvloop's callbacks cannot be timed one by one.
"""

from __future__ import annotations

import asyncio
import asyncio.events
import json
import os
import tempfile
import time
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import pydantic

from ketch import (
    App,
    Body,
    Cookie,
    Field,
    FileResponse,
    Form,
    Header,
    Query,
    Request,
    Struct,
    UploadFile,
    WebSocket,
)
from ketch.middleware import CompressionMiddleware, CORSMiddleware, ProxyHeadersMiddleware

FOLDER = Path(os.environ.get("SOAK_FOLDER") or tempfile.mkdtemp())
(FOLDER / "static").mkdir(exist_ok=True)
(FOLDER / "static" / "large.bin").write_bytes(bytes(2**20))


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Item(Struct):
    sku: Annotated[str, Field(min_length=1, max_length=20, pattern="^[a-z-]+$")]
    qty: Annotated[int, Field(ge=1)]
    price: Decimal
    made: datetime | None = None


class Cat(Struct, tag="cat"):
    lives: int


class Dog(Struct, tag="dog"):
    tricks: list[str]


class Order(Struct):
    customer: Annotated[str, Field(min_length=1, max_length=80)]
    items: Annotated[list[Item], Field(min_length=1)]
    labels: dict[str, int] = {}
    pets: list[Cat | Dog] = []
    colour: Colour | None = None


class Strict(Struct, forbid_unknown_fields=True):
    name: str = ""


class Invoice(pydantic.BaseModel):
    customer: str
    lines: list[dict[str, int]] = []


class Filters(Struct):
    tag: list[int] = []
    before: date | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 10


app = App()
app.static("/static", FOLDER / "static")


@app.post("/orders")
async def orders(order: Order) -> int:
    return len(order.items)


@app.post("/strict")
async def strict(body: Strict) -> str:
    return body.name


@app.post("/invoices")
async def invoices(invoice: Invoice) -> int:
    return len(invoice.lines)


@app.post("/anything")
async def anything(value: Annotated[Any, Body()]) -> str:
    return type(value).__name__


@app.post("/numbers")
async def numbers(values: Annotated[list[int], Body()]) -> int:
    return len(values)


@app.post("/mixed")
async def mixed(values: Annotated[list[float | str | None], Body()]) -> int:
    return len(values)


@app.post("/unique")
async def unique(values: Annotated[set[int], Body()]) -> int:
    return len(values)


@app.post("/members")
async def members(first: Annotated[list[int], Body()], second: Annotated[dict[str, int], Body()]) -> int:
    return len(first) + len(second)


@app.post("/read")
async def read(request: Request) -> str:
    return type(await request.json()).__name__


@app.post("/form")
async def form(name: Annotated[str, Form()], tags: Annotated[list[int], Form()] = []) -> int:  # noqa: B006
    return len(tags)


@app.post("/upload")
async def upload(photo: UploadFile, caption: Annotated[str, Form(max_length=80)] = "") -> int:
    return photo.size or 0


@app.get("/search")
async def search(filters: Annotated[Filters, Query()], q: str = "") -> int:
    return len(filters.tag)


@app.get("/typed/{number}/{when}/{key}")
async def typed(
    number: int, when: datetime, key: UUID, cost: Decimal = Decimal(0), wait: timedelta | None = None
) -> str:
    return "fine"


@app.get("/head")
async def head(
    x_list: Annotated[list[int], Header()] = [],  # noqa: B006
    crumb: Annotated[str, Cookie(max_length=100)] = "",
) -> str:
    return "fine"


@app.get("/about")
async def about(request: Request) -> str:
    """Looks at everything that a client's headers can twist."""
    return f"{request.url} {request.client} {len(request.cookies)} {len(request.query_params.multi_items())}"


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(FOLDER / "static" / "large.bin")


@app.get("/page")
async def page() -> str:
    return "sail " * 1_000


@app.websocket("/words")
async def words(socket: WebSocket) -> None:
    await socket.accept()
    while True:
        await socket.send_json(len((await socket.receive_json(Order)).items))


app.add_middleware(CompressionMiddleware)
app.add_middleware(
    CORSMiddleware, allow_origins=["https://shop.example"], allow_origin_regex=r"https://[a-z]+\.example"
)
app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=["127.0.0.1"])


# --- the stopwatch ---------------------------------------------------------------------------------------------------


class Stopwatch:
    """The longest callback, and the longest time between two beats, in milliseconds of CPU time."""

    def __init__(self) -> None:
        self.callback = self.beat = 0.0
        self.name = ""
        self._last = 0.0

    def install(self) -> None:
        run = asyncio.events.Handle._run

        def timed(handle: Any) -> None:
            begun = time.thread_time()
            run(handle)
            taken = (time.thread_time() - begun) * 1_000
            if taken > self.callback:
                self.callback, self.name = taken, repr(handle)[:200]

        asyncio.events.Handle._run = timed  # type: ignore[assignment, method-assign]

    def start(self) -> None:
        """From now on, on the running loop."""
        if not self._last:
            asyncio.get_running_loop().call_soon(self._tick)
        self.callback, self.beat, self.name, self._last = 0.0, 0.0, "", time.process_time()

    def _tick(self) -> None:
        now = time.process_time()
        self.beat = max(self.beat, (now - self._last) * 1_000)
        self._last = now
        asyncio.get_running_loop().call_later(0.001, self._tick)


stopwatch = Stopwatch()
stopwatch.install()


async def timed(scope: Any, receive: Any, send: Any) -> None:
    """The application, and beside it the stopwatch."""
    if scope["type"] != "http" or scope["path"] != "/longest":
        await app(scope, receive, send)
        return
    told = {"callback": stopwatch.callback, "beat": stopwatch.beat, "name": stopwatch.name}
    stopwatch.start()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})
