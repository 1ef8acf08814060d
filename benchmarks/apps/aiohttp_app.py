"""aiohttp's own server with msgspec, on uvloop. Started as a program; the argument is the port."""

from __future__ import annotations

import sys

import msgspec
import uvloop
from aiohttp import web

from benchmarks.apps.shapes import PRODUCTS, Message, decode_order, encode, item, total


def reply(value: object, status: int = 200) -> web.Response:
    return web.Response(body=encode(value), status=status, content_type="application/json")


async def plaintext(request: web.Request) -> web.Response:
    return web.Response(text="Hello, World!")


async def message(request: web.Request) -> web.Response:
    return reply(Message("Hello, World!"))


async def show_item(request: web.Request) -> web.Response:
    query = request.query
    q = query.get("q")
    if q is None:
        return reply({"detail": "q is missing"}, 422)
    try:
        limit = int(query["limit"])
    except (KeyError, ValueError):
        return reply({"detail": "limit is not a number"}, 422)
    if not 1 <= limit <= 1000:
        return reply({"detail": "limit is out of range"}, 422)
    return reply(item(int(request.match_info["item_id"]), q, limit))


async def place(request: web.Request) -> web.Response:
    try:
        order = decode_order(await request.read())
    except msgspec.ValidationError as exc:
        return reply({"detail": str(exc)}, 422)
    except msgspec.DecodeError as exc:
        return reply({"detail": str(exc)}, 400)
    return reply(total(order))


async def products(request: web.Request) -> web.Response:
    return reply(PRODUCTS)


app = web.Application()
app.add_routes(
    [
        web.get("/plaintext", plaintext),
        web.get("/json", message),
        web.get(r"/items/{item_id:\d+}", show_item),
        web.post("/orders", place),
        web.get("/list", products),
    ]
)

if __name__ == "__main__":
    loop = uvloop.new_event_loop()
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=loop)
