"""What may stand as middleware, and what is told about what may not."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from ketch import App, Request, SetupError
from ketch.testing import TestClient


async def stamp(request: Request, call_next: Any, *, word: str = "plain") -> Any:
    response = await call_next(request)
    response.headers["x-word"] = word
    return response


class Unsigned(type):
    """A class of a library in C may have no signature that anybody can read."""

    @property
    def __signature__(cls) -> Any:
        raise ValueError("no signature found")


class Stamp(metaclass=Unsigned):
    def __init__(self, word: str = "unsigned") -> None:
        self.word = word

    async def __call__(self, request: Request, call_next: Any) -> Any:
        return await stamp(request, call_next, word=self.word)


class CallUnsigned:
    """The same for what is called."""

    @property
    def __signature__(self) -> Any:
        raise ValueError("no signature found")

    async def __call__(self, request: Request, call_next: Any) -> Any:
        return await stamp(request, call_next, word="call")


def word_of(middleware: Any, **options: Any) -> str:
    app = App(openapi_url=None, docs_url=None)
    app.add_middleware(middleware, **options)
    app.get("/")(lambda: "x")
    with TestClient(app) as client:
        return str(client.get("/").headers["x-word"])


@pytest.mark.parametrize(
    ("middleware", "options", "word"),
    [
        (stamp, {}, "plain"),
        (partial(stamp, word="partial"), {}, "partial"),
        (Stamp, {}, "unsigned"),
        (Stamp, {"word": "given"}, "given"),
        (CallUnsigned, {}, "call"),
        (CallUnsigned(), {}, "call"),
    ],
)
def test_what_may_stand_as_middleware(middleware: Any, options: dict[str, Any], word: str) -> None:
    assert word_of(middleware, **options) == word


@pytest.mark.parametrize(
    ("middleware", "options", "said"),
    [
        (stamp, {"word": "x"}, "stamp is a middleware already; options are for classes"),
        (Stamp, {"wrod": "x"}, "Stamp could not be made"),
    ],
)
def test_options_that_nobody_takes(middleware: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SetupError, match="KETCH-MW-001") as caught:
        word_of(middleware, **options)
    assert said in str(caught.value)
