"""One Router in two places, and what it brings along: each thing is made once, and works in both."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import pytest

from ketch import App, Body, Depends, HTTPException, JSONResponse, Request, Router, Security
from ketch.testing import TestClient


def quiet() -> App:
    return App(openapi_url=None, docs_url=None)


class Stamp:
    """Counts how often it is made."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1

    async def __call__(self, request: Request, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-stamp"] = str(type(self).made)
        return response


async def sorry(request: Request, exc: KeyError) -> JSONResponse:
    return JSONResponse({"sorry": exc.args[0]}, 418)


def test_a_router_included_twice_brings_its_middleware_and_handlers_to_both() -> None:
    router = Router(exception_handlers={KeyError: sorry}, middleware=[Stamp])

    @router.get("/items/{name}")
    async def show(name: str) -> str:
        raise KeyError(name)

    app = quiet()
    app.include_router(router, prefix="/one")
    app.include_router(router, prefix="/two")
    Stamp.made = 0
    with TestClient(app) as client:
        for prefix in ("/one", "/two"):
            answer = client.get(f"{prefix}/items/a")
            assert (answer.status_code, answer.json(), answer.headers["x-stamp"]) == (418, {"sorry": "a"}, "1")
        assert client.get("/items/a").status_code == 404


def test_what_asks_who_it_is_by_the_body_runs_after_the_body_and_what_does_not_before() -> None:
    """A guard cannot read the body; a security dependency that does is no guard, though what is below it still is."""
    app, log = quiet(), list[str]()

    async def key(request: Request) -> str:
        log.append("key")
        if "x-key" not in request.headers:
            raise HTTPException(401)
        return request.headers["x-key"]

    async def signed(key: Annotated[str, Security(key)], body: Annotated[dict[str, str], Body()]) -> str:
        log.append("signed")
        if body.get("signature") != key:
            raise HTTPException(403)
        return key

    @app.post("/")
    async def save(first: Annotated[str, Security(signed)], second: Annotated[str, Security(key)]) -> list[str]:
        return [first, second]

    json = {"content-type": "application/json"}
    with TestClient(app) as client:
        assert client.post("/", content=b"{", headers=json).status_code == 401
        assert client.post("/", content=b"{", headers={"x-key": "a", **json}).status_code == 400
        assert client.post("/", json={"signature": "b"}, headers={"x-key": "a"}).status_code == 403
        log.clear()
        assert client.post("/", json={"signature": "a"}, headers={"x-key": "a"}).json() == ["a", "a"]
    assert log == ["key", "signed"]


def test_a_start_that_is_given_up_ends_the_mounted_application_too() -> None:
    ended: list[str] = []

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        try:
            await receive()
            await asyncio.Event().wait()
        finally:
            ended.append("mounted")

    app = quiet()
    app.mount("/old", slow)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(app.runtime.start(), 0.1)
        assert ended == ["mounted"] and not app.runtime.started

    asyncio.run(main())


def test_a_dependency_may_be_named_twice_in_one_place() -> None:
    app, log = quiet(), list[str]()

    async def note() -> None:
        log.append("noted")

    @app.get("/", dependencies=[Depends(note), Depends(note)])
    async def show(one: Annotated[None, Depends(note)]) -> str:
        return "shown"

    with TestClient(app) as client:
        assert client.get("/").text == "shown"
    assert log == ["noted"]
