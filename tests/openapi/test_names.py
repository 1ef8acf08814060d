from __future__ import annotations

from typing import Annotated, Any, Literal, Union

import pytest

from ketch.openapi.names import clean, type_name, unique_names


class Task: ...


class Page: ...


def namers(*candidates: tuple[str, ...]) -> list[Any]:
    return [lambda level, names=names: names[min(level, len(names) - 1)] for names in candidates]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((), "Page"),
        ((Task,), "Page_Task"),
        ((Annotated[Task, "read"],), "Page_Task"),
        ((list[Task],), "Page_list_Task"),
        ((dict[str, Task],), "Page_dict_str_Task"),
        ((Task | None,), "Page_Task_or_None"),
        ((Union[int, None],), "Page_int_or_None"),  # noqa: UP007
        ((Literal["a b", 1],), "Page_a_b_1"),
        ((tuple[int, ...],), "Page_tuple_int"),
        ((Any,), "Page_Any"),
    ],
)
def test_names_of_generic_types_read_well(arguments: tuple[Any, ...], name: str) -> None:
    assert type_name(0, Page, "Page", arguments) == name


def test_longer_names_bring_modules_and_what_is_around() -> None:
    class Local: ...

    home = clean(__name__)
    assert type_name(1, Page, "Page", (Task,)) == f"Page_{home}_Task"
    assert type_name(2, Page, "Page", (Task,)) == f"{home}_Page_{home}_Task"
    around = "test_longer_names_bring_modules_and_what_is_around"
    assert type_name(3, Local, "Local") == f"{home}_{around}_Local"


@pytest.mark.parametrize(
    ("text", "name"), [("P[int]", "P_int"), ("a.b", "a_b"), ("été", "t"), ("__", "_"), ("ok9", "ok9")]
)
def test_clean(text: str, name: str) -> None:
    assert clean(text) == name


def test_both_of_two_equal_names_become_longer() -> None:
    assert unique_names(namers(("A", "x_A"), ("B",), ("A", "y_A"))) == ["x_A", "B", "y_A"]


def test_names_that_cannot_be_told_apart_are_numbered_in_order() -> None:
    assert unique_names(namers(("A",), ("A",), ("A_2",), ("A",))) == ["A", "A_3", "A_2", "A_4"]


def test_a_longer_name_may_not_take_somebody_elses() -> None:
    names = unique_names(namers(("A", "x_A", "q_x_A"), ("A", "y_A"), ("x_A", "z_x_A")))
    assert names == ["q_x_A", "y_A", "z_x_A"]


def test_taken_names_are_avoided() -> None:
    assert unique_names(namers(("A", "x_A"), ("B",)), {"A", "B", "C"}) == ["x_A", "B_2"]


def test_the_order_of_things_does_not_change_their_names() -> None:
    things = [("A", "x_A"), ("A", "y_A"), ("B",), ("x_A", "z")]
    forward = dict(zip(things, unique_names(namers(*things)), strict=True))
    backward = dict(zip(things[::-1], unique_names(namers(*things[::-1])), strict=True))
    assert forward == backward
