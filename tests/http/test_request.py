"""Reading a request's body: once, within limits, and without losing a piece."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.limits import Limits
from ketch.http.problems import BadRequest, ContentTooLarge
from ketch.http.request import ClientDisconnect, Request

T = TypeVar("T")

GONE = {"type": "http.disconnect"}


class Peer:
    """An ASGI `receive` that gives what it was told, then waits for ever."""

    def __init__(self, *messages: dict[str, Any]) -> None:
        self.messages = list(messages)
        self.taken = 0

    async def __call__(self) -> dict[str, Any]:
        if not self.messages:
            await asyncio.Event().wait()
        self.taken += 1
        return self.messages.pop(0)


def chunks(*parts: bytes) -> list[dict[str, Any]]:
    last = len(parts) - 1
    return [{"type": "http.request", "body": part, "more_body": i < last} for i, part in enumerate(parts)]


def request(peer: Peer, *, length: bytes | None = None, limits: Limits | None = None, **scope: Any) -> Request:
    headers = [(b"host", b"x")] if length is None else [(b"host", b"x"), (b"content-length", length)]
    head = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers, **scope}
    return Request(head, peer, limits or Limits())


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(coroutine, 5))


@pytest.mark.parametrize("parts", [(b"hello",), (b"",), (b"he", b"llo"), (b"", b"he", b"", b"llo", b"")])
def test_the_body_is_read_once_and_kept(parts: tuple[bytes, ...]) -> None:
    async def main() -> None:
        peer = Peer(*chunks(*parts))
        req = request(peer)
        assert await req.body() == b"".join(parts)
        assert await req.body() == b"".join(parts)
        assert peer.taken == len(parts)
        assert req.method == "POST"

    run(main())


def test_a_message_may_be_bare() -> None:
    assert run(request(Peer({"type": "http.request"})).body()) == b""


def test_a_stream_gives_pieces_and_keeps_nothing() -> None:
    async def main() -> None:
        req = request(Peer(*chunks(b"a", b"", b"b")))
        assert [piece async for piece in req.stream()] == [b"a", b"b"]
        with pytest.raises(RuntimeError, match="read by stream"):
            await req.body()
        with pytest.raises(RuntimeError, match="read by stream"):
            _ = [piece async for piece in req.stream()]

    run(main())


def test_a_stream_after_the_body_gives_it_again() -> None:
    async def main() -> None:
        req = request(Peer(*chunks(b"a", b"b")))
        await req.body()
        assert [piece async for piece in req.stream()] == [b"ab"]
        assert [piece async for piece in req.stream()] == [b"ab"]
        empty = request(Peer(*chunks(b"")))
        await empty.body()
        assert [piece async for piece in empty.stream()] == []

    run(main())


def test_a_stated_length_over_the_limit_is_refused_before_reading() -> None:
    async def main() -> None:
        for read in ("body", "stream"):
            peer = Peer(*chunks(b"x" * 11))
            req = request(peer, length=b"11", limits=Limits(body=10))
            with pytest.raises(ContentTooLarge, match="larger than 10 bytes"):
                await (req.body() if read == "body" else anext(req.stream()))
            assert peer.taken == 0

    run(main())


@pytest.mark.parametrize("parts", [(b"x" * 11,), (b"x" * 6, b"x" * 5), (b"x",) * 11])
def test_an_unstated_length_is_counted(parts: tuple[bytes, ...]) -> None:
    async def main() -> None:
        with pytest.raises(ContentTooLarge):
            await request(Peer(*chunks(*parts)), limits=Limits(body=10)).body()
        with pytest.raises(ContentTooLarge):
            _ = [piece async for piece in request(Peer(*chunks(*parts)), limits=Limits(body=10)).stream()]

    run(main())


def test_the_limit_itself_is_allowed_and_a_stream_may_have_its_own() -> None:
    async def main() -> None:
        small = Limits(body=10)
        assert len(await request(Peer(*chunks(b"x" * 10)), length=b"10", limits=small).body()) == 10
        assert len(await request(Peer(*chunks(b"x" * 5, b"x" * 5)), limits=small).body()) == 10
        req = request(Peer(*chunks(b"x" * 50)), length=b"50", limits=small)
        assert [len(piece) async for piece in req.stream(limit=50)] == [50]
        with pytest.raises(ContentTooLarge):
            await anext(request(Peer(*chunks(b"x" * 50)), limits=small).stream(limit=49))

    run(main())


@pytest.mark.parametrize("length", [b"x", b"-1", b"1.5", b"+1", b"", b"0x10", b"9" * 20, "٣".encode(), b"1, 1"])
def test_a_length_that_is_no_number_is_400(length: bytes) -> None:
    with pytest.raises(BadRequest, match="Content-Length"):
        run(request(Peer(*chunks(b"a")), length=length).body())


def test_the_stated_length() -> None:
    assert request(Peer(), length=b"12").content_length == 12
    assert request(Peer()).content_length is None


@pytest.mark.parametrize("before", [[], chunks(b"a", b"b")[:1]])
def test_a_client_that_leaves_raises(before: list[dict[str, Any]]) -> None:
    async def main() -> None:
        req = request(Peer(*before, GONE))
        with pytest.raises(ClientDisconnect):
            await req.body()
        assert await req.is_disconnected()
        with pytest.raises(ClientDisconnect):
            _ = [piece async for piece in request(Peer(*before, GONE)).stream()]

    run(main())


def test_json() -> None:
    async def main() -> None:
        assert await request(Peer(*chunks(b'{"a": [1, ', b"2]}"))).json() == {"a": [1, 2]}

    run(main())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nope",
        b"NaN",
        b"1e999",
        b"-1e999",
        b'"\xff"',
        b'"\\ud800"',
        b'{"a": "\\udfff"}',
        b"\xef\xbb\xbf{}",
        b"1" * 100_000,
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{}{}",
        b"\x00",
        b'"\x01"',
    ],
)
def test_json_that_is_none_is_400(body: bytes) -> None:
    with pytest.raises(BadRequest):
        run(request(Peer(*chunks(body))).json())


def test_nesting_at_the_limit_is_read() -> None:
    assert run(request(Peer(*chunks(b"[" * 64 + b"]" * 64))).json())
    deeper = Limits(json_depth=100_000)
    with pytest.raises(BadRequest):
        run(request(Peer(*chunks(b"[" * 90_000 + b"]" * 90_000)), limits=deeper).json())


@given(st.binary(max_size=40) | st.text(alphabet='[]{}",:\\ud8001eN ', max_size=40).map(str.encode))
def test_no_body_breaks_json(body: bytes) -> None:
    try:
        value = run(request(Peer(*chunks(body))).json())
    except BadRequest:
        return
    str(value).encode()  # no lone surrogates in what was decoded


def test_asking_whether_the_client_left_loses_nothing() -> None:
    async def main() -> None:
        peer = Peer(*chunks(b"a", b"b"))
        req = request(peer)
        assert not await req.is_disconnected()
        assert not await req.is_disconnected()
        assert peer.taken == 1
        assert await req.body() == b"ab"
        assert not await req.is_disconnected()
        peer.messages.append(GONE)
        assert await req.is_disconnected()
        assert await req.is_disconnected()

    run(main())


def test_asking_does_not_wait_and_cancels_what_it_started() -> None:
    async def main() -> None:
        cancelled = 0

        async def receive() -> dict[str, Any]:
            nonlocal cancelled
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled += 1
                raise
            raise AssertionError

        before = asyncio.all_tasks()
        req = Request({"headers": []}, receive)
        assert not await req.is_disconnected()
        assert not await req.is_disconnected()
        assert cancelled == 2
        assert asyncio.all_tasks() == before

    run(main())


def test_a_message_that_comes_while_asking_gives_up_is_kept() -> None:
    async def main() -> None:
        async def stubborn() -> dict[str, Any]:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
            return {"type": "http.request", "body": b"late"}

        req = Request({"headers": []}, stubborn)
        assert not await req.is_disconnected()
        assert await req.body() == b"late"

    run(main())


def test_somebody_is_reading_until_the_last_piece_has_come() -> None:
    async def main() -> None:
        req = request(Peer(*chunks(b"a", b"b")))
        assert not req.is_reading
        pieces = req.stream()
        await anext(pieces)
        assert req.is_reading
        assert [piece async for piece in pieces] == [b"b"]
        assert not req.is_reading
        whole = request(Peer(*chunks(b"a", b"b")))
        await whole.body()
        assert not whole.is_reading

    run(main())


def test_a_form_is_parsed_once_and_closed_after_the_response() -> None:
    async def main() -> None:
        peer = Peer(*chunks(b"a=1&b=", b"2&a=3"))
        req = request(peer, headers=[(b"content-type", b"application/x-www-form-urlencoded")])
        form = await req.form()
        assert form.multi_items() == [("a", "1"), ("b", "2"), ("a", "3")]
        assert await req.form() is form
        assert req.closers == [form.close]

    run(main())
