"""What a handler's return annotation says, as Answers."""

from __future__ import annotations

from typing import Any

from ketch.binding.results import ResultPlan
from ketch.http.response import RedirectResponse, Response
from ketch.http.stream import EventSourceResponse, JSONLinesResponse
from ketch.openapi.operation import BINARY, EVENTS, HTML, JSON, JSON_LINES, TEXT, Answer

_MEDIA_TYPES = {"json": JSON, "dynamic": JSON, "text": TEXT, "bytes": BINARY, "lines": JSON_LINES, "events": EVENTS}


def answers_from(result: ResultPlan) -> tuple[Answer, ...]:
    """The answers of a handler when all goes well: its value's, then those of the Response classes it names."""
    answers: list[Answer] = []
    if result.kind == "empty":
        answers.append(Answer(status=result.status))
    elif result.kind in _MEDIA_TYPES:
        stated = getattr(result.response_class, "media_type", None)
        media_type = stated or _MEDIA_TYPES[result.kind]
        answers.append(Answer(status=result.status, shape=result.shape, media_types=(media_type,)))
    if result.templates or result.kind == "template":
        answers.append(Answer(status=result.status, media_types=(HTML,)))
    answers += [_answer_of(kind, result.status) for kind in result.responses]
    if not answers and result.response_class is not None:
        answers.append(_answer_of(result.response_class, result.status))
    return tuple(answers) or (Answer(status=result.status),)


def _answer_of(kind: type[Any], status: int) -> Answer:
    """A Response class; one whose media type only its instances know may be anything."""
    if issubclass(kind, RedirectResponse):
        return Answer(status=status if 300 <= status < 400 else 307)
    if issubclass(kind, EventSourceResponse):
        return Answer(status=status, media_types=(EVENTS,))
    if issubclass(kind, JSONLinesResponse):
        return Answer(status=status, media_types=(JSON_LINES,))
    media_type = kind.media_type if issubclass(kind, Response) else None
    return Answer(status=status, media_types=(media_type or "*/*",))
