"""Every kind of request that the soak application answers, cancels or refuses; each visitor makes one and looks at it.

A visitor takes a `Wire`, its own connection that stays open between visits. Those who leave early open another one.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from tests.soak.wire import Answer, Wire, connected, multipart, request

Visitor = Callable[[Wire], Awaitable[None]]

JSON = b"content-type: application/json\r\n"
FORM = b"content-type: application/x-www-form-urlencoded\r\n"
ORDER = {"customer": "Ada", "items": [{"sku": "rope", "qty": 2, "price": 1.5}] * 5}

VISITORS: dict[str, tuple[int, Visitor]] = {}
"""By name: how often one comes, compared with the others, and what it does."""


def visitor(weight: int) -> Callable[[Visitor], Visitor]:
    def add(function: Visitor) -> Visitor:
        VISITORS[function.__name__] = (weight, function)
        return function

    return add


def simple(
    name: str, weight: int, status: int, method: str, target: str, body: bytes = b"", *, headers: bytes = b""
) -> None:
    """A visitor who asks and expects a status."""

    async def visit(wire: Wire) -> None:
        expect(await wire.ask(method, target, body, headers=headers), status)

    VISITORS[name] = (weight, visit)


def expect(answer: Answer, status: int) -> None:
    assert answer.status == status, f"{answer.status} instead of {status}: {answer.body[:300]!r}"


def encoded(value: object) -> bytes:
    return json.dumps(value).encode()


# --- answered --------------------------------------------------------------------------------------------------------

simple("ok", 60, 200, "GET", "/items/7?q=rope")
simple("head", 10, 200, "HEAD", "/items/7")
simple("options", 5, 204, "OPTIONS", "/items/7")
simple("preflight", 5, 204, "OPTIONS", "/items/7", headers=b"origin: https://shop.example\r\n"
       b"access-control-request-method: GET\r\n")  # fmt: skip
simple("order", 60, 201, "POST", "/orders", encoded(ORDER), headers=JSON)
simple("in_a_thread", 30, 200, "GET", "/def/7")
simple("compressed", 10, 200, "GET", "/page", headers=b"accept-encoding: gzip\r\n")
simple("form", 20, 200, "POST", "/form", b"name=Ada&count=3", headers=FORM)
simple("reads_rows", 15, 200, "GET", "/rows")
simple("writes_rows", 10, 201, "POST", "/rows", b"name=Ada", headers=FORM)
simple("reads_rows_in_a_thread", 10, 200, "GET", "/def-rows")
simple("background", 10, 202, "POST", "/later")
simple("group", 20, 200, "GET", "/group/7")
simple("mounted", 10, 200, "GET", "/guest/any")
simple("document", 3, 200, "GET", "/openapi.json")
simple("lines", 15, 200, "GET", "/lines")
simple("lines_in_a_thread", 15, 200, "GET", "/def-lines")
simple("file", 10, 200, "GET", "/file")
simple("part_of_a_file", 10, 206, "GET", "/file", headers=b"range: bytes=100-199,500-600\r\n")
simple("static", 10, 200, "GET", "/static/picture.bin")
simple("small_upload", 15, 200, "POST", "/upload", multipart("a.png", b"x" * 1_000, caption="small")[1],
       headers=multipart("", b"")[0])  # fmt: skip

# --- refused ---------------------------------------------------------------------------------------------------------

simple("missing", 20, 404, "GET", "/nowhere")
simple("no_such_item", 10, 404, "GET", "/items/5000")
simple("wrong_method", 10, 405, "DELETE", "/items/7")
simple("wrong_values", 20, 422, "GET", "/items/seven?q=" + "x" * 30)
simple("wrong_order", 20, 422, "POST", "/orders", encoded({"items": [{"sku": "", "qty": 0}, 5]}), headers=JSON)
simple("no_json", 10, 400, "POST", "/orders", b'{"customer": "Ada", ', headers=JSON)
simple("no_type", 5, 415, "POST", "/orders", encoded(ORDER))
simple("too_deep", 3, 400, "POST", "/orders", b"[" * 5_000, headers=JSON)
simple("too_long", 3, 414, "GET", "/items/7?q=" + "x" * 9_000)
simple("too_many_headers", 3, 431, "GET", "/items/7", headers=b"a: b\r\n" * 200)
simple("wrong_form", 5, 422, "POST", "/form", b"count=x", headers=FORM)
simple("malformed_form", 5, 400, "POST", "/upload", b"--cut\r\nnot a part", headers=multipart("", b"")[0])
simple("bad_range", 3, 416, "GET", "/file", headers=b"range: bytes=999999999-\r\n")

# --- failed ----------------------------------------------------------------------------------------------------------

simple("fails", 10, 500, "GET", "/fails")
simple("fails_in_a_thread", 10, 500, "GET", "/def-fails")
simple("fails_after_the_flush", 5, 500, "POST", "/rows", b"name=fails", headers=FORM)


@visitor(5)
async def fails_midway(wire: Wire) -> None:
    async with connected(wire.port) as own:
        try:
            await own.ask("GET", "/fails-midway")
        except EOFError:
            return
        raise AssertionError("half an answer was told as a whole one")


# --- large bodies ----------------------------------------------------------------------------------------------------


@visitor(4)
async def large_upload(wire: Wire) -> None:
    """Larger than what is held in memory: it goes through a temporary file."""
    header, body = multipart("b.png", b"y" * 2_000_000)
    answer = await wire.ask("POST", "/upload", body, headers=header)
    expect(answer, 200)
    assert b"2000000" in answer.body


@visitor(2)
async def too_large(wire: Wire) -> None:
    """Refused by its length; the server need not read the rest."""
    async with connected(wire.port) as own:
        await own.write(b"POST /orders HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                        b"content-length: 30000000\r\n\r\n[")  # fmt: skip
        expect(await own.answer(), 413)


@visitor(2)
async def too_large_in_chunks(wire: Wire) -> None:
    """Refused by counting."""
    async with connected(wire.port) as own:
        await own.write(b"POST /orders HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                        b"transfer-encoding: chunked\r\n\r\n")  # fmt: skip
        try:
            for _ in range(45):
                await own.write(b"10000\r\n" + b"1" * 65_536 + b"\r\n")
            expect(await own.answer(), 413)
        except ConnectionError:
            pass  # it had answered, and closed while we were still talking


@visitor(10)
async def counted(wire: Wire) -> None:
    chunks = b"".join(b"400\r\n" + b"z" * 1_024 + b"\r\n" for _ in range(50)) + b"0\r\n\r\n"
    await wire.write(b"POST /count HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" + chunks)
    answer = await wire.answer()
    expect(answer, 200)
    assert b"51200" in answer.body


# --- those who leave -------------------------------------------------------------------------------------------------


async def _leaves(wire: Wire, sent: bytes, *, until: bytes = b"", seconds: float = 0.0) -> None:
    """Send, read until something came, wait a little, and go."""
    async with connected(wire.port) as own:
        await own.write(sent)
        if until:
            await own.reader.readuntil(until)
        await asyncio.sleep(seconds)


@visitor(6)
async def leaves_the_events(wire: Wire) -> None:
    await _leaves(wire, request("GET", "/events"), until=b"id: 2\n")


@visitor(4)
async def leaves_the_flood(wire: Wire) -> None:
    await _leaves(wire, request("GET", "/flood"), until=b"xxxx", seconds=0.01)


@visitor(4)
async def leaves_the_slow_one(wire: Wire) -> None:
    await _leaves(wire, request("GET", "/slow"), seconds=0.05)


@visitor(4)
async def leaves_at_once(wire: Wire) -> None:
    await _leaves(wire, request("GET", "/lines"))


@visitor(3)
async def leaves_in_the_head(wire: Wire) -> None:
    await _leaves(wire, b"GET /items/7 HTTP/1.1\r\nhos")


@visitor(3)
async def leaves_in_the_body(wire: Wire) -> None:
    await _leaves(wire, request("POST", "/orders", encoded(ORDER), headers=JSON)[:-40], seconds=0.01)


@visitor(2)
async def leaves_in_an_upload(wire: Wire) -> None:
    """After more than a megabyte: its temporary file is open by then."""
    header, body = multipart("c.png", b"w" * 3_000_000)
    await _leaves(wire, request("POST", "/upload", body, headers=header)[:2_500_000], seconds=0.02)


@visitor(3)
async def leaves_in_a_count(wire: Wire) -> None:
    await _leaves(wire, b"POST /count HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n")


# --- WebSockets ------------------------------------------------------------------------------------------------------


@visitor(8)
async def echoes(wire: Wire) -> None:
    from websockets.asyncio.client import connect

    async with connect(f"ws://127.0.0.1:{wire.port}/echo") as socket:
        for text in ("a", "b" * 1_000):
            await socket.send(text)
            assert await socket.recv() == text


@visitor(4)
async def says_a_wrong_word(wire: Wire) -> None:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    async with connect(f"ws://127.0.0.1:{wire.port}/words") as socket:
        await socket.send('{"word": "fine"}')
        assert json.loads(await socket.recv()) == {"word": "fine"}
        await socket.send('{"word": 7}')
        try:
            await socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 1007, closed


@visitor(3)
async def says_too_much(wire: Wire) -> None:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    async with connect(f"ws://127.0.0.1:{wire.port}/echo") as socket:
        try:
            await socket.send("x" * 1_200_000)
            await socket.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None and closed.rcvd.code == 1009, closed


@visitor(4)
async def leaves_the_talk(wire: Wire) -> None:
    from websockets.asyncio.client import connect

    async with connect(f"ws://127.0.0.1:{wire.port}/talks") as socket:
        await socket.recv()
        socket.transport.abort()


@visitor(4)
async def is_denied(wire: Wire) -> None:
    from websockets.asyncio.client import connect
    from websockets.exceptions import InvalidStatus

    try:
        async with connect(f"ws://127.0.0.1:{wire.port}/denied"):
            raise AssertionError("the handshake was accepted")
    except InvalidStatus as refused:
        assert refused.response.status_code == 403
