from __future__ import annotations

from pathlib import Path

import pytest

from ketch.data.address import choose, hide_password
from ketch.data.backend import Use
from ketch.data.engines import Engines, backend_of, parse
from ketch.kernel.errors import SetupError


def test_the_default_is_a_file() -> None:
    assert choose(None, "production", {}).url == "sqlite:///app.db"


def test_the_environment_wins_over_the_code() -> None:
    address = choose("sqlite:///mine.db", "dev", {"DATABASE_URL": "postgresql://ann@db/shop"})
    assert (address.url, address.source) == ("postgresql://ann@db/shop", "DATABASE_URL")


def test_a_test_never_gets_the_configured_database() -> None:
    environ = {"DATABASE_URL": "postgresql://ann@production/shop"}
    address = choose("postgresql://ann@production/other", "test", environ)
    assert address.url.startswith("sqlite:///")
    assert address.temporary is not None
    assert address.temporary.is_dir()
    assert choose("sqlite:///mine.db", "test", environ).url != address.url
    address.temporary.rmdir()


def test_a_test_may_name_its_own() -> None:
    environ = {"DATABASE_URL": "postgresql://production/x", "TEST_DATABASE_URL": "postgresql://127.0.0.1/test"}
    assert choose(None, "test", environ).url == "postgresql://127.0.0.1/test"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite+aiosqlite://", "sqlite:///"])
def test_memory_is_a_temporary_file(url: str) -> None:
    address = choose(url, "production", {})
    assert address.temporary is not None
    assert str(address.temporary) in address.url
    address.temporary.rmdir()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:s3cret@db:5432/shop", "postgresql://ann:***@db:5432/shop"),
        ("postgresql://ann:a%40b:c@db/shop", "postgresql://ann:***@db/shop"),
        ("postgresql://db/shop?user=ann&password=s3cret&x=1", "postgresql://db/shop?user=ann&password=***&x=1"),
        ("sqlite:///app.db", "sqlite:///app.db"),
        ("mysql://ann@db/shop", "mysql://ann@db/shop"),
    ],
)
def test_passwords_are_hidden(url: str, shown: str) -> None:
    assert hide_password(url) == shown


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://a@h/d", "postgresql+asyncpg"),
        ("postgres://a@h/d", "postgresql+asyncpg"),
        ("mysql://a@h/d", "mysql+asyncmy"),
        ("mariadb://a@h/d", "mysql+asyncmy"),
        ("sqlite:///x.db", "sqlite+aiosqlite"),
        ("sqlite+aiosqlite:///x.db", "sqlite+aiosqlite"),
    ],
)
def test_each_engine_has_its_driver(url: str, driver: str) -> None:
    engine = Engines(url).asynchronous(Use.WRITE)
    assert engine.url.drivername == driver


def test_asyncpg_is_told_sslmode_in_its_own_words() -> None:
    url = Engines("postgresql://a@h/d?sslmode=require").asynchronous(Use.WRITE).url
    assert url.query == {"ssl": "require"}


def test_an_unknown_engine_is_a_setup_error() -> None:
    with pytest.raises(SetupError, match="Did you mean") as error:
        backend_of(parse("postgress://h/d"))
    assert error.value.code == "KETCH-DATA-003"


def test_a_bad_url_is_a_setup_error_that_shows_no_password() -> None:
    with pytest.raises(SetupError) as error:
        parse("postgresql//ann:s3cret@h/d")
    assert error.value.code == "KETCH-DATA-002"
    assert "s3cret" not in str(error.value)


def test_a_missing_driver_names_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r'pip install "ketch\[postgres\]"'):
        Engines("postgresql://a@h/d").asynchronous(Use.WRITE)
    with pytest.raises(SetupError, match="make the handler async def"):
        Engines("postgresql://a@h/d").synchronous(Use.WRITE)


def test_relative_files_stay_relative(tmp_path: Path) -> None:
    assert Engines("sqlite:///app.db").asynchronous(Use.READ).url.database == "app.db"
