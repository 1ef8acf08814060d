"""The servers that some tests need: where they are, and what happens when one is not there.

`./dev test` looks which ports answer and sets `KETCH_TEST_...`. A test asks for a fixture (`postgres_url`) or wears a
mark (`@pytest.mark.redis`). Without the service it is skipped with a word, counted at the end of the run; with
`KETCH_DEMAND_SERVICES=1`, as in CI, it fails instead, so that a missing service cannot pass for a green run.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import pytest


@dataclass(frozen=True)
class Service:
    """A server's name, the mark tests wear, and the variable that says where it is."""

    name: str
    mark: str
    variable: str

    @property
    def address(self) -> str | None:
        """Its URL or path; None if it is not there."""
        return os.environ.get(self.variable) or None


SERVICES = {
    service.mark: service
    for service in (
        Service("PostgreSQL", "postgres", "KETCH_TEST_POSTGRES"),
        Service("MySQL or MariaDB", "mysql", "KETCH_TEST_MYSQL"),
        Service("Redis", "redis", "KETCH_TEST_REDIS"),
        Service("RabbitMQ", "rabbitmq", "KETCH_TEST_RABBITMQ"),
        Service("NATS", "nats", "KETCH_TEST_NATS"),
        Service("Chromium", "browser", "KETCH_TEST_CHROMIUM"),
    )
}


def demanded() -> bool:
    """True where a missing service is a failure."""
    return os.environ.get("KETCH_DEMAND_SERVICES", "") not in ("", "0")


def require(mark: str) -> str:
    """The address of a service; skips the test (or fails it, where services are demanded) if there is none."""
    service = SERVICES[mark]
    if service.address:
        return service.address
    if demanded():
        pytest.fail(f"needs {service.name}: {service.variable} is not set and services are demanded", pytrace=False)
    pytest.skip(f"needs {service.name}")


def shown(address: str) -> str:
    """An address with its password hidden."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", address)


def report(skipped: dict[str, int]) -> Iterator[str]:
    """One line a service for the end of the run; `skipped` counts skip reasons."""
    for service in SERVICES.values():
        count = skipped.get(f"needs {service.name}", 0)
        if count:
            yield f"{service.name}: not found, {count} test{'s' if count > 1 else ''} skipped (set {service.variable})"
        elif service.address:
            yield f"{service.name}: {shown(service.address)}"
        else:
            yield f"{service.name}: not found, no test asked for it"


def _with_database(address: str, database: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path=f"/{database}"))


def fresh_postgres(address: str) -> Iterator[str]:
    """A database made for this run and dropped after it."""
    import asyncpg  # type: ignore[import-untyped, unused-ignore]

    name = f"ketch_test_{secrets.token_hex(4)}"

    async def run(statement: str) -> None:
        connection = await asyncpg.connect(address)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run(f'CREATE DATABASE "{name}"'))
    try:
        yield _with_database(address, name)
    finally:
        asyncio.run(run(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


def fresh_mysql(address: str) -> Iterator[str]:
    """A database made for this run and dropped after it."""
    import asyncmy  # type: ignore[import-untyped, unused-ignore]

    parts = urlsplit(address)
    name = f"ketch_test_{secrets.token_hex(4)}"

    async def run(statement: str) -> None:
        connection = await asyncmy.connect(
            host=parts.hostname, port=parts.port or 3306, user=parts.username or "root", password=parts.password or ""
        )
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(statement)
        finally:
            connection.close()

    asyncio.run(run(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4"))
    try:
        yield _with_database(address, name)
    finally:
        asyncio.run(run(f"DROP DATABASE IF EXISTS `{name}`"))
