"""The longest Router prefix owns a path."""

from __future__ import annotations

import pytest

from ketch.routing import Owners

OWNERS = Owners(
    {"/api": "api", "/api/orders": "orders", "/api/{team}/orders": "team", "/api/{team}": "teams", "/api/v{n}/x/": "x"}
)


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/", None),
        ("", None),
        ("/other", None),
        ("/api", "api"),
        ("/api/", "api"),
        ("/apis", None),
        ("/api/orders", "orders"),
        ("/api/orders/7", "orders"),
        ("/api/ordersheet", "teams"),
        ("/api/red", "teams"),
        ("/api/red/other", "teams"),
        ("/api/red/orders/7", "team"),
        ("/api/orders/orders", "team"),
        ("/api/v1/x", "x"),
        ("/api/v1/y", "teams"),
        ("//api", None),
    ],
)
def test_owners(path: str, owner: str | None) -> None:
    assert OWNERS.find(path) == owner


@pytest.mark.parametrize("prefix", ["", "/"])
def test_the_root_owns_what_nobody_else_does(prefix: str) -> None:
    owners = Owners({prefix: "root", "/a": "a"})
    assert [owners.find(path) for path in ("", "/", "/b/c", "/a", "/a/b")] == ["root", "root", "root", "a", "a"]


def test_no_owners() -> None:
    nobody: Owners[str] = Owners({})
    assert nobody.find("/x") is None
