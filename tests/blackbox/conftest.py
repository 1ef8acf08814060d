"""The same tests for every server. Each is started once, when its first test runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.blackbox.servers import SERVERS, Running, running


@pytest.fixture(scope="session", params=SERVERS, ids=[server.name for server in SERVERS])
def up(request: pytest.FixtureRequest) -> Iterator[Running]:
    """A running server."""
    with running(request.param) as server:
        yield server
