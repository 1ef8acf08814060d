"""A small application with one of everything that a document shows."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from msgspec import Struct

from ketch.app.application import App
from ketch.app.router import Router
from ketch.auth import APIKeyHeader, OAuth2PasswordBearer, OAuth2PasswordRequestForm, Security
from ketch.binding.sources import Body, Depends, Field, Form, Header, Query
from ketch.http.files import FileResponse
from ketch.http.response import HTMLResponse, RedirectResponse
from ketch.http.stream import ServerSentEvent
from ketch.http.uploads import UploadFile
from ketch.http.websocket import WebSocket


class Color(enum.Enum):
    """What it looks like."""

    RED = "red"
    BLUE = "blue"


class Cat(Struct, tag="cat"):
    lives: int = 9


class Dog(Struct, tag="dog"):
    tricks: list[str]


class Address(Struct):
    """Where somebody lives."""

    city: Annotated[str, Field(description="Its name", examples=["Rome"])]
    zip: Annotated[str, Field(max_length=9)]


class NewOrder(Struct, forbid_unknown_fields=True):
    pet: Cat | Dog
    address: Address
    color: Color = Color.RED
    note: str | None = None


class Order(NewOrder, kw_only=True):
    id: int
    at: datetime
    price: Decimal


class Tree(Struct):
    name: str
    kids: list[Tree] = []


class Filters(Struct):
    q: str | None = None
    tag: list[str] = []
    limit: Annotated[int, Field(ge=1, le=100)] = 10


bearer = OAuth2PasswordBearer("token", scopes={"read": "Look", "write": "Change"})
api_key = APIKeyHeader(name="X-Key")
maybe_key = APIKeyHeader(name="X-Other", auto_error=False)


async def signed(token: Annotated[str, Security(bearer, scopes=["read"])]) -> str:
    return token


class Limited:
    """A guard that says what it answers."""

    responses = {429: "Slow down."}

    async def __call__(self) -> None: ...


def make(**words: Any) -> App:
    """A fresh application; `words` are App's."""
    hooks = Router()
    app = App(title="Harbour & co", version="1.2", description="Of `airports`.\n\nAnd <more>.", webhooks=hooks, **words)

    @hooks.post("order.placed")
    async def order_placed(order: Order) -> None:
        """Sent when an order is placed."""

    @app.get("/orders", tags=["orders"])
    async def list_orders(
        filters: Annotated[Filters, Query()], x_trace: Annotated[str | None, Header(description="Trace")] = None
    ) -> list[Order]:
        """All orders.

        Filtered by `q`.
        """
        return []

    @app.post("/orders", status_code=201, tags=["orders"], responses={409: {"model": Tree, "description": "Taken"}})
    async def place(order: NewOrder, user: Annotated[str, Depends(signed)]) -> Order:
        raise AssertionError

    @app.get("/orders/{id}", tags=["orders"])
    async def show(id: int) -> Order | None:
        return None

    @app.delete("/orders/{id}", tags=["orders"], dependencies=[api_key, maybe_key, Limited()], deprecated=True)
    async def remove(id: int) -> None: ...

    @app.get("/trees/{id}", name="tree")
    async def show(id: UUID) -> Tree | RedirectResponse:  # type: ignore[no-redef]  # noqa: F811
        return Tree("oak")

    @app.get("/files/{rest:path}", tags=["files"])
    async def file(rest: str) -> FileResponse:
        return FileResponse(rest)

    @app.post("/avatar", tags=["files"])
    async def avatar(file: UploadFile, title: Annotated[str, Form()], public: Annotated[bool, Form()] = False) -> str:
        return title

    @app.post("/token")
    async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, str]:
        return {"access_token": form.username, "token_type": "bearer"}

    @app.get("/events")
    async def events() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent("x")

    @app.get("/lines")
    def lines() -> Iterator[Tree]:
        yield Tree("x")

    @app.put("/many")
    async def many(tree: Annotated[Tree, Body()], count: Annotated[int, Body(ge=1)]) -> bytes:
        return b""

    @app.route("/both", methods=["GET", "POST"])
    async def both() -> HTMLResponse:
        return HTMLResponse("")

    @app.get("/hidden", include_in_schema=False)
    async def hidden() -> None: ...

    @app.websocket("/ws")
    async def chat(websocket: WebSocket) -> None: ...

    @app.resource("/notes/{note_id}")
    class NoteResource:
        async def get(self, note_id: int) -> Tree:
            return Tree("note")

        async def delete(self, note_id: int) -> None: ...

    return app
