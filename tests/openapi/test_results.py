from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import Struct

from ketch.binding.results import result_plan
from ketch.binding.signature import EMPTY
from ketch.http.files import FileResponse
from ketch.http.page import Template
from ketch.http.response import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from ketch.http.stream import EventSourceResponse, JSONLinesResponse, ServerSentEvent
from ketch.openapi import answers_from


class Task(Struct):
    title: str


def told(annotation: Any, **options: Any) -> list[tuple[Any, tuple[str, ...], bool]]:
    """Status, media types, and whether there is a shape, of each answer."""
    answers = answers_from(result_plan(annotation, options, "", []))
    return [(a.status, a.media_types, a.shape is not None) for a in answers]


@pytest.mark.parametrize(
    ("annotation", "options", "answers"),
    [
        (Task, {}, [(200, ("application/json",), True)]),
        (Task, {"status_code": 201}, [(201, ("application/json",), True)]),
        (Task | None, {}, [(200, ("application/json",), True)]),
        (str, {}, [(200, ("text/plain",), False)]),
        (str, {"response_class": HTMLResponse}, [(200, ("text/html",), False)]),
        (bytes, {}, [(200, ("application/octet-stream",), False)]),
        (None, {}, [(204, (), False)]),
        (None, {"status_code": 202}, [(202, (), False)]),
        (EMPTY, {}, [(200, ("application/json",), False)]),
        (EMPTY, {"response_class": PlainTextResponse}, [(200, ("text/plain",), False)]),
        (EMPTY, {"response_model": Task}, [(200, ("application/json",), True)]),
        (AsyncIterator[Task], {}, [(200, ("application/jsonl",), True)]),
        (AsyncIterator[ServerSentEvent], {}, [(200, ("text/event-stream",), False)]),
        (Template, {}, [(200, ("text/html",), False)]),
        (Template | RedirectResponse, {}, [(200, ("text/html",), False), (307, (), False)]),
        (Task | RedirectResponse, {"status_code": 303}, [(303, ("application/json",), True), (303, (), False)]),
        (HTMLResponse, {}, [(200, ("text/html",), False)]),
        (JSONResponse, {}, [(200, ("application/json",), False)]),
        (FileResponse, {}, [(200, ("*/*",), False)]),
        (Response, {}, [(200, ("*/*",), False)]),
        (EventSourceResponse, {}, [(200, ("text/event-stream",), False)]),
        (JSONLinesResponse, {}, [(200, ("application/jsonl",), False)]),
    ],
)
def test_answers(annotation: Any, options: dict[str, Any], answers: list[Any]) -> None:
    assert told(annotation, **options) == answers
