"""The pytest plugin, in a project of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

APP = """
class App:
    events = []
    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            self.events.append("up")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.events.append("down")
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})
"""

CONFTEST = """
import os, pytest
assert os.environ["KETCH_ENV"] == "test"      # before anything of the project is imported
from application import App

@pytest.fixture
def app():
    return App()
"""

TESTS = """
from application import App

def test_one(client):
    assert client.get("/").text == "hello"
    assert App.events == ["up"]

def test_two(client):
    assert App.events == ["up", "down", "up"]
"""


def test_fixtures_in_a_project_with_its_own_app(tmp_path: Path) -> None:
    (tmp_path / "application.py").write_text(APP)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(TESTS)
    environment = {**os.environ, "KETCH_ENV": "production", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "ketch.testing.plugin", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
