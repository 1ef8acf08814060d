"""ServerSettings: from code, from the environment, refused when it makes no sense, and told in docs/server.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ketch import SetupError
from ketch.server.settings import OPTIONS, Option, ServerSettings

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


def test_flags_are_stronger_than_variables_and_variables_than_defaults() -> None:
    environ = {"PORT": "80", "HOST": "0.0.0.0 ::", "KETCH_MAX_HEAD": "300", "KETCH_ACCESS_LOG": "on"}
    found = ServerSettings.read(environ, port=81, grace="5", uds_mode="600", host=None)
    assert (found.port, found.host, found.max_head, found.access_log) == (81, ("0.0.0.0", "::"), 300, True)
    assert (found.grace, found.uds_mode, found.keep_alive) == (5.0, 0o600, ServerSettings().keep_alive)


def test_an_empty_variable_says_nothing() -> None:
    assert ServerSettings.read({"PORT": "", "FORWARDED_ALLOW_IPS": ""}) == ServerSettings()


def test_none_turns_off_what_may_be_off() -> None:
    assert ServerSettings.read({"KETCH_WRITE_TIMEOUT": "none"}).write_timeout is None
    with pytest.raises(SetupError, match="KETCH-SERVE-001"):
        ServerSettings.read({"KETCH_MAX_HEADERS": "none"})
    with pytest.raises(SetupError, match="cannot be turned off"):
        ServerSettings(max_headers=None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_head": 1},
        {"port": -1},
        {"port": 65_536},
        {"port": "80"},
        {"port": True},
        {"host": "127.0.0.1"},
        {"host": ()},
        {"grace": float("nan")},
        {"header_timeout": 0},
        {"access_log": 1},
        {"tls_key": "key.pem"},
        {"workers": 1.5},
    ],
)
def test_values_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match="KETCH-SERVE-001"):
        ServerSettings(**wrong)


@pytest.mark.parametrize("name", ["PORT", "KETCH_GRACE", "KETCH_ACCESS_LOG", "KETCH_UDS_MODE", "WEB_CONCURRENCY"])
def test_the_message_names_the_variable(name: str) -> None:
    with pytest.raises(SetupError, match=name):
        ServerSettings.read({name: "plenty"})


def test_no_flag_and_no_variable_means_two_things() -> None:
    for names in ([o.flag for o in OPTIONS], [o.variable for o in OPTIONS]):
        assert len(set(names)) == len(names)


def test_the_table_in_the_guide() -> None:
    lines = (DOCS / "server.md").read_text("utf-8").splitlines()
    start = lines.index("| setting | default | flag | variable | what |") + 2
    told = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines[start : start + len(OPTIONS)]]
    assert told == [[f"`{o.name}`", _shown(o), f"`{o.flag}`", f"`{o.variable}`", o.help] for o in OPTIONS]
    assert not re.match(r"\|", lines[start + len(OPTIONS)])


def _shown(option: Option) -> str:
    """A default as the guide writes it."""
    default = option.default
    if default is None or isinstance(default, bool):
        return {None: "none", True: "on", False: "off"}[default]
    if isinstance(default, tuple):
        return " ".join(default)
    if isinstance(default, str):
        return default
    if option.name in ("uds_mode", "port"):
        return f"{default:o}" if option.name == "uds_mode" else str(default)
    return f"{default:,g}" if isinstance(default, float) else f"{default:,}"
