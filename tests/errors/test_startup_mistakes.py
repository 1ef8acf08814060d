"""Every start-up mistake that people make: caught before the first request, both places named, the fix shown."""

from __future__ import annotations

import linecache
import sys
import textwrap
import types
from typing import Any

import pytest

from ketch import SetupError
from tests.errors.snapshot import check

HEAD = """\
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated
from ketch import App, Body, Depends, Form, Path, Query, Request, Response, Router, Struct, UploadFile, options

class Item(Struct):
    name: str

class Clock:
    pass

app = App(openapi_url=None, docs_url=None)
"""

MISTAKES: dict[str, str] = {
    "path-name-unused": """
        @app.get("/users/{user_id}")
        async def show(id: int) -> Item: ...
    """,
    "path-name-unused-no-guess": """
        @app.get("/users/{user_id}")
        async def show() -> Item: ...
    """,
    "path-name-unknown": """
        @app.get("/users/{user_id}")
        async def show(user_id: int, team: Annotated[int, Path()]) -> Item: ...
    """,
    "unknown-parameter-type": """
        @app.get("/now")
        async def now(clock: Clock) -> str: ...
    """,
    "unknown-parameter-type-did-you-mean": """
        class Clok: ...
        app.provide(Clock, Clock())
        @app.get("/now")
        async def now(clock: Clok) -> str: ...
    """,
    "two-inferred-bodies": """
        @app.post("/orders")
        async def place(item: Item, other: Item) -> None: ...
    """,
    "body-on-get": """
        @app.get("/orders")
        async def find(wanted: Item) -> None: ...
    """,
    "body-marker-on-get": """
        @app.get("/orders")
        async def find(wanted: Annotated[Item, Body()]) -> None: ...
    """,
    "json-and-form": """
        @app.post("/orders")
        async def place(item: Item, photo: UploadFile) -> None: ...
    """,
    "nested-parameter-struct": """
        class Filters(Struct):
            item: Item
        @app.get("/orders")
        async def find(wanted: Annotated[Filters, Query()]) -> None: ...
    """,
    "cannot-be-read-from-query": """
        @app.get("/orders")
        async def find(wanted: Annotated[dict[str, int], Query()]) -> None: ...
    """,
    "duplicate-route": """
        @app.get("/orders")
        async def one() -> None: ...

        @app.get("/orders")
        async def two() -> None: ...
    """,
    "ambiguous-patterns": """
        @app.get("/orders/{a}")
        async def one(a: int) -> None: ...

        @app.get("/orders/{b}")
        async def two(b: int) -> None: ...
    """,
    "unserialisable-return": """
        @app.get("/now")
        async def now() -> Clock: ...
    """,
    "generator-not-annotated": """
        @app.get("/numbers")
        async def numbers() -> list[int]:
            yield 1
    """,
    "generator-wrong-colour": """
        @app.get("/numbers")
        async def numbers() -> Iterator[int]:
            yield 1
    """,
    "cyclic-dependency": """
        def first(b=Depends(lambda: None)): ...
        def second(a: Annotated[int, Depends(first)]): ...
        first.__defaults__ = (Depends(second),)
        @app.get("/x")
        async def x(a: Annotated[int, Depends(first)]) -> None: ...
    """,
    "request-scope-in-app-scope": """
        async def session():
            yield 1
        def pool(s: Annotated[int, Depends(session)]) -> int: ...
        @app.get("/x")
        async def x(p: Annotated[int, Depends(pool, scope="app")]) -> None: ...
    """,
    "request-value-in-app-scope": """
        def tenant(host: str) -> str: ...
        @app.get("/x")
        async def x(t: Annotated[str, Depends(tenant, scope="app")]) -> None: ...
    """,
    "unknown-scope": """
        def tenant() -> str: ...
        @app.get("/x")
        async def x(t: Annotated[str, Depends(tenant, scope="aplication")]) -> None: ...
    """,
    "guard-with-body": """
        def guard(item: Item) -> None: ...
        @app.post("/x", dependencies=[guard])
        async def x() -> None: ...
    """,
    "guard-not-callable": """
        @app.post("/x", dependencies=["signed_in"])
        async def x() -> None: ...
    """,
    "middleware-not-async": """
        def timing(request, call_next): ...
        app.add_middleware(timing)
    """,
    "middleware-wrong-parameters": """
        async def timing(request): ...
        app.add_middleware(timing)
    """,
    "middleware-unknown-option": """
        from ketch.middleware import CORSMiddleware
        app.add_middleware(CORSMiddleware, allow_origin=["*"])
    """,
    "asgi-middleware-on-router": """
        class Old:
            def __init__(self, app): ...
        app.include_router(Router(prefix="/a", middleware=[Old]))
    """,
    "unknown-route-option": """
        @app.get("/x", status=201)
        async def x() -> None: ...
    """,
    "unknown-marker-option": """
        @app.get("/x")
        async def x(q: Annotated[int, Query(minimum=1)]) -> None: ...
    """,
    "extension-misspelt": """
        app = App(extensions=["databse"], openapi_url=None, docs_url=None)
    """,
    "extension-class": """
        class Audit:
            name = "audit"
            def setup(self, declare): ...
        app = App(extensions=[Audit], openapi_url=None, docs_url=None)
    """,
    "extension-no-setup": """
        class Audit:
            name = "audit"
        app = App(extensions=[Audit()], openapi_url=None, docs_url=None)
    """,
    "forward-reference": """
        @app.get("/x")
        async def x(a: "Missing") -> None: ...
    """,
    "provided-twice": """
        app.provide(Clock, Clock())
        app.provide(Clock, Clock())
    """,
    "resource-without-methods": """
        @app.resource("/x")
        class Things:
            async def fetch(self) -> None: ...
    """,
    "decorator-without-parentheses": """
        @app.get
        async def x() -> None: ...
    """,
    "include-not-a-router": """
        app.include_router(App(openapi_url=None, docs_url=None).runtime)
    """,
    "two-owners-of-a-prefix": """
        async def timing(request, call_next): ...
        app.include_router(Router(prefix="/a", middleware=[timing]))
        app.include_router(Router(prefix="/a", middleware=[timing]))
    """,
    "exception-handler-shape": """
        @app.exception_handler(ValueError)
        async def failed(request): ...
    """,
    "exception-handler-key": """
        @app.exception_handler("ValueError")
        async def failed(request, exc): ...
    """,
    "websocket-asks-for-a-body": """
        @app.websocket("/ws")
        async def ws(item: Item) -> None: ...
    """,
    "not-mountable": """
        app.mount("/old", object())
    """,
    "declared-too-late": """
        app.runtime
        @app.get("/late")
        async def late() -> None: ...
    """,
    "depends-on-a-value": """
        @app.get("/now")
        async def now(clock: Annotated[Clock, Depends("clock")]) -> str: ...
    """,
    "depends-on-nothing": """
        @app.get("/now")
        async def now(clock=Depends()) -> str: ...
    """,
    "annotation-that-is-no-type": """
        @app.get("/orders")
        async def find(limit: 5) -> str: ...
    """,
    "path-struct-with-another-name": """
        class Where(Struct):
            id: int
            slug: str
        @app.get("/orders/{id}")
        async def find(where: Annotated[Where, Path()]) -> str: ...
    """,
    "generator-of-the-other-colour": """
        @app.get("/numbers")
        def numbers() -> AsyncIterator[int]:
            yield 1
    """,
    "several-at-once": """
        @app.get("/users/{user_id}")
        async def show(id: int) -> Item: ...

        @app.get("/now")
        async def now(clock: Clock) -> str: ...

        @app.get("/orders")
        async def one() -> None: ...

        @app.get("/orders")
        async def two() -> None: ...
    """,
}


def start(source: str) -> Any:
    """Run `source` as the file shop.py and freeze its application."""
    text = HEAD + textwrap.dedent(source)
    linecache.cache["shop.py"] = (len(text), None, text.splitlines(keepends=True), "shop.py")
    module = types.ModuleType("shop")
    module.__file__ = "shop.py"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "shop", module)
        exec(compile(text, "shop.py", "exec", dont_inherit=True), vars(module))
        return module.app.runtime


@pytest.mark.parametrize("name", MISTAKES)
def test_mistake(name: str) -> None:
    with pytest.raises(SetupError) as caught:
        start(MISTAKES[name])
    check(f"startup-{name}", str(caught.value))


def test_what_is_right_starts() -> None:
    runtime = start("""
        app.provide(Clock, Clock())
        @app.get("/users/{user_id}")
        async def show(user_id: int, clock: Clock) -> Item: ...
    """)
    assert [route.label for route in runtime.routes] == ["GET /users/{user_id}"]
