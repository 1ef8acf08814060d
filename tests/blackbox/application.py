"""One application that uses everything, for the tests to ask over the network. It knows nothing of who serves it."""

from __future__ import annotations

import asyncio
import enum
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Annotated, Any
from uuid import UUID

from ketch import (
    App,
    BackgroundTasks,
    Cookie,
    Depends,
    Field,
    FileResponse,
    Form,
    Header,
    HTTPException,
    JSONResponse,
    PlainTextResponse,
    Query,
    RedirectResponse,
    Request,
    Response,
    Router,
    ServerSentEvent,
    StreamingResponse,
    Struct,
    UploadFile,
    WebSocket,
)
from ketch.http.stream import last_event_id
from ketch.middleware import CompressionMiddleware, CORSMiddleware, RequestIDMiddleware

LOG: list[str] = []
"""What has happened, in order; `/log` tells it."""

FOLDER = FilePath(tempfile.mkdtemp(prefix="ketch-blackbox-"))
CONTENT = b"".join(b"%06d\n" % n for n in range(40_000))  # 280,000 bytes
(FOLDER / "numbers.txt").write_bytes(CONTENT)
(FOLDER / "page.html").write_text("<h1>static</h1>")
for _name in os.listdir(FOLDER):
    os.utime(FOLDER / _name, (1_700_000_000, 1_700_000_000))  # the ETag of a file that is quite new is a weak one


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[dict[str, Any]]:
    LOG.append("started")
    yield {"harbour": "Kiel"}
    # A thread, which some servers' last moments no longer allow.
    await asyncio.to_thread(LOG.append, "stopped")
    print("lifespan stopped", flush=True)
    await asyncio.to_thread(shutil.rmtree, FOLDER)


app = App(title="Black box", lifespan=lifespan)
app.add_middleware(CompressionMiddleware, minimum_size=1_000)
app.add_middleware(RequestIDMiddleware)
app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
app.static("/static", FOLDER)
app.health()


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Item(Struct):
    sku: Annotated[str, Field(max_length=20)]
    qty: Annotated[int, Field(ge=1)] = 1


class Order(Struct):
    customer: Annotated[str, Field(min_length=1)]
    items: Annotated[list[Item], Field(max_length=1_000)]
    price: Decimal | None = None


# --- parameters and bodies --------------------------------------------------------------------------------------------


@app.get("/params/{number}/{name}")
async def params(
    number: int,
    name: str,
    day: date | None = None,
    tag: tuple[str, ...] = (),
    colour: Colour = Colour.RED,
    x_token: Annotated[str | None, Header()] = None,
    session: Annotated[str | None, Cookie()] = None,
) -> dict[str, Any]:
    return {
        "number": number,
        "name": name,
        "day": day,
        "tag": tag,
        "colour": colour,
        "token": x_token,
        "session": session,
    }


@app.get("/uuid/{id}")
def by_uuid(id: UUID) -> dict[str, UUID]:
    return {"id": id}


@app.get("/tail/{rest:path}")
async def tail(rest: str) -> str:
    return rest


@app.post("/orders", status_code=201)
async def place(order: Order) -> Order:
    return order


@app.post("/form")
def form(
    name: Annotated[str, Form()], age: Annotated[int, Form(ge=0)], tag: Annotated[tuple[str, ...], Form()] = ()
) -> dict[str, Any]:
    return {"name": name, "age": age, "tag": tag}


@app.post("/upload")
async def upload(file: UploadFile, note: Annotated[str, Form()] = "") -> dict[str, Any]:
    content = await file.read()
    return {"name": file.filename, "size": file.size, "sha": hashlib.sha256(content).hexdigest(), "note": note}


@app.post("/raw")
async def raw(request: Request) -> dict[str, Any]:
    body = await request.body()
    return {"size": len(body), "sha": hashlib.sha256(body).hexdigest(), "again": len(await request.body())}


@app.post("/count")
async def count(request: Request) -> dict[str, Any]:
    size, digest = 0, hashlib.sha256()
    async for piece in request.stream(limit=100_000_000):
        size += len(piece)
        digest.update(piece)
    return {"size": size, "sha": digest.hexdigest()}


@app.post("/echo")
async def echo(request: Request) -> StreamingResponse:
    return StreamingResponse(request.stream(limit=100_000_000), media_type="application/octet-stream")


@app.get("/who")
async def who(request: Request) -> dict[str, Any]:
    return {
        "url": str(request.url),
        "method": request.method,
        "harbour": request.state.harbour,
        "client": request.client is not None,
        "headers": sorted({*request.headers.keys()}),
    }


# --- responses --------------------------------------------------------------------------------------------------------


@app.get("/large")
async def large() -> list[Item]:
    return [Item(f"sku-{n}", n + 1) for n in range(2_000)]


@app.get("/nothing")
async def nothing() -> None:
    return None


@app.get("/bytes")
async def some_bytes(size: Annotated[int, Query(le=20_000_000)] = 10) -> bytes:
    return b"x" * size


async def numbers(n: int) -> AsyncIterator[bytes]:
    for i in range(n):
        yield b"%06d\n" % i * 100
        await asyncio.sleep(0)


@app.get("/stream")
async def stream(n: int = 100) -> StreamingResponse:
    return StreamingResponse(numbers(n), media_type="application/octet-stream")


@app.get("/stream-sync")
def stream_sync(n: int = 20) -> StreamingResponse:
    return StreamingResponse((b"%06d\n" % i for i in range(n)), media_type="application/octet-stream")


async def ticking(name: str) -> AsyncIterator[str]:
    try:
        while True:
            yield "tick\n" * 2_000
            await asyncio.sleep(0.005)
    finally:
        LOG.append(f"{name} closed")


@app.get("/ticks/{name}")
async def ticks(name: str) -> StreamingResponse:
    return StreamingResponse(ticking(name), media_type="application/octet-stream")


@app.get("/breaks")
async def breaks() -> StreamingResponse:
    async def made() -> AsyncIterator[bytes]:
        yield b"first" * 1_000
        raise RuntimeError("broken in the middle")

    return StreamingResponse(made(), media_type="application/octet-stream")


@app.get("/lines")
async def lines() -> AsyncIterator[Item]:
    for n in range(3):
        yield Item(f"sku-{n}", n + 1)


@app.get("/lines-sync")
def lines_sync() -> Iterator[Item]:
    for n in range(3):
        yield Item(f"sku-{n}", n + 1)


@app.get("/events")
async def events(request: Request) -> AsyncIterator[ServerSentEvent]:
    first = int(last_event_id(request) or 0)
    for n in range(first + 1, first + 4):
        yield ServerSentEvent({"n": n}, id=str(n), event="count")


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(FOLDER / "numbers.txt", filename="zählung 1.txt", content_disposition_type="attachment")


@app.get("/lost")
async def lost() -> FileResponse:
    return FileResponse(FOLDER / "nowhere.txt")


@app.get("/cookies")
async def cookies(response: Response) -> str:
    response.set_cookie("a", "1")
    response.set_cookie("b", "2 3", max_age=60)
    response.headers["x-extra"] = "yes"
    return "set"


@app.get("/go")
async def go() -> RedirectResponse:
    return RedirectResponse("/landed?with=ä", 303)


@app.get("/away")
async def away(to: str) -> RedirectResponse:
    return RedirectResponse(to)


@app.get("/landed")
async def landed(request: Request) -> str:
    return request.query_params.get("with", "")


# --- errors -----------------------------------------------------------------------------------------------------------


class Sunk(Exception):
    pass


@app.exception_handler(Sunk)
async def sunk(request: Request, error: Sunk) -> JSONResponse:
    return JSONResponse({"sunk": str(error)}, 410)


@app.get("/sunk")
async def sink() -> str:
    raise Sunk("Vasa")


@app.get("/boom")
async def boom() -> str:
    raise ValueError("boom in a handler")


@app.get("/boom-sync")
def boom_sync() -> str:
    raise ValueError("boom in a thread")


@app.get("/teapot")
async def teapot() -> str:
    raise HTTPException(418, "short and stout", headers={"x-pot": "tea"}, spout="left")


# --- dependencies and background --------------------------------------------------------------------------------------


async def unit(name: str = "unit") -> AsyncIterator[str]:
    LOG.append(f"{name} open")
    try:
        yield name
        LOG.append(f"{name} commit")
    except BaseException as error:
        LOG.append(f"{name} rollback {type(error).__name__}")
        raise
    finally:
        LOG.append(f"{name} close")


def unit_sync(name: str = "unit") -> Iterator[str]:
    LOG.append(f"{name} open")
    try:
        yield name
        LOG.append(f"{name} commit")
    except BaseException as error:
        LOG.append(f"{name} rollback {type(error).__name__}")
        raise
    finally:
        LOG.append(f"{name} close")


@app.get("/unit")
async def use_unit(unit: Annotated[str, Depends(unit)], fail: bool = False) -> str:
    LOG.append(f"{unit} used")
    if fail:
        raise HTTPException(409, "not this time")
    return unit


@app.get("/unit-sync")
def use_unit_sync(unit: Annotated[str, Depends(unit_sync)], fail: bool = False) -> str:
    LOG.append(f"{unit} used")
    if fail:
        raise HTTPException(409, "not this time")
    return unit


@app.get("/background/{name}")
async def background(name: str, tasks: BackgroundTasks) -> str:
    async def later() -> None:
        await asyncio.sleep(0.05)
        LOG.append(f"{name} later")

    tasks.add_task(later)
    tasks.add_task(LOG.append, f"{name} after")
    LOG.append(f"{name} answered")
    return name


@app.get("/log")
async def log(about: str = "") -> list[str]:
    return [line for line in LOG if line.startswith(about)]


# --- behind a guard ---------------------------------------------------------------------------------------------------


async def keyholder(request: Request) -> None:
    if request.headers.get("x-key") != "open":
        raise HTTPException(401, headers={"www-authenticate": "Key"})


vault = Router(prefix="/vault", dependencies=[keyholder])


@vault.post("/orders")
async def guarded(order: Order) -> Order:
    return order


# --- other applications -----------------------------------------------------------------------------------------------


def old_wsgi(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    """Counts what it is sent, and answers in pieces."""
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Path", environ["PATH_INFO"])])
    yield f"{environ['REQUEST_METHOD']} {environ['SCRIPT_NAME']} {len(body)}\n".encode()
    for n in range(100):
        yield b"%06d\n" % n


async def old_asgi(scope: Any, receive: Any, send: Any) -> None:
    """The same for ASGI; it knows no lifespan."""
    assert scope["type"] == "http"
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    headers = [(b"content-type", b"text/plain"), (b"x-path", scope["path"].encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    told = f"{scope['method']} {scope['root_path']} {size}\n".encode()
    await send({"type": "http.response.body", "body": told, "more_body": True})
    for n in range(100):
        await send({"type": "http.response.body", "body": b"%06d\n" % n, "more_body": True})
    await send({"type": "http.response.body"})


app.mount("/old-wsgi", old_wsgi)
app.mount("/old-asgi", old_asgi)
vault.mount("/old", old_wsgi)
app.include_router(vault)


# --- WebSockets -------------------------------------------------------------------------------------------------------


@app.websocket("/ws/echo")
async def ws_echo(websocket: WebSocket) -> None:
    await websocket.accept("v2" if "v2" in websocket.subprotocols else None)
    async for text in websocket.iter_text():
        if text == "bye":
            await websocket.close(4001, "as you wish")
            return
        await websocket.send_text(text)
    LOG.append("ws/echo left")


@app.websocket("/ws/orders")
async def ws_orders(websocket: WebSocket) -> None:
    await websocket.accept()
    async for order in websocket.iter_json(Order):
        await websocket.send_json(order)


@app.websocket("/ws/bytes")
async def ws_bytes(websocket: WebSocket) -> None:
    await websocket.accept()
    async for data in websocket.iter_bytes():
        await websocket.send_bytes(data[::-1])


@app.websocket("/ws/denied")
async def ws_denied(websocket: WebSocket) -> None:
    await websocket.send_denial_response(PlainTextResponse("members only", 401))


@app.websocket("/ws/boom")
async def ws_boom(websocket: WebSocket) -> None:
    await websocket.accept()
    raise ValueError("boom in a WebSocket")


wsgi = app.wsgi
