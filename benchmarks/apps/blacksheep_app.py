"""BlackSheep with pydantic models, as its documentation binds and answers JSON."""

from __future__ import annotations

from blacksheep import Application, FromJSON, FromQuery, Response, bad_request, json, text
from pydantic import BaseModel, Field

app = Application()


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


@app.router.get("/plaintext")
async def plaintext() -> Response:
    return text("Hello, World!")


@app.router.get("/json")
async def message() -> Response:
    return json(Message(message="Hello, World!"))


@app.router.get("/items/{item_id}")
async def item(item_id: int, q: FromQuery[str], limit: FromQuery[int]) -> Response:
    if not 1 <= limit.value <= 1000:
        return bad_request("limit is out of range")
    return json(
        Item(
            item_id=item_id,
            q=q.value,
            limit=limit.value,
            name=f"Item {item_id}",
            price=item_id + 0.5,
            in_stock=True,
            tags=["a", "b", "c"],
        )
    )


@app.router.post("/orders")
async def place(order: FromJSON[NewOrder]) -> Response:
    new = order.value
    total = sum(line.qty * line.price for line in new.items)
    return json(Order(customer=new.customer, items=new.items, note=new.note, total=total))


@app.router.get("/list")
async def products() -> Response:
    return json(PRODUCTS)
