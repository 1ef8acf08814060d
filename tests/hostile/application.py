"""An application with a door of every kind, for input that nobody means well with."""

from __future__ import annotations

import asyncio
import enum
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import attrs
import pydantic

from ketch import (
    App,
    Body,
    Cookie,
    Depends,
    Field,
    FileResponse,
    Form,
    Header,
    HTTPException,
    PlainTextResponse,
    Query,
    RedirectResponse,
    Request,
    Response,
    ServerSentEvent,
    Struct,
    UploadFile,
    WebSocket,
)
from ketch.auth import APIKeyHeader, HTTPBasic, HTTPBearer
from ketch.http.stream import last_event_id
from ketch.middleware import (
    CompressionMiddleware,
    CORSMiddleware,
    ProxyHeadersMiddleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
)

SECRET = "the secret of the outer folder"
OUTER = Path(tempfile.mkdtemp(prefix="ketch-hostile-"))
INNER = OUTER / "static"
INNER.mkdir()
(OUTER / "secret.txt").write_text(SECRET)
(INNER / "page.txt").write_text("a page")
(INNER / ".hidden").write_text(SECRET)
(INNER / "numbers.txt").write_bytes(b"0123456789" * 10_000)
os.symlink(OUTER / "secret.txt", INNER / "link.txt")
os.symlink(OUTER, INNER / "up")


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(shutil.rmtree, OUTER)


app = App(title="Hostile waters", lifespan=lifespan)
app.add_middleware(CompressionMiddleware, minimum_size=1_000)
app.add_middleware(SecurityHeadersMiddleware)
app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"], allow_credentials=True)
app.add_middleware(RequestIDMiddleware, accept_incoming=True)
app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=["127.0.0.1"])
app.static("/static", INNER)
app.static("/spa", INNER, spa="page.txt")
app.health()


class Colour(enum.Enum):
    RED = "red"


class Leaf(Struct, tag=True):
    value: int


class Branch(Struct, tag=True):
    children: list[Branch | Leaf] = []


class Everything(Struct):
    whole: int | None = None
    small: Annotated[int, Field(ge=-128, le=127)] = 0
    real: float | None = None
    money: Annotated[Decimal, Field(ge=0, multiple_of=Decimal("0.01"))] | None = None
    text: Annotated[str, Field(max_length=100, pattern="^[a-z]*$")] = ""
    free: str = ""
    when: datetime | None = None
    day: date | None = None
    clock: time | None = None
    span: timedelta | None = None
    id: UUID | None = None
    raw: bytes = b""
    colour: Colour = Colour.RED
    word: Literal["a", "b"] = "a"
    names: dict[str, int] = {}
    unique: set[int] = set()
    pair: tuple[int, str] | None = None
    many: list[int] = []
    tree: Branch | Leaf | None = None
    anything: Any = None


class Model(pydantic.BaseModel):
    whole: int | None = None
    real: float | None = None
    money: Decimal | None = None
    text: Annotated[str, pydantic.Field(max_length=100)] = ""
    free: str = ""
    when: datetime | None = None
    names: dict[str, int] = {}
    many: list[int] = []
    anything: Any = None


@attrs.define
class Attrs:
    whole: int | None = None
    free: str = ""
    many: list[int] = attrs.Factory(list)
    when: datetime | None = None


@app.post("/struct")
async def struct(body: Everything) -> Everything:
    return body


@app.post("/pydantic")
async def model(body: Model) -> Model:
    return body


@app.post("/attrs")
async def attributes(body: Attrs) -> Attrs:
    return body


@app.post("/any")
async def anything(body: dict[str, Any]) -> dict[str, Any]:
    return body


@app.post("/numbers")
def numbers(body: Annotated[list[int], Body()]) -> int:
    return len(body)


@app.post("/by-hand")
async def by_hand(request: Request) -> Any:
    return await request.json()


@app.post("/bytes")
async def some_bytes(request: Request) -> int:
    return len(await request.body())


@app.get("/query")
async def query(
    whole: int | None = None,
    real: float | None = None,
    money: Decimal | None = None,
    flag: bool | None = None,
    when: datetime | None = None,
    day: date | None = None,
    clock: time | None = None,
    span: timedelta | None = None,
    id: UUID | None = None,
    colour: Colour | None = None,
    text: Annotated[str, Query(max_length=10_000)] = "",
    many: Annotated[list[int], Query(max_length=500)] = [],  # noqa: B006
) -> dict[str, Any]:
    return {
        "whole": whole,
        "real": real,
        "money": money,
        "flag": flag,
        "when": when,
        "day": day,
        "clock": clock,
        "span": span,
        "id": id,
        "colour": colour,
        "text": text,
        "many": len(many),
    }


@app.get("/path/{whole}/{text}")
async def path(whole: int, text: str) -> dict[str, Any]:
    return {"whole": whole, "text": text}


@app.get("/segment/{text}")
async def segment(text: str) -> PlainTextResponse:
    return PlainTextResponse(text)


@app.get("/tail/{rest:path}")
async def tail(rest: str) -> PlainTextResponse:
    return PlainTextResponse(rest)


@app.get("/known/")
async def known() -> str:
    return "known"


@app.get("/headers")
async def headers(
    x_number: Annotated[int, Header()] = 0,
    x_when: Annotated[datetime | None, Header()] = None,
    number: Annotated[int, Cookie()] = 0,
) -> dict[str, Any]:
    return {"number": x_number, "when": x_when, "cookie": number}


@app.get("/cookies")
async def cookies(request: Request) -> dict[str, str]:
    return request.cookies


@app.get("/url")
async def url(request: Request) -> dict[str, Any]:
    client = request.client
    link = request.url_for("segment", text="x")
    return {"url": str(request.url), "base": str(request.base_url), "link": str(link), "client": client and client.host}


@app.get("/basic")
async def basic(credentials: Annotated[Any, Depends(HTTPBasic())]) -> str:
    return str(credentials.username)


@app.get("/bearer")
async def bearer(credentials: Annotated[Any, Depends(HTTPBearer())]) -> str:
    return str(credentials.credentials)


@app.get("/key")
async def key(key: Annotated[str, Depends(APIKeyHeader(name="x-key"))]) -> str:
    return key


@app.post("/form")
async def form(name: Annotated[str, Form(max_length=1_000)] = "", age: Annotated[int, Form()] = 0) -> dict[str, Any]:
    return {"name": name, "age": age}


@app.post("/form-def")
def form_def(name: Annotated[str, Form()] = "", when: Annotated[datetime | None, Form()] = None) -> str:
    return name


@app.post("/form-by-hand")
async def form_by_hand(request: Request) -> list[str]:
    return [name for name, _ in (await request.form()).multi_items()]


@app.post("/upload")
async def upload(file: UploadFile) -> dict[str, Any]:
    return {"name": file.filename, "raw": file.raw_filename, "size": file.size, "type": file.content_type}


# --- what becomes a header --------------------------------------------------------------------------------------------


@app.get("/out/header")
async def out_header(value: str, response: Response) -> str:
    response.headers["x-value"] = value
    return "sent"


@app.get("/out/name")
async def out_name(value: str) -> PlainTextResponse:
    return PlainTextResponse("sent", headers={value: "1"})


@app.get("/out/cookie")
async def out_cookie(value: str, response: Response) -> str:
    response.set_cookie("value", value)
    return "sent"


@app.get("/out/cookie-name")
async def out_cookie_name(value: str, response: Response) -> str:
    response.set_cookie(value, "1")
    return "sent"


@app.get("/out/redirect")
async def out_redirect(value: str) -> RedirectResponse:
    return RedirectResponse(value)


@app.get("/out/file")
async def out_file(value: str) -> FileResponse:
    return FileResponse(INNER / "page.txt", filename=value)


@app.get("/out/type")
async def out_type(value: str) -> PlainTextResponse:
    return PlainTextResponse("sent", media_type=value)


@app.get("/out/problem")
async def out_problem(value: str) -> str:
    raise HTTPException(409, detail=value, headers={"x-value": value}, quoted=value)


@app.get("/out/events")
async def out_events(value: str, request: Request) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(data=value, comment=value)
    yield ServerSentEvent(data=last_event_id(request) or "")


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(INNER / "numbers.txt")


# --- WebSockets -------------------------------------------------------------------------------------------------------


@app.websocket("/ws/text")
async def ws_text(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(str(len(text)))


@app.websocket("/ws/json")
async def ws_json(websocket: WebSocket) -> None:
    await websocket.accept()
    async for value in websocket.iter_json():
        await websocket.send_json(value)


@app.websocket("/ws/typed")
async def ws_typed(websocket: WebSocket) -> None:
    await websocket.accept(websocket.subprotocols[0] if websocket.subprotocols else None)
    async for value in websocket.iter_json(Everything):
        await websocket.send_json(value)
