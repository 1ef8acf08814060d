"""Ketch's pytest plugin: the fixtures `app` and `client`.

`app` is the project's application, found as the `ketch` command finds it: KETCH_APP, `[tool.ketch] app`, app.py,
main.py. A project that builds its application for each test defines its own fixture of that name, and `client` uses it.

pytest loads this file in every project of an environment that has Ketch installed, so it imports nothing until a
fixture is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ketch.testing.client import TestClient


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Before any conftest.py or test file, and so any application, is imported."""
    os.environ["KETCH_ENV"] = "test"


def pytest_configure() -> None:
    """For a conftest.py that names this plugin itself: the hook above comes too early for it."""
    os.environ.setdefault("KETCH_ENV", "test")


@pytest.fixture(scope="session")
def app() -> Any:
    """The application under test, imported once."""
    from importlib import import_module

    return import_module("ketch.app.discovery").discover()


@pytest.fixture
def client(app: Any) -> Iterator[TestClient]:
    """A TestClient on `app`, started and shut down around each test."""
    from ketch.testing.client import TestClient

    with TestClient(app) as client:
        yield client
