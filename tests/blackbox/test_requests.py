"""What goes in: parameters, bodies of every kind, limits."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.blackbox.servers import Running

pytestmark = pytest.mark.serial


@pytest.fixture
def alone(up: Running) -> Iterator[httpx2.Client]:
    """For answers that do not wait for the body: on connections of their own."""
    if not up.server.early_answers:
        pytest.skip(f"{up.server.name} ends the connection when an answer overtakes the body (a KeyError of its own)")
    with up.alone() as client:
        yield client


ORDER = {"customer": "Ada", "items": [{"sku": "a", "qty": 2}], "price": "1.50"}
BLOB = os.urandom(3_000_000)
SHA = hashlib.sha256(BLOB).hexdigest()


def in_pieces(body: bytes, size: int = 50_000) -> Iterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_parameters(up: Running) -> None:
    answer = up.client.get(
        "/params/7/%C3%84rger%20%26%2B",
        params=[("day", "2026-11-22"), ("tag", "a b"), ("tag", "ü"), ("colour", "blue")],
        headers={"x-token": "t", "cookie": "session=s; other=o"},
    )
    assert answer.status_code == 200
    assert answer.json() == {
        "number": 7,
        "name": "Ärger &+",
        "day": "2026-11-22",
        "tag": ["a b", "ü"],
        "colour": "blue",
        "token": "t",
        "session": "s",
    }


@pytest.mark.parametrize(
    ("path", "text"), [("/tail/a%2Fb/c", "a/b/c"), ("/tail/%E2%82%AC/", "€/"), ("/tail/a%2520b", "a%20b")]
)
def test_paths_are_decoded_once(up: Running, path: str, text: str) -> None:
    assert up.client.get(path).text == text


def test_an_escaped_slash_stays_in_its_segment(up: Running) -> None:
    assert up.client.get("/params/1/a%2Fb").json()["name"] == "a/b"


@pytest.mark.parametrize("path", ["/tail/%FF", "/params/1/%C3%28"])
def test_paths_that_are_not_text(up: Running, path: str) -> None:
    assert up.client.get(path).status_code == 400


def test_every_problem_of_the_parameters(up: Running) -> None:
    answer = up.client.get("/params/x/y", params={"day": "never", "colour": "green"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["loc"] for error in answer.json()["errors"]] == [
        ["path", "number"],
        ["query", "day"],
        ["query", "colour"],
    ]


def test_json(up: Running) -> None:
    answer = up.client.post("/orders", json=ORDER)
    assert answer.status_code == 201
    assert answer.json() == ORDER


def test_json_in_pieces(up: Running) -> None:
    large = {"customer": "Ada", "items": [{"sku": f"sku-{n}", "qty": 1} for n in range(1_000)], "price": None}
    body = up.client.build_request("POST", "/x", json=large).content
    answer = up.client.post("/orders", content=in_pieces(body, 1_000), headers={"content-type": "application/json"})
    assert answer.status_code == 201
    assert answer.json() == large


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"customer": "", "items": [{"sku": "a", "qty": 0}]}', "application/json", 422),
        (b'{"customer": "Ada"', "application/json", 400),
        (b"", "application/json", 422),
        (b"{}", "text/plain", 415),
        (b'{"customer": "\xff"}', "application/json", 400),
    ],
)
@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
def test_bad_json(up: Running, body: bytes, kind: str, status: int, chunked: bool) -> None:
    content: Any = in_pieces(body, 7) if chunked else body
    answer = up.client.post("/orders", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.json()["status"] == status


def test_guards_come_before_the_body(alone: httpx2.Client) -> None:
    headers = {"content-type": "application/json"}
    answer = alone.post("/vault/orders", content=b"not json", headers=headers)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Key")
    opened = alone.post("/vault/orders", content=b"not json", headers={**headers, "x-key": "open"})
    assert opened.status_code == 400


def test_a_form(up: Running) -> None:
    answer = up.client.post("/form", data={"name": "Jürgen & Söhne", "age": "44", "tag": ["a", "b"]})
    assert answer.json() == {"name": "Jürgen & Söhne", "age": 44, "tag": ["a", "b"]}
    refused = up.client.post("/form", data={"age": "-1"})
    assert refused.status_code == 422
    assert [error["loc"] for error in refused.json()["errors"]] == [["body", "name"], ["body", "age"]]


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
def test_an_upload(up: Running, chunked: bool) -> None:
    request = up.client.build_request(
        "POST", "/upload", files={"file": ("../a b.bin", BLOB, "image/png")}, data={"note": "ü"}
    )
    body = request.read()
    content: Any = in_pieces(body) if chunked else body
    answer = up.client.post("/upload", content=content, headers={"content-type": request.headers["content-type"]})
    assert answer.json() == {"name": "a b.bin", "size": len(BLOB), "sha": SHA, "note": "ü"}


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
def test_a_body_is_read_in_pieces(up: Running, chunked: bool) -> None:
    content: Any = in_pieces(BLOB) if chunked else BLOB
    assert up.client.post("/count", content=content).json() == {"size": len(BLOB), "sha": SHA}


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
def test_a_body_that_is_too_large(up: Running, alone: httpx2.Client, chunked: bool) -> None:
    content: Any = in_pieces(BLOB) if chunked else BLOB
    answer = alone.post("/raw", content=content)
    assert answer.status_code == 413
    assert answer.json()["detail"] == "The body is larger than 2621440 bytes."
    small = up.client.post("/raw", content=in_pieces(b"x" * 100, 9) if chunked else b"x" * 100)
    assert small.json()["size"] == small.json()["again"] == 100


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/orders/", 308), ("/health", 405)])
def test_a_body_nobody_reads(alone: httpx2.Client, path: str, status: int) -> None:
    assert alone.post(path, content=b"x" * 100_000).status_code == status


def test_a_body_is_sent_back_as_it_comes(up: Running) -> None:
    answer = up.client.post("/echo", content=BLOB[:300_000])
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(BLOB[:300_000]).digest()


def test_a_compressed_body_is_refused(up: Running) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = up.client.post("/orders", content=b"\x1f\x8b\x08\x00nonsense", headers=headers)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity")


def test_the_request_as_the_application_sees_it(up: Running) -> None:
    seen = up.client.get("/who?a=1&b=%20", headers={"x-own": "1"}).json()
    assert seen["url"] == f"{up.url}/who?a=1&b=%20"
    assert seen["method"] == "GET"
    assert seen["harbour"] == "Kiel"  # what the lifespan yielded
    assert seen["client"] is True
    assert "x-own" in seen["headers"]


def test_too_many_headers(up: Running) -> None:
    headers = {f"x-{n}": "1" for n in range(120)}
    answer = up.client.get("/who", headers={**headers, **{f"y-{n}": "1" for n in range(20)}})
    # gunicorn counts by itself, up to 100.
    assert answer.status_code in ((400, 431) if up.server.name == "gunicorn" else (431,))
    assert up.client.get("/health").status_code == 200
