"""Limits: the defaults, and the check of a request's head."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

from ketch.http.limits import DEFAULT_LIMITS, Limits, check_head
from ketch.http.problems import RequestHeaderFieldsTooLarge, URITooLong


def scope(**changes: Any) -> dict[str, Any]:
    return {"path": "/", "raw_path": b"/", "query_string": b"", "headers": [(b"host", b"x")], **changes}


def test_every_limit_is_described() -> None:
    described = inspect.cleandoc(Limits.__doc__ or "")
    for field in dataclasses.fields(Limits):
        assert f"\n{field.name}: " in described
        assert getattr(DEFAULT_LIMITS, field.name) > 0


def test_limits_are_frozen_and_changed_by_name() -> None:
    assert Limits(body=10).body == 10
    with pytest.raises(dataclasses.FrozenInstanceError):
        DEFAULT_LIMITS.body = 1  # type: ignore[misc]


def test_an_ordinary_head_passes() -> None:
    check_head(scope(headers=[(b"x", b"y")] * 128, raw_path=b"/" * 8192), DEFAULT_LIMITS)
    check_head(scope(headers=[(b"x" * 6, b"y" * 65_530)]), DEFAULT_LIMITS)


@pytest.mark.parametrize(
    "changes",
    [
        {"raw_path": b"/" * 8193},
        {"raw_path": None, "path": "/" * 8193},
        {"query_string": b"a" * 8192},
        {"raw_path": b"/" * 4097, "query_string": b"a" * 4096},
    ],
)
def test_a_long_target_is_414(changes: dict[str, Any]) -> None:
    with pytest.raises(URITooLong, match="8193 bytes long"):
        check_head(scope(**changes), DEFAULT_LIMITS)


def test_a_server_without_raw_path_is_fine() -> None:
    head = scope()
    del head["raw_path"]
    check_head(head, DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ([(b"x", b"y")] * 129, "129 headers"),
        ([(b"x" * 7, b"y" * 65_530)], "65537 bytes"),
        ([(b"x" * 70_000, b"")], "70000 bytes"),
        ([(b"x" * 100, b"y" * 1000)] * 60, "66000 bytes"),
    ],
)
def test_too_many_or_too_large_headers_are_431(headers: list[tuple[bytes, bytes]], message: str) -> None:
    with pytest.raises(RequestHeaderFieldsTooLarge, match=message):
        check_head(scope(headers=headers), DEFAULT_LIMITS)
