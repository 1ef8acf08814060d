"""URLs by name and by handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ketch.kernel.origin import Origin
from ketch.routing import BuildError, Reverse, Reversed, Route, parse_host
from tests.routing.making import pattern


def show_order() -> None: ...


def pages() -> None: ...


def twice() -> None: ...


def unknown() -> None: ...


class Notes:
    def get(self) -> None: ...

    def put(self) -> None: ...


class Callme:
    __hash__ = None  # type: ignore[assignment]

    def __call__(self) -> None: ...


NOTES, CALLME = Notes(), Callme()


def route(
    path: str, endpoint: Callable[..., Any], name: str, *methods: str, host: str | None = None, line: int = 1
) -> Route:
    origin = Origin("app/orders.py", line)
    where = parse_host(host, origin) if host else None
    return Route(pattern(path), methods or ("GET",), endpoint, {}, origin, name, where)


REVERSE = Reverse(
    [
        route("/orders/{id}", show_order, "orders.show_order"),
        route("/orders/{id}", unknown, "orders.show_order", "PUT"),
        route("/pages", pages, "pages"),
        route("/pages/{page}", pages, "pages", line=2),
        route("/a", twice, "twice", line=3),
        route("/b", twice, "twice", line=4),
        route("/notes/{id}", NOTES.get, "notes"),
        route("/notes/{id}", NOTES.put, "notes", "PUT"),
        route("/call", CALLME, "callme"),
        route("/t/{x}", Notes, "tenant", host="{tenant}.example.org"),
        route("/files/{rest:path}", len, "files"),
    ]
)


@pytest.mark.parametrize(
    ("target", "params", "path"),
    [
        ("orders.show_order", {"id": 7}, "/orders/7"),
        (show_order, {"id": "a/b"}, "/orders/a%2Fb"),
        ("pages", {}, "/pages"),
        (pages, {"page": 2}, "/pages/2"),
        (NOTES.get, {"id": 1}, "/notes/1"),
        (NOTES.put, {"id": 1}, "/notes/1"),
        ("notes", {"id": 1}, "/notes/1"),
        (CALLME, {}, "/call"),
        ("files", {"rest": "a/b"}, "/files/a/b"),
    ],
)
def test_paths(target: object, params: dict[str, object], path: str) -> None:
    assert REVERSE.path(target, params) == path
    assert REVERSE.resolve(target, params) == Reversed(path, None)


def test_a_host_has_its_own_parameters() -> None:
    assert REVERSE.resolve("tenant", {"x": 1, "tenant": "acme"}) == Reversed("/t/1", "acme.example.org")
    with pytest.raises(BuildError, match="needs tenant"):
        REVERSE.resolve("tenant", {"x": 1})


@pytest.mark.parametrize(
    ("target", "params", "message"),
    [
        ("show_order", {}, 'No route is named "show_order". Did you mean "orders.show_order"?'),
        ("orders.shwo_order", {}, 'No route is named "orders.shwo_order". Did you mean "orders.show_order"?'),
        ("xyzzy", {}, 'No route is named "xyzzy".'),
        (test_paths, {}, "test_paths is not the handler of any route."),
        (Notes().get, {}, "Notes.get is not the handler of any route."),
        (7, {}, "7 is not the handler of any route."),
        ("orders.show_order", {}, '"/orders/{id}" needs id; given: nothing.'),
        (
            "twice",
            {},
            '"twice" means several routes; give each its own name=.\n'
            "  GET /a   app/orders.py:3\n  GET /b   app/orders.py:4",
        ),
        (
            pages,
            {"pgae": 2},
            "pages means several routes; give each its own name=.\n"
            "  GET /pages   app/orders.py:1\n  GET /pages/{page}   app/orders.py:2",
        ),
    ],
)
def test_what_has_no_url(target: object, params: dict[str, object], message: str) -> None:
    with pytest.raises(BuildError) as caught:
        REVERSE.path(target, params)
    assert str(caught.value) == message


def test_a_route_is_found_without_building() -> None:
    assert REVERSE.find("files").path.text == "/files/{rest:path}"
