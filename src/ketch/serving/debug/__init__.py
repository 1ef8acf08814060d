"""What `dev` answers when a handler fails: a page that shows where, with which values, for which request.

A browser gets the page, a program a problem document with the traceback. Nothing in it can be run: there is no console
and no script. It never fails itself, and stays within some 300 KB and a tenth of a second, whatever broke.

    story     the exception as data: causes, frames, source       values    any object in a few words, secrets left out
    facts     the request and its route as data                   page      all of it as HTML
"""

from __future__ import annotations

from typing import Any

from ketch.http.defaults import base_headers
from ketch.http.negotiate import prefers_html
from ketch.http.problems import PROBLEM_JSON, InternalServerError, encode_problem
from ketch.http.response import HTMLResponse, Rendered, Response
from ketch.serving.debug.story import as_text, story
from ketch.serving.debug.values import Budget

MAX_PAGE = 300_000
"""Bytes of a page or problem document, about."""

_SECONDS = 0.06  # spent on values; the rest takes as long again
_CHARACTERS = 70_000  # of values and source; a page is some three times as long
_TEXT = 60_000


def debug_response(error: BaseException, request: Any) -> Response:
    """The 500 for `dev`: HTML for browsers, `application/problem+json` with the traceback for everybody else."""
    try:
        return _answer(error, request)
    except Exception as failure:
        from logging import getLogger

        getLogger("ketch").error("the page about the error failed", exc_info=failure)
        return Response(f"500: {type(error).__name__}. Its traceback is in the log.", 500, media_type="text/plain")


def _answer(error: BaseException, request: Any) -> Response:
    budget = Budget(_SECONDS, _CHARACTERS)
    if prefers_html(request.header(b"accept")):
        from ketch.serving.debug.page import page

        html, policy = page(error, request, budget)
        return HTMLResponse(html.encode("utf-8", "replace"), 500, headers={"content-security-policy": policy})
    chapters = story(error, budget)
    told = f"{chapters[0].kind}: {chapters[0].message}" if chapters[0].message else chapters[0].kind
    problem = InternalServerError(told, traceback=as_text(chapters)[-_TEXT:].splitlines())
    return Rendered(encode_problem(problem, request.scope["path"]), 500, base_headers(PROBLEM_JSON))
