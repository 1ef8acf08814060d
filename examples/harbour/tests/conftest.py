"""One running harbour for all tests here: the whole catalogue in a temporary database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harbour.app import app
from ketch.testing import TestClient


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("harbour")


@pytest.fixture(scope="session")
def client(folder: Path) -> Iterator[TestClient]:
    os.environ["HARBOUR_FOLDER"] = str(folder)
    os.environ["HARBOUR_STREAM_SECONDS"] = "0.2"
    with TestClient(app) as client:
        yield client
    del os.environ["HARBOUR_FOLDER"], os.environ["HARBOUR_STREAM_SECONDS"]


@pytest.fixture
def airfield(client: TestClient) -> Iterator[str]:
    """The code of an airport that a test may change; gone afterwards."""
    code = "ZZ01"
    client.delete(f"/api/airports/{code}")
    made = client.post(
        "/api/airports", json={"icao": code, "name": "Test Field", "country": "DE", "latitude": 50.5, "longitude": 7.25}
    )
    assert made.status_code == 201, made.text
    yield code
    client.delete(f"/api/airports/{code}")
