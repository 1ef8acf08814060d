"""Each engine's database, for tests that hold on all of them."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("mysql", marks=pytest.mark.mysql),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database: SQLite always, the servers where they are."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ships.db'}"
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture(autouse=True)
def as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin's test mode would put a temporary SQLite file in the place of every database named here."""
    monkeypatch.delenv("KETCH_ENV", raising=False)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ships.db'}"
