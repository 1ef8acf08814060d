"""Compressed responses: which, how, and which never."""

from __future__ import annotations

import asyncio
import gzip
import sys
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ketch.http.background import BackgroundTask
from ketch.http.files import FileResponse
from ketch.http.request import Request
from ketch.http.response import HTMLResponse, JSONResponse, PlainTextResponse, Response
from ketch.http.stream import EventSourceResponse, StreamingResponse
from ketch.kernel.errors import SetupError
from ketch.middleware import CompressionMiddleware, CORSMiddleware, RequestIDMiddleware
from ketch.middleware.encodings import choose_encoding
from ketch.testing import TestClient
from tests.middleware.onion_app import Onion, client_of

TEXT = "All work and no play makes Jack a dull boy. " * 100


def raw(client: TestClient, accept: str | None = "gzip", method: str = "GET", path: str = "/", **headers: str) -> Any:
    """(headers, body as it was sent)"""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    request = client.build_request(method, path, headers=sent)
    request.headers.pop("accept-encoding")
    if accept is not None:
        request.headers["accept-encoding"] = accept
    response = client.send(request, stream=True)
    body = b"".join(response.iter_raw())
    response.close()
    return response, body


def compressed(response: Response, **options: Any) -> TestClient:
    async def handler(request: Any) -> Response:
        return response

    return client_of(CompressionMiddleware(**options), handler=handler)


# -- which encoding


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("gzip", "gzip"),
        ("GZIP", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip;q=1.0, zstd;q=0.5", "gzip"),
        ("gzip;q=0, zstd;q=0", None),
        ("*", "zstd"),
        ("*;q=0.1, zstd;q=0", "gzip"),
        ("gzip;q=0, *", "zstd"),
        ("identity", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("br, deflate", None),
        ("", None),
        ("gzip;q=2", None),
        ("gzip;q=abc", None),
        ("gzip;q=0.0001", None),
        (",,gzip , ;q=1", "gzip"),
        ("x" * 100_000 + ",gzip", None),
        (",".join(["x"] * 10_000) + ",gzip", None),
    ],
)
def test_the_encoding_a_client_likes_best(accept: str, chosen: str | None) -> None:
    assert choose_encoding(accept, ("zstd", "gzip")) == chosen


QUALITY = st.sampled_from(["", ";q=0", ";q=0.5", ";q=1", "; Q=0.25", ";q=x"])


@given(st.lists(st.tuples(st.sampled_from(["gzip", "zstd", "br", "identity", "*"]), QUALITY), max_size=6))
def test_nothing_refused_is_ever_chosen(members: list[tuple[str, str]]) -> None:
    chosen = choose_encoding(", ".join(name + quality for name, quality in members), ("zstd", "gzip"))
    if chosen is not None:
        first = next(((n, q) for n, q in members if n == chosen and q != ";q=x"), None)
        star = next(((n, q) for n, q in members if n == "*" and q != ";q=x"), None)
        decisive = first or star
        assert decisive is not None
        assert decisive[1] != ";q=0"


@given(st.text(max_size=300))
def test_any_accept_encoding_at_all(accept: str) -> None:
    assert choose_encoding(accept, ("zstd", "gzip")) in (None, "zstd", "gzip")


# -- bodies in memory


@pytest.mark.parametrize(("accept", "decode"), [("gzip", gzip.decompress), ("zstd", zstandard.decompress)])
def test_a_body_in_memory(accept: str, decode: Any) -> None:
    response, body = raw(compressed(PlainTextResponse(TEXT, headers={"ETag": '"v1"', "Vary": "Cookie"})), accept)
    if accept == "zstd":
        decoded = zstandard.ZstdDecompressor().decompressobj().decompress(body)
    else:
        decoded = decode(body)
    assert decoded.decode() == TEXT
    assert response.headers["content-encoding"] == accept
    assert response.headers["content-length"] == str(len(body))
    assert response.headers["etag"] == 'W/"v1"'
    assert response.headers["vary"] == "Cookie, Accept-Encoding"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_the_client_decodes_it() -> None:
    client = compressed(JSONResponse({"text": TEXT}))
    response = client.get("/")
    assert response.headers["content-encoding"] in ("zstd", "gzip")
    assert response.json() == {"text": TEXT}


@pytest.mark.parametrize("accept", [None, "", "br", "gzip;q=0"])
def test_without_a_common_encoding_only_vary_is_added(accept: str | None) -> None:
    response, body = raw(compressed(PlainTextResponse(TEXT, headers={"ETag": '"v1"'})), accept)
    assert body.decode() == TEXT
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["etag"] == '"v1"'
    assert "content-encoding" not in response.headers


def test_several_accept_encoding_headers_are_one() -> None:
    response = compressed(PlainTextResponse(TEXT)).get(
        "/", headers=[("Accept-Encoding", "br"), ("Accept-Encoding", "gzip")]
    )
    assert response.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "response",
    [
        PlainTextResponse("small"),
        PlainTextResponse("x" * 499),
        Response(TEXT, media_type="image/png"),
        Response(TEXT, media_type="application/zip"),
        Response(TEXT, media_type="application/octet-stream"),
        Response(TEXT),
        PlainTextResponse(TEXT, headers={"Content-Encoding": "br"}),
        PlainTextResponse(TEXT, headers={"Cache-Control": "max-age=60, No-Transform"}),
        PlainTextResponse(TEXT, headers={"Content-Digest": "sha-256=:abc=:"}),
        PlainTextResponse(TEXT, 206, headers={"Content-Range": "bytes 0-4399/9999"}),
        Response(status_code=204),
    ],
    ids=lambda response: f"{response.status_code}-{response.headers.get('content-type')}",
)
def test_what_stays_as_it_is(response: Response) -> None:
    answer, body = raw(compressed(response))
    assert body == (b"" if response.status_code == 204 else response.body)
    assert answer.headers.get("content-encoding") in (None, "br")
    assert "vary" not in answer.headers


def test_a_304_varies_as_the_200_would() -> None:
    response, _ = raw(compressed(Response(status_code=304, headers={"ETag": 'W/"v1"'})))
    assert response.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in response.headers


def test_what_does_not_shrink_is_sent_as_it_was() -> None:
    response, body = raw(compressed(PlainTextResponse("a few letters", headers={"ETag": '"v1"'}), minimum_size=0))
    assert body == b"a few letters"
    assert "content-encoding" not in response.headers
    assert response.headers["etag"] == '"v1"'
    assert response.headers["content-length"] == str(len(body))


def test_head_has_the_headers_without_a_length() -> None:
    response, body = raw(compressed(PlainTextResponse(TEXT)), method="HEAD")
    assert body == b""
    assert response.headers["content-encoding"] == "gzip"
    assert "content-length" not in response.headers


@pytest.mark.serial
def test_a_large_body_does_not_hold_the_loop() -> None:
    big = PlainTextResponse(TEXT * 4000)  # 18 MB, some 100 ms of gzip
    layer = CompressionMiddleware(encodings=["gzip"])
    slowest = 0.0

    async def main() -> int:
        nonlocal slowest

        async def handler(request: Any) -> Response:
            return big

        async def receive() -> Any:
            raise AssertionError

        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def tick() -> None:
            nonlocal slowest
            while True:
                begin = time.perf_counter()
                await asyncio.sleep(0)
                slowest = max(slowest, time.perf_counter() - begin)
                await asyncio.sleep(0.001)

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"accept-encoding", b"gzip")]}
        request = Request(scope, receive)
        ticking = asyncio.create_task(tick())
        response = await layer(request, handler)
        await response.send(send, request)
        ticking.cancel()
        return len(gzip.decompress(sent[1]["body"]))

    assert asyncio.run(main()) == len(big.body)
    assert slowest < 0.05


# -- streams


@pytest.mark.parametrize("accept", ["gzip", "zstd"])
def test_every_piece_of_a_stream_can_be_read_at_once(accept: str) -> None:
    async def pieces() -> AsyncIterator[str]:
        for number in range(3):
            yield f"piece {number}\n"

    client = compressed(StreamingResponse(pieces(), media_type="text/plain"))
    decoder: Any = zlib.decompressobj(31) if accept == "gzip" else zstandard.ZstdDecompressor().decompressobj()
    request = client.build_request("GET", "/", headers={"Accept-Encoding": accept})
    response = client.send(request, stream=True)
    assert response.headers["content-encoding"] == accept
    assert "content-length" not in response.headers
    decoded = [decoder.decompress(piece).decode() for piece in response.iter_raw()]
    assert decoded == ["piece 0\n", "piece 1\n", "piece 2\n", ""]
    response.close()


def test_the_head_of_a_stream_goes_out_with_its_own_start() -> None:
    started = []

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        started.append("second")
        yield b"y"

    client = compressed(StreamingResponse(slow(), media_type="text/plain"))
    with client.stream("GET", "/") as response:
        assert response.headers["content-encoding"] in ("zstd", "gzip")
        assert response.read() == b"xy"
    assert started == ["second"]


def test_leaving_a_compressed_stream_ends_its_iterator() -> None:
    ended: list[str] = []

    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield TEXT
                await asyncio.sleep(0.001)
        finally:
            ended.append("ended")

    with compressed(StreamingResponse(endless(), media_type="text/plain")).stream("GET", "/") as response:
        next(response.iter_text())
    assert ended == ["ended"]


def test_event_streams_stay_as_they_are() -> None:
    async def events() -> AsyncIterator[str]:
        yield TEXT

    response, body = raw(compressed(EventSourceResponse(events())))
    assert "content-encoding" not in response.headers
    assert body.decode() == f"data: {TEXT}\n\n"


def test_a_stream_that_fails_before_its_first_piece_is_still_an_error() -> None:
    async def bad() -> AsyncIterator[str]:
        raise LookupError("early")
        yield ""

    with pytest.raises(LookupError, match="early"):
        compressed(StreamingResponse(bad(), media_type="text/plain")).get("/")


# -- files


def test_files_whole_and_in_part(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    path.write_text(TEXT * 200)

    async def file(request: Any) -> Response:
        return FileResponse(path)

    client = client_of(CompressionMiddleware(), handler=file)
    response, body = raw(client)
    assert gzip.decompress(body).decode() == TEXT * 200
    assert response.headers["etag"].startswith('W/"')
    assert "accept-ranges" not in response.headers
    part, body = raw(client, Range="bytes=0-999")
    assert (part.status_code, body.decode()) == (206, (TEXT * 200)[:1000])
    assert "content-encoding" not in part.headers
    again, body = raw(client, If_None_Match=response.headers["etag"])
    assert (again.status_code, body, again.headers["vary"]) == (304, b"", "Accept-Encoding")


def test_files_that_the_server_would_send_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    path.write_text(TEXT * 200)
    sent: list[Any] = []

    async def main(kind: str) -> None:
        async def file(request: Any) -> Response:
            return FileResponse(path, media_type=kind)

        async def receive() -> Any:
            await asyncio.sleep(3600)

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": "GET",
            "path": "/",
            "headers": [(b"accept-encoding", b"gzip")],
            "extensions": {"http.response.pathsend": {}},
        }
        request = Request(scope, receive)
        response = await CompressionMiddleware()(request, file)
        await response.send(send, request)

    asyncio.run(main("text/plain"))
    assert gzip.decompress(b"".join(message.get("body", b"") for message in sent)).decode() == TEXT * 200
    assert sent[-1] == {"type": "http.response.body", "body": sent[-1]["body"], "more_body": False}
    sent.clear()
    asyncio.run(main("image/png"))
    assert sent[1] == {"type": "http.response.pathsend", "path": str(path)}


# -- BREACH


@pytest.mark.parametrize(
    ("headers", "compresses"),
    [
        ({}, True),
        ({"Cookie": "session=1"}, False),
        ({"Cookie": "session=1", "Sec_Fetch_Site": "cross-site"}, False),
        ({"Cookie": "session=1", "Sec_Fetch_Site": "same-site"}, False),
        ({"Cookie": "session=1", "Sec_Fetch_Site": "same-origin"}, True),
        ({"Cookie": "session=1", "Sec_Fetch_Site": "none"}, True),
        ({"Authorization": "Basic YTpi"}, False),
        ({"Authorization": "NEGOTIATE abc"}, False),
        ({"Authorization": "Bearer abc"}, True),
    ],
)
@pytest.mark.parametrize("kind", [HTMLResponse, PlainTextResponse])
def test_what_belongs_to_a_visitor_is_compressed_only_if_no_foreign_page_asked(
    kind: Any, headers: dict[str, str], compresses: bool
) -> None:
    headers = {"Sec_Fetch_Site": "cross-site", **headers}
    response, body = raw(compressed(kind(TEXT)), **headers)
    assert ("content-encoding" in response.headers) is compresses
    assert response.headers["vary"] == "Accept-Encoding"
    assert compresses or body.decode() == TEXT


def test_public_answers_and_the_option() -> None:
    asked = {"Cookie": "session=1", "Sec_Fetch_Site": "cross-site"}
    public = PlainTextResponse(TEXT, headers={"Cache-Control": "public, max-age=60"})
    assert "content-encoding" in raw(compressed(public), **asked)[0].headers
    public.set_cookie("a", "b")
    assert "content-encoding" not in raw(compressed(public), **asked)[0].headers
    insisted = compressed(PlainTextResponse(TEXT), compress_private=True)
    assert "content-encoding" in raw(insisted, **asked)[0].headers


def test_a_response_that_sets_a_cookie() -> None:
    response = HTMLResponse(TEXT)
    response.set_cookie("session", "1")
    assert "content-encoding" not in raw(compressed(response), Sec_Fetch_Site="cross-site")[0].headers
    assert "content-encoding" in raw(compressed(response), Sec_Fetch_Site="same-origin")[0].headers


# -- among others


def test_layers_further_out_see_the_response_as_if_it_were_not_wrapped() -> None:
    done: list[str] = []

    async def handler(request: Any) -> Response:
        return PlainTextResponse(TEXT, 201, background=BackgroundTask(done.append, "background"))

    async def outer(request: Any, call_next: Any) -> Response:
        response: Response = await call_next(request)
        assert (response.status_code, response.media_type, response.has_length) == (201, "text/plain", True)
        assert response.body == TEXT.encode()
        assert response.background is not None
        response.status_code = 202
        response.headers["x-outer"] = "yes"
        response.set_cookie("a", "b")
        return response

    layers = [
        outer,
        RequestIDMiddleware(make=lambda: "identifier"),
        CORSMiddleware(allow_origins=["https://a.example"]),
    ]
    client = TestClient(Onion(handler, *layers, CompressionMiddleware()))
    response = client.get("/", headers={"Origin": "https://a.example"})
    assert (response.status_code, response.text) == (202, TEXT)
    assert response.headers["content-encoding"] in ("zstd", "gzip")
    assert response.headers["x-outer"] == "yes"
    assert response.headers["x-request-id"] == "identifier"
    assert response.headers["access-control-allow-origin"] == "https://a.example"
    assert response.headers["vary"] == "Origin, Accept-Encoding"
    assert response.cookies["a"] == "b"


def test_a_body_replaced_further_out_is_the_one_that_is_sent() -> None:
    async def outer(request: Any, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.body = response.body.upper()
        return response

    async def handler(request: Any) -> Response:
        return PlainTextResponse(TEXT)

    assert client_of(outer, CompressionMiddleware(), handler=handler).get("/").text == TEXT.upper()


def test_once_is_enough() -> None:
    async def handler(request: Any) -> Response:
        return PlainTextResponse(TEXT)

    client = client_of(CompressionMiddleware(), CompressionMiddleware(encodings=["gzip"]), handler=handler)
    response = client.get("/")
    assert (response.headers["content-encoding"], response.text) == ("gzip", TEXT)
    assert response.headers["vary"] == "Accept-Encoding"


def test_websockets_are_left_alone() -> None:
    with client_of(CompressionMiddleware()).websocket_connect("/") as ws:
        assert ws.receive_text() == "welcome"


# -- options


def test_without_zstandard_there_is_gzip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ketch.middleware.adapters.zstd", None)
    response, _ = raw(compressed(PlainTextResponse(TEXT)), "zstd, gzip")
    assert response.headers["content-encoding"] == "gzip"
    with pytest.raises(SetupError, match=r'pip install "ketch\[zstd\]"') as caught:
        CompressionMiddleware(encodings=["zstd"])
    assert caught.value.code == "KETCH-MW-018"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"encodings": ["gzp"]}, "KETCH-MW-018"),
        ({"encodings": ["br"]}, "KETCH-MW-018"),
        ({"encodings": "gzip"}, "KETCH-MW-010"),
        ({"minimum_size": -1}, "KETCH-MW-010"),
        ({"gzip_level": 10}, "KETCH-MW-010"),
        ({"gzip_level": 0}, "KETCH-MW-010"),
        ({"zstd_level": 22}, "KETCH-MW-010"),
    ],
)
def test_mistakes_are_told_at_start_up(options: dict[str, Any], code: str) -> None:
    with pytest.raises(SetupError) as caught:
        CompressionMiddleware(**options)
    assert caught.value.code == code
