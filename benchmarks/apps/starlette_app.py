"""Starlette with msgspec: what a careful person writes by hand on Starlette."""

from __future__ import annotations

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.apps.shapes import PRODUCTS, Message, decode_order, encode, item, total


def reply(value: object) -> Response:
    return Response(encode(value), media_type="application/json")


def problem(detail: str) -> Response:
    return Response(encode({"detail": detail}), status_code=422, media_type="application/json")


async def plaintext(request: Request) -> Response:
    return PlainTextResponse("Hello, World!")


async def message(request: Request) -> Response:
    return reply(Message("Hello, World!"))


async def show_item(request: Request) -> Response:
    query = request.query_params
    q = query.get("q")
    if q is None:
        return problem("q is missing")
    try:
        limit = int(query["limit"])
    except (KeyError, ValueError):
        return problem("limit is not a number")
    if not 1 <= limit <= 1000:
        return problem("limit is out of range")
    return reply(item(request.path_params["item_id"], q, limit))


async def place(request: Request) -> Response:
    try:
        order = decode_order(await request.body())
    except msgspec.ValidationError as exc:
        return problem(str(exc))
    except msgspec.DecodeError as exc:
        return Response(encode({"detail": str(exc)}), status_code=400, media_type="application/json")
    return reply(total(order))


async def products(request: Request) -> Response:
    return reply(PRODUCTS)


app = Starlette(
    routes=[
        Route("/plaintext", plaintext),
        Route("/json", message),
        Route("/items/{item_id:int}", show_item),
        Route("/orders", place, methods=["POST"]),
        Route("/list", products),
    ]
)
