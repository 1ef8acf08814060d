"""Flask with pydantic: the pairing most Flask APIs use today."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request
from pydantic import BaseModel, Field, ValidationError

app = Flask(__name__)


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


class ItemQuery(BaseModel):
    q: str
    limit: int = Field(ge=1, le=1000)


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


@app.errorhandler(ValidationError)
def invalid(exc: ValidationError) -> tuple[Response, int]:
    return jsonify(errors=exc.errors(include_url=False, include_context=False, include_input=False)), 422


@app.get("/plaintext")
def plaintext() -> Response:
    return Response("Hello, World!", mimetype="text/plain")


@app.get("/json")
def message() -> Response:
    return jsonify(message="Hello, World!")


@app.get("/items/<int:item_id>")
def item(item_id: int) -> Response:
    query = ItemQuery.model_validate(request.args.to_dict())
    return jsonify(
        item_id=item_id,
        q=query.q,
        limit=query.limit,
        name=f"Item {item_id}",
        price=item_id + 0.5,
        in_stock=True,
        tags=["a", "b", "c"],
    )


@app.post("/orders")
def place() -> Response:
    order = NewOrder.model_validate(request.get_json())
    return jsonify(order.model_dump() | {"total": sum(line.qty * line.price for line in order.items)})


@app.get("/list")
def products() -> Response:
    return jsonify([product.model_dump() for product in PRODUCTS])
