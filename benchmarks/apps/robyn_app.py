"""Robyn with msgspec. Started as a program: Robyn reads its own command line; the first argument is the port."""

from __future__ import annotations

import sys

import msgspec
from robyn import Request, Response, Robyn

from benchmarks.apps import shapes

app = Robyn(__file__)
JSON = {"Content-Type": "application/json"}


def reply(value: object, status: int = 200) -> Response:
    return Response(status_code=status, headers=JSON, description=shapes.encode(value))


@app.get("/plaintext")
async def plaintext(request: Request) -> str:
    return "Hello, World!"


@app.get("/json")
async def message(request: Request) -> Response:
    return reply(shapes.Message("Hello, World!"))


@app.get("/items/:item_id")
async def item(request: Request) -> Response:
    q = request.query_params.get("q", None)
    if q is None:
        return reply({"detail": "q is missing"}, 422)
    try:
        item_id = int(request.path_params["item_id"])
        limit = int(request.query_params.get("limit", ""))
    except ValueError:
        return reply({"detail": "not a number"}, 422)
    if not 1 <= limit <= 1000:
        return reply({"detail": "limit is out of range"}, 422)
    return reply(shapes.item(item_id, q, limit))


@app.post("/orders")
async def place(request: Request) -> Response:
    try:
        order = shapes.decode_order(request.body)
    except msgspec.ValidationError as exc:
        return reply({"detail": str(exc)}, 422)
    except msgspec.DecodeError as exc:
        return reply({"detail": str(exc)}, 400)
    return reply(shapes.total(order))


@app.get("/list")
async def products(request: Request) -> Response:
    return reply(shapes.PRODUCTS)


if __name__ == "__main__":
    app.start(host="127.0.0.1", port=int(sys.argv[1]))
