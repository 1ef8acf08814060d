"""How long a reload takes, from the change of a file to the first answer of the new code. `./dev soak` runs it."""

from __future__ import annotations

import http.client
import time
from pathlib import Path

import pytest

from tests.cli.running import eventually, project, serving
from tests.cli.test_dev import APP, DEV, change, says
from tests.soak.telling import tell

pytestmark = [pytest.mark.soak, pytest.mark.serial]

RELOAD = 1.0  # seconds


@pytest.mark.parametrize("streaming", [False, True])
def test_a_reload_takes_less_than_a_second(tmp_path: Path, streaming: bool) -> None:
    project(tmp_path, {"app.py": APP})
    times = []
    with serving(*DEV, cwd=tmp_path) as running:
        for number in range(4):
            time.sleep(2)  # the spare process is warm by then
            if streaming:
                host, _, port = running.url.removeprefix("http://").partition(":")
                stream = http.client.HTTPConnection(host, int(port), timeout=20)
                stream.request("GET", "/events")
                assert stream.getresponse().readline() == b"data: tick\n"
            started = time.monotonic()
            change(tmp_path, APP.replace('"one"', f'"v{number}"'))
            eventually(lambda version=f"v{number}": says(running, version))
            times.append(time.monotonic() - started)
        assert "did not end in time" not in running.text
    tell(f"reloads: {', '.join(f'{seconds:.2f}' for seconds in times)} s")
    assert min(times) < RELOAD
