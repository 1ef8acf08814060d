"""Every start-up mistake of routing, with its whole message."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ketch.kernel.errors import SetupError
from ketch.kernel.origin import Origin
from ketch.routing import Mount, Owners, Table, check_options, parse_host, parse_pattern
from tests.errors import snapshot
from tests.routing.making import entry, one_of

LINE = Origin("app/orders.py", 12)
OTHER = Origin("app/more.py", 40)


def error_of(make: Callable[[], object]) -> SetupError:
    with pytest.raises(SetupError) as caught:
        make()
    return caught.value


PATTERNS = {
    "no-slash": ("orders/{id}", 1),
    "dot-slash": ("./orders", 1),
    "unclosed-brace": ("/orders/{id", 2),
    "stray-brace": ("/orders/id}", 2),
    "nested-braces": ("/orders/{{id}}", 2),
    "no-name": ("/orders/{}", 3),
    "blank-name": ("/orders/{ }", 3),
    "not-a-name": ("/orders/{order-id}", 3),
    "name-starts-with-digit": ("/orders/{2nd}", 3),
    "name-with-spaces": ("/orders/{ id }", 3),
    "star-name": ("/files/{*rest}", 3),
    "dots-name": ("/files/{rest...}", 3),
    "name-twice": ("/orders/{id}/lines/{id}", 4),
    "path-not-last": ("/files/{rest:path}/raw", 5),
    "path-not-alone": ("/files/{rest:path}.txt", 5),
    "double-slash": ("/api//orders", 6),
    "query": ("/orders?page={page}", 7),
    "fragment": ("/orders#{id}", 7),
    "percent": ("/caf%C3%A9", 7),
    "dot-segment": ("/orders/../users", 7),
    "final-dot-segment": ("/orders/.", 7),
    "backslash": ("/orders\\{id}", 7),
    "control": ("/orders\n", 7),
    "unknown-kind": ("/orders/{id:number}", 8),
    "misspelt-kind": ("/orders/{id:itn}", 8),
    "typed-kind": ("/orders/{id:Decimal}", 8),
    "regex-kind": ("/orders/{id:[0-9]+}", 8),
    "kind-first": ("/orders/{int:id}", 8),
    "empty-kind": ("/orders/{id:}", 8),
    "touching": ("/orders/{a}{b}", 9),
    "angles": ("/orders/<int:id>/<name>", 10),
    "colon": ("/orders/:id/:line", 10),
    "star": ("/files/*rest", 10),
    "bare-star": ("/files/*", 10),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_patterns(name: str) -> None:
    text, code = PATTERNS[name]
    error = error_of(lambda: parse_pattern(text, LINE))
    assert error.code == f"KETCH-ROUTE-{code:03}"
    snapshot.check(f"route-pattern-{name}", str(error))


@pytest.mark.parametrize("name", PATTERNS)
def test_the_suggested_pattern_is_right(name: str) -> None:
    """What a message says to write is itself accepted."""
    fix = error_of(lambda: parse_pattern(PATTERNS[name][0], LINE)).faults[0].fix
    for text in re.findall(r'Write "([^"]+)"', fix):
        parse_pattern(text if text.startswith("/") else f"/{text}", LINE)


def test_the_line_that_the_origin_shows_stands_for_the_pattern() -> None:
    shown = Origin("app/orders.py", 12, '@app.get("orders")')
    assert '@app.get("orders")' in str(error_of(lambda: parse_pattern("orders", shown)))


HOSTS = {
    "scheme": ("https://api.example.org/", 14),
    "path": ("api.example.org/v1", 14),
    "star": ("*.example.org", 14),
    "unclosed-brace": ("{tenant.example.org", 14),
    "empty": ("", 14),
    "empty-label": ("api..example.org", 14),
    "bad-label": ("-api.example.org", 14),
    "space": ("api example.org", 14),
    "long-foreign-label": ("ü" * 64 + ".org", 14),
    "path-kind": ("{rest:path}.example.org", 14),
    "name-twice": ("{a}.{a}.org", 4),
    "touching": ("{a}{b}.org", 9),
    "not-a-name": ("{my-tenant}.example.org", 3),
    "unknown-kind": ("{n:number}.example.org", 8),
}


@pytest.mark.parametrize("name", HOSTS)
def test_hosts(name: str) -> None:
    text, code = HOSTS[name]
    error = error_of(lambda: parse_host(text, LINE))
    assert error.code == f"KETCH-ROUTE-{code:03}"
    snapshot.check(f"route-host-{name}", str(error))


def two(first: str, second: str, **kinds: Any) -> Callable[[], Table[str]]:
    """A table of two routes, "GET,POST /path [at host]" each, declared at different places."""

    def build() -> Table[str]:
        entries = []
        for text, origin in ((first, LINE), (second, OTHER)):
            route, _, host = text.partition(" at ")
            methods, path = route.split(" ")
            used = {name: kind for name, kind in kinds.items() if f"{{{name}}}" in path}
            entries += [entry(m, path, host=host or None, origin=origin, **used) for m in methods.split(",")]
        return Table(entries)

    return build


def mounts(*prefixes: str) -> Callable[[], Table[str]]:
    places = [LINE, OTHER, LINE]
    return lambda: Table([], [Mount(prefix, "app", place) for prefix, place in zip(prefixes, places, strict=False)])


TABLES = {
    "twice": (two("GET /orders", "GET /orders"), 11),
    "twice-root": (two("GET /", "GET /"), 11),
    "twice-several-methods": (two("GET,POST,PUT /orders/{id}", "PUT,GET /orders/{id}"), 11),
    "twice-at-host": (two("GET /x at api.example.org", "GET /x at api.example.org"), 11),
    "same-line": (lambda: Table([entry("GET", "/orders", origin=LINE)] * 3), 11),
    "other-names": (two("GET /orders/{id}", "GET /orders/{name}"), 12),
    "other-kinds": (two("GET /orders/{id:int}", "GET /orders/{n:int}"), 12),
    "other-types": (two("GET /x/{a}", "GET /x/{b}", a=one_of("red"), b=one_of("big")), 12),
    "hosts-other-names": (two("GET /x at {a}.example.org", "GET /x at {b}.example.org"), 12),
    "mixed": (two("GET /r/report-{a}", "GET /r/{b}.json"), 12),
    "mixed-deeper": (two("GET /r/report-{a}/x", "GET /r/{b}.json/{c}"), 12),
    "hosts-mixed": (two("GET /x at api-{a}.org", "GET /y at {b}-eu.org"), 12),
    "mount-twice": (mounts("/legacy", "/legacy/"), 13),
    "mount-root-twice": (mounts("", "/"), 13),
    "mount-parameter": (mounts("/teams/{id}"), 13),
    "mount-no-slash": (mounts("legacy"), 1),
    "host-and-path": (two("GET /{a} at {a}.example.org", "GET /x"), 4),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables(name: str) -> None:
    build, code = TABLES[name]
    error = error_of(build)
    assert error.code == f"KETCH-ROUTE-{code:03}"
    assert len(error.faults) == 1
    snapshot.check(f"route-table-{name}", str(error))


def test_all_mistakes_of_a_table_are_told_together() -> None:
    entries = [
        entry("GET", "/a", origin=LINE),
        entry("GET", "/a", origin=OTHER),
        entry("GET", "/b/{x}", origin=LINE),
        entry("GET", "/b/{y}", origin=OTHER),
        entry("POST", "/b/{y}", origin=OTHER),
        entry("GET", "/a", origin=Origin("app/third.py", 3)),
    ]
    error = error_of(lambda: Table(entries, [Mount("/m", "x", LINE), Mount("/m", "y", OTHER)]))
    assert [fault.code[-3:] for fault in error.faults] == ["013", "011", "012", "011"]
    snapshot.check("route-table-all-together", str(error))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GET /{x}/b", "GET /a/{y}"),
        ("GET /a", "POST /a"),
        ("GET /a", "GET /a/"),
        ("GET /{x:int}", "GET /{x}"),
        ("GET /{x:int}", "HEAD /{y:int}"),
        ("GET /{x}.json", "GET /{y}.html"),
        ("GET /v{x}", "GET /w{y}"),
        ("GET /v{x}.json", "GET /{y}.json"),
        ("GET /{a}-{b}", "GET /{a}-{b}-{c}"),
        ("GET /{a:int}-{b}", "GET /{a}-{b:int}"),
        ("GET /{a:int}.json", "GET /v{b:int}"),  # "v1.json" fits neither, for "v1" and "1.json" are no int
        ("GET /{a:uuid}.json", "GET /x{b:uuid}"),
        ("GET /{a:date}z", "GET /x{b:date}"),
        ("GET /{a}.json", "GET /{b}"),
        ("GET /report-{a}/x", "GET /{b}.json/y"),
        ("GET /report-{a}/x", "GET /{b}.json/x/y"),
        ("GET /{x}", "GET /{rest:path}"),
        ("GET /a/{rest:path}", "GET /{rest:path}"),
        ("GET /a/{rest:path}", "GET /a"),
        ("GET /x at a.org", "GET /x"),
        ("GET /x at a.org", "GET /x at b.org"),
        ("GET /x at {a}.org", "GET /x at {a}.b.org"),
        ("GET /x at {a}.org", "GET /x at a.org"),
        ("GET /x at v{a}-x.org", "GET /x at {b}-x.org"),
        ("GET /report-{a}", "POST /{b}.json"),
    ],
)
def test_what_is_not_ambiguous(first: str, second: str) -> None:
    assert len(two(first, second)().routes()) == 2
    assert len(two(second, first)().routes()) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GET /report-{a}/x", "GET /{b}.json/{rest:path}"),
        ("GET /a{x}", "GET /{y}b"),
        ("GET /{a}.{b}", "GET /x{c}"),
        ("GET /{a}.json/{x:int}", "GET /v{b}/{y:int}"),
        ("GET /{rest:path}", "GET /{other:path}"),
        ("GET /{a:float}", "GET /{b:float}"),
    ],
)
def test_what_is_ambiguous(first: str, second: str) -> None:
    assert error_of(two(first, second)).code == error_of(two(second, first)).code == "KETCH-ROUTE-012"


OPTIONS: dict[str, tuple[Mapping[str, object], int]] = {
    "misspelt": ({"status_cod": 201}, 15),
    "flask": ({"endpoint": "show"}, 15),
    "fastapi": ({"response_model_exclude": {"password"}}, 15),
    "django": ({"permission_classes": []}, 15),
    "unknown": ({"xyzzy": 1}, 15),
    "tags-text": ({"tags": "orders"}, 16),
    "dependencies-function": ({"dependencies": parse_pattern}, 16),
    "several": ({"tags": "orders", "endpoint": "x", "sumary": "y"}, 15),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options(name: str) -> None:
    options, code = OPTIONS[name]
    error = check_options(options, Origin("app/orders.py", 12, '@app.get("/orders", ...)'))
    assert error is not None
    assert error.code == f"KETCH-ROUTE-{code:03}"
    snapshot.check(f"route-options-{name}", str(error))


def test_a_malformed_prefix_of_an_owner_is_a_mistake() -> None:
    assert error_of(lambda: Owners({"orders": 1})).code == "KETCH-ROUTE-001"


def test_no_snapshot_is_left_over() -> None:
    tables = {"all-together", *TABLES}
    groups: dict[str, Any] = {"pattern": PATTERNS, "host": HOSTS, "table": tables, "options": OPTIONS}
    wanted = {f"route-{group}-{name}.txt" for group, names in groups.items() for name in names}
    assert {file.name for file in Path(snapshot.FOLDER).glob("route-*.txt")} == wanted
