"""Streams from outside: what goes out, who is cleaned up, what a leaving client sees and sets off."""

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.stream import (
    EventSourceResponse,
    JSONLinesResponse,
    ServerSentEvent,
    StreamingResponse,
    encode_json,
    last_event_id,
)
from tests.support.exchange import Exchange


def answer(response: StreamingResponse, **options: Any) -> Exchange:
    async def run() -> Exchange:
        return await Exchange(**options).answer(response)

    return asyncio.run(run())


class Source:
    """An async iterator that tells what happened to it."""

    def __init__(self, *items: Any, wait: bool = False) -> None:
        self.items = items
        self.wait = wait
        self.asked = 0
        self.ended = ""

    async def run(self) -> AsyncIterator[Any]:
        try:
            for item in self.items:
                self.asked += 1
                if isinstance(item, Exception):
                    raise item
                yield item
            if self.wait:
                await asyncio.Event().wait()
            self.ended = "done"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise
        except GeneratorExit:
            self.ended = "closed"
            raise
        except BaseException:
            self.ended = "failed"
            raise
        finally:
            await asyncio.sleep(0)  # clean-up may await, in a task that is not cancelled any more
            self.ended += ", cleaned up"


def test_chunks_of_every_kind() -> None:
    source = Source(b"a", "ä", memoryview(b"b"), bytearray(b"c"), b"")
    exchange = answer(StreamingResponse(source.run(), media_type="text/plain", headers={"x-a": "1"}))
    assert exchange.body == "aäbc".encode()
    assert exchange.complete
    assert exchange.headers["content-type"] == "text/plain; charset=utf-8"
    assert exchange.headers["x-content-type-options"] == "nosniff"
    assert exchange.headers["x-a"] == "1"
    assert "content-length" not in exchange.headers
    assert [len(message["body"]) for message in exchange.sent[1:]] == [1, 2, 1, 1, 0]
    assert source.ended == "done, cleaned up"


@pytest.mark.parametrize(
    "content", [["a", b"b"], ("a", "b"), "ab", b"ab", iter("ab"), (c for c in "ab"), {"a": 1, "b": 2}]
)
def test_plain_iterables(content: Any) -> None:
    assert answer(StreamingResponse(content)).body == b"ab"


def test_a_plain_iterator_runs_and_ends_in_threads() -> None:
    seen: list[int] = []
    variable = contextvars.ContextVar("variable", default="")

    def chunks() -> Iterator[str]:
        try:
            for _ in range(3):
                seen.append(threading.get_ident())
                yield variable.get()
        finally:
            seen.append(threading.get_ident())

    async def run() -> bytes:
        variable.set("x")
        return (await Exchange().answer(StreamingResponse(chunks()))).body

    assert asyncio.run(run()) == b"xxx"
    assert len(seen) == 4
    assert threading.get_ident() not in seen


def test_a_plain_iterator_uses_the_applications_pool() -> None:
    calls = []

    class Runtime:
        async def threads(self, function: Any, *args: Any) -> Any:
            calls.append(function)
            return function(*args)

    async def run() -> None:
        exchange = Exchange()
        exchange.request.runtime = Runtime()
        await exchange.answer(StreamingResponse(iter(["a"])))

    asyncio.run(run())
    assert len(calls) >= 2


def test_a_plain_generator_is_closed_when_the_client_leaves() -> None:
    closed = threading.Event()

    def chunks() -> Iterator[bytes]:
        try:
            while True:
                yield b"x"
        finally:
            closed.set()

    exchange = answer(StreamingResponse(chunks()), leave_after=3)
    assert closed.is_set()
    assert not exchange.complete


def test_head_does_not_iterate() -> None:
    source = Source(b"a")
    exchange = answer(StreamingResponse(source.run(), headers={"content-length": "1"}), method="HEAD")
    assert (exchange.body, exchange.complete, source.asked) == (b"", True, 0)
    assert exchange.headers["content-length"] == "1"
    assert answer(StreamingResponse(Source(b"a").run(), status_code=204)).body == b""


def test_the_next_item_is_made_when_the_last_one_was_taken() -> None:
    source = Source(*[b"x"] * 100)

    async def run() -> None:
        exchange = Exchange()
        gate = asyncio.Event()

        async def send(message: Any) -> None:
            exchange.sent.append(message)
            if len(exchange.sent) > 4:
                await gate.wait()

        sending = asyncio.create_task(StreamingResponse(source.run()).send(send, exchange.request))
        for _ in range(50):
            await asyncio.sleep(0)
        assert source.asked == 4
        gate.set()
        await sending
        assert source.asked == 100

    asyncio.run(run())


def test_a_waiting_iterator_is_cancelled_when_the_client_leaves() -> None:
    source = Source(b"a", wait=True)
    exchange = answer(StreamingResponse(source.run()), leave_after=2)
    assert source.ended == "cancelled, cleaned up"
    assert not exchange.complete


def test_a_sending_iterator_is_closed_when_the_client_leaves() -> None:
    source = Source(b"a", b"b", b"c")

    async def run() -> None:
        exchange = Exchange()

        async def send(message: Any) -> None:
            exchange.leave()
            await asyncio.Event().wait()  # a client that never reads

        await StreamingResponse(source.run()).send(send, exchange.request)

    asyncio.run(run())
    assert source.ended == "closed, cleaned up"


@pytest.mark.parametrize("refuse_after", [0, 1, 2])
def test_an_oserror_on_send_is_the_client_leaving(refuse_after: int) -> None:
    source = Source(b"a", b"b", b"c")
    answer(StreamingResponse(source.run()), refuse_after=refuse_after)
    assert source.ended == "closed, cleaned up"


def test_the_task_goes_on_uncancelled_after_the_client_left() -> None:
    async def run() -> None:
        task = asyncio.current_task()
        assert task
        exchange = Exchange(leave_after=1)
        await exchange.answer(StreamingResponse(Source(b"a", wait=True).run()))
        assert task.cancelling() == 0
        await asyncio.sleep(0.001)

    asyncio.run(run())


def test_cancelling_from_outside_cleans_up_and_stays_a_cancellation() -> None:
    source = Source(b"a", wait=True)

    async def run() -> None:
        task = asyncio.create_task(Exchange().answer(StreamingResponse(source.run())))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())
    assert source.ended == "cancelled, cleaned up"


def test_an_iterator_that_swallows_its_cancellation_is_stopped_all_the_same() -> None:
    async def stubborn() -> AsyncIterator[bytes]:
        yield b"a"
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass
        yield b"b"
        yield b"c"

    async def run() -> None:
        exchange = Exchange(leave_after=2)
        await exchange.answer(StreamingResponse(stubborn()))
        assert exchange.body == b"a"
        task = asyncio.current_task()
        assert task
        assert task.cancelling() == 0

    asyncio.run(run())


class Broken(Exception):
    pass


def test_an_error_before_the_first_chunk_leaves_room_for_a_proper_answer() -> None:
    async def run() -> None:
        exchange = Exchange()
        with pytest.raises(Broken):
            await exchange.answer(StreamingResponse(Source(Broken()).run()))
        assert exchange.sent == []

    asyncio.run(run())


def test_an_error_in_the_middle_is_raised_and_the_body_left_open() -> None:
    source = Source(b"a", Broken())

    async def run() -> None:
        exchange = Exchange()
        with pytest.raises(Broken):
            await exchange.answer(StreamingResponse(source.run()))
        assert exchange.body == b"a"
        assert not exchange.complete

    asyncio.run(run())
    assert source.ended == "failed, cleaned up"


def test_an_oserror_of_the_iterator_is_not_taken_for_a_leaving_client() -> None:
    with pytest.raises(OSError, match="disk"):
        answer(StreamingResponse(Source(b"a", OSError("disk")).run()))


def test_an_empty_chunk_sends_the_headers() -> None:
    async def run() -> None:
        exchange = Exchange(leave_after=1)
        await exchange.answer(StreamingResponse(Source(b"", wait=True).run()))
        assert exchange.status == 200

    asyncio.run(run())


def test_nothing_at_all_is_an_empty_body() -> None:
    exchange = answer(StreamingResponse([]))
    assert (exchange.status, exchange.body, exchange.complete) == (200, b"", True)


@pytest.mark.parametrize("content", [None, 5, lambda: "x"])
def test_what_cannot_be_iterated_is_refused_at_once(content: Any) -> None:
    with pytest.raises(TypeError, match="takes an iterator"):
        StreamingResponse(content)


def test_what_is_no_chunk_is_refused() -> None:
    with pytest.raises(TypeError, match="not int"):
        answer(StreamingResponse([1]))


# Reading and answering at once


def test_a_generator_may_read_the_request_while_it_answers() -> None:
    async def run() -> Exchange:
        exchange = Exchange("POST", body=[b"one", b"two", b"three", b""])

        async def echo() -> AsyncIterator[bytes]:
            async for chunk in exchange.request.stream():
                await asyncio.sleep(0.001)
                yield chunk.upper()

        return await exchange.answer(StreamingResponse(echo()))

    exchange = asyncio.run(run())
    assert exchange.body == b"ONETWOTHREE"
    assert exchange.complete


def test_leaving_is_seen_by_a_generator_that_is_reading() -> None:
    ended = []

    async def run() -> None:
        exchange = Exchange("POST")
        exchange._incoming = []

        async def receive() -> Any:
            if not ended:
                ended.append("asked")
                return {"type": "http.request", "body": b"one", "more_body": True}
            await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        exchange.request.receive = receive

        async def echo() -> AsyncIterator[bytes]:
            try:
                async for chunk in exchange.request.stream():
                    yield chunk
            finally:
                ended.append("cleaned up")

        await exchange.answer(StreamingResponse(echo()))
        assert exchange.body == b"one"

    asyncio.run(run())
    assert ended == ["asked", "cleaned up"]


def test_an_unread_body_is_given_up_in_time_so_that_leaving_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    from ketch.http import lifeline

    monkeypatch.setattr(lifeline, "_PATIENCE", 0.02)
    source = Source(b"a", wait=True)

    async def run() -> None:
        exchange = Exchange("POST", body=[b"x"] * 10, leave_after=2)
        await exchange.answer(StreamingResponse(source.run()))
        assert exchange.asked_for >= 10
        with pytest.raises(RuntimeError, match="not read in time"):
            await exchange.request.body()

    asyncio.run(run())
    assert source.ended == "cancelled, cleaned up"


def test_no_helper_outlives_the_response() -> None:
    async def run() -> None:
        await Exchange().answer(EventSourceResponse(["a"], ping=1))
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


# JSON Lines


class Point(msgspec.Struct):
    x: int


@dataclass
class Size:
    w: int


def test_json_lines() -> None:
    from pydantic import BaseModel

    class Model(BaseModel):
        p: int

    exchange = answer(JSONLinesResponse([Point(1), {"a": "b\nc"}, Size(2), Model(p=3), None]))
    assert exchange.body == b'{"x":1}\n{"a":"b\\nc"}\n{"w":2}\n{"p":3}\nnull\n'
    assert exchange.headers["content-type"] == "application/jsonl"
    assert answer(JSONLinesResponse([1, 2], encode=lambda n: b"%d" % -n)).body == b"-1\n-2\n"


# Server-sent events


def parse_events(raw: bytes) -> list[dict[str, str]]:
    """The algorithm of WHATWG HTML, 9.2.6, as a browser runs it."""
    events: list[dict[str, str]] = []
    data, kind, last = "", "", ""
    text = raw.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    for line in text.split("\n")[:-1]:
        if not line:
            if data:
                events.append({"data": data.removesuffix("\n"), "event": kind or "message", "id": last})
            data, kind = "", ""
            continue
        field, colon, value = line.partition(":")
        if colon and not field:
            continue
        value = value.removeprefix(" ")
        if field == "data":
            data += value + "\n"
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            last = value
    return events


@pytest.mark.parametrize(
    ("event", "wire"),
    [
        (ServerSentEvent("x"), b"data: x\n\n"),
        (ServerSentEvent(b"x"), b"data: x\n\n"),
        (ServerSentEvent({"a": 1}), b'data: {"a":1}\n\n'),
        (ServerSentEvent("a\nb\r\nc\rd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (ServerSentEvent("a\n"), b"data: a\ndata: \n\n"),
        (ServerSentEvent(""), b"data: \n\n"),
        (ServerSentEvent(" x"), b"data:  x\n\n"),
        (ServerSentEvent(comment="hi\nho"), b": hi\n: ho\n\n"),
        (ServerSentEvent("x", event="tick", id=7, retry=500), b"event: tick\nid: 7\nretry: 500\ndata: x\n\n"),
        (ServerSentEvent(id=""), b"id: \n\n"),
        (ServerSentEvent("\ud800"), b"data: ?\n\n"),
        (ServerSentEvent(0), b"data: 0\n\n"),
        (ServerSentEvent(False), b"data: false\n\n"),
    ],
)
def test_events_on_the_wire(event: ServerSentEvent, wire: bytes) -> None:
    assert event.encode(encode_json) == wire


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "\r\n"])
@pytest.mark.parametrize("field", ["event", "id"])
def test_nothing_can_be_injected_by_an_event_or_id(field: str, bad: str) -> None:
    with pytest.raises(ValueError, match=f"the {field} of an event"):
        ServerSentEvent("x", **{field: bad})


@pytest.mark.parametrize("retry", [-1])
def test_retry_is_a_number_of_milliseconds(retry: Any) -> None:
    with pytest.raises(ValueError, match="retry"):
        ServerSentEvent("x", retry=retry)


lines = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=10)


@given(st.lists(st.tuples(st.text(min_size=1), lines, lines, st.text()), max_size=5))
def test_a_browser_reads_what_was_sent(events: list[tuple[str, str, str, str]]) -> None:
    raw = b"".join(
        ServerSentEvent(data, event=event, id=id, comment=comment).encode(encode_json)
        for data, event, id, comment in events
    )
    unified = [(d.replace("\r\n", "\n").replace("\r", "\n"), e, i) for d, e, i, _ in events]
    expected = [{"data": d, "event": e or "message", "id": i} for d, e, i in unified]
    assert parse_events(raw) == expected


def test_an_event_stream() -> None:
    exchange = answer(EventSourceResponse([ServerSentEvent("a", id="1"), "b", {"c": 1}, Point(2)]))
    assert [event["data"] for event in parse_events(exchange.body)] == ["a", "b", '{"c":1}', '{"x":2}']
    assert exchange.headers["content-type"].startswith("text/event-stream")
    assert exchange.headers["cache-control"] == "no-cache"
    assert exchange.headers["x-accel-buffering"] == "no"
    kept = answer(EventSourceResponse([], headers={"Cache-Control": "no-store"}))
    assert kept.headers["cache-control"] == "no-store"


def test_the_headers_of_an_event_stream_do_not_wait_for_news() -> None:
    source = Source(wait=True)
    exchange = answer(EventSourceResponse(source.run()), leave_after=1)
    assert exchange.status == 200
    assert source.ended == "cancelled, cleaned up"


@pytest.mark.parametrize(("ping", "pings"), [(0.01, True), (0, False), (None, False)])
def test_pings_while_nothing_happens(ping: float | None, pings: bool) -> None:
    async def quiet() -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(0.08)
        yield "b"

    exchange = answer(EventSourceResponse(quiet(), ping=ping))
    assert [event["data"] for event in parse_events(exchange.body)] == ["a", "b"]
    assert (b": ping\n\n" in exchange.body) is pings


def test_no_ping_while_there_is_news() -> None:
    async def busy() -> AsyncIterator[str]:
        for _ in range(20):
            await asyncio.sleep(0.005)
            yield "a"

    assert b"ping" not in answer(EventSourceResponse(busy(), ping=0.2)).body


def test_a_ping_that_cannot_be_sent_ends_the_stream() -> None:
    source = Source("a", wait=True)
    answer(EventSourceResponse(source.run(), ping=0.01), refuse_after=2)
    assert source.ended == "cancelled, cleaned up"


def test_no_ping_while_a_slow_client_is_still_taking_the_last_event() -> None:
    async def run() -> None:
        exchange = Exchange()

        async def send(message: Any) -> None:
            exchange.sent.append(message)
            if message.get("body", b"").startswith(b"data"):
                await asyncio.sleep(0.05)

        await EventSourceResponse(["a", "b"], ping=0.01).send(send, exchange.request)
        assert b"ping" not in exchange.body

    asyncio.run(run())


@pytest.mark.parametrize(
    ("raw", "seen"), [(None, None), (b"42", "42"), ("ä7".encode(), "ä7"), (b"\xff", None), (b"", "")]
)
def test_last_event_id(raw: bytes | None, seen: str | None) -> None:
    async def run() -> None:
        headers = [] if raw is None else [(b"last-event-id", raw)]
        assert last_event_id(Exchange(headers=headers).request) == seen

    asyncio.run(run())
