"""Markers and `Field` as objects: how they show themselves, and what they refuse."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from ketch import Body, Cookie, Field, File, Form, Header, Path, Query, Security, SetupError, Struct
from ketch.kernel.shapes import MISSING


@pytest.mark.parametrize(
    ("marker", "text"),
    [
        (Query(ge=1), "Query(ge=1)"),
        (Path(alias="x", title="T"), "Path(alias='x', title='T')"),
        (Header("d", convert_underscores=False), "Header(default='d', convert_underscores=False)"),
        (Cookie(examples=[1, 2]), "Cookie(examples=(1, 2))"),
        (Body(embed=True), "Body(embed=True)"),
        (Form(), "Form()"),
        (File(...), "File()"),
    ],
)
def test_markers_show_what_was_written(marker: object, text: str) -> None:
    assert repr(marker) == text


def test_ellipsis_is_required() -> None:
    assert Query(...).default is MISSING


def test_unknown_words_name_the_place_and_the_nearest_word() -> None:
    with pytest.raises(SetupError, match="KETCH-BIND-012") as caught:
        Query(regex="a", discriptio="b")
    assert "test_sources.py" in str(caught.value)
    with pytest.raises(SetupError, match='Did you mean "description"'):
        Query(discription="b")


def test_security_keeps_its_scopes() -> None:
    marker = Security(len, scopes=["a", "b"], use_cache=False)
    assert (marker.scopes, marker.security, marker.use_cache) == (("a", "b"), True, False)


def test_field_behind_an_equals_sign() -> None:
    class Item(Struct):
        n: int = Field(default=1)
        tags: list[str] = Field(default=["a"])
        more: list[str] = Field(default_factory=lambda: ["b"])
        named: int = Field(default=2, alias="other")

    one, two = Item(), msgspec.json.decode(b'{"other": 5}', type=Item)
    one.tags.append("x")
    assert (one.n, one.more, two.named, Item().tags) == (1, ["b"], 5, ["a"])


def test_bounds_that_msgspec_has_no_words_for() -> None:
    one, two = Field(ge=Decimal("1.5")), Field(ge=Decimal("1.5"))
    assert one == two and hash(one) == hash(two)
    assert not isinstance(one, msgspec.Meta) and isinstance(Field(ge=1), msgspec.Meta)
