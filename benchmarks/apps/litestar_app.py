"""Litestar with its own validation: msgspec Structs as data, constraints by `Parameter`."""

from __future__ import annotations

from typing import Annotated

from litestar import Litestar, MediaType, get, post
from litestar.params import Parameter

from benchmarks.apps import shapes


@get("/plaintext", media_type=MediaType.TEXT)
async def plaintext() -> str:
    return "Hello, World!"


@get("/json")
async def message() -> shapes.Message:
    return shapes.Message("Hello, World!")


@get("/items/{item_id:int}")
async def item(item_id: int, q: str, limit: Annotated[int, Parameter(ge=1, le=1000)]) -> shapes.Item:
    return shapes.item(item_id, q, limit)


@post("/orders")
async def place(data: shapes.NewOrder) -> shapes.Order:
    return shapes.total(data)


@get("/list")
async def products() -> list[shapes.Product]:
    return shapes.PRODUCTS


app = Litestar([plaintext, message, item, place, products], logging_config=None)
