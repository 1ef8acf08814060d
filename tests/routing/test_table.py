"""What a table answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.kernel.origin import UNKNOWN
from ketch.routing import Entry, Miss, MissKind, Mount, MountHit, Table
from tests.routing.making import HERE, entry, one_of, pattern, table


def not_allowed(*methods: str) -> Miss:
    return Miss(MissKind.METHOD_NOT_ALLOWED, methods)


def options(*methods: str) -> Miss:
    return Miss(MissKind.OPTIONS, methods)


def redirect(path: str) -> Miss:
    return Miss(MissKind.REDIRECT, redirect=path)


NOT_FOUND = Miss(MissKind.NOT_FOUND)
MALFORMED = Miss(MissKind.MALFORMED)

SHOP = table(
    "GET /",
    "GET /orders",
    "POST /orders",
    "GET /orders/{id:int}",
    "DELETE /orders/{id:int}",
    "GET /orders/{name}.json",
    "GET /orders/new",
    "PUT /orders/{slug}",
    "GET /files/{rest:path}",
    "GET /café/{x}",
    "GET /slash/",
    "HEAD /own",
    "GET /own",
    "OPTIONS /asked",
    "GET /asked",
    "POST /only",
    "GET /{a:int}/{b:date}",
)


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", "/", ("GET /", (), ())),
        ("GET", "", ("GET /", (), ())),
        ("GET", "/orders", ("GET /orders", (), ())),
        ("GET", "/orders/7", ("GET /orders/{id:int}", (7,), ("7",))),
        ("GET", "/orders/new", ("GET /orders/new", (), ())),
        ("GET", "/orders/a.json", ("GET /orders/{name}.json", ("a",), ("a",))),
        ("PUT", "/orders/7", ("PUT /orders/{slug}", ("7",), ("7",))),
        ("GET", "/files/", ("GET /files/{rest:path}", ("",), ("",))),
        ("GET", "/files/a//b/", ("GET /files/{rest:path}", ("a//b/",), ("a//b/",))),
        ("GET", "/files/../x", ("GET /files/{rest:path}", ("../x",), ("../x",))),
        ("GET", "/café/ü", ("GET /café/{x}", ("ü",), ("ü",))),
        ("GET", "/slash/", ("GET /slash/", (), ())),
    ],
)
def test_hits(method: str, path: str, answer: tuple[Any, ...]) -> None:
    found = SHOP.match(method, path)
    assert found == answer
    assert type(found) is tuple


def test_a_static_hit_is_made_once() -> None:
    assert SHOP.match_raw("GET", b"/orders") is SHOP.match_raw("GET", b"/orders")


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        # 422: the best-ranked shape, every text for the explanation
        ("GET", "/orders/abc", ("GET /orders/{id:int}", None, ("abc",))),
        ("GET", "/x/y", ("GET /{a:int}/{b:date}", None, ("x", "y"))),
        ("HEAD", "/x/y", ("GET /{a:int}/{b:date}", None, ("x", "y"))),
        # 405
        ("PATCH", "/orders", not_allowed("GET", "HEAD", "OPTIONS", "POST")),
        ("PATCH", "/orders/new", not_allowed("DELETE", "GET", "HEAD", "OPTIONS", "PUT")),
        ("GET", "/only", not_allowed("OPTIONS", "POST")),
        ("HEAD", "/only", not_allowed("OPTIONS", "POST")),
        ("get", "/orders", not_allowed("GET", "HEAD", "OPTIONS", "POST")),
        ("", "/orders", not_allowed("GET", "HEAD", "OPTIONS", "POST")),
        # OPTIONS
        ("OPTIONS", "/orders", options("GET", "HEAD", "OPTIONS", "POST")),
        ("OPTIONS", "/nowhere", NOT_FOUND),
        ("OPTIONS", "*", options("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT")),
        ("GET", "*", NOT_FOUND),
        # the other slash form
        ("GET", "/orders/", redirect("/orders")),
        ("PATCH", "/orders/", redirect("/orders")),
        ("GET", "/slash", redirect("/slash/")),
        ("GET", "/orders/7/", redirect("/orders/7")),
        ("GET", "/files", redirect("/files/")),
        ("GET", "//orders/", redirect("/orders")),
        ("GET", "/////slash", redirect("/slash/")),
        ("GET", "//", redirect("/")),
        ("GET", "/café/ü/", redirect("/caf%C3%A9/%C3%BC")),
        # 404
        ("GET", "/nowhere", NOT_FOUND),
        ("GET", "/nowhere/", NOT_FOUND),
        ("GET", "//orders", NOT_FOUND),
        ("GET", "/orders//7", NOT_FOUND),
        ("GET", "/orders/./7", NOT_FOUND),
        ("GET", "/Orders", NOT_FOUND),
        ("GET", "orders", NOT_FOUND),
        ("GET", "/orders/7/x/y/z/", NOT_FOUND),
        ("GET", "/orders\n", NOT_FOUND),
        ("GET", "/orders/\ud800/", NOT_FOUND),
    ],
)
def test_misses(method: str, path: str, answer: object) -> None:
    assert SHOP.match(method, path) == answer


def test_head_is_gets_unless_it_has_its_own() -> None:
    assert SHOP.match("HEAD", "/orders") == ("GET /orders", (), ())
    assert SHOP.match("HEAD", "/orders/7") == ("GET /orders/{id:int}", (7,), ("7",))
    assert SHOP.match("HEAD", "/own") == ("HEAD /own", (), ())
    assert SHOP.match("OPTIONS", "/asked") == ("OPTIONS /asked", (), ())


def test_routes_for_websockets_are_no_methods() -> None:
    routes = table("WEBSOCKET /ws", "GET /both", "WEBSOCKET /both", "WEBSOCKET /chat/{room}")
    assert routes.match("WEBSOCKET", "/ws") == ("WEBSOCKET /ws", (), ())
    assert routes.match("WEBSOCKET", "/chat/x") == ("WEBSOCKET /chat/{room}", ("x",), ("x",))
    assert routes.match("GET", "/ws") == routes.match("OPTIONS", "/ws") == NOT_FOUND
    assert routes.match("GET", "/ws/") == routes.match("WEBSOCKET", "/ws/") == NOT_FOUND
    assert routes.match("POST", "/both") == not_allowed("GET", "HEAD", "OPTIONS")
    assert routes.match("POST", "/both/") == redirect("/both")
    assert routes.match("OPTIONS", "*") == options("GET", "HEAD", "OPTIONS")


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        (b"/orders", ("GET /orders", (), ())),
        (b"", ("GET /", (), ())),
        (b"/%6Frders/%37", ("GET /orders/{id:int}", (7,), ("7",))),
        (b"/caf%C3%A9/%c3%bc", ("GET /café/{x}", ("ü",), ("ü",))),
        (b"/caf%C3%A9/a%2Fb", ("GET /café/{x}", ("a/b",), ("a/b",))),
        (b"/caf%C3%A9/a%2fb", ("GET /café/{x}", ("a/b",), ("a/b",))),
        (b"/caf%C3%A9/a%252Fb", ("GET /café/{x}", ("a%2Fb",), ("a%2Fb",))),
        (b"/caf%C3%A9/%2Fevil.org/", redirect("/caf%C3%A9/%2Fevil.org")),
        (b"/caf%C3%A9/%5Cevil.org/", redirect("/caf%C3%A9/%5Cevil.org")),
        (b"/caf%C3%A9/%0d%0aX:y/", redirect("/caf%C3%A9/%0D%0AX:y")),
        (b"/caf%C3%A9/%2e%2e/", NOT_FOUND),
        (b"/files/a%2Fb/%20c/d", ("GET /files/{rest:path}", ("a/b/ c/d",), ("a/b/ c/d",))),
        (b"/files%2Fa", NOT_FOUND),
        (b"%2Ffiles/a", NOT_FOUND),
        (b"/orders%2F7", NOT_FOUND),
        (b"/orders/%zz", MALFORMED),
        (b"/orders/%", MALFORMED),
        (b"/orders/%ff", MALFORMED),
        (b"/orders/%2F%ff", MALFORMED),
        (b"/caf\xc3\xa9/x", MALFORMED),
        (b"/caf%C3%A9/\xff", MALFORMED),
        (b"/nowhere/%zz", MALFORMED),
        (b"*", NOT_FOUND),
    ],
)
def test_raw_paths(raw: bytes, answer: object) -> None:
    assert SHOP.match_raw("GET", raw) == answer


def test_a_redirect_from_the_root_never_leaves_this_host() -> None:
    anything = table("GET /{name}")
    for raw in (
        b"/%5Cevil.org/",
        b"/\\evil.org/",
        b"/%2Fevil.org/",
        b"//evil.org/",
        b"/\\/evil.org/",
        b"///\\evil.org/",
    ):
        found = anything.match_raw("GET", raw)
        assert isinstance(found, Miss)
        assert found.redirect in ("/%5Cevil.org", "/%2Fevil.org", "/evil.org", "")


@pytest.mark.parametrize(
    ("segment", "target"),
    [
        ("exact", "exact"),
        ("7", "{p:int}"),
        ("v7", "v{p:int}"),
        ("12345678-1234-5678-1234-567812345678", "{p:uuid}"),
        ("2026-02-03", "{p:date}"),
        ("1.5", "{p:float}"),
        ("a.json", "{p}.json"),
        ("v7.json", "v{n}.json"),
        ("anything", "{p}"),
        ("two/three", "{p:path}"),
        ("", "{p:path}"),
    ],
)
def test_every_rank_has_its_turn(segment: str, target: str) -> None:
    kinds = [
        *(
            "{p:path}",
            "{p}",
            "{p}.json",
            "v{n}.json",
            "{p:float}",
            "{p:date}",
            "{p:uuid}",
            "v{p:int}",
            "{p:int}",
            "exact",
        )
    ]
    for order in (kinds, kinds[::-1]):
        mixed = Table([entry("GET", f"/{kind}", target=kind) for kind in order])
        found = mixed.match("GET", f"/{segment}")
        assert isinstance(found, tuple)
        assert found[0] == target


def test_the_first_segment_decides_and_later_ones_fall_back() -> None:
    routes = table("GET /{a:int}/x/{c}", "GET /{a}/x/y", "GET /7/{b}/{c:date}", "GET /{a}/{rest:path}")
    assert routes.match("GET", "/7/x/2026-01-01") == ("GET /7/{b}/{c:date}", *(_day("x", "2026-01-01")))
    assert routes.match("GET", "/7/x/y") == ("GET /{a:int}/x/{c}", (7, "y"), ("7", "y"))
    assert routes.match("GET", "/8/x/y") == ("GET /{a:int}/x/{c}", (8, "y"), ("8", "y"))
    assert routes.match("GET", "/a/x/y") == ("GET /{a}/x/y", ("a",), ("a",))
    assert routes.match("GET", "/a/x/z") == ("GET /{a}/{rest:path}", ("a", "x/z"), ("a", "x/z"))
    assert routes.match("GET", "/7/x/y/z") == ("GET /{a}/{rest:path}", ("7", "x/y/z"), ("7", "x/y/z"))


def _day(first: str, day: str) -> tuple[tuple[object, ...], tuple[str, ...]]:
    from datetime import date

    return (first, date.fromisoformat(day)), (first, day)


def test_each_method_falls_through_by_itself() -> None:
    routes = table("GET /{id:int}", "POST /{name}", "GET /{name}/x")
    assert routes.match("POST", "/7") == ("POST /{name}", ("7",), ("7",))
    assert routes.match("GET", "/x") == ("GET /{id:int}", None, ("x",))
    assert routes.match("PUT", "/x") == not_allowed("GET", "HEAD", "OPTIONS", "POST")


def test_two_converters_of_one_rank_may_share_a_segment() -> None:
    routes = Table(
        [entry("GET", "/{a}/x", a=one_of("red", "blue")), entry("GET", "/{b}/{c}", b=one_of("big", "red"), c="str")]
    )
    assert routes.match("GET", "/red/x") == ("GET /{a}/x", ("RED",), ("red",))
    assert routes.match("GET", "/big/x") == ("GET /{b}/{c}", ("BIG", "x"), ("big", "x"))
    assert routes.match("GET", "/red/y") == ("GET /{b}/{c}", ("RED", "y"), ("red", "y"))
    assert routes.match("GET", "/green/x") == ("GET /{a}/x", None, ("green",))


def test_routes_behind_one_kind_keep_their_own_converters() -> None:
    colours, sizes = one_of("red"), one_of("big")
    routes = Table([entry("GET", "/{a}/x", a=colours), entry("GET", "/{a}/y", a=sizes), entry("GET", "/{a}/{b}")])
    assert routes.match("GET", "/red/x") == ("GET /{a}/x", ("RED",), ("red",))
    assert routes.match("GET", "/big/y") == ("GET /{a}/y", ("BIG",), ("big",))
    assert routes.match("GET", "/red/y") == ("GET /{a}/{b}", ("red", "y"), ("red", "y"))


def test_a_mixed_segment_has_the_rank_of_its_weakest_parameter() -> None:
    for order in (1, -1):
        routes = Table([entry("GET", "/{n:int}-{s}"), entry("GET", "/{w}", w=one_of("7-x"))][::order])
        assert routes.match("GET", "/7-x") == ("GET /{w}", ("7-X",), ("7-x",))
        assert routes.match("GET", "/7-y") == ("GET /{n:int}-{s}", (7, "y"), ("7", "y"))


def test_converters_given_win_over_the_patterns_own() -> None:
    routes = Table([entry("GET", "/{a:int}", a=one_of("red"))])
    assert routes.match("GET", "/red") == ("GET /{a:int}", ("RED",), ("red",))


def test_converters_may_name_more_than_the_pattern_asks_for() -> None:
    assert Table([entry("GET", "/x", other="int")]).match("GET", "/x") == ("GET /x", (), ())


def test_the_empty_path_and_the_root_are_one() -> None:
    assert Table([entry("GET", "")]).match("GET", "/") == ("GET ", (), ())
    assert Table([entry("GET", "")]).match("GET", "") == ("GET ", (), ())


def test_an_empty_table() -> None:
    empty: Table[str] = Table([])
    for path in ("", "/", "/x", "//", "*"):
        assert empty.match("GET", path) == NOT_FOUND
    assert empty.match("OPTIONS", "*") == options("OPTIONS")
    assert empty.routes() == ()
    assert empty.mounts() == ()


# --- mounts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "prefix", "rest"),
    [
        ("GET", "/legacy", "/legacy", ""),
        ("PURGE", "/legacy/", "/legacy", "/"),
        ("GET", "/legacy/a//b/", "/legacy", "/a//b/"),
        ("GET", "/legacy/deep", "/legacy/deep", ""),
        ("GET", "/legacy/deep/x/y/z", "/legacy/deep", "/x/y/z"),
        ("OPTIONS", "/legacy/deeper", "/legacy", "/deeper"),
        ("POST", "/legacy/known", "/legacy", "/known"),
        ("GET", "/legacy/7x", "/legacy", "/7x"),
    ],
)
def test_mounts(method: str, path: str, prefix: str, rest: str) -> None:
    routes = table("GET /legacy/known", "GET /legacy/{id:int}", mounts=("/legacy", "/legacy/deep/"))
    found = routes.match(method, path)
    assert isinstance(found, MountHit)
    assert (found.prefix, found.rest) == (prefix, rest)
    assert found.target.rstrip("/") == f"mount {prefix}"
    assert found.raw == (prefix,)


def test_routes_come_before_mounts() -> None:
    routes = table("GET /legacy/known", "GET /{a}/{b}", "GET /x", mounts=("/legacy", "/"))
    assert routes.match("GET", "/legacy/known") == ("GET /legacy/known", (), ())
    assert routes.match("GET", "/legacy/other") == ("GET /{a}/{b}", ("legacy", "other"), ("legacy", "other"))
    assert isinstance(routes.match("GET", "/legacy/a/b"), MountHit)
    assert isinstance(routes.match("GET", "/"), MountHit)
    assert isinstance(routes.match("GET", "/legacyx"), MountHit)  # the root's, not /legacy's
    assert routes.match("GET", "/legacyx")[1:] == (("/legacyx",), ("",))  # type: ignore[index]
    assert isinstance(routes.match("POST", "/x"), MountHit)


def test_a_catch_all_does_not_hide_a_mount_below_it() -> None:
    routes = table("GET /{page:path}", "GET /legacy/own/{x:path}", mounts=("/legacy",))
    assert isinstance(routes.match("GET", "/legacy/a"), MountHit)
    assert isinstance(routes.match("GET", "/legacy"), MountHit)
    assert routes.match("GET", "/legacy/own/a/b") == ("GET /legacy/own/{x:path}", ("a/b",), ("a/b",))
    assert routes.match("GET", "/legacyx") == ("GET /{page:path}", ("legacyx",), ("legacyx",))
    beside = table("GET /legacy/{x:path}", mounts=("/legacy",))
    assert beside.match("GET", "/legacy/a") == ("GET /legacy/{x:path}", ("a",), ("a",))
    assert isinstance(beside.match("GET", "/legacy"), MountHit)


def test_an_encoded_slash_does_not_make_a_mounts_prefix() -> None:
    routes = table(mounts=("/a/b",))
    assert routes.match_raw("GET", b"/a%2Fb/c") == NOT_FOUND
    found = routes.match_raw("GET", b"/a/b/c%2Fd")
    assert isinstance(found, MountHit)
    assert found.rest == "/c/d"


def test_a_mount_may_have_no_origin() -> None:
    assert Mount("/x", "y").origin is UNKNOWN


# --- hosts ----------------------------------------------------------------------------------------------------------

HOSTS = Table(
    [
        entry("GET", "/", target="any"),
        entry("GET", "/only-any", target="only-any"),
        entry("GET", "/", host="api.example.org", target="api"),
        entry("GET", "/", host="{tenant}.example.org", target="tenant"),
        entry("GET", "/{x:int}", host="{tenant}.example.org", target="tenant-x"),
        entry("POST", "/{x:int}", host="{customer}.example.org", target="tenant-post"),
        entry("GET", "/{x}", target="any-x"),
        entry("PUT", "/{x}", target="any-put"),
        entry("GET", "/", host="{n:int}.example.org", target="number"),
        entry("GET", "/", host="v{n:int}.example.org", target="version"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "host", "answer"),
    [
        ("GET", "/", "", ("any", (), ())),
        ("GET", "/", "other.org", ("any", (), ())),
        ("GET", "/", "api.example.org", ("api", (), ())),
        ("GET", "/", "API.Example.org.:8000", ("api", (), ())),
        ("GET", "/", "acme.example.org", ("tenant", ("acme",), ("acme",))),
        ("GET", "/", "7.example.org", ("number", (7,), ("7",))),
        ("GET", "/", "v7.example.org", ("version", (7,), ("7",))),
        ("GET", "/", "a.b.example.org", ("any", (), ())),
        ("GET", "/", "example.org", ("any", (), ())),
        ("GET", "/7", "acme.example.org", ("tenant-x", ("acme", 7), ("acme", "7"))),
        ("GET", "/7", "api.example.org", ("tenant-x", ("api", 7), ("api", "7"))),
        ("GET", "/y", "acme.example.org", ("any-x", ("y",), ("y",))),
        ("GET", "/only-any", "acme.example.org", ("only-any", (), ())),
        ("POST", "/y", "acme.example.org", ("tenant-post", None, ("acme", "y"))),
        ("PATCH", "/y", "acme.example.org", not_allowed("GET", "HEAD", "OPTIONS", "POST", "PUT")),
        ("PATCH", "/y", "other.org", not_allowed("GET", "HEAD", "OPTIONS", "PUT")),
        ("GET", "/only-any/", "acme.example.org", redirect("/only-any")),
    ],
)
def test_hosts(method: str, path: str, host: str, answer: object) -> None:
    assert HOSTS.match(method, path, host) == answer
    assert HOSTS.match_raw(method, path.encode(), host) == answer


# --- introspection --------------------------------------------------------------------------------------------------


def test_what_is_in_a_table() -> None:
    entries = [entry("GET", "/b"), entry("GET", "/a")]
    mounts = [Mount("/x", "y", HERE)]
    built = Table(entries, mounts)
    assert built.routes() == tuple(entries)
    assert built.mounts() == tuple(mounts)


def test_an_entry_names_its_parameters_in_order() -> None:
    both = entry("GET", "/{b}/{a}", host="{c}.example.org")
    assert both.names == ("c", "b", "a")
    assert str(both) == "GET {c}.example.org/{b}/{a}"
    assert str(Entry("GET", pattern(""), {}, "x", HERE)) == "GET /"


# --- any input ------------------------------------------------------------------------------------------------------

paths = st.text(st.sampled_from("/%.\\aé7-\x00\ud800") | st.characters())


@given(st.sampled_from(["GET", "POST", "OPTIONS", "HEAD", ""]), paths, st.text())
def test_no_text_raises(method: str, path: str, host: str) -> None:
    for one in (SHOP, HOSTS):
        check_answer(one.match(method, path, host))
        check_answer(one.match(method, "/" + path, host))


@given(st.binary() | st.text(st.sampled_from("/%2Ffeoas7.")).map(str.encode), st.text())
def test_no_bytes_raise(raw: bytes, host: str) -> None:
    for one in (SHOP, HOSTS):
        check_answer(one.match_raw("GET", raw, host))
        check_answer(one.match_raw("GET", b"/" + raw, host))


def check_answer(found: object) -> None:
    if isinstance(found, Miss):
        assert ("OPTIONS" in found.allow) == (found.kind in (MissKind.METHOD_NOT_ALLOWED, MissKind.OPTIONS))
        assert bool(found.redirect) == (found.kind is MissKind.REDIRECT)
        if found.redirect:
            assert found.redirect.isascii() and found.redirect.isprintable() and " " not in found.redirect
            assert found.redirect[0] == "/" and found.redirect[1:2] not in ("/", "\\")
    else:
        assert isinstance(found, tuple) and len(found) == 3
