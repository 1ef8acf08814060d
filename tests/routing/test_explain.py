"""Why a path led where it led, and what was probably meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.routing import Miss, Mount, Table
from tests.routing.making import HERE, entry, table

SHOP = table(
    "GET /orders",
    "POST /orders",
    "GET /orders/{id:int}",
    "GET /orders/{id:int}/lines/{line:int}",
    "GET /orders/{name}.json",
    "GET /orders/new",
    "PUT /orders/{slug}",
    "GET /files/{rest:path}",
    mounts=("/legacy",),
)


@pytest.mark.parametrize(
    ("method", "path", "rows"),
    [
        (
            "GET",
            "/orders/7",
            [
                "GET /orders/{id:int}: taken",
                "PUT /orders/{slug}: the method is GET",
                'GET /orders/{id:int}/lines/{line:int}: the path ends before "lines"',
                'GET /orders: the path goes on with "/7"',
                'GET /orders/{name}.json: segment 2 is "7", which is not like "{name}.json"',
                'GET /orders/new: segment 2 is "7", not "new"',
            ],
        ),
        (
            "GET",
            "/orders/abc",
            [
                'GET /orders/{id:int}: id is "abc", which is not int',
                "PUT /orders/{slug}: the method is GET",
            ],
        ),
        (
            "GET",
            "/orders/a/lines/b",
            ['GET /orders/{id:int}/lines/{line:int}: id is "a", which is not int; line is "b", which is not int'],
        ),
        ("HEAD", "/orders", ["GET /orders: taken", "POST /orders: the method is HEAD"]),
        ("GET", "/orders/", ['PUT /orders/{slug}: segment 2 is empty, which "{slug}" cannot be']),
        ("GET", "/files", ['GET /files/{rest:path}: the path ends before "{rest:path}"']),
        ("GET", "/legacy/x", ["mount /legacy: taken", 'GET /orders: segment 1 is "legacy", not "orders"']),
    ],
)
def test_what_was_tried(method: str, path: str, rows: list[str]) -> None:
    tried = [str(one) for one in SHOP.explain(method, path)]
    assert len(tried) == 9
    if rows[0].endswith("taken"):
        assert tried[0] == rows[0]
    assert [row for row in tried if row in rows] == rows


def test_only_the_first_that_fits_is_taken() -> None:
    tried = table("GET /{a}", "GET /x", "GET /{b:int}", "GET /x/", "GET /{r:path}").explain("GET", "/x")
    assert [str(one) for one in tried] == [
        "GET /x: taken",
        "GET /{a}: GET /x comes first",
        "GET /{r:path}: GET /x comes first",
        'GET /{b:int}: b is "x", which is not int',
        "GET /x/: the path has no slash at its end",
    ]
    assert [one.taken for one in tried] == [True, False, False, False, False]


def test_mounts_and_routes() -> None:
    both = table("GET /{page:path}", "GET /legacy/own", mounts=("/legacy", "/legacy/deep", "/other"))
    assert [str(one) for one in both.explain("GET", "/legacy/x")][:2] == [
        "mount /legacy: taken",
        "GET /{page:path}: the mount /legacy is more exact",
    ]
    assert [str(one) for one in both.explain("GET", "/legacy/own")] == [
        "GET /legacy/own: taken",
        "GET /{page:path}: GET /legacy/own comes first",
        "mount /legacy: GET /legacy/own comes first",
        "mount /legacy/deep: the path is not below it",
        "mount /other: the path is not below it",
    ]
    deep = [str(one) for one in both.explain("GET", "/legacy/deep/x")]
    assert deep[0] == "mount /legacy/deep: taken"
    assert "mount /legacy: the mount /legacy/deep is more exact" in deep


def test_hosts() -> None:
    built = Table([entry("GET", "/"), entry("GET", "/", host="{t}.example.org"), entry("GET", "/", host="other.org")])
    assert [str(one) for one in built.explain("GET", "/", "a.example.org")] == [
        "GET {t}.example.org/: taken",
        "GET /: GET {t}.example.org/ comes first",
        'GET other.org/: the host is "a.example.org", not "other.org"',
    ]


KINDS = ("/a", "/{x}", "/{x:int}", "/{x}.json", "/{x}/b", "/a/", "/{x:int}/{y}", "/{r:path}", "/a/{r:path}")


@given(
    st.lists(st.tuples(st.sampled_from(("GET", "POST")), st.sampled_from(KINDS)), unique=True),
    st.text(st.sampled_from("a7/b.json"), max_size=8),
    st.booleans(),
)
def test_what_is_said_to_be_taken_is_what_matches(routes: list[tuple[str, str]], path: str, mounted: bool) -> None:
    built = Table([entry(*route) for route in routes], [Mount("/a", "mount", HERE)] if mounted else [])
    found = built.match("GET", "/" + path)
    taken = [one.entry.target for one in built.explain("GET", "/" + path) if one.taken]
    hit = not isinstance(found, Miss) and found[1] is not None
    assert taken == ([found[0]] if hit else [])  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/order", "/orders"),
        ("/orders/7/line/2", "/orders/{id:int}/lines/{line:int}"),
        ("/order/7", "/orders/{id:int}"),
        ("/Orders", "/orders"),
        ("/orders/nwe", "/orders/{id:int}"),
        ("/completely/different/things", None),
        ("/", None),
        ("", None),
        ("/orders" + "x" * 300, None),
    ],
)
def test_what_was_meant(path: str, meant: str | None) -> None:
    assert SHOP.closest(path) == meant
