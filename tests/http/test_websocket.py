"""WebSockets from outside: the order of calls, typed messages, limits, and how everything ends."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from ketch.http.limits import Limits
from ketch.http.problems import ValidationProblem
from ketch.http.response import PlainTextResponse
from ketch.http.stream import StreamingResponse
from ketch.http.websocket import (
    WebSocket,
    WebSocketDisconnect,
    WebSocketException,
    WebSocketState,
    WebSocketValidationError,
)

CONNECT = {"type": "websocket.connect"}
LEAVE = {"type": "websocket.disconnect", "code": 1001, "reason": "bye"}


def text(data: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": data}


def binary(data: bytes) -> dict[str, Any]:
    return {"type": "websocket.receive", "bytes": data}


class Line:
    """What the client sends, and what it gets."""

    def __init__(self, *messages: dict[str, Any], refuse_after: int | None = None) -> None:
        self.messages = [CONNECT, *messages]
        self.sent: list[dict[str, Any]] = []
        self._refuse_after = refuse_after

    async def receive(self) -> dict[str, Any]:
        return self.messages.pop(0) if self.messages else LEAVE

    async def send(self, message: Any) -> None:
        if self._refuse_after is not None and len(self.sent) >= self._refuse_after:
            raise OSError("gone")
        self.sent.append(dict(message))


Handler = Callable[[WebSocket], Coroutine[Any, Any, Any]]


def serve(
    handler: Handler,
    *messages: dict[str, Any],
    limits: Limits = Limits(),
    refuse_after: int | None = None,
    **scope: Any,
) -> tuple[list[dict[str, Any]], Any]:
    """Run `handler` and return what it sent and what it returned."""
    line = Line(*messages, refuse_after=refuse_after)
    full = {"type": "websocket", "path": "/ws", "query_string": b"a=1", "headers": [(b"host", b"x")], **scope}

    async def run() -> Any:
        return await handler(WebSocket(full, line.receive, line.send, limits))

    result = asyncio.run(run())
    return line.sent, result


def after_accept(handler: Handler, *messages: dict[str, Any], **options: Any) -> tuple[list[dict[str, Any]], Any]:
    async def run(ws: WebSocket) -> Any:
        await ws.accept()
        return await handler(ws)

    sent, result = serve(run, *messages, **options)
    assert sent[0]["type"] == "websocket.accept"
    return sent[1:], result


def test_a_conversation() -> None:
    async def echo(ws: WebSocket) -> None:
        assert ws.client_state is WebSocketState.CONNECTED
        await ws.send_text(await ws.receive_text())
        await ws.send_bytes(await ws.receive_bytes())
        await ws.send_json(await ws.receive_json())
        await ws.send_json({"é": 1}, mode="binary")
        await ws.close(4000, "done")
        assert ws.application_state is WebSocketState.DISCONNECTED

    sent, _ = after_accept(echo, text("héllo"), binary(b"\0"), text('{"a": 1}'))
    assert sent == [
        {"type": "websocket.send", "text": "héllo"},
        {"type": "websocket.send", "bytes": b"\0"},
        {"type": "websocket.send", "text": '{"a":1}'},
        {"type": "websocket.send", "bytes": '{"é":1}'.encode()},
        {"type": "websocket.close", "code": 4000, "reason": "done"},
    ]


def test_it_is_a_connection() -> None:
    async def look(ws: WebSocket) -> Any:
        ws.state.seen = True
        return ws.query_params["a"], ws.headers["host"], ws.url.path, ws.state.seen

    assert serve(look)[1] == ("1", "x", "/ws", True)


# The handshake


def test_accept_with_subprotocol_and_headers() -> None:
    async def accept(ws: WebSocket) -> None:
        assert ws.subprotocols == ["chat", "json"]
        await ws.accept("json", headers=[(b"X-A", b"1"), ("x-b", "2")])

    sent, _ = serve(accept, subprotocols=["chat", "json"])
    headers = [(b"x-a", b"1"), (b"x-b", b"2")]
    assert sent == [{"type": "websocket.accept", "subprotocol": "json", "headers": headers}]


def test_headers_as_a_mapping() -> None:
    sent, _ = serve(lambda ws: ws.accept(headers={"X-A": "1"}))
    assert sent[0]["headers"] == [(b"x-a", b"1")]


@pytest.mark.parametrize("headers", [{"x": "a\r\nb: c"}, [(b"x\n", b"a")], [("x", "a\0")]])
def test_no_header_is_injected(headers: Any) -> None:
    async def accept(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="cannot be a header"):
            await ws.accept(headers=headers)
        await ws.accept()

    assert len(serve(accept)[0]) == 1


def test_a_subprotocol_must_have_been_offered() -> None:
    async def accept(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="it offers: chat"):
            await ws.accept("soap")

    assert serve(accept, subprotocols=["chat"])[0] == []


def test_closing_before_accepting_denies() -> None:
    async def deny(ws: WebSocket) -> None:
        await ws.close(1008, "no")

    assert serve(deny)[0] == [{"type": "websocket.close", "code": 1008, "reason": "no"}]


def test_a_denial_response() -> None:
    async def deny(ws: WebSocket) -> None:
        await ws.send_denial_response(PlainTextResponse("members only", 401, headers={"x-a": "1"}))
        assert ws.application_state is WebSocketState.DISCONNECTED

    sent, _ = serve(deny, extensions={"websocket.http.response": {}})
    assert [m["type"] for m in sent] == ["websocket.http.response.start", "websocket.http.response.body"]
    assert sent[0]["status"] == 401
    assert (b"x-a", b"1") in sent[0]["headers"]
    assert sent[1]["body"] == b"members only"


def test_a_streamed_denial_response() -> None:
    async def deny(ws: WebSocket) -> None:
        await ws.send_denial_response(StreamingResponse(["a", "b"], 403))

    line = Line()

    async def run() -> None:
        async def receive() -> Any:
            return line.messages.pop(0) if line.messages else await asyncio.Event().wait()

        scope = {"type": "websocket", "path": "/", "headers": [], "query_string": b""}
        scope["extensions"] = {"websocket.http.response": {}}
        await deny(WebSocket(scope, receive, line.send))

    asyncio.run(run())
    assert b"".join(m.get("body", b"") for m in line.sent) == b"ab"


def test_a_server_without_denial_responses_gets_a_close() -> None:
    sent, _ = serve(lambda ws: ws.send_denial_response(PlainTextResponse("no", 401)))
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


def test_the_client_leaves_during_the_handshake() -> None:
    line = Line()
    line.messages = [LEAVE]

    async def run() -> None:
        ws = WebSocket({"type": "websocket", "headers": []}, line.receive, line.send)
        with pytest.raises(WebSocketDisconnect):
            await ws.accept()

    asyncio.run(run())
    assert line.sent == []


# The wrong order


def test_calls_before_accept() -> None:
    async def early(ws: WebSocket) -> None:
        calls: list[Callable[[], Coroutine[Any, Any, Any]]] = [
            ws.receive_text,
            ws.receive_bytes,
            ws.receive_json,
            lambda: ws.send_text("x"),
            lambda: ws.send_bytes(b"x"),
            lambda: ws.send_json({}),
            lambda: ws.send({"type": "websocket.send", "text": "x"}),
        ]
        for call in calls:
            with pytest.raises(RuntimeError, match=r"call `await websocket\.accept\(\)` first"):
                await call()

    assert serve(early)[0] == []


def test_calls_after_close() -> None:
    async def late(ws: WebSocket) -> None:
        await ws.close()
        for call in (ws.receive_text, lambda: ws.send_text("x"), ws.close):
            with pytest.raises(RuntimeError, match="closed"):
                await call()
        for call in (ws.accept, lambda: ws.send_denial_response(PlainTextResponse("x"))):
            with pytest.raises(RuntimeError, match="closed"):
                await call()

    after_accept(late)


def test_accepting_twice() -> None:
    async def twice(ws: WebSocket) -> None:
        with pytest.raises(RuntimeError, match="accepted already"):
            await ws.accept()
        with pytest.raises(RuntimeError, match=r"before accept\(\)"):
            await ws.send_denial_response(PlainTextResponse("x"))

    after_accept(twice)


def test_receiving_after_the_client_left() -> None:
    async def late(ws: WebSocket) -> None:
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.receive_text()
        assert (caught.value.code, caught.value.reason) == (1001, "bye")
        with pytest.raises(RuntimeError, match="has disconnected"):
            await ws.receive_text()
        with pytest.raises(WebSocketDisconnect):
            await ws.send_text("x")
        await ws.close()  # nothing to do, and no error

    assert after_accept(late)[0] == []


def test_a_disconnect_without_a_code() -> None:
    async def read(ws: WebSocket) -> int:
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.receive_text()
        return caught.value.code

    assert after_accept(read, {"type": "websocket.disconnect"})[1] == 1005


def test_sending_to_a_client_that_has_gone() -> None:
    async def send(ws: WebSocket) -> None:
        with pytest.raises(WebSocketDisconnect) as caught:
            await ws.send_text("x")
        assert caught.value.code == 1006
        await ws.close()

    after_accept(send, refuse_after=1)


def test_closing_when_the_client_has_gone_is_no_error() -> None:
    async def close(ws: WebSocket) -> None:
        await ws.close()

    after_accept(close, refuse_after=1)


def test_raw_messages() -> None:
    async def raw(ws: WebSocket) -> None:
        assert (await ws.receive())["type"] == "websocket.connect"
        await ws.send({"type": "websocket.accept"})
        assert (await ws.receive())["text"] == "a"
        await ws.send({"type": "websocket.send", "text": "b"})
        await ws.send({"type": "websocket.close", "code": 1000})

    sent, _ = serve(raw, text("a"))
    assert [m["type"] for m in sent] == ["websocket.accept", "websocket.send", "websocket.close"]


# Loops


def test_iterating_ends_when_the_client_leaves() -> None:
    async def read(ws: WebSocket) -> list[Any]:
        return [item async for item in ws.iter_text()]

    assert after_accept(read, text("a"), text("b"))[1] == ["a", "b"]

    async def read_bytes(ws: WebSocket) -> list[Any]:
        return [item async for item in ws.iter_bytes()]

    assert after_accept(read_bytes, binary(b"a"))[1] == [b"a"]

    async def read_json(ws: WebSocket) -> list[Any]:
        return [item async for item in ws.iter_json(int)]

    assert after_accept(read_json, text("1"), binary(b"2"))[1] == [1, 2]


# Typed messages


class Move(msgspec.Struct):
    x: int
    to: list[str] = []


@dataclass
class Step:
    n: int


def model() -> Any:
    from pydantic import BaseModel

    class Model(BaseModel):
        a: int
        b: str

    return Model


def read_as(kind: Any, message: dict[str, Any], **options: Any) -> Any:
    async def read(ws: WebSocket) -> Any:
        return await ws.receive_json(kind)

    return after_accept(read, message, **options)[1]


def test_typed_messages() -> None:
    assert read_as(Move, text('{"x": 1, "to": ["a"]}')) == Move(1, ["a"])
    assert read_as(Move, binary(b'{"x": 1}')) == Move(1)
    assert read_as(Step, text('{"n": 1}')) == Step(1)
    assert read_as(list[int] | None, text("null")) is None
    assert read_as(dict[str, int], text('{"a": 1}')) == {"a": 1}
    assert read_as(None, text('["x"]')) == ["x"]
    kind = model()
    assert read_as(kind, text('{"a": 1, "b": "x"}')) == kind(a=1, b="x")
    assert read_as(list[kind], text('[{"a": 1, "b": "x"}]')) == [kind(a=1, b="x")]
    other = model()
    assert read_as(kind | other, text('{"a": 1, "b": "x"}')).a == 1


def errors_of(kind: Any, message: dict[str, Any], **options: Any) -> WebSocketValidationError:
    with pytest.raises(WebSocketValidationError) as caught:
        read_as(kind, message, **options)
    return caught.value


@pytest.mark.parametrize(
    ("kind", "raw", "loc", "type"),
    [
        (Move, '{"x": "1"}', ["body", "x"], "value_error"),
        (Move, "{}", ["body", "x"], "missing"),
        (Move, '{"x": 1, "to": ["a", 2]}', ["body", "to", 1], "value_error"),
        (dict[str, Move], '{"a": {"x": null}}', ["body", "x"], "value_error"),
        (int, "[]", ["body"], "value_error"),
    ],
)
def test_messages_of_the_wrong_type(kind: Any, raw: str, loc: list[Any], type: str) -> None:
    error = errors_of(kind, text(raw))
    assert error.code == 1007
    assert list(error.errors[0]["loc"]) == loc
    assert error.errors[0]["type"] == type
    assert error.reason == error.errors[0]["msg"]


def test_every_error_of_a_pydantic_model() -> None:
    error = errors_of(model(), text('{"a": "x"}'))
    assert [(list(e["loc"]), e["type"]) for e in error.errors] == [
        (["body", "a"], "int_parsing"),
        (["body", "b"], "missing"),
    ]
    nested = errors_of(list[model()], text('[{"a": "x"}]'))
    assert [list(e["loc"]) for e in nested.errors] == [["body", 0, "a"], ["body", 0, "b"]]


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        "nonsense",
        "NaN",
        "1e999x",
        '{"a": 1} x',
        '"\\ud800"',
        "\ud800",
        "[" * 65 + "]" * 65,
        "[" * 100_000,
        "\0",
    ],
)
@pytest.mark.parametrize("kind", [None, Move, "model"])
def test_what_is_not_json(raw: str, kind: Any) -> None:
    error = errors_of(model() if kind == "model" else kind, text(raw))
    assert error.code == 1007
    assert error.errors
    assert len(error.reason) < 500


def test_bytes_that_are_not_utf8() -> None:
    assert errors_of(None, binary(b'"\xff"')).code == 1007


@pytest.mark.parametrize("mode", ["text", "binary"])
def test_the_wrong_kind_of_frame(mode: str) -> None:
    wrong = binary(b"1") if mode == "text" else text("1")

    async def read(ws: WebSocket) -> None:
        for call in (ws.receive_text if mode == "text" else ws.receive_bytes, lambda: ws.receive_json(mode=mode)):
            with pytest.raises(WebSocketValidationError) as caught:
                await call()
            assert caught.value.code == 1003
            assert mode in caught.value.reason

    after_accept(read, wrong, wrong)


def test_an_unknown_mode() -> None:
    async def read(ws: WebSocket) -> None:
        with pytest.raises(RuntimeError, match="mode"):
            await ws.receive_json(mode="base64")
        with pytest.raises(RuntimeError, match="mode"):
            await ws.send_json({}, mode="base64")

    after_accept(read)


def test_a_better_decoder_may_be_set() -> None:
    async def decode(raw: bytes, kind: Any) -> Any:
        raise ValidationProblem([{"loc": ["body", str(i)], "msg": "no", "type": "value_error"} for i in range(3)])

    async def read(ws: WebSocket) -> Any:
        ws.decode = decode
        await ws.receive_json(Move)

    with pytest.raises(WebSocketValidationError) as caught:
        after_accept(read, text("{}"))
    assert len(caught.value.errors) == 3


def test_a_type_that_cannot_be_read_is_a_programmers_mistake() -> None:
    with pytest.raises((TypeError, NotImplementedError)):
        read_as(asyncio.Event, text("{}"))


# Limits


@pytest.mark.parametrize(
    ("message", "fits"),
    [
        (text("x" * 100), True),
        (text("x" * 101), False),
        (text("é" * 50), True),
        (text("é" * 51), False),
        (text("€" * 33), True),
        (text("😀" * 25), True),
        (text("😀" * 26), False),
        (text("x" * 10_000_000), False),
        (binary(b"x" * 100), True),
        (binary(b"x" * 101), False),
    ],
)
def test_the_limit_of_a_message(message: dict[str, Any], fits: bool) -> None:
    async def read(ws: WebSocket) -> None:
        receive = ws.receive_bytes if "bytes" in message else ws.receive_text
        if fits:
            await receive()
            return
        with pytest.raises(WebSocketDisconnect) as caught:
            await receive()
        assert caught.value.code == 1009

    sent, _ = after_accept(read, message, limits=Limits(websocket_message=100))
    assert [m.get("code") for m in sent] == ([] if fits else [1009])


# Close codes and reasons


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, -1])
def test_codes_that_cannot_be_sent(code: int) -> None:
    async def close(ws: WebSocket) -> None:
        with pytest.raises(ValueError, match="close code"):
            await ws.close(code)
        await ws.close(1000)

    assert len(after_accept(close)[0]) == 1


@pytest.mark.parametrize(
    ("reason", "sent_reason"),
    [(None, ""), ("x" * 200, "x" * 123), ("é" * 100, "é" * 61), ("a" + "€" * 100, "a" + "€" * 40), ("\ud800", "?")],
)
def test_a_reason_fits_its_frame(reason: str | None, sent_reason: str) -> None:
    async def close(ws: WebSocket) -> None:
        await ws.close(3000, reason)

    assert after_accept(close)[0][0]["reason"] == sent_reason


def test_the_exceptions() -> None:
    assert (WebSocketDisconnect().code, WebSocketDisconnect().reason) == (1000, "")
    error = WebSocketException(1011, "sorry")
    assert (error.code, error.reason) == (1011, "sorry")
    assert isinstance(WebSocketValidationError([]), WebSocketException)
