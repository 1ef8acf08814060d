"""Every shape of annotation a result may have: what fits goes out, what does not is a 500, never a guess."""

from __future__ import annotations

import enum
from collections import OrderedDict, deque
from collections.abc import Iterator
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Literal, TypedDict
from uuid import UUID

import msgspec
import pydantic
import pytest

from ketch import App, JSONResponse, PlainTextResponse, Response, Struct
from ketch.testing import TestClient
from tests.binding.test_results import answer


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Public(Struct):
    id: int
    name: str = "x"


class Secret(Public):
    password: str = "hunter2"


class Cat(Struct, tag="cat"):
    lives: int


class Dog(Struct, tag="dog"):
    name: str


class Owned(Dog):
    address: str = "hunter2"


class Word(TypedDict):
    word: str


class Count(TypedDict):
    count: int


class Model(pydantic.BaseModel):
    id: int


class Money(pydantic.BaseModel):
    """Refuses to be written, as a serializer of an application may."""

    amount: int

    @pydantic.field_serializer("amount")
    def written(self, amount: int) -> str:
        raise ValueError("not in public")


class Number(int): ...


class Text(str): ...


def named(one: Any) -> str:
    """The same name in every run: parallel workers compare them."""
    return str(one).partition(" object at ")[0][:50]


ONE = UUID(int=1)
FITTING: list[tuple[Any, Any, Any]] = [
    (Literal["a", 1], "a", "a"),
    (Colour, "red", "red"),
    (list[Colour], [Colour.RED, Colour.BLUE], ["red", "blue"]),
    (list[Colour], ["red"], ["red"]),
    (list[None], [None], [None]),
    (list[int], deque([1, 2]), [1, 2]),
    (list[Public], iter([Secret(1)]), [{"id": 1, "name": "x"}]),
    (tuple[int, str], [1, "a"], [1, "a"]),
    (tuple[Public, int], [Secret(1), 2], [{"id": 1, "name": "x"}, 2]),
    (dict[str, int], MappingProxyType({"a": 1}), {"a": 1}),
    (dict[str, Public], OrderedDict(a=Secret(1)), {"a": {"id": 1, "name": "x"}}),
    (dict[UUID, Public], {ONE: Secret(1)}, {str(ONE): {"id": 1, "name": "x"}}),
    (dict[str, Colour], {"a": Colour.RED}, {"a": "red"}),
    (int | None, None, None),
    (int | str, True, True),
    (UUID | int, str(ONE), str(ONE)),
    (list[int] | dict[str, int], {"a": 1}, {"a": 1}),
    (tuple[int, str] | None, (1, "a"), [1, "a"]),
    (Colour | None, "blue", "blue"),
    (Cat | Dog, Dog("Rex"), {"type": "dog", "name": "Rex"}),
    (Cat | Dog, Owned("Rex"), {"type": "dog", "name": "Rex"}),
    (Word | Count, {"count": 3}, {"count": 3}),
    (Public | Word, {"word": "a", "password": "hunter2"}, {"word": "a"}),
    (Any, Number(5), 5),
    (Any, [Text("a")], ["a"]),
    (Any, {"model": Model(id=1)}, {"model": {"id": 1}}),
]


@pytest.mark.parametrize(("annotation", "value", "sent"), FITTING, ids=named)
def test_what_fits_goes_out(annotation: Any, value: Any, sent: Any) -> None:
    response = answer(annotation, value)
    assert (response.status_code, response.json()) == (200, sent)


MISFITS: list[tuple[Any, Any]] = [
    (Literal["a", 1], "b"),
    (Colour, "green"),
    (list[Colour], ["green"]),
    (list[None], [1]),
    (list[int], {"a": 1}),
    (tuple[int, str], (1, "a", 2)),
    (tuple[int, str], "ab"),
    (dict[str, int], [("a", 1)]),
    (dict[str, Public], {"a": 5}),
    (int | None, "x"),
    (list[int] | None, "12"),
    (UUID | int, "x"),
    (Cat | Dog, {"type": "cow"}),
    (Word | Count, {"other": 1}),
    (Any, Fraction(1, 3)),
    (Any, {"a": object()}),
    (Money, Money(amount=1)),
    (Model, {"id": "x"}),
]


@pytest.mark.parametrize(("annotation", "value"), MISFITS, ids=named)
def test_what_does_not_fit_is_a_500(annotation: Any, value: Any) -> None:
    assert answer(annotation, value).status_code == 500


def test_a_member_that_may_be_anything_takes_what_the_others_do_not() -> None:
    assert answer(int | Any, "text").json() == "text"
    assert answer(Public | Any, Secret(1)).json() == {"id": 1, "name": "x"}


# --- a class of response ----------------------------------------------------------------------------------------------


class Shouting(PlainTextResponse):
    def __init__(self, content: Any, status_code: int = 200) -> None:
        super().__init__(f"{content}!", status_code)


@pytest.mark.parametrize(
    ("annotation", "value", "sent"),
    [(int, 5, "5!"), (bytes, b"raw", "b'raw'!"), (str, "a", "a!"), (Any, 5, "5!"), (list[int], (1, 2), "(1, 2)!")],
)
def test_a_response_class_gets_the_value(annotation: Any, value: Any, sent: str) -> None:
    response = answer(annotation, value, response_class=Shouting, status_code=202)
    assert (response.status_code, response.text) == (202, sent)


def test_a_response_class_gets_what_the_annotation_lets_out() -> None:
    assert answer(Public, Secret(1), response_class=JSONResponse).json() == {"id": 1, "name": "x"}
    assert answer(Any, Secret(1), response_model=Public, response_class=JSONResponse).json() == {"id": 1, "name": "x"}


def test_a_value_that_a_response_class_cannot_take_is_a_500() -> None:
    assert answer(Any, object(), response_class=JSONResponse).status_code == 500
    assert answer(Public, 5, response_class=JSONResponse).status_code == 500
    assert answer(Public, Response("mine", 201), response_class=JSONResponse).text == "mine"


def test_a_response_class_whose_signature_nobody_can_read() -> None:
    def make(content: Any, status_code: int) -> Response:
        return PlainTextResponse(f"{content}?", status_code)

    class Unsigned:
        @property
        def __signature__(self) -> Any:
            raise ValueError("no signature found")

        def __call__(self, content: Any, status_code: int) -> Response:
            return make(content, status_code)

    response = answer(int, 5, response_class=Unsigned())
    assert (response.status_code, response.text) == (200, "5?")


# --- what Accept asks for ---------------------------------------------------------------------------------------------


def packed(annotation: Any, value: Any, **options: Any) -> Any:
    app = App(openapi_url=None, docs_url=None)

    async def handler() -> Any:
        return value

    if annotation is not ...:
        handler.__annotations__["return"] = annotation
    else:
        del handler.__annotations__["return"]
    app.get("/", **options)(handler)
    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.get("/", headers={"accept": "application/msgpack"})
    assert (response.headers["content-type"], response.headers["vary"]) == ("application/msgpack", "accept")
    return msgspec.msgpack.decode(response.content)


@pytest.mark.parametrize(
    ("annotation", "value", "sent"),
    [
        (Public, Secret(1), {"id": 1, "name": "x"}),
        (Model, Model(id=1), {"id": 1}),
        (list[Model], [{"id": 1}], [{"id": 1}]),
        (..., {"a": 1}, {"a": 1}),
    ],
)
def test_every_kind_of_result_in_messagepack(annotation: Any, value: Any, sent: Any) -> None:
    assert packed(annotation, value) == sent


def test_without_an_annotation_markup_gets_a_hint_in_dev(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KETCH_ENV", "dev")
    app = App(openapi_url=None, docs_url=None)

    @app.get("/")
    async def show():  # type: ignore[no-untyped-def]
        return "<p>hello</p>"

    with TestClient(app) as client, caplog.at_level("WARNING", logger="ketch"):
        response = client.get("/")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert any("HTMLResponse" in record.getMessage() for record in caplog.records)


def test_generators_that_give_up_early_are_closed() -> None:
    app, closed = App(openapi_url=None, docs_url=None), list[int]()

    @app.get("/")
    def numbers() -> Iterator[Public]:
        try:
            yield Secret(1)
            raise RuntimeError("no more")
        finally:
            closed.append(1)

    with TestClient(app, raise_server_exceptions=False) as client:
        with pytest.raises(Exception, match="broke off"):
            client.get("/")
    assert closed == [1]
