"""Sanic with msgspec, on its own server (uvloop where installed)."""

from __future__ import annotations

import msgspec
from sanic import HTTPResponse, Request, Sanic, text

from benchmarks.apps.shapes import PRODUCTS, Message, decode_order, encode, item, total

app = Sanic("benchmark")


def reply(value: object, status: int = 200) -> HTTPResponse:
    return HTTPResponse(encode(value), status=status, content_type="application/json")


@app.get("/plaintext")
async def plaintext(request: Request) -> HTTPResponse:
    return text("Hello, World!")


@app.get("/json")
async def message(request: Request) -> HTTPResponse:
    return reply(Message("Hello, World!"))


@app.get("/items/<item_id:int>")
async def show_item(request: Request, item_id: int) -> HTTPResponse:
    q = request.args.get("q")
    if q is None:
        return reply({"detail": "q is missing"}, 422)
    try:
        limit = int(request.args.get("limit", ""))
    except ValueError:
        return reply({"detail": "limit is not a number"}, 422)
    if not 1 <= limit <= 1000:
        return reply({"detail": "limit is out of range"}, 422)
    return reply(item(item_id, q, limit))


@app.post("/orders")
async def place(request: Request) -> HTTPResponse:
    try:
        order = decode_order(request.body)
    except msgspec.ValidationError as exc:
        return reply({"detail": str(exc)}, 422)
    except msgspec.DecodeError as exc:
        return reply({"detail": str(exc)}, 400)
    return reply(total(order))


@app.get("/list")
async def products(request: Request) -> HTTPResponse:
    return reply(PRODUCTS)
