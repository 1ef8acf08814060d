"""Who is measured: each peer's pinned packages, its own environment under `.bench/`, and how it is started.

Every server gets one worker, uvloop where it supports it, no access log, keep-alive, and a port of its own on loopback.
"""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".bench"
FIRST_PORT = 8090
ALL = ("T1", "T2", "T3", "T4", "T5")

UVICORN = ("uvicorn==0.54.0", "uvloop==0.23.0", "httptools==0.9.0")
GRANIAN = ("granian==2.8.7", "uvloop==0.23.0")
MSGSPEC = "msgspec==0.22.0"
PYDANTIC = "pydantic==2.14.3"

UVICORN_RUN = (
    "{python} -m uvicorn {app} --host 127.0.0.1 --port {port} --loop uvloop --http httptools --workers 1 "
    "--no-access-log --log-level warning"
)
GRANIAN_RUN = (
    "{python} -m granian {app} --host 127.0.0.1 --port {port} --interface {interface} --loop uvloop --workers 1 "
    "--no-access-log --log-level warning"
)


@dataclass(frozen=True)
class Peer:
    """One row of the table."""

    name: str
    title: str
    run: str
    requires: tuple[str, ...] = ()
    tests: tuple[str, ...] = ALL
    app: str = ""
    interface: str = ""

    @property
    def port(self) -> int:
        """Where it listens: all peers run side by side, one of them under load at a time."""
        return FIRST_PORT + list(PEERS).index(self.name)

    def command(self, python: str) -> list[str]:
        """The command line that serves this peer on its port."""
        values = {"app": f"benchmarks.apps.{self.app}:app", "port": self.port, "interface": self.interface}
        values |= {"conf": str(FOLDER / "nginx.conf"), "folder": str(FOLDER)}
        return [word.format(python=python, **values) for word in self.run.split()]


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("ketch", "Ketch + uvicorn", UVICORN_RUN, ("-e", ".", *UVICORN, MSGSPEC), app="ketch_app"),
        Peer("uvicorn", "uvicorn, no framework", UVICORN_RUN, UVICORN, ("T1",), app="uvicorn_app"),
        Peer(
            "fastapi",
            "FastAPI + uvicorn",
            UVICORN_RUN,
            ("fastapi==0.165.0", "starlette==1.10.0", PYDANTIC, *UVICORN),
            app="fastapi_app",
        ),
        Peer(
            "starlette",
            "Starlette + uvicorn",
            UVICORN_RUN,
            ("starlette==1.10.0", MSGSPEC, *UVICORN),
            app="starlette_app",
        ),
        Peer("falcon", "Falcon ASGI + uvicorn", UVICORN_RUN, ("falcon==4.4.0", MSGSPEC, *UVICORN), app="falcon_asgi"),
        Peer(
            "falcon-wsgi",
            "Falcon WSGI + granian",
            GRANIAN_RUN + " --blocking-threads 1",
            ("falcon==4.4.0", MSGSPEC, *GRANIAN),
            app="falcon_wsgi",
            interface="wsgi",
        ),
        Peer(
            "flask",
            "Flask + granian",
            GRANIAN_RUN + " --blocking-threads 1",
            ("flask==3.1.3", PYDANTIC, *GRANIAN),
            app="flask_app",
            interface="wsgi",
        ),
        Peer(
            "granian",
            "granian RSGI, no framework",
            GRANIAN_RUN,
            GRANIAN,
            ("T1", "T2"),
            app="granian_rsgi",
            interface="rsgi",
        ),
        Peer("nginx", "nginx, return 200", "nginx -p {folder} -c {conf} -e stderr", tests=("T1", "T2")),
    )
}

NGINX_CONF = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  server {
    listen 127.0.0.1:%d;
    location = /plaintext { default_type text/plain; return 200 "Hello, World!"; }
    location = /json { default_type application/json; return 200 '{"message":"Hello, World!"}'; }
  }
}
"""


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
    dev = dev_script()
    found: str = dev.find_python(wanted or "3.13")
    if wanted and not found:
        sys.exit(f"no python{wanted} on this machine")
    return found or sys.executable


def prepare(peer: Peer, python: str) -> str:
    """Make the peer's environment if it is not there yet; its interpreter, or "" with a word if that cannot be."""
    if not peer.requires:
        return prepare_nginx(peer)
    dev = dev_script()
    venv = FOLDER / f"{peer.name}-{os.path.basename(os.path.dirname(os.path.dirname(python))) or 'python'}"
    stamp, key = venv / "stamp.json", [python, *peer.requires]
    if "-e" in peer.requires:
        key.append(hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest())
    if stamp.exists() and json.loads(stamp.read_text()) == key and dev.python_of(venv).exists():
        return str(dev.python_of(venv))
    print(f"preparing {peer.name}", file=sys.stderr, flush=True)
    FOLDER.mkdir(exist_ok=True)
    shutil.rmtree(venv, ignore_errors=True)
    try:
        if not (dev.output("uv", "--version") and dev.with_uv(venv, list(peer.requires), python)):
            dev.with_pip(venv, list(peer.requires), python)
    except SystemExit as exc:
        print(f"{peer.name} is left out: {exc}", file=sys.stderr)
        return ""
    stamp.write_text(json.dumps(key))
    return str(dev.python_of(venv))


def prepare_nginx(peer: Peer) -> str:
    """Write nginx's configuration; "" if there is no nginx (Debian: apt install nginx-light)."""
    path = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/sbin")
    if path is None:
        print(f"{peer.name} is left out: it is not installed (Debian: apt install nginx-light)", file=sys.stderr)
        return ""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "nginx.conf").write_text(NGINX_CONF % peer.port)
    return path
