"""The typed objects of the workloads, for peers that leave validation to a library: msgspec, the quickest there is.

Ketch and FastAPI declare their own in their application files, because there the declaration is the framework's work.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct


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
    qty: Annotated[int, Meta(ge=1)]
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

encode = msgspec.json.Encoder().encode
decode_order = msgspec.json.Decoder(NewOrder).decode


def item(item_id: int, q: str, limit: int) -> Item:
    """T3's answer."""
    return Item(item_id, q, limit, f"Item {item_id}", item_id + 0.5, True, ["a", "b", "c"])


def total(order: NewOrder) -> Order:
    """T4's answer."""
    return Order(order.customer, order.items, order.note, sum(line.qty * line.price for line in order.items))
