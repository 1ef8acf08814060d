"""The five workloads: what is asked, what a correct answer is, what must be refused.

Standard library only, so that the harness runs anywhere and the checks are the same for every peer.
A peer that answers one of these wrongly, or accepts one of the bad requests, is out of the table.

A test is a workload, or one with a suffix: `T1+headers` sends ten headers as a browser does; `T1+await` asks the twin
whose handler awaits once (really suspends), `T3+def` the twin whose handler is a plain function in a thread,
`T3+inline` one that runs on the loop. Twins stand in the same application, under a path of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ORDER: dict[str, Any] = {
    "customer": {
        "name": "Ada Lovelace",
        "email": "ada@example.org",
        "address": {"street": "12 St James's Square", "city": "London", "zip": "SW1Y 4JH"},
    },
    "items": [{"sku": f"SKU-{n:04d}", "qty": n, "price": 2.5 * n} for n in range(1, 6)],
    "note": "Ring twice",
}
ORDER_TOTAL = sum(item["qty"] * item["price"] for item in ORDER["items"])


@dataclass(frozen=True)
class Call:
    """One HTTP request: method, target with query, body, extra headers."""

    method: str
    target: str
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Answer:
    """What came back: status, lower-cased headers, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Workload:
    """A request that is measured, the judgement of its answer, and requests that must get a 4xx."""

    name: str
    title: str
    call: Call
    correct: Callable[[Answer], bool]
    refused: tuple[Call, ...] = field(default=())


def _typed(answer: Answer, kind: str) -> bool:
    return answer.status in (200, 201) and answer.headers.get("content-type", "").partition(";")[0] == kind


def _plaintext(answer: Answer) -> bool:
    return _typed(answer, "text/plain") and answer.body == b"Hello, World!"


def _json(answer: Answer) -> bool:
    return _typed(answer, "application/json") and bool(answer.json() == {"message": "Hello, World!"})


def _item(answer: Answer) -> bool:
    expected = {
        "item_id": 42,
        "q": "hello",
        "limit": 10,
        "name": "Item 42",
        "price": 42.5,
        "in_stock": True,
        "tags": ["a", "b", "c"],
    }
    return _typed(answer, "application/json") and bool(answer.json() == expected)


def _order(answer: Answer) -> bool:
    if not _typed(answer, "application/json"):
        return False
    got = answer.json()
    return abs(got.pop("total", 0) - ORDER_TOTAL) < 1e-9 and bool(got == ORDER)


def _list(answer: Answer) -> bool:
    if not _typed(answer, "application/json"):
        return False
    expected = [
        {
            "id": n,
            "name": f"Product {n}",
            "category": f"category-{n % 7}",
            "price": n * 1.25,
            "stock": n * 3 % 50,
            "active": n % 2 == 0,
        }
        for n in range(100)
    ]
    return bool(answer.json() == expected)


def _order_call(change: Callable[[dict[str, Any]], None] | None = None, raw: bytes | None = None) -> Call:
    order = json.loads(json.dumps(ORDER))
    if change is not None:
        change(order)
    body = json.dumps(order, separators=(",", ":")).encode() if raw is None else raw
    return Call("POST", "/orders", body, (("content-type", "application/json"),))


WORKLOADS: dict[str, Workload] = {
    workload.name: workload
    for workload in (
        Workload("T1", "text", Call("GET", "/plaintext"), _plaintext),
        Workload("T2", "small JSON", Call("GET", "/json"), _json),
        Workload(
            "T3",
            "path and query",
            Call("GET", "/items/42?q=hello&limit=10"),
            _item,
            refused=(
                Call("GET", "/items/x?q=hello&limit=10"),
                Call("GET", "/items/42?limit=10"),
                Call("GET", "/items/42?q=hello&limit=0"),
                Call("GET", "/items/42?q=hello&limit=1001"),
                Call("GET", "/items/42?q=hello&limit=ten"),
            ),
        ),
        Workload(
            "T4",
            "validated order",
            _order_call(),
            _order,
            refused=(
                _order_call(lambda order: order["items"][2].update(qty=0)),
                _order_call(lambda order: order["items"][2].update(qty="two")),
                _order_call(lambda order: order["customer"].pop("email")),
                _order_call(lambda order: order.update(items={})),
                _order_call(raw=b'{"customer": {"name": "Ada"'),
            ),
        ),
        Workload("T5", "100 objects", Call("GET", "/list"), _list),
    )
}

TWINS = {"await": "/await", "def": "/def", "inline": "/inline"}
EXTRAS = ("headers", *TWINS)

# Ten headers as a browser sends them on every request (`+headers`).
BROWSER_HEADERS: tuple[tuple[str, str], ...] = (
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.7,de;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("dnt", "1"),
    ("upgrade-insecure-requests", "1"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "none"),
    ("cookie", "theme=dark; session=d0c5a9e1f7b34c1d8e2a6b90"),
)


def base(test: str) -> str:
    """The workload of a test: "T1" of "T1+headers"."""
    return test.partition("+")[0]


def extra(test: str) -> str:
    """The suffix of a test: "headers" of "T1+headers", "" of "T1"."""
    return test.partition("+")[2]


def call_of(test: str) -> Call:
    """The request that a test sends."""
    return varied(WORKLOADS[base(test)].call, extra(test))


def refused_of(test: str) -> tuple[Call, ...]:
    """The requests that a test's handler must refuse."""
    return tuple(varied(call, extra(test)) for call in WORKLOADS[base(test)].refused)


def varied(call: Call, suffix: str) -> Call:
    """The call with a suffix applied."""
    headers = (*call.headers, *BROWSER_HEADERS) if suffix == "headers" else call.headers
    return Call(call.method, TWINS.get(suffix, "") + call.target, call.body, headers)
