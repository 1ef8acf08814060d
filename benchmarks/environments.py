"""One virtual environment per peer under `.bench/`, made once at pinned versions; and wheels of Ketch itself.

A stamp in each environment says what it was made from. Ketch's own peers get a wheel, compiled or not, built anew when
the source has changed, because that is what people install.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType

from benchmarks.peers import COMPILED, PURE, Peer, supported
from benchmarks.places import FOLDER, ROOT

NGINX_CONF = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
events { worker_connections 12000; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 600;
  server {
    listen 127.0.0.1:%d backlog=4096;
    location = /plaintext { default_type text/plain; return 200 "Hello, World!"; }
    location = /json { default_type application/json; return 200 '{"message":"Hello, World!"}'; }
  }
}
"""


class CannotPrepare(Exception):
    """This peer cannot be installed here; the message says why, and what to install."""


def dev_script() -> ModuleType:
    """The `dev` script as a module: it already knows how to find interpreters and fill environments."""
    loader = importlib.machinery.SourceFileLoader("ketch_dev", str(ROOT / "dev"))
    spec = importlib.util.spec_from_loader("ketch_dev", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def interpreter(wanted: str) -> str:
    """The interpreter every peer runs on: the asked version, else 3.13 (the targets' version), else this one."""
    found: str = dev_script().find_python(wanted or "3.13")
    if wanted and not found:
        sys.exit(f"no python{wanted} on this machine")
    return found or sys.executable


def version_of(python: str) -> str:
    """ "3.13.0"."""
    done = subprocess.run([python, "-V"], capture_output=True, text=True, check=True)
    return done.stdout.split()[-1]


def prepare(peer: Peer, python: str) -> str:
    """Make the peer's environment if need be and return its program (its interpreter, or nginx).

    Raises `CannotPrepare`.
    """
    if not peer.requires:
        return prepare_nginx(peer)
    version = version_of(python)
    if not supported(peer, version):
        raise CannotPrepare(f"{peer.requires[0]} does not run on CPython {version}")
    venv = FOLDER / f"{peer.name}-{version}"
    stamp, key = venv / "bench-stamp.json", [os.path.realpath(python), *requirements(peer)]
    if not (stamp.exists() and json.loads(stamp.read_text())["key"] == key):
        create(peer, venv, python)
        stamp.write_text(json.dumps({"key": key, "source": ""}))
    found = str(dev_script().python_of(venv))
    if own := {COMPILED, PURE}.intersection(peer.requires):
        install_own(found, stamp, python, pure=PURE in own)
    return found


def create(peer: Peer, venv: Path, python: str) -> None:
    """Fill a new environment with the pinned packages."""
    dev = dev_script()
    print(f"preparing {peer.name}", file=sys.stderr, flush=True)
    FOLDER.mkdir(exist_ok=True)
    shutil.rmtree(venv, ignore_errors=True)
    asked = requirements(peer)
    try:
        if not (dev.output("uv", "--version") and dev.with_uv(venv, asked, python)):
            dev.with_pip(venv, asked, python)
    except SystemExit as exc:
        raise CannotPrepare(str(exc)) from None


def requirements(peer: Peer) -> list[str]:
    """The pinned packages; for Ketch's peers also what Ketch itself asks for, its server's list where that one runs."""
    pinned = [line for line in peer.requires if line not in (COMPILED, PURE)]
    if len(pinned) == len(peer.requires):
        return pinned
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    server = [] if "uvicorn" in peer.name else project["optional-dependencies"].get("server", [])
    return [*pinned, *project["dependencies"], *server]


# --- wheels of this source tree --------------------------------------------------------------------------------------


@cache
def source_key() -> str:
    """Changes whenever a wheel would; read once a run, so that all of its wheels are of one state."""
    digest = hashlib.sha256()
    files = [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "src").rglob("*.pxd"),
        ROOT / "pyproject.toml",
        *ROOT.glob("hatch*"),
    ]
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def install_own(venv_python: str, stamp: Path, python: str, *, pure: bool) -> None:
    """Put a wheel of the present source into the environment, unless it is there already."""
    noted, source = json.loads(stamp.read_text()), source_key()
    if noted["source"] == source:
        return
    wheel = build_wheel(python, source, pure=pure)
    command = [venv_python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", str(wheel)]
    run(command, "installing the wheel")
    stamp.write_text(json.dumps({**noted, "source": source}))


def build_wheel(python: str, source: str, *, pure: bool) -> Path:
    """Build once per state of the source and kind; compiled where the machine has a compiler."""
    kind = "pure" if pure else "compiled"
    folder = FOLDER / "wheels" / f"{version_of(python)}-{kind}-{source}"
    if not list(folder.glob("*.whl")):
        print(f"building Ketch's wheel, {kind}", file=sys.stderr, flush=True)
        for old in folder.parent.glob(f"{version_of(python)}-{kind}-*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True)
        command = [python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
        run(command, "building the wheel", KETCH_PURE="1" if pure else "")
    (wheel,) = folder.glob("*.whl")
    if not pure and wheel.name.endswith("py3-none-any.whl"):
        print("WARNING: this wheel is not compiled (is there a C compiler?)", file=sys.stderr, flush=True)
    return wheel


def run(command: list[str], what: str, **environ: str) -> None:
    """Run a command quietly; `CannotPrepare` with its last words if it fails."""
    kept = {name: value for name, value in dev_script().clean_environ().items() if name != "KETCH_PURE"}
    kept |= {name: value for name, value in environ.items() if value}
    done = subprocess.run(command, cwd=ROOT, env=kept, capture_output=True, text=True)
    if done.returncode:
        raise CannotPrepare(f"{what} failed: {(done.stderr or done.stdout).strip()[-600:]}")


def own_version(python: str, *, pure: bool) -> str:
    """What the report says of Ketch's own wheel; a wheel without a compiled part says so."""
    kind = "pure" if pure else "compiled"
    (wheel,) = (FOLDER / "wheels" / f"{version_of(python)}-{kind}-{source_key()}").glob("*.whl")
    compiled = not wheel.name.endswith("none-any.whl")
    return f"ketch {wheel.name.split('-')[1]}, {'compiled' if compiled else 'not compiled'}"


def prepare_nginx(peer: Peer) -> str:
    """Write nginx's configuration and return its path."""
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin:/usr/local/sbin")
    if path is None:
        raise CannotPrepare("it is not installed (Debian: apt install nginx-light)")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "nginx.conf").write_text(NGINX_CONF % peer.port)
    return path
