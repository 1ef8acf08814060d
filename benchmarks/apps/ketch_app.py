"""Ketch, written as its documentation writes it."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from ketch import App, Field, Query, Router, Struct, WebSocket

app = App()


class Message(Struct):
    message: str


class Item(Struct):
    item_id: int
    q: str
    limit: int
    name: str
    price: float
    in_stock: bool
    tags: list[str]


class Address(Struct):
    street: str
    city: str
    zip: str


class Customer(Struct):
    name: str
    email: str
    address: Address


class Line(Struct):
    sku: str
    qty: Annotated[int, Field(ge=1)]
    price: float


class NewOrder(Struct):
    customer: Customer
    items: list[Line]
    note: str | None = None


class Order(Struct):
    customer: Customer
    items: list[Line]
    note: str | None
    total: float


class Product(Struct):
    id: int
    name: str
    category: str
    price: float
    stock: int
    active: bool


PRODUCTS = [Product(n, f"Product {n}", f"category-{n % 7}", n * 1.25, n * 3 % 50, n % 2 == 0) for n in range(100)]


@app.get("/plaintext")
async def plaintext() -> str:
    return "Hello, World!"


@app.get("/json")
async def message() -> Message:
    return Message("Hello, World!")


@app.get("/items/{item_id}")
async def item(item_id: int, q: str, limit: Annotated[int, Query(ge=1, le=1000)]) -> Item:
    return Item(item_id, q, limit, f"Item {item_id}", item_id + 0.5, True, ["a", "b", "c"])


@app.post("/orders")
async def place(order: NewOrder) -> Order:
    total = sum(line.qty * line.price for line in order.items)
    return Order(order.customer, order.items, order.note, total)


@app.get("/list")
async def products() -> list[Product]:
    return PRODUCTS


# The same five, awaiting once: `asyncio.sleep(0)` gives the loop a turn, so that each is really suspended.

awaiting = Router(prefix="/await")


@awaiting.get("/plaintext")
async def plaintext_later() -> str:
    await asyncio.sleep(0)
    return "Hello, World!"


@awaiting.get("/json")
async def message_later() -> Message:
    await asyncio.sleep(0)
    return Message("Hello, World!")


@awaiting.get("/items/{item_id}")
async def item_later(item_id: int, q: str, limit: Annotated[int, Query(ge=1, le=1000)]) -> Item:
    await asyncio.sleep(0)
    return Item(item_id, q, limit, f"Item {item_id}", item_id + 0.5, True, ["a", "b", "c"])


@awaiting.post("/orders")
async def place_later(order: NewOrder) -> Order:
    await asyncio.sleep(0)
    total = sum(line.qty * line.price for line in order.items)
    return Order(order.customer, order.items, order.note, total)


@awaiting.get("/list")
async def products_later() -> list[Product]:
    await asyncio.sleep(0)
    return PRODUCTS


# T3 and T4 by plain functions: in a thread, and inline.


def plain_item(item_id: int, q: str, limit: Annotated[int, Query(ge=1, le=1000)]) -> Item:
    return Item(item_id, q, limit, f"Item {item_id}", item_id + 0.5, True, ["a", "b", "c"])


def plain_place(order: NewOrder) -> Order:
    total = sum(line.qty * line.price for line in order.items)
    return Order(order.customer, order.items, order.note, total)


threaded = Router(prefix="/def")
threaded.get("/items/{item_id}", name="item_in_a_thread")(plain_item)
threaded.post("/orders", name="place_in_a_thread")(plain_place)

inline = Router(prefix="/inline")
inline.get("/items/{item_id}", name="item_inline", inline=True)(plain_item)
inline.post("/orders", name="place_inline", inline=True)(plain_place)

for router in (awaiting, threaded, inline):
    app.include_router(router)


# For the parts of the run that are about servers: two workers, idle connections.


@app.get("/burn")
async def burn() -> str:
    """Two milliseconds of processor time."""
    until = time.thread_time_ns() + 2_000_000
    while time.thread_time_ns() < until:
        pass
    return "burnt"


@app.websocket("/ws")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(text)
