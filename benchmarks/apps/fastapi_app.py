"""FastAPI, written as its documentation writes it: pydantic models, response types from annotations."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

app = FastAPI()


class Message(BaseModel):
    message: str


class Item(BaseModel):
    item_id: int
    q: str
    limit: int
    name: str
    price: float
    in_stock: bool
    tags: list[str]


class Address(BaseModel):
    street: str
    city: str
    zip: str


class Customer(BaseModel):
    name: str
    email: str
    address: Address


class Line(BaseModel):
    sku: str
    qty: int = Field(ge=1)
    price: float


class NewOrder(BaseModel):
    customer: Customer
    items: list[Line]
    note: str | None = None


class Order(NewOrder):
    total: float


class Product(BaseModel):
    id: int
    name: str
    category: str
    price: float
    stock: int
    active: bool


PRODUCTS = [
    Product(
        id=n,
        name=f"Product {n}",
        category=f"category-{n % 7}",
        price=n * 1.25,
        stock=n * 3 % 50,
        active=n % 2 == 0,
    )
    for n in range(100)
]


@app.get("/plaintext", response_class=PlainTextResponse)
async def plaintext() -> str:
    return "Hello, World!"


@app.get("/json")
async def message() -> Message:
    return Message(message="Hello, World!")


@app.get("/items/{item_id}")
async def item(item_id: int, q: str, limit: Annotated[int, Query(ge=1, le=1000)]) -> Item:
    return Item(
        item_id=item_id,
        q=q,
        limit=limit,
        name=f"Item {item_id}",
        price=item_id + 0.5,
        in_stock=True,
        tags=["a", "b", "c"],
    )


@app.post("/orders")
async def place(order: NewOrder) -> Order:
    total = sum(line.qty * line.price for line in order.items)
    return Order(customer=order.customer, items=order.items, note=order.note, total=total)


@app.get("/list")
async def products() -> list[Product]:
    return PRODUCTS


# T3 and T4 by plain functions, in FastAPI's thread pool.


@app.get("/def/items/{item_id}")
def plain_item(item_id: int, q: str, limit: Annotated[int, Query(ge=1, le=1000)]) -> Item:
    return Item(
        item_id=item_id,
        q=q,
        limit=limit,
        name=f"Item {item_id}",
        price=item_id + 0.5,
        in_stock=True,
        tags=["a", "b", "c"],
    )


@app.post("/def/orders")
def plain_place(order: NewOrder) -> Order:
    total = sum(line.qty * line.price for line in order.items)
    return Order(customer=order.customer, items=order.items, note=order.note, total=total)
