"""django-bolt with msgspec Structs, as its documentation writes it; the request log is off.

Its compression, security headers and validation of answers stay as they are by default.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from benchmarks.apps import shapes
from benchmarks.apps.shapes import Item, Message, NewOrder, Order, Product
from django_bolt import BoltAPI
from django_bolt.params import Query

api = BoltAPI(enable_logging=False)


@api.get("/plaintext")
async def plaintext() -> str:
    return "Hello, World!"


@api.get("/json")
async def message() -> Message:
    return Message("Hello, World!")


@api.get("/items/{item_id}")
async def item(item_id: int, q: str, limit: Annotated[int, Query(ge=1, le=1000)]) -> Item:
    return shapes.item(item_id, q, limit)


@api.post("/orders")
async def place(order: NewOrder) -> Order:
    return shapes.total(order)


@api.get("/list")
async def products() -> list[Product]:
    return shapes.PRODUCTS


# The same five, awaiting once.


@api.get("/await/plaintext")
async def plaintext_later() -> str:
    await asyncio.sleep(0)
    return "Hello, World!"


@api.get("/await/json")
async def message_later() -> Message:
    await asyncio.sleep(0)
    return Message("Hello, World!")


@api.get("/await/items/{item_id}")
async def item_later(item_id: int, q: str, limit: Annotated[int, Query(ge=1, le=1000)]) -> Item:
    await asyncio.sleep(0)
    return shapes.item(item_id, q, limit)


@api.post("/await/orders")
async def place_later(order: NewOrder) -> Order:
    await asyncio.sleep(0)
    return shapes.total(order)


@api.get("/await/list")
async def products_later() -> list[Product]:
    await asyncio.sleep(0)
    return shapes.PRODUCTS


# T3 and T4 by plain functions.


@api.get("/def/items/{item_id}")
def plain_item(item_id: int, q: str, limit: Annotated[int, Query(ge=1, le=1000)]) -> Item:
    return shapes.item(item_id, q, limit)


@api.post("/def/orders")
def plain_place(order: NewOrder) -> Order:
    return shapes.total(order)
