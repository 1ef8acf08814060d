"""Where SECRET_KEY comes from, and what happens without one."""

from __future__ import annotations

from pathlib import Path

import pytest

from ketch import SetupError
from ketch.app import secret_key
from ketch.app.secret_key import secret_keys

LONG = "a key that is long enough"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(secret_key, "_made", [])
    monkeypatch.chdir(tmp_path)


def test_the_environment_wins_over_code_and_former_keys_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    assert secret_keys("coded", "x") == ["coded"]
    assert secret_keys(["new", "old"], "x") == ["new", "old"]
    monkeypatch.setenv("SECRET_KEY", " given ")
    monkeypatch.setenv("SECRET_KEY_FALLBACKS", "former, older,")
    assert secret_keys("coded", "x") == ["given", "coded", "former", "older"]


def test_a_secret_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{LONG}\n")
    monkeypatch.setenv("KETCH_ENV", "production")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert secret_keys("coded", "x") == [LONG, "coded"]


def test_dotenv_counts_in_dev_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f'SECRET_KEY="{LONG}"\n')
    monkeypatch.setenv("KETCH_ENV", "dev")
    assert secret_keys(None, "x") == [LONG]
    monkeypatch.setenv("KETCH_ENV", "production")
    with pytest.raises(SetupError) as info:
        secret_keys(None, "Sessions()")
    assert info.value.code == "KETCH-SESSION-001"


def test_dev_makes_one_for_the_process_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("KETCH_ENV", "dev")
    first = secret_keys(None, "x")
    assert first == secret_keys(None, "y") and len(first[0]) >= 32
    assert caplog.text.count("SECRET_KEY is not set") == 1


def test_tests_make_one_silently(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_ENV", "test")
    assert len(secret_keys(None, "x")[0]) >= 32
    assert not caplog.text


def test_a_short_key_is_no_key_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KETCH_ENV", "production")
    with pytest.raises(SetupError) as info:
        secret_keys("changeme", "Sessions()")
    assert info.value.code == "KETCH-SESSION-002" and "changeme" not in str(info.value)
