"""Ketch, written as its documentation writes it."""

from __future__ import annotations

from typing import Annotated

from ketch import App, Field, Query, Struct

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
