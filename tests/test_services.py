"""The fixtures for services give what they promise: an empty database of one's own, an address that answers."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

import pytest

from tests.support import services


def test_a_postgres_database_is_fresh(postgres_url: str) -> None:
    import asyncpg  # type: ignore[import-untyped, unused-ignore]

    async def tables() -> int:
        connection = await asyncpg.connect(postgres_url)
        try:
            count: int = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
            return count
        finally:
            await connection.close()

    assert asyncio.run(tables()) == 0


def test_a_mysql_database_is_fresh(mysql_url: str) -> None:
    import asyncmy  # type: ignore[import-untyped, unused-ignore]

    parts = urlsplit(mysql_url)

    async def tables() -> int:
        connection = await asyncmy.connect(
            host=parts.hostname, port=parts.port, user=parts.username, password=parts.password or "", db=parts.path[1:]
        )
        try:
            async with connection.cursor() as cursor:
                return int(await cursor.execute("SHOW TABLES"))
        finally:
            connection.close()

    assert asyncio.run(tables()) == 0


@pytest.mark.parametrize("mark", ["redis", "rabbitmq", "nats"])
def test_an_address_answers(mark: str) -> None:
    parts = urlsplit(services.require(mark))
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=5):
        pass


def test_a_missing_service_skips_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETCH_TEST_REDIS", raising=False)
    monkeypatch.delenv("KETCH_DEMAND_SERVICES", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs Redis"):
        services.require("redis")


def test_a_missing_service_fails_where_it_is_demanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KETCH_TEST_REDIS", raising=False)
    monkeypatch.setenv("KETCH_DEMAND_SERVICES", "1")
    with pytest.raises(pytest.fail.Exception, match="needs Redis: KETCH_TEST_REDIS is not set"):
        services.require("redis")


def test_the_report_counts_skips_and_hides_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    for service in services.SERVICES.values():
        monkeypatch.delenv(service.variable, raising=False)
    monkeypatch.setenv("KETCH_TEST_POSTGRES", "postgresql://ann:secret@db/test")
    lines = list(services.report({"needs Redis": 2}))
    assert "PostgreSQL: postgresql://ann:***@db/test" in lines
    assert "Redis: not found, 2 tests skipped (set KETCH_TEST_REDIS)" in lines
    assert "NATS: not found, no test asked for it" in lines
