from __future__ import annotations

import uuid
from typing import Annotated, Any

import pytest
from sqlalchemy import MetaData, Table
from sqlalchemy.schema import CreateTable

from ketch.data import Index, Integer, Mapped, Model, String, UniqueConstraint, mapped_column, rules_of
from ketch.data.model import NAMING, snake_case
from tests.data.ships import CrewMember, Ship


class Base(Model):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING)


intpk = Annotated[int, mapped_column(primary_key=True)]


def table(model: type[Model]) -> Table:
    found = model.__table__
    assert isinstance(found, Table)
    return found


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Task", "task"),
        ("OrderItem", "order_item"),
        ("HTTPLog", "http_log"),
        ("A", "a"),
        ("Oauth2Token", "oauth2_token"),
    ],
)
def test_tables_are_named_after_classes(name: str, snake: str) -> None:
    assert snake_case(name) == snake


def test_id_comes_by_itself_and_first() -> None:
    assert table(Ship).columns.keys()[0] == "id"
    assert [column.name for column in table(Ship).primary_key] == ["id"]
    assert isinstance(table(Ship).c.id.type, Integer)


def test_a_declared_key_is_the_only_one() -> None:
    assert "id" not in table(CrewMember).columns
    assert [column.name for column in table(CrewMember).primary_key] == ["code"]


def test_an_own_id_stands() -> None:
    class Parcel(Base):
        id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)

    assert table(Parcel).c.id.type.python_type is uuid.UUID


def test_a_key_in_an_alias_of_annotated_counts() -> None:
    class Lighter(Base):
        number: Mapped[intpk]

    assert table(Lighter).columns.keys() == ["number"]


def test_keys_and_table_names_of_abstract_parents_and_mixins_count() -> None:
    class Keyed(Base):
        __abstract__ = True
        slug: Mapped[str] = mapped_column(String(20), primary_key=True)

    class Pier(Keyed):
        depth: Mapped[int]

    class Named:
        __tablename__ = "quays"

    class Quay(Named, Base):
        depth: Mapped[int]

    assert set(table(Pier).columns.keys()) == {"slug", "depth"}
    assert table(Quay).name == "quays"
    assert table(Quay).columns.keys() == ["id", "depth"]


def test_inheritance_in_one_table_and_in_two() -> None:
    class Vessel(Base):
        kind: Mapped[str] = mapped_column(String(10))
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "vessel"}

    class Tug(Vessel):
        power: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "tug"}

    class Ferry(Vessel):
        from ketch.data import ForeignKey

        id: Mapped[int] = mapped_column(ForeignKey("vessel.id"), primary_key=True)
        __mapper_args__ = {"polymorphic_identity": "ferry"}

    assert table(Tug) is table(Vessel)
    assert "power" in table(Vessel).columns
    assert table(Ferry).name == "ferry"


def test_constraints_have_names() -> None:
    class Crane(Base):
        number: Mapped[int] = mapped_column(unique=True)
        place: Mapped[int] = mapped_column(index=True)
        __table_args__ = (UniqueConstraint("number", "place"), Index(None, "place", "number"))

    rules: list[Any] = [*table(Crane).constraints, *table(Crane).indexes]
    names = {str(rule.name) for rule in rules if rule.name}
    assert names == {"uq_crane_number", "uq_crane_number_place", "ix_crane_place", "ix_crane_place_number"}


def test_checks_at_columns_become_the_tables_and_have_names() -> None:
    sql = str(CreateTable(table(Ship)))
    assert "CONSTRAINT ck_ship_length_gt_0 CHECK (length > 0)" in sql
    assert sql.count("CHECK") == 1


def test_the_constructor_takes_keywords_and_no_unknown_ones() -> None:
    assert Ship(name="Ada").name == "Ada"
    with pytest.raises(TypeError, match="sails"):
        Ship(sails=2)


def test_repr_shows_the_key() -> None:
    assert repr(Ship(name="Ada")) == "<Ship not saved>"


def test_rules_are_kept_in_info() -> None:
    class Price(Base):
        amount: Mapped[int] = mapped_column(ge=0, le=10, private=True, examples=[3], info={"mine": 1})
        plain: Mapped[int]

    rules = rules_of(table(Price).c.amount)
    assert (rules.ge, rules.le, rules.private, rules.examples) == (0, 10, True, (3,))
    assert table(Price).c.amount.info["mine"] == 1
    assert rules_of(table(Price).c.plain) == rules_of(table(Ship).c.id)


@pytest.mark.parametrize("words", [{"private": True, "read_only": True}, {"read_only": True, "write_only": True}])
def test_contradictions_are_refused(words: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="exclude each other"):
        mapped_column(**words)


def test_a_word_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError):
        mapped_column(privat=True)
