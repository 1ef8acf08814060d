"""What `./dev bench` accepts, and who is asked what."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from benchmarks.environments import CannotPrepare, prepare, requirements
from benchmarks.peers import COMPILED, PEERS, PURE, supported
from benchmarks.run import all_tests, chosen, named_tests, settings

from benchmarks import environments

ROOT = Path(__file__).resolve().parent.parent.parent


def test_settings_are_names_and_values() -> None:
    assert settings(["peers=nginx", "ROUNDS=5"])["PEERS"] == "nginx"
    assert settings([])["ROUNDS"] == "2"


@pytest.mark.parametrize("argument", ["nginx", "PEER=nginx", "ROUNDS=no", "SECONDS=0", "ROUNDS=1.5"])
def test_a_wrong_setting_ends_with_a_word(argument: str) -> None:
    with pytest.raises(SystemExit, match=re.escape(argument.partition("=")[0])):
        settings([argument])


def test_names_are_known() -> None:
    assert chosen("nginx, ketch", list(PEERS), "peer") == ["nginx", "ketch"]
    assert named_tests("t1,T4+await, T1+headers") == ["T1", "T4+await", "T1+headers"]
    assert named_tests("") == []
    with pytest.raises(SystemExit, match="no peer named 'bolt'"):
        chosen("bolt", list(PEERS), "peer")
    for wrong in ("T6", "T1+wings", "1"):
        with pytest.raises(SystemExit, match="no test named"):
            named_tests(wrong)


def test_who_is_asked_what() -> None:
    nginx, ketch, flask = PEERS["nginx"], PEERS["ketch"], PEERS["flask"]
    assert not nginx.takes("T3")
    assert nginx.measured("T1+headers", asked=False)
    assert flask.takes("T1+headers")
    assert flask.measured("T1+headers", asked=True)
    assert not flask.measured("T1+headers", asked=False)
    assert not flask.takes("T1+await")
    assert ketch.measured("T5+await", asked=False)
    assert all_tests([nginx]) == ["T1", "T2", "T1+headers"]
    assert {"T1+await", "T4+def", "T3+inline"} <= set(all_tests(list(PEERS.values())))


def test_every_package_is_pinned() -> None:
    for peer in PEERS.values():
        for line in peer.requires:
            assert re.fullmatch(r"[a-z-]+==[\d.]+", line) or line in (COMPILED, PURE), (peer.name, line)


def test_every_application_is_there() -> None:
    for peer in PEERS.values():
        if peer.app:
            assert (ROOT / "benchmarks" / "apps" / f"{peer.app}.py").exists(), peer.name
    assert len({peer.port for peer in PEERS.values()}) == len(PEERS)


def test_commands_are_complete() -> None:
    command = PEERS["ketch"].command("/usr/bin/python", workers=2)
    assert command[:5] == ["/usr/bin/python", "-m", "ketch", "run", "benchmarks.apps.ketch_app:app"]
    assert command[command.index("--workers") + 1] == "2"
    assert command[command.index("--port") + 1] == str(PEERS["ketch"].port)
    assert not any("{" in word for peer in PEERS.values() for word in peer.command("python"))


def test_ketchs_own_requirements_come_from_its_project_file() -> None:
    assert any(line.startswith("multipart") for line in requirements(PEERS["ketch"]))
    assert "falcon==4.4.0" in requirements(PEERS["falcon"])
    assert COMPILED not in requirements(PEERS["ketch"])


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments.shutil, "which", lambda name, path=None: None)
    with pytest.raises(CannotPrepare, match="apt install nginx-light"):
        prepare(PEERS["nginx"], "python")
    assert not supported(PEERS["django-bolt"], "3.11.7")
    assert supported(PEERS["django-bolt"], "3.13.0")
    assert supported(PEERS["flask"], "3.11.7")
