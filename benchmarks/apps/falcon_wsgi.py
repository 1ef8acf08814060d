"""Falcon's WSGI side with msgspec: the quickest WSGI framework."""

from __future__ import annotations

import falcon
import msgspec
from falcon import Request, Response

from benchmarks.apps.shapes import PRODUCTS, Message, decode_order, encode, item, total


class Plaintext:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.text = "Hello, World!"


class Json:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.data = encode(Message("Hello, World!"))


class Item:
    def on_get(self, req: Request, resp: Response, item_id: int) -> None:
        q = req.get_param("q", required=True)
        limit = req.get_param_as_int("limit", required=True, min_value=1, max_value=1000)
        resp.data = encode(item(item_id, q, limit))


class Orders:
    def on_post(self, req: Request, resp: Response) -> None:
        try:
            order = decode_order(req.bounded_stream.read())
        except msgspec.ValidationError as exc:
            raise falcon.HTTPUnprocessableEntity(description=str(exc)) from exc
        except msgspec.DecodeError as exc:
            raise falcon.HTTPBadRequest(description=str(exc)) from exc
        resp.data = encode(total(order))


class Products:
    def on_get(self, req: Request, resp: Response) -> None:
        resp.data = encode(PRODUCTS)


app = falcon.App()
app.add_route("/plaintext", Plaintext())
app.add_route("/json", Json())
app.add_route("/items/{item_id:int}", Item())
app.add_route("/orders", Orders())
app.add_route("/list", Products())
