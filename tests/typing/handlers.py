"""Handlers as people write them: this file is type-checked (mypy --strict and pyrefly), never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, assert_type

from ketch import (
    App,
    BackgroundTasks,
    Body,
    Cookie,
    Depends,
    Field,
    FileResponse,
    Form,
    Header,
    HTMLResponse,
    HTTPException,
    JSONResponse,
    NotFound,
    Path,
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

app = App(title="Shop", version="1.0")


class NewOrder(Struct):
    sku: Annotated[str, Field(max_length=20)]
    qty: Annotated[int, Field(ge=1)] = 1


class Filters(Struct):
    tag: list[str]
    limit: int = 20


@dataclass
class Order:
    id: int
    sku: str


# --- decorators leave the handler as it is ---------------------------------------------------------------------------


@app.get("/hello/{name}")
async def hello(name: str, excited: bool = False) -> dict[str, str]:
    return {"message": f"Hello, {name}{'!' if excited else '.'}"}


async def call_hello() -> None:
    assert_type(await hello("Ada"), dict[str, str])
    await hello(7)  # type: ignore[arg-type]  # pyrefly: ignore


@app.post("/orders", status_code=201, tags=["orders"])
async def place(order: NewOrder, notify: Annotated[bool, Query(description="Mail the customer")] = True) -> Order:
    assert_type(order.qty, int)
    return Order(1, order.sku)


@app.get("/inline", inline=True)
def inline() -> str:
    return "on the loop"


@app.put("/a/{key}")
@app.patch("/b/{key}")
def two_routes(
    key: Annotated[int, Path(ge=1)],
    token: Annotated[str, Header()],
    theme: Annotated[str | None, Cookie()] = None,
    note: Annotated[str, Body(embed=True)] = "",
) -> None: ...


@app.post("/avatar")
async def avatar(file: UploadFile, size: Annotated[int, Form()] = 64) -> Order | RedirectResponse:
    assert_type(await file.read(), bytes)
    return RedirectResponse("/", 303)


@app.get("/filtered")
async def filtered(filters: Annotated[Filters, Query()]) -> list[Order]:
    return []


# --- dependencies ----------------------------------------------------------------------------------------------------


class Clock:
    def now(self) -> float:
        return 0.0


async def connection() -> AsyncIterator[str]:
    yield "connection"


def settings() -> Iterator[int]:
    yield 1


def current_user(request: Request, authorization: Annotated[str | None, Header()] = None) -> str:
    if authorization is None:
        raise HTTPException(401, detail="who is it?", headers={"WWW-Authenticate": "Bearer"})
    return authorization


Me = Annotated[str, Depends(current_user)]
app.provide(Clock, Clock())


@app.get("/me")
async def me(
    user: Me, clock: Clock, value: Annotated[str, Depends(connection)], number: Annotated[int, Depends(settings)]
) -> dict[str, float]:
    assert_type(user, str)
    return {user: clock.now()}


orders = Router(prefix="/orders", tags=["orders"], dependencies=[current_user])


@orders.delete("/{order_id}")
async def drop(order_id: int, tasks: BackgroundTasks, response: Response) -> None:
    tasks.add_task(print, order_id)
    response.set_cookie("seen", "1")
    raise NotFound(f"no order {order_id}")


app.include_router(orders)


@app.resource("/notes/{note_id}")
class NoteResource:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def get(self, note_id: int) -> str:
        return str(note_id)


assert_type(NoteResource(Clock()), NoteResource)


# --- results ---------------------------------------------------------------------------------------------------------


@app.get("/events")
async def events() -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(data="one", event="tick", id="1")


@app.get("/raw")
async def raw(kind: str) -> Response:
    responses: dict[str, Response] = {
        "json": JSONResponse({"a": 1}, status_code=202),
        "html": HTMLResponse("<p>"),
        "text": PlainTextResponse("text"),
        "stream": StreamingResponse(iter([b"a"])),
        "file": FileResponse("README.md", filename="read me.md"),
    }
    return responses[kind]


@app.websocket("/ws")
async def talk(websocket: WebSocket) -> None:
    await websocket.accept()
    order = await websocket.receive_json(NewOrder)
    assert_type(order, NewOrder)
    await websocket.send_json(order)
    await websocket.close(1000)


# --- errors, middleware, life ----------------------------------------------------------------------------------------


class StockEmpty(Exception):
    pass


@app.exception_handler(StockEmpty)
async def no_stock(request: Request, exc: StockEmpty) -> Response:
    return JSONResponse({"detail": "sold out"}, status_code=409)


assert_type(app.title, str)
