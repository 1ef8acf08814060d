"""What every test may ask for, and what the end of a run says.

Services are in `tests/support/services.py`. Tests that start servers or measure time wear `serial`: a parallel run
gives all of them to one worker. Tests over random inputs get the mark `property` by themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support import services

# A developer's own settings must not change what the tests see.
for _name in ("KETCH_ENV", "KETCH_APP", "DATABASE_URL", "TEST_DATABASE_URL", "SECRET_KEY"):
    os.environ.pop(_name, None)


def _hypothesis_profiles() -> None:
    from hypothesis import HealthCheck, settings

    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    settings.register_profile("local", deadline=None, max_examples=100, suppress_health_check=slow)
    # The same examples in every run, so that a change is judged by what it changed; `./dev fuzz` looks for new ones.
    settings.register_profile(
        "ci", deadline=None, max_examples=300, suppress_health_check=slow, print_blob=True, derandomize=True
    )
    many = int(os.environ.get("KETCH_FUZZ_EXAMPLES", "5000"))
    settings.register_profile("fuzz", deadline=None, max_examples=many, suppress_health_check=slow, print_blob=True)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "local"))


_hypothesis_profiles()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    parallel = config.pluginmanager.hasplugin("xdist")
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("property")
        if parallel and (item.get_closest_marker("serial") or item.get_closest_marker("browser")):
            item.add_marker(pytest.mark.xdist_group("serial"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in services.SERVICES:
        if item.get_closest_marker(mark):
            services.require(mark)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which services the run had, and how many tests went without; pytest's own closing line follows."""
    skipped: dict[str, int] = {}
    for result in terminalreporter.stats.get("skipped", []):
        if isinstance(result.longrepr, tuple):
            reason = result.longrepr[2].removeprefix("Skipped: ")
            skipped[reason] = skipped.get(reason, 0) + 1
    terminalreporter.section("services")
    for line in services.report(skipped):
        terminalreporter.line(line)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of an empty PostgreSQL database that lives as long as the run."""
    yield from services.fresh_postgres(services.require("postgres"))


@pytest.fixture(scope="session")
def mysql_url() -> Iterator[str]:
    """URL of an empty MySQL or MariaDB database that lives as long as the run."""
    yield from services.fresh_mysql(services.require("mysql"))


@pytest.fixture(scope="session")
def redis_url() -> str:
    """URL of a Redis database; choose your own key prefix."""
    return services.require("redis")


@pytest.fixture(scope="session")
def rabbitmq_url() -> str:
    """URL of a RabbitMQ server; choose your own queue names."""
    return services.require("rabbitmq")


@pytest.fixture(scope="session")
def nats_url() -> str:
    """URL of a NATS server; choose your own subjects."""
    return services.require("nats")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium for Playwright (`executable_path=`, with `--no-sandbox`)."""
    return services.require("browser")
