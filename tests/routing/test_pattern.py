"""Patterns: what they are read as, and the paths that are built from them."""

from __future__ import annotations

import enum
import ipaddress
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.routing import BuildError, Param, Segment, join_path
from tests.routing.making import pattern


@pytest.mark.parametrize(
    ("text", "segments", "names"),
    [
        ("", (), ()),
        ("/", (Segment(("",)),), ()),
        ("/users", (Segment(("users",)),), ()),
        ("/users/", (Segment(("users",)), Segment(("",))), ()),
        ("/{id}", (Segment(("", ""), (Param("id"),)),), ("id",)),
        ("/{id:int}", (Segment(("", ""), (Param("id", "int"),)),), ("id",)),
        ("/{name}.json", (Segment(("", ".json"), (Param("name"),)),), ("name",)),
        ("/v{a}-{b:date}", (Segment(("v", "-", ""), (Param("a"), Param("b", "date"))),), ("a", "b")),
        ("/f/{rest:path}", (Segment(("f",)), Segment(("", ""), (Param("rest", "path"),))), ("rest",)),
        ("/.well-known/a:b@c", (Segment((".well-known",)), Segment(("a:b@c",))), ()),
        ("/café/ä b", (Segment(("café",)), Segment(("ä b",))), ()),
        ("/{ключ}", (Segment(("", ""), (Param("ключ"),)),), ("ключ",)),
        ("/{class}", (Segment(("", ""), (Param("class"),)),), ("class",)),
    ],
)
def test_what_a_pattern_is_read_as(text: str, segments: tuple[Segment, ...], names: tuple[str, ...]) -> None:
    read = pattern(text)
    assert read.text == str(read) == text
    assert read.segments == segments
    assert read.names == names == tuple(param.name for param in read.params)
    assert read.is_static == (not names)
    assert read.has_tail == ("path}" in text)
    assert "/".join(["", *map(str, read.segments)]) == text


@pytest.mark.parametrize(
    ("parts", "joined"),
    [
        (("", ""), ""),
        (("", "/"), "/"),
        (("/api", "/orders"), "/api/orders"),
        (("/api/", "/orders/"), "/api/orders/"),
        (("/api", ""), "/api"),
        (("/", "/orders"), "/orders"),
        (("/a", "/b/{c}", "/d"), "/a/b/{c}/d"),
        (("/x",), "/x"),
    ],
)
def test_prefixes_are_joined(parts: tuple[str, ...], joined: str) -> None:
    assert join_path(*parts) == joined


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("text", "params", "path"),
    [
        ("", {}, "/"),
        ("/", {}, "/"),
        ("/users/", {}, "/users/"),
        ("/café", {}, "/caf%C3%A9"),
        ("/{id}", {"id": 7}, "/7"),
        ("/{id}", {"id": "a b/c?d#e%f"}, "/a%20b%2Fc%3Fd%23e%25f"),
        ("/{id}", {"id": "a@b.c:d,e"}, "/a@b.c:d,e"),
        ("/{id}", {"id": "..."}, "/..."),
        ("/{id}", {"id": "\\evil\r\n"}, "/%5Cevil%0D%0A"),
        ("/{name}.json", {"name": "."}, "/..json"),
        ("/{a}-{b}", {"a": "x", "b": "y"}, "/x-y"),
        ("/{id}-{slug}", {"id": 7, "slug": "a-b-c"}, "/7-a-b-c"),
        ("/{f}.{ext}", {"f": "a.tar", "ext": "gz"}, "/a.tar.gz"),
        ("/f/{rest:path}", {"rest": ""}, "/f/"),
        ("/f/{rest:path}", {"rest": "a b/ç//d/"}, "/f/a%20b/%C3%A7//d/"),
        ("/f/{rest:path}", {"rest": PurePosixPath("a/b")}, "/f/a/b"),
        ("/{v}", {"v": True}, "/true"),
        ("/{v}", {"v": 1.5}, "/1.5"),
        ("/{v}", {"v": Decimal("1.50")}, "/1.50"),
        ("/{v}", {"v": Colour.RED}, "/red"),
        ("/{v}", {"v": date(2026, 2, 3)}, "/2026-02-03"),
        ("/{v}", {"v": datetime(2026, 2, 3, 4, 5, tzinfo=UTC)}, "/2026-02-03T04:05:00Z"),
        ("/{v}", {"v": time(4, 5)}, "/04:05:00"),
        ("/{v}", {"v": timedelta(minutes=1)}, "/PT60S"),
        ("/{v}", {"v": UUID(int=0)}, "/00000000-0000-0000-0000-000000000000"),
        ("/{v}", {"v": ipaddress.ip_address("::1")}, "/::1"),
    ],
)
def test_what_is_built(text: str, params: dict[str, Any], path: str) -> None:
    assert pattern(text).build(params) == path


@pytest.mark.parametrize(
    ("text", "params", "message"),
    [
        ("/{id}", {}, '"/{id}" needs id; given: nothing.'),
        ("/x", {"id": 1}, '"/x" needs no parameters; given: id.'),
        ("/{user_id}", {"user": 1}, '"/{user_id}" needs user_id; given: user. Did you mean user_id?'),
        ("/{id}", {"id": ""}, '"id" is empty; a segment of a path cannot be.'),
        ("/{id}", {"id": ".."}, '"id" makes a segment "..", which clients resolve before they ask.'),
        ("/{id}", {"id": "."}, '"id" makes a segment ".", which clients resolve before they ask.'),
        ("/.{id}", {"id": "."}, '"id" makes a segment "..", which clients resolve before they ask.'),
        ("/{rest:path}", {"rest": "/evil.org"}, '"rest" starts with a slash; write it without the first one.'),
        ("/{rest:path}", {"rest": "a/../b"}, '"rest" makes a segment "..", which clients resolve before they ask.'),
        ("/{id}", {"id": None}, '"id" is NoneType; a path carries text, numbers, dates and UUIDs.'),
        ("/{id}", {"id": b"x"}, '"id" is bytes; a path carries text, numbers, dates and UUIDs.'),
        ("/{id}", {"id": [1]}, '"id" is list; a path carries text, numbers, dates and UUIDs.'),
        ("/{id}", {"id": object()}, '"id" is object; a path carries text, numbers, dates and UUIDs.'),
        ("/{id}", {"id": float("nan")}, '"id" is nan; only finite numbers have a URL.'),
        ("/{id}", {"id": float("-inf")}, '"id" is -inf; only finite numbers have a URL.'),
        ("/{id}", {"id": 10**5000}, '"id" has too many digits for a URL.'),
        ("/{id}", {"id": "\ud800"}, '"id" holds a lone surrogate, which no URL can carry.'),
        ("/{r:path}", {"r": "a/\ud800"}, '"r" holds a lone surrogate, which no URL can carry.'),
        (
            "/{a}-{b}",
            {"a": "x-y", "b": "z-w"},
            "\"{a}-{b}\" with a='x-y', b='z-w' gives \"x-y-z-w\", which would be read back differently.",
        ),
    ],
)
def test_what_cannot_be_built(text: str, params: dict[str, Any], message: str) -> None:
    with pytest.raises(BuildError) as caught:
        pattern(text).build(params)
    assert str(caught.value) == message
    assert isinstance(caught.value, LookupError)


@given(st.text(), st.text(), st.text())
def test_a_built_path_stays_on_this_host_and_below_its_pattern(first: str, second: str, rest: str) -> None:
    read = pattern("/{first}/x/{second}.json/{rest:path}")
    try:
        path = read.build({"first": first, "second": second, "rest": rest})
    except BuildError:
        return
    assert path.isascii()
    assert path.startswith("/") and not path.startswith(("//", "/\\"))
    pieces = path.split("/")
    assert len(pieces) == 5 + rest.count("/")
    assert "." not in pieces and ".." not in pieces
