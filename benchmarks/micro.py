"""The small things, one at a time: a head, finding a route, reading a parameter, a dependency. `./dev bench MICRO=1`

CPU time in nanoseconds, the best of many rounds, for what is measured is small and the machine is shared. No server and
no event loop take part, but for the thread hop, which needs one. What is quoted elsewhere comes from `./dev bench`.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.workloads import BROWSER_HEADERS
from ketch import App, Cookie, Depends, Field, Header, Query, Request, Struct
from ketch.inject.scope import Scope
from ketch.kernel.origin import UNKNOWN
from ketch.routing.converters import INLINE
from ketch.routing.entry import Entry
from ketch.routing.pattern import parse_pattern
from ketch.routing.table import Table
from ketch.server import head as head_module
from ketch.server.head import HeadLimits, parse_head
from ketch.serving.run import run

ROUNDS = 15
PASSES = 3
SIZES = (10, 100, 1_000, 10_000)


def best(work: Callable[[], object], count: int, rounds: int = ROUNDS) -> float:
    """Nanoseconds of CPU time for one `work()`: the best round of `count` calls, without the loop around them."""
    empty, full = [], []
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            started = time.process_time_ns()
            for _ in range(count):
                pass
            looped = time.process_time_ns()
            for _ in range(count):
                work()
            full.append(time.process_time_ns() - looped)
            empty.append(looped - started)
    finally:
        gc.enable()
    return (min(full) - min(empty)) / count


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never has to wait."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits for something; measure it on a loop")


# --- finding a route -------------------------------------------------------------------------------------------------


def table(size: int) -> Table[int]:
    """`size` routes: half of them without parameters, half with one in the middle."""

    def entry(text: str, number: int) -> Entry[int]:
        return Entry("GET", parse_pattern(text, UNKNOWN), {"id": INLINE["int"]} if "{" in text else {}, number, UNKNOWN)

    static = [entry(f"/static{number}/list", number) for number in range(size // 2)]
    return Table([*static, *(entry(f"/things{number}/{{id}}/parts", number) for number in range(size // 2))])


def matching(size: int) -> dict[str, float]:
    """By kind of path: nanoseconds to find the last of `size` routes, or that there is none."""
    match, last = table(size).match, size // 2 - 1
    paths = {"static": f"/static{last}/list", "parametrised": f"/things{last}/42/parts", "none": "/elsewhere/42/parts"}
    assert match("GET", paths["static"])[0] == match("GET", paths["parametrised"])[0] == last  # type: ignore[index]
    return {kind: best(lambda path=path: match("GET", path), 5_000) for kind, path in paths.items()}  # type: ignore[misc]


# --- the head of a request ------------------------------------------------------------------------------------------

HOST = b"host: 127.0.0.1:8000\r\n"
BROWSER = b"".join(f"{name}: {value}\r\n".encode() for name, value in BROWSER_HEADERS)
HEADS = {
    "GET, one header": b"GET /plaintext HTTP/1.1\r\n" + HOST + b"\r\n",
    "GET with a query": b"GET /items/42?q=hello&limit=10 HTTP/1.1\r\n" + HOST + b"\r\n",
    "GET, ten more of a browser's": b"GET /plaintext HTTP/1.1\r\n" + HOST + BROWSER + b"\r\n",
    "POST with a length": b"POST /orders HTTP/1.1\r\n"
    + HOST
    + b"content-type: application/json\r\ncontent-length: 417\r\n\r\n",
}


def heads() -> dict[str, tuple[float, float]]:
    """By kind of head: nanoseconds to parse it, and to parse it and list its headers."""
    limits = HeadLimits()

    def listed(data: bytes) -> object:
        head = parse_head(data, 0, limits)
        return None if head is None else head.headers()

    return {
        kind: (
            best(functools.partial(parse_head, data, 0, limits), 3_000),
            best(functools.partial(listed, data), 3_000),
        )
        for kind, data in HEADS.items()
    }


# --- reading parameters ----------------------------------------------------------------------------------------------


class Address(Struct):
    street: str
    city: str
    zip: str


class Item(Struct):
    sku: str
    qty: Annotated[int, Field(ge=1)]
    price: float


class Order(Struct):
    name: str
    email: str
    address: Address
    items: list[Item]


class Filters(Struct):
    q: str = ""
    limit: int = 10
    page: int = 1


async def no_parameter() -> None: ...
async def path_str(a: str) -> None: ...
async def path_int(a: int) -> None: ...
async def path_two_ints(a: int, b: int) -> None: ...
async def query_str(q: str) -> None: ...
async def query_int(limit: Annotated[int, Field(ge=1, le=1_000)]) -> None: ...
async def query_default(q: str = "", limit: int = 10) -> None: ...
async def query_list(tag: list[int]) -> None: ...
async def query_struct(filters: Annotated[Filters, Query()]) -> None: ...
async def header(user_agent: Annotated[str, Header()]) -> None: ...
async def cookie(crumb: Annotated[str, Cookie()]) -> None: ...
async def small_body(address: Address) -> None: ...
async def nested_body(order: Order) -> None: ...
async def the_request(request: Request) -> None: ...


SMALL = b'{"street":"Quay 1","city":"Hamburg","zip":"20457"}'
ITEMS = b",".join([b'{"sku":"rope-12","qty":2,"price":19.5}'] * 5)
NESTED = b'{"name":"Ada","email":"ada@example.org","address":' + SMALL + b',"items":[' + ITEMS + b"]}"

BINDINGS: list[tuple[Callable[..., Awaitable[None]], str, str, bytes]] = [
    (no_parameter, "/it", "/it", b""),
    (path_str, "/it/{a}", "/it/rope", b""),
    (path_int, "/it/{a}", "/it/42", b""),
    (path_two_ints, "/it/{a}/{b}", "/it/42/43", b""),
    (query_str, "/it", "/it?q=hello", b""),
    (query_int, "/it", "/it?limit=10", b""),
    (query_default, "/it", "/it?q=hello", b""),
    (query_list, "/it", "/it?tag=1&tag=2&tag=3", b""),
    (query_struct, "/it", "/it?q=hello&limit=20", b""),
    (header, "/it", "/it", b""),
    (cookie, "/it", "/it", b""),
    (the_request, "/it", "/it", b""),
    (small_body, "/it", "/it", SMALL),
    (nested_body, "/it", "/it", NESTED),
]


def served(app: App, target: str, body: bytes = b"") -> tuple[Any, Callable[[], Request]]:
    """The route that answers `target`, and what makes a fresh request to it."""
    path, _, query = target.partition("?")
    method = "POST" if body else "GET"
    headers = [(b"host", b"127.0.0.1:8000"), (b"user-agent", b"micro"), (b"accept", b"*/*"), (b"cookie", b"crumb=a")]
    if body:
        headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": headers}
    message = {"type": "http.request", "body": body, "more_body": False}

    async def receive() -> dict[str, Any]:
        return message

    runtime = app.runtime
    route, values, raw = runtime.table.match(method, path)  # type: ignore[misc]

    def make() -> Request:
        request = Request(scope, receive)
        request.runtime, request.route, request.values, request.raw_values = runtime, route, values, raw
        return request

    return route, make


def binding(handler: Callable[..., Awaitable[None]], path: str, target: str, body: bytes) -> float:
    """Nanoseconds of the printed call, a fresh request and the handler included."""
    app = App()
    (app.post if body else app.get)(path)(handler)
    route, make = served(app, target, body)
    drive(route.call(make(), Scope()))
    call = route.call  # after the first one: it is compiled by then
    return best(lambda: drive(call(make(), Scope())), 2_000)


# --- dependencies ----------------------------------------------------------------------------------------------------


async def an_async_function() -> int:
    return 1


def a_function() -> int:
    return 1


async def an_async_generator() -> AsyncIterator[int]:
    yield 1


def a_generator() -> Iterator[int]:
    yield 1


class AClass:
    def __init__(self) -> None:
        self.number = 1


async def on_top(one: Annotated[int, Depends(an_async_function)]) -> int:
    return one + 1


async def wants_nothing() -> None: ...
async def wants_async(d: Annotated[int, Depends(an_async_function)]) -> None: ...
async def wants_inline(d: Annotated[int, Depends(a_function, inline=True)]) -> None: ...
async def wants_class(d: Annotated[AClass, Depends()]) -> None: ...
async def wants_two(d: Annotated[int, Depends(on_top)], e: Annotated[int, Depends(an_async_function)]) -> None: ...
async def wants_async_generator(d: Annotated[int, Depends(an_async_generator)]) -> None: ...
async def wants_generator(d: Annotated[int, Depends(a_generator)]) -> None: ...
async def wants_inline_generator(d: Annotated[int, Depends(a_generator, inline=True)]) -> None: ...
async def wants_thread(d: Annotated[int, Depends(a_function)]) -> None: ...
async def wants_value(d: AClass) -> None: ...


def by_hand(coroutine_function: Callable[[], Coroutine[Any, Any, Any]]) -> float:
    """What awaiting it costs by itself."""

    async def awaits() -> Any:
        return await coroutine_function()

    async def does_not() -> Any:
        return 1

    return best(lambda: drive(awaits()), 5_000) - best(lambda: drive(does_not()), 5_000)


async def _through_a_generator() -> Any:
    generator = an_async_generator()
    value = await generator.__anext__()
    try:
        await generator.__anext__()
    except StopAsyncIteration:
        return value


def _through_a_plain_generator() -> Any:
    generator = a_generator()
    value = next(generator)
    try:
        next(generator)
    except StopIteration:
        return value


def request_cost(handler: Callable[..., Awaitable[None]], *, provided: bool = False) -> float:
    """Nanoseconds of guard, bind, call and render, without a loop."""
    route, make = _app_of(handler, provided)
    drive(run(route, make()))
    return best(lambda: drive(run(route, make())), 2_000)


def request_cost_on_a_loop(handler: Callable[..., Awaitable[None]]) -> float:
    """The same on a loop, for what hops to a thread: the CPU time of both threads."""
    route, make = _app_of(handler, False)

    async def measure() -> float:
        times = []
        for _ in range(ROUNDS):
            started = time.process_time_ns()
            for _ in range(300):
                await run(route, make())
            times.append((time.process_time_ns() - started) / 300)
        return min(times)

    return asyncio.run(measure())


def _app_of(handler: Callable[..., Awaitable[None]], provided: bool) -> tuple[Any, Callable[[], Request]]:
    app = App()
    if provided:
        app.provide(AClass, AClass())
    app.get("/it")(handler)
    return served(app, "/it")


def dependencies() -> dict[str, tuple[float, float]]:
    """By kind: nanoseconds that it adds to a request, and what its own call would cost written out by hand."""
    one = by_hand(an_async_function)
    plain = best(a_function, 5_000)
    own: dict[str, tuple[Callable[..., Awaitable[None]], float]] = {
        "async function": (wants_async, one),
        "two async functions, one on the other": (wants_two, 2 * one),
        "inline function": (wants_inline, plain),
        "class": (wants_class, best(AClass, 5_000)),
        "async generator": (wants_async_generator, best(lambda: drive(_through_a_generator()), 5_000)),
        "inline generator": (wants_inline_generator, best(_through_a_plain_generator, 5_000)),
    }
    works = {kind: functools.partial(request_cost, handler) for kind, (handler, _) in own.items()}
    works["none"] = functools.partial(request_cost, wants_nothing)
    works["app-scoped value, by type"] = functools.partial(request_cost, wants_value, provided=True)
    works["none, on a loop"] = functools.partial(request_cost_on_a_loop, wants_nothing)
    works["function in a thread (one hop)"] = functools.partial(request_cost_on_a_loop, wants_thread)
    # Interleaved, for differences are small and the machine changes its mind.
    passes = [{kind: work() for kind, work in works.items()} for _ in range(PASSES)]
    costs = {kind: min(each[kind] for each in passes) for kind in works}
    nothing, nothing_on_a_loop = costs.pop("none"), costs.pop("none, on a loop")
    found = {kind: (cost - nothing, own[kind][1] if kind in own else 0.0) for kind, cost in costs.items()}
    hop = "function in a thread (one hop)"
    return {**found, hop: (costs[hop] - nothing_on_a_loop, plain)}


# --- the report ------------------------------------------------------------------------------------------------------


def main() -> None:
    compiled = "compiled" if head_module.__file__.endswith((".so", ".pyd")) else "not compiled"
    print(f"Ketch's hot modules are {compiled}; CPython {sys.version.split()[0]}\n")
    print("the head of a request: nanoseconds, and with its headers listed\n")
    for what, (alone, listed) in heads().items():
        print(f"  {what:30}{alone:8.0f}{listed:8.0f}", flush=True)
    print("\nfinding a route: nanoseconds\n")
    print(f"  {'routes':>8}{'static':>10}{'one int':>10}{'no route':>10}")
    for size in SIZES:
        found = matching(size)
        print(f"  {size:8,}{found['static']:10.0f}{found['parametrised']:10.0f}{found['none']:10.0f}", flush=True)
    print("\nthe printed call (Request, bind, handler): nanoseconds, and above the handler without parameters\n")
    nothing = 0.0
    for handler, path, target, body in BINDINGS:
        taken = binding(handler, path, target, body)
        nothing = nothing or taken
        print(f"  {handler.__name__.replace('_', ' '):18}{taken:8.0f}{taken - nothing:+8.0f}   {target}", flush=True)
    print("\na dependency: nanoseconds it adds to a request, what its own call takes, and the difference\n")
    for kind, (added, own) in dependencies().items():
        print(f"  {kind:40}{added:8.0f}{own:8.0f}{added - own:+8.0f}", flush=True)


if __name__ == "__main__":
    main()
