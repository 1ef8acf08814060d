"""The last details of an answer to an error: headers that cannot be sent, tasks of two owners, the page for people."""

from __future__ import annotations

from typing import Any

import pytest

from ketch import App, BackgroundTask, BackgroundTasks, Depends, HTTPException, PlainTextResponse, Request, Response
from ketch.testing import TestClient


def quiet() -> App:
    return App(openapi_url=None, docs_url=None)


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_a_header_that_cannot_be_sent_is_left_out_and_told(accept: str, caplog: pytest.LogCaptureFixture) -> None:
    """Often it is made of what the client sent; the answer is still the one that was meant."""
    app = quiet()

    @app.get("/")
    async def show(word: str) -> None:
        raise HTTPException(429, headers={"Retry-After": "3", "X-Word": word})

    with TestClient(app) as client, caplog.at_level("WARNING", logger="ketch"):
        fine = client.get("/", params={"word": "fine"}, headers={"accept": accept})
        split = client.get("/", params={"word": "a\r\nset-cookie: b=c"}, headers={"accept": accept})
    assert (fine.status_code, fine.headers["x-word"], fine.headers["retry-after"]) == (429, "fine", "3")
    assert (split.status_code, split.headers["retry-after"]) == (429, "3")
    assert "x-word" not in split.headers and "set-cookie" not in split.headers
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.parametrize("several", [False, True])
def test_the_tasks_of_the_request_and_of_the_response_all_run(several: bool) -> None:
    app, done = quiet(), list[str]()

    @app.get("/")
    async def show(tasks: BackgroundTasks) -> PlainTextResponse:
        tasks.add_task(done.append, "request")
        own = BackgroundTask(done.append, "response")
        return PlainTextResponse("x", background=BackgroundTasks([own]) if several else own)

    with TestClient(app) as client:
        assert client.get("/").text == "x"
    assert done == ["request", "response"]


def test_a_guard_and_the_handler_share_one_list_of_tasks_and_one_response() -> None:
    app, done = quiet(), list[str]()

    async def guard(tasks: BackgroundTasks, response: Response) -> None:
        tasks.add_task(done.append, "guard")
        response.headers["x-guard"] = "1"

    @app.get("/", dependencies=[Depends(guard)])
    async def show(tasks: BackgroundTasks, response: Response) -> str:
        tasks.add_task(done.append, "handler")
        response.headers["x-both"] = response.headers["x-guard"] + "2"
        return "x"

    with TestClient(app) as client:
        answer = client.get("/")
    assert (answer.headers["x-guard"], answer.headers["x-both"]) == ("1", "12")
    assert done == ["guard", "handler"]


def test_a_response_that_is_given_the_tasks_of_the_request_runs_them_once() -> None:
    app, done = quiet(), list[str]()

    @app.get("/")
    async def show(tasks: BackgroundTasks) -> PlainTextResponse:
        tasks.add_task(done.append, "once")
        return PlainTextResponse("x", background=tasks)

    with TestClient(app) as client:
        client.get("/")
        client.get("/")
    assert done == ["once", "once"]


def test_a_header_of_an_error_stays_beside_those_of_a_middleware() -> None:
    """What a middleware asked to be put on errors does not replace what the answer has already."""
    app = quiet()

    @app.middleware("http")
    async def stamp(request: Request, call_next: Any) -> Any:
        request.error_headers = [(b"x-stamp", b"1"), (b"content-type", b"text/plain")]
        return await call_next(request)

    @app.get("/")
    async def show() -> None:
        raise RuntimeError("a bug")

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.headers["x-stamp"]) == (500, "1")
    assert answer.headers.get_list("content-type") == ["application/problem+json"]
