"""Reading signatures: what is looked through, where names are found, and what is said when they are not."""

from __future__ import annotations

import dataclasses
import functools
from typing import Annotated, Any

import pytest
import typing_extensions

from ketch import Query, SetupError, Struct
from ketch.binding.signature import EMPTY, local_names_of, read_signature, unwrap

Me = typing_extensions.TypeAliasType("Me", Annotated[int, Query(le=3)])
Plain = typing_extensions.TypeAliasType("Plain", list[int])


class Item(Struct):
    name: str
    qty: int = 1


@dataclasses.dataclass
class Data:
    item: Item


class Written:
    def __init__(self, item: Item, *, n: int = 2) -> None: ...


class Inheriting(Written):
    extra: int = 1


def names(target: Any) -> list[tuple[str, Any]]:
    return [(parameter.name, parameter.annotation) for parameter in read_signature(target).parameters]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Item, [("name", str), ("qty", int)]),
        (Data, [("item", Item)]),
        (Written, [("item", Item), ("n", int)]),
        (Inheriting, [("item", Item), ("n", int)]),
        (functools.partial(Written, n=3), [("item", Item), ("n", int)]),
        (lambda a, b=1: None, [("a", EMPTY), ("b", EMPTY)]),
    ],
)
def test_classes_partials_and_lambdas(target: Any, expected: Any) -> None:
    assert names(target) == expected


def test_returns() -> None:
    def none() -> None: ...
    def unsaid(): ...  # type: ignore[no-untyped-def]

    assert read_signature(none).returns is type(None)
    assert read_signature(unsaid).returns is EMPTY
    assert read_signature(Item).returns is Item


def test_built_in_callables() -> None:
    assert [parameter.name for parameter in read_signature(len).parameters] == ["obj"]
    assert read_signature(type).parameters == ()


def test_aliases_of_annotated_types_are_looked_through() -> None:
    def handler(me: Me, plain: Plain) -> None: ...

    me, plain = read_signature(handler).parameters
    assert (me.bare, me.metadata[0].le) == (int, 3)
    assert plain.bare is Plain and plain.metadata == ()


def test_star_arguments_ask_for_nothing() -> None:
    def handler(a: int, /, *args: int, b: str, **kwargs: int) -> None: ...

    a, b = read_signature(handler).parameters
    assert (a.name, a.keyword, b.name, b.keyword) == ("a", False, "b", True)


def test_names_are_found_in_closures_and_where_the_route_is_declared() -> None:
    class Local(Struct):
        n: int

    def by_closure(x: Local) -> Local:
        return Local(1)

    def by_frame(x: Local) -> None: ...

    assert read_signature(by_closure).returns is Local
    assert read_signature(by_frame, local_names_of(by_frame, 0)).parameters[0].annotation is Local
    assert local_names_of(Written, 0) is None
    assert local_names_of(read_signature, 0) is None


def test_a_closure_that_is_not_filled_yet() -> None:
    def outer() -> Any:
        def handler(x: int) -> Any:
            return later

        found = read_signature(handler)
        later = 1
        return found, later

    found, _ = outer()
    assert found.parameters[0].annotation is int


def test_unwrapping() -> None:
    async def inner(a: int) -> int:
        return a

    @functools.wraps(inner)
    def wrapper(*args: Any) -> Any:
        return inner(*args)

    assert unwrap(functools.partial(functools.partial(wrapper))) is inner
    assert unwrap(Item) is Item


@pytest.mark.parametrize(
    ("annotation", "code", "text"),
    [
        ("Nowhere", "KETCH-BIND-009", 'The name "Nowhere"'),
        ("Annotated[int, Query(lee=3)]", "KETCH-BIND-012", 'Did you mean "le"?'),
        ("Annotated[int]", "KETCH-BIND-010", "is not a type"),
        ("list[", "KETCH-BIND-010", "is not a type"),
        ("dataclasses.Nothing", "KETCH-BIND-010", "is not a type"),
    ],
)
def test_what_cannot_be_read(annotation: str, code: str, text: str) -> None:
    def handler(x: Any) -> None: ...

    handler.__annotations__["x"] = annotation
    with pytest.raises(SetupError) as caught:
        read_signature(handler)
    assert caught.value.code == code
    assert text in str(caught.value) and "test_signature.py" in str(caught.value)
