"""An application with one route of every kind, and `/gauges`, which says what its process holds at the moment.

Run by uvicorn in a process of its own; `SOAK_FOLDER` is where its database and its files are, and TMPDIR is inside it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from ketch import (
    App,
    BackgroundTasks,
    Depends,
    Field,
    FileResponse,
    Forbidden,
    Form,
    JSONResponse,
    NotFound,
    Request,
    Router,
    ServerSentEvent,
    StreamingResponse,
    Struct,
    UploadFile,
    WebSocket,
)
from ketch.data import Database, Mapped, Model, Session, String, SyncSession, func, mapped_column, select
from ketch.middleware import CompressionMiddleware, CORSMiddleware, RequestIDMiddleware

FOLDER = Path(os.environ.get("SOAK_FOLDER") or tempfile.mkdtemp())
PICTURE = FOLDER / "static" / "picture.bin"


class Berth(Model):
    """A row to read and write."""

    name: Mapped[str] = mapped_column(String(40))


class Item(Struct):
    sku: Annotated[str, Field(min_length=1, max_length=20)]
    qty: Annotated[int, Field(ge=1)]
    price: float


class Order(Struct):
    customer: Annotated[str, Field(min_length=1)]
    items: Annotated[list[Item], Field(min_length=1, max_length=100)]
    note: str | None = None


class Total(Struct):
    customer: str
    total: float


class Gauges(Struct):
    """What the process holds. `opened` counts dependencies that were set up and not cleaned up yet."""

    tasks: int
    task_names: list[str]
    threads: int
    descriptors: int
    temporary_files: int
    requests: int
    opened: int
    objects: int
    rss: int


opened = 0


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[None]:
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_bytes(bytes(range(256)) * 1_024)
    yield


app = App(lifespan=lifespan, extensions=[Database(f"sqlite:///{FOLDER / 'soak.db'}", create_tables=True)])
app.static("/static", PICTURE.parent)


# --- what is set up and has to be cleaned up -------------------------------------------------------------------------


async def line() -> AsyncIterator[str]:
    global opened
    opened += 1
    try:
        yield "line"
    finally:
        opened -= 1


def anchor() -> Iterator[str]:
    global opened
    opened += 1
    try:
        yield "anchor"
    finally:
        opened -= 1


Line = Annotated[str, Depends(line)]
LateLine = Annotated[str, Depends(line, scope="request")]
Anchor = Annotated[str, Depends(anchor)]


# --- ordinary requests -----------------------------------------------------------------------------------------------


@app.get("/items/{item_id}")
async def item(item_id: int, line: Line, q: Annotated[str, Field(max_length=20)] = "") -> Item:
    if item_id > 1_000:
        raise NotFound(f"no item {item_id}")
    return Item(q or "a", item_id + 1, 1.5)


@app.post("/orders", status_code=201)
async def place(order: Order, line: LateLine) -> Total:
    return Total(order.customer, sum(each.qty * each.price for each in order.items))


@app.get("/def/{number}")
def in_a_thread(number: int, anchor: Anchor) -> dict[str, int]:
    return {"number": number}


@app.get("/page")
async def page() -> JSONResponse:
    return JSONResponse({"text": "sail " * 2_000})


@app.post("/form")
async def form(name: Annotated[str, Form(max_length=40)], count: Annotated[int, Form()] = 1) -> dict[str, Any]:
    return {"name": name, "count": count}


@app.get("/rows")
async def rows(session: Session) -> int:
    return await session.scalar(select(func.count()).select_from(Berth)) or 0


@app.post("/rows", status_code=201)
async def add_row(name: Annotated[str, Form()], session: Session) -> dict[str, int]:
    berth = Berth(name=name)
    session.add(berth)
    await session.flush()
    if name == "fails":
        raise RuntimeError("after the flush")
    await session.delete(berth)
    return {"id": berth.id}


@app.get("/def-rows")
def def_rows(session: SyncSession) -> int:
    return session.scalar(select(func.count()).select_from(Berth)) or 0


@app.post("/later", status_code=202)
async def later(tasks: BackgroundTasks) -> dict[str, bool]:
    tasks.add_task(asyncio.sleep, 0.001)
    tasks.add_task(sorted, [3, 1, 2])
    return {"ok": True}


# --- failures --------------------------------------------------------------------------------------------------------


@app.get("/fails")
async def fails(line: Line, late: LateLine) -> str:
    raise RuntimeError("this handler always fails")


@app.get("/def-fails")
def def_fails(anchor: Anchor) -> str:
    raise RuntimeError("this handler always fails")


@app.get("/fails-midway")
async def fails_midway(line: Line) -> StreamingResponse:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"half of it"
        raise RuntimeError("this stream always fails")

    return StreamingResponse(chunks())


# --- streams ---------------------------------------------------------------------------------------------------------


@app.get("/lines")
async def lines(line: Line) -> AsyncIterator[Item]:
    for number in range(20):
        yield Item("a", number + 1, 0.5)


@app.get("/def-lines")
def def_lines(anchor: Anchor) -> Iterator[Item]:
    for number in range(5):
        yield Item("a", number + 1, 0.5)


@app.get("/events")
async def events(line: Line) -> AsyncIterator[ServerSentEvent]:
    """Goes on until the client leaves."""
    number = 0
    while True:
        number += 1
        yield ServerSentEvent({"number": number}, id=number)
        await asyncio.sleep(0.02)


@app.get("/flood")
async def flood(late: LateLine) -> StreamingResponse:
    """More than any buffer holds; clients leave in the middle."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(4_000):
            yield b"x" * 65_536

    return StreamingResponse(chunks())


@app.get("/slow")
async def slow(line: Line) -> str:
    """Nobody waits for the end of this one."""
    await asyncio.sleep(60)
    return "done"


@app.get("/file")
async def file(line: Line) -> FileResponse:
    return FileResponse(PICTURE, media_type="application/octet-stream")


# --- bodies ----------------------------------------------------------------------------------------------------------


@app.post("/upload")
async def upload(photo: UploadFile, line: Line, caption: Annotated[str, Form()] = "") -> dict[str, Any]:
    data = await photo.read()
    return {"size": len(data), "name": photo.filename, "caption": caption}


@app.post("/count")
async def count(request: Request, line: Line) -> dict[str, int]:
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
    return {"size": size}


# --- WebSockets ------------------------------------------------------------------------------------------------------


class Word(Struct):
    word: Annotated[str, Field(max_length=20)]


@app.websocket("/echo")
async def echo(socket: WebSocket, line: Line) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)


@app.websocket("/words")
async def words(socket: WebSocket, anchor: Anchor) -> None:
    await socket.accept()
    while True:
        word = await socket.receive_json(Word)
        await socket.send_json(word)


@app.websocket("/talks")
async def talks(socket: WebSocket, line: Line) -> None:
    """Sends for ever; clients leave."""
    await socket.accept()
    while True:
        await socket.send_text("tick")
        await asyncio.sleep(0.01)


def nobody() -> None:
    raise Forbidden("not you")


@app.websocket("/denied", dependencies=[nobody])
async def denied(socket: WebSocket) -> None:
    await socket.accept()


# --- groups, mounts, middleware --------------------------------------------------------------------------------------


async def stamp(request: Request, call_next: Any) -> Any:
    response = await call_next(request)
    response.headers["x-stamp"] = "1"
    return response


group = Router(prefix="/group", middleware=[stamp], dependencies=[line])


@group.get("/{number}")
async def grouped(number: int) -> dict[str, int]:
    return {"number": number}


app.include_router(group)


async def guest(scope: Any, receive: Any, send: Any) -> None:
    """Somebody else's ASGI application."""
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"guest"})


app.mount("/guest", guest)
app.add_middleware(CompressionMiddleware)
app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
app.add_middleware(RequestIDMiddleware)


# --- what the process holds ------------------------------------------------------------------------------------------


@app.get("/gauges")
async def gauges(request: Request) -> Gauges:
    gc.collect()
    tasks = asyncio.all_tasks()
    descriptors = os.listdir("/proc/self/fd")
    return Gauges(
        tasks=len(tasks),
        task_names=sorted({str(task.get_coro()) for task in tasks})[:20],
        threads=threading.active_count(),
        descriptors=len(descriptors),
        temporary_files=_temporary_files(descriptors),
        requests=len(app.runtime.flight),
        opened=opened,
        objects=len(gc.get_objects()),
        rss=_resident(),
    )


def _resident() -> int:
    """Bytes of memory that the process occupies."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _temporary_files(descriptors: list[str]) -> int:
    """Files in the temporary folder, and open ones that have no name there any more."""
    folder, found = tempfile.gettempdir(), len(os.listdir(tempfile.gettempdir()))
    for descriptor in descriptors:
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        found += target.startswith(folder)
    return found
