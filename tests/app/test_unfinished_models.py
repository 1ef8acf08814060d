"""pydantic models whose annotations name what cannot be found: a start-up mistake, as it is for other types."""

from __future__ import annotations

import pydantic
import pytest

from ketch import App, SetupError
from ketch.testing import TestClient


class Parcel(pydantic.BaseModel):
    contents: Contents


class Contents(pydantic.BaseModel):
    weight: int


class Lost(pydantic.BaseModel):
    where: Nowhere  # type: ignore[name-defined] # noqa: F821


@pydantic.dataclasses.dataclass
class Missing:
    where: Nowhere  # type: ignore[name-defined] # noqa: F821


def test_what_is_defined_later_is_found() -> None:
    app = App()

    @app.post("/parcels")
    async def send(parcel: Parcel) -> Parcel:
        return parcel

    with TestClient(app) as client:
        assert client.post("/parcels", json={"contents": {"weight": 2}}).json() == {"contents": {"weight": 2}}


@pytest.mark.parametrize("model", [Lost, Missing])
def test_what_is_nowhere_is_told_at_the_start(model: type) -> None:
    app = App()

    async def find(it: object) -> int:
        return 1

    find.__annotations__ = {"it": model, "return": int}
    app.post("/find")(find)
    with pytest.raises(SetupError) as caught:
        app.runtime  # noqa: B018
    assert caught.value.code == "KETCH-BIND-010"
    assert "'Nowhere' is not defined" in str(caught.value)
    assert "pydantic.dev" not in str(caught.value)
