"""`Field`: constraints of every kind, msgspec's and those it has no word for."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from ketch import App, Field, Query, Struct
from ketch.testing import TestClient


class Price(Struct):
    price: Annotated[Decimal, Field(ge=0)]
    qty: Annotated[Decimal, Field(gt=Decimal("0.5"))] = Decimal(1)
    day: Annotated[date, Field(ge=date(2026, 1, 1), title="Day")] = date(2026, 1, 1)


def test_bounds_that_msgspec_has_no_word_for() -> None:
    app = App()

    @app.post("/")
    async def make(p: Price, q: Annotated[Decimal, Query(ge=Decimal("1.5"))] = Decimal(2)) -> Price:
        return p

    with TestClient(app) as client:
        bad = client.post("/", json={"price": "-1", "qty": "0.1", "day": "2025-01-01"}).json()["errors"]
        assert [(e["loc"][1], e["type"]) for e in bad] == [
            ("price", "greater_than_equal"),
            ("qty", "greater_than"),
            ("day", "greater_than_equal"),
        ]
        assert client.post("/?q=1.4", json={"price": "1"}).json()["errors"][0]["loc"] == ["query", "q"]
        assert client.post("/?q=1.5", json={"price": "1", "qty": "0.7"}).json()["qty"] == "0.7"
