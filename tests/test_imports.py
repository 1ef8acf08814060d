"""`import ketch` loads the core alone: an allow-list for other people's code, a deny-list for heavy standard modules.

Each check runs in a fresh isolated interpreter, because pytest itself has loaded half the standard library.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

import pytest

# Top-level packages that `import ketch` may load beyond the standard library.
ALLOWED = {"ketch", "msgspec"}

# Standard modules that cost milliseconds and that an application may never need.
HEAVY = {
    "asyncio",
    "concurrent.futures",
    "ctypes",
    "decimal",
    "email",
    "html",
    "http.client",
    "http.cookies",
    "http.server",
    "json",
    "logging.config",
    "multiprocessing",
    "pdb",
    "pydoc",
    "random",
    "sqlite3",
    "ssl",
    "subprocess",
    "tempfile",
    "unittest",
    "urllib.request",
    "xml",
}

PROBE = """
import sys
import msgspec  # its own imports (datetime, decimal, ...) are not ours to choose
before = set(sys.modules)
import ketch
loaded = sorted(set(sys.modules) - before)
import json
print(json.dumps(loaded))
"""

COST = "import time; t = time.process_time(); import ketch; print(time.process_time() - t)"


def probe(source: str) -> str:
    """What an isolated interpreter prints for this source."""
    return subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def loaded() -> list[str]:
    modules: list[str] = json.loads(probe(PROBE))
    return modules


def test_only_allowed_packages_are_loaded(loaded: list[str]) -> None:
    foreign = {name.partition(".")[0] for name in loaded} - ALLOWED - set(sys.stdlib_module_names)
    assert foreign == set(), "import ketch loads packages that are not on the allow-list"


def test_no_heavy_standard_module_is_loaded(loaded: list[str]) -> None:
    assert HEAVY & set(loaded) == set(), "import ketch loads standard modules that should wait until they are needed"


@pytest.mark.serial
def test_import_time_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    times = [float(probe(COST)) * 1000 for _ in range(5)]
    best, median = min(times), statistics.median(times)
    with capsys.disabled():
        print(f"\nimport ketch: median {median:.0f} ms, best {best:.0f}; the aim on a quiet machine is 80")
    # CPU time, and far above the aim: it catches a heavy import, not a slow day of a shared machine.
    assert best < 250
