"""What `ketch.testing` offers, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ketch.testing


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.strip()


def test_every_name_is_there() -> None:
    for name in ketch.testing.__all__:
        assert getattr(ketch.testing, name).__name__ == name
    assert ketch.testing.__all__ == sorted(ketch.testing.__all__)
    with pytest.raises(AttributeError, match="'Client'"):
        ketch.testing.Client  # noqa: B018


def test_httpx2_is_imported_for_a_client_only() -> None:
    assert run("import sys, ketch.testing, ketch.testing.plugin; print('httpx2' in sys.modules)") == "False"
    assert run("import sys; from ketch.testing import TestClient; print('httpx2' in sys.modules)") == "True"


def test_without_httpx2_the_error_says_what_to_install() -> None:
    program = """
import sys
sys.modules["httpx2"] = None
try:
    from ketch.testing import TestClient
except ImportError as error:
    print(error)
"""
    assert run(program) == 'The test clients need httpx2:  pip install "ketch[test]"'
