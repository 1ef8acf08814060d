"""What comes out: bodies, streams, files, the headers around them."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise

import httpx2
import pytest

from tests.blackbox.servers import Running

pytestmark = pytest.mark.serial

CONTENT = b"".join(b"%06d\n" % n for n in range(40_000))


def test_the_default_headers(up: Running) -> None:
    headers = up.client.get("/health").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert headers["content-type"] == "application/json"


def test_no_content(up: Running) -> None:
    answer = up.client.get("/nothing")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("size", [0, 1, 65_536, 10_000_000])
def test_bodies_of_every_size(up: Running, size: int) -> None:
    answer = up.client.get("/bytes", params={"size": size})
    assert answer.headers["content-length"] == str(size)
    assert answer.content == b"x" * size


@pytest.mark.parametrize(
    "path",
    ["/health", "/bytes?size=1000", "/stream", "/stream-sync", "/lines", "/events", "/file", "/static/page.html"],
)
def test_head_is_get_without_its_body(up: Running, path: str) -> None:
    head, get = up.client.head(path), up.client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"")
    moving = {"date", "x-request-id", "transfer-encoding", "connection"}
    assert {n: v for n, v in head.headers.items() if n not in moving} == {
        n: v for n, v in get.headers.items() if n not in moving
    }


def test_options(up: Running) -> None:
    answer = up.client.options("/orders")
    assert (answer.status_code, answer.headers["allow"], answer.content) == (204, "OPTIONS, POST", b"")
    refused = up.client.delete("/orders")
    assert (refused.status_code, refused.headers["allow"]) == (405, "OPTIONS, POST")


def test_the_other_slash_form(up: Running) -> None:
    answer = up.client.get("/health/?a=1")
    assert (answer.status_code, answer.headers["location"]) == (308, "/health?a=1")


def test_cors(up: Running) -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "GET"}
    preflight = up.client.options("/health", headers=asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "https://shop.example")
    assert up.client.get("/boom", headers=asked).headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in up.client.get("/health", headers={"origin": "https://x.org"}).headers


# --- streams ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "times", "count"), [("/stream?n=1000", 100, 1000), ("/stream-sync?n=30", 1, 30)])
def test_streams(up: Running, path: str, times: int, count: int) -> None:
    answer = up.client.get(path)
    assert answer.content == b"".join(b"%06d\n" % n * times for n in range(count))
    assert "content-length" not in answer.headers


def test_a_stream_arrives_as_it_is_made(up: Running) -> None:
    with up.alone() as client, client.stream("GET", "/ticks/arrives") as answer:
        pieces = answer.iter_bytes()
        assert all(next(pieces).startswith((b"t", b"i", b"c", b"k", b"\n")) for _ in range(3))


def test_a_stream_that_is_left_is_cleaned_up(up: Running) -> None:
    with up.alone() as client, client.stream("GET", f"/ticks/{up.server.name}") as answer:
        next(answer.iter_bytes())
    up.wait_for(up.server.name, f"{up.server.name} closed")


def test_a_stream_that_breaks_is_cut_off(up: Running) -> None:
    received = b""
    with pytest.raises(httpx2.TransportError), up.alone() as client, client.stream("GET", "/breaks") as answer:
        for piece in answer.iter_bytes():
            received += piece
    assert received in (b"", b"first" * 1_000)
    assert "broken in the middle" in up.told()
    assert up.client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/lines", "/lines-sync"])
def test_json_lines(up: Running, path: str) -> None:
    answer = up.client.get(path)
    assert answer.headers["content-type"] == "application/jsonl"
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {"sku": f"sku-{n}", "qty": n + 1} for n in range(3)
    ]


def test_server_sent_events(up: Running) -> None:
    answer = up.client.get("/events", headers={"last-event-id": "4"})
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = answer.text.split("\n\n")[:-1]
    assert [sorted(event.split("\n")) for event in events] == [
        [f'data: {{"n":{n}}}', "event: count", f"id: {n}"] for n in (5, 6, 7)
    ]


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file(up: Running) -> None:
    answer = up.client.get("/file")
    assert answer.content == CONTENT
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert "filename*=UTF-8''z%C3%A4hlung%201.txt" in answer.headers["content-disposition"]
    assert answer.headers["accept-ranges"] == "bytes"
    unchanged = up.client.get("/file", headers={"if-none-match": answer.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    since = up.client.get("/file", headers={"if-modified-since": answer.headers["last-modified"]})
    assert since.status_code == 304


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ("bytes=0-6", CONTENT[:7]),
        ("bytes=7-", CONTENT[7:]),
        ("bytes=-7", CONTENT[-7:]),
        ("bytes=100000-200000", CONTENT[100_000:200_001]),
    ],
)
def test_a_range(up: Running, ranges: str, expected: bytes) -> None:
    answer = up.client.get("/file", headers={"range": ranges})
    assert (answer.status_code, answer.content) == (206, expected)
    assert answer.headers["content-length"] == str(len(expected))


def test_several_ranges(up: Running) -> None:
    answer = up.client.get("/file", headers={"range": "bytes=0-6,70-76"})
    assert answer.status_code == 206
    boundary = answer.headers["content-type"].partition("boundary=")[2]
    assert answer.content.count(b"--" + boundary.encode()) == 3
    assert CONTENT[:7] in answer.content
    assert CONTENT[70:77] in answer.content


def test_a_range_outside(up: Running) -> None:
    answer = up.client.get("/file", headers={"range": "bytes=9999999-"})
    assert (answer.status_code, answer.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


def test_static_files(up: Running) -> None:
    assert up.client.get("/static/page.html").text == "<h1>static</h1>"
    assert up.client.get("/static/numbers.txt", headers={"range": "bytes=0-6"}).content == b"000000\n"
    assert up.client.get("/static/nothing.txt").status_code == 404


def test_a_file_that_is_not_there(up: Running) -> None:
    assert up.client.get("/lost").status_code == 404


# --- headers ----------------------------------------------------------------------------------------------------------


def test_cookies(up: Running) -> None:
    answer = up.client.get("/cookies")
    up.client.cookies.clear()
    first, second = answer.headers.get_list("set-cookie")
    assert first == "a=1; Path=/; HttpOnly; SameSite=Lax"
    assert second.startswith('b="2 3"; Max-Age=60; ')
    assert answer.headers["x-extra"] == "yes"


def test_redirects(up: Running) -> None:
    answer = up.client.get("/go")
    assert (answer.status_code, answer.headers["location"]) == (303, "/landed?with=%C3%A4")
    assert up.client.get("/go", follow_redirects=True).text == "ä"
    assert up.client.get("/away", params={"to": "//evil.example"}).status_code == 400


def test_compression(up: Running) -> None:
    plain = up.client.get("/large")
    packed = up.client.get("/large", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content)
    assert "Accept-Encoding" in packed.headers["vary"]
    with up.client.stream("GET", "/lines", headers={"accept-encoding": "gzip"}) as answer:
        assert len(gzip.decompress(b"".join(answer.iter_raw())).splitlines()) == 3


def test_request_ids_differ(up: Running) -> None:
    ids = [up.client.get("/health").headers["x-request-id"] for _ in range(3)]
    assert all(one != other for one, other in pairwise(ids))


# --- mounted applications ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mount", ["/old-wsgi", "/old-asgi"])
@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
def test_mounted_applications(up: Running, mount: str, chunked: bool) -> None:
    body = b"x" * 500_000
    answer = up.client.post(f"{mount}/a%20b", content=iter([body[:1], body[1:]]) if chunked else body)
    assert answer.text.splitlines()[0] == f"POST {mount} 500000"
    assert len(answer.text.splitlines()) == 101
    assert "referrer-policy" not in answer.headers
    assert "x-request-id" in answer.headers  # middleware is around it all the same


@pytest.mark.parametrize(
    ("mount", "path"),
    [("/old-wsgi", "/"), ("/old-wsgi/", "/"), ("/old-asgi", "/old-asgi/"), ("/old-asgi/", "/old-asgi/")],
)
def test_the_root_of_a_mounted_application(up: Running, mount: str, path: str) -> None:
    assert up.client.get(mount).headers["x-path"] == path


def test_a_guarded_mount(up: Running) -> None:
    assert up.client.get("/vault/old/x").status_code == 401
    assert up.client.get("/vault/old/x", headers={"x-key": "open"}).text.startswith("GET /vault/old 0")
