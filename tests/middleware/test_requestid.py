"""Every request has an id: in its state, its response, its log records."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from ketch.http.request_id import request_id, stamp_record
from ketch.http.response import PlainTextResponse, Response
from ketch.kernel.errors import SetupError
from ketch.middleware import RequestIDMiddleware
from tests.middleware.onion_app import broken, client_of


async def tell(request: Any) -> Response:
    assert request.state.request_id == request_id.get()
    return PlainTextResponse(request.state.request_id)


def test_an_id_for_each_request() -> None:
    client = client_of(RequestIDMiddleware(), handler=tell)
    first, second = client.get("/"), client.get("/")
    assert first.headers["x-request-id"] == first.text
    assert len(first.text) == 32
    assert first.text != second.text
    assert request_id.get() is None  # each request has a context of its own


def test_options() -> None:
    client = client_of(RequestIDMiddleware(header="X-Trace", make=lambda: "made-up-1"), handler=tell)
    assert client.get("/").headers["x-trace"] == "made-up-1"


@pytest.mark.parametrize(
    ("sent", "accepted"),
    [
        ("0e3b6f0c-3c1b-4bb2-9b5e-5b1e6c1c3a55", True),
        ("Root=1-67891233-abcdef012345678912345678", True),
        ("a" * 128, True),
        ("a" * 129, False),
        ("short", False),
        ("has blanks in it", False),
        ("new\tline-or-so", False),
        ("<script>alert(1)</script>", False),
        ("\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9", False),
    ],
)
def test_an_incoming_id_counts_only_if_configured_and_sane(sent: str, accepted: bool) -> None:
    headers = {b"X-Request-ID": sent.encode("latin-1")}
    strict = client_of(RequestIDMiddleware(), handler=tell)
    assert strict.get("/", headers=headers).text != sent
    open_minded = client_of(RequestIDMiddleware(accept_incoming=True), handler=tell)
    assert (open_minded.get("/", headers=headers).text == sent) is accepted


def test_two_incoming_ids_are_none() -> None:
    client = client_of(RequestIDMiddleware(accept_incoming=True), handler=tell)
    assert len(client.get("/", headers=[("X-Request-ID", "a" * 10), ("X-Request-ID", "a" * 10)]).text) == 32


def test_errors_and_websockets_have_it() -> None:
    client = client_of(RequestIDMiddleware(make=lambda: "id-of-this"), handler=broken)
    assert client.get("/").headers["x-request-id"] == "id-of-this"
    with client.websocket_connect("/") as ws:
        assert ws.headers == [(b"x-request-id", b"id-of-this")]


def test_log_records() -> None:
    record = logging.makeLogRecord({})
    assert stamp_record(record)
    assert record.__dict__["request_id"] == "-"
    token = request_id.set("abc")
    stamp_record(record)
    request_id.reset(token)
    assert record.__dict__["request_id"] == "abc"


def test_a_bad_header_name_is_told_at_start_up() -> None:
    with pytest.raises(SetupError) as caught:
        RequestIDMiddleware(header="X Request")
    assert caught.value.code == "KETCH-MW-019"
