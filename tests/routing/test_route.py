"""Options: one vocabulary, merged from the outside in."""

from __future__ import annotations

import re
from typing import Any

from ketch.kernel.origin import Origin
from ketch.routing import OPTIONS, Route, RouteOptions, check_options, merge, parse_host
from ketch.routing.route import _HINTS
from tests.routing.making import HERE, pattern


def guard() -> None: ...


def other() -> None: ...


def test_the_innermost_layer_wins() -> None:
    assert merge({"status_code": 200, "public": True}, {}, {"status_code": 201}) == {"status_code": 201, "public": True}
    assert merge({"response_model": int}, {"response_model": None}) == {"response_model": None}
    assert merge() == {}


def test_lists_are_joined_outer_first_without_doubles() -> None:
    merged = merge({"tags": ["a", "b"], "dependencies": [guard]}, {"tags": ("b", "c"), "dependencies": [other, guard]})
    assert merged == {"tags": ["a", "b", "c"], "dependencies": [guard, other]}


def test_middleware_is_joined_as_it_is() -> None:
    assert merge({"middleware": [guard]}, {"middleware": [guard, other]}) == {"middleware": [guard, guard, other]}


def test_responses_and_extras_are_united() -> None:
    merged = merge(
        {"responses": {404: "a", 409: "b"}, "openapi_extra": {"x": 1}},
        {"responses": {404: "c"}, "openapi_extra": {"y": 2}},
    )
    assert merged == {"responses": {404: "c", 409: "b"}, "openapi_extra": {"x": 1, "y": 2}}


def test_no_layer_is_changed() -> None:
    outer: RouteOptions = {"tags": ["a"], "responses": {404: "x"}}
    inner: RouteOptions = {"tags": ["b"], "responses": {409: "y"}}
    merged: Any = merge(outer, inner)
    merged["tags"].append("z")
    assert (outer, inner) == ({"tags": ["a"], "responses": {404: "x"}}, {"tags": ["b"], "responses": {409: "y"}})


def test_an_absent_list_may_be_none() -> None:
    layer: dict[str, Any] = {"tags": None, "responses": None}
    assert merge({"tags": ["a"], "responses": {404: 1}}, layer) == {"tags": ["a"], "responses": {404: 1}}
    assert check_options(layer, HERE) is None


def test_every_option_is_known_and_documented() -> None:
    assert check_options(dict.fromkeys(OPTIONS), HERE) is None
    for name in OPTIONS:
        assert re.search(rf"\b{name}\b", RouteOptions.__doc__ or ""), name


def test_hints_are_for_what_is_not_an_option_and_name_only_options() -> None:
    assert not set(_HINTS) & set(OPTIONS)
    for hint in _HINTS.values():
        for name in re.findall(r"\b(\w+)=", hint):
            assert name in OPTIONS or name == "methods"


def test_a_route_says_what_it_is() -> None:
    origin = Origin("app.py", 1)
    route = Route(pattern("/x"), ("GET", "POST"), guard, {}, origin, "guard")
    assert str(route) == "GET, POST /x"
    hosted = Route(pattern(""), ("GET",), guard, {}, origin, "guard", parse_host("a.org", origin))
    assert str(hosted) == "GET a.org/"
