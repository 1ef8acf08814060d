"""Who is measured: each peer's pinned packages and how it is started. `environments.py` installs, `measure.py` runs.

Every server gets one worker, uvloop where it supports it, no access log, keep-alive, and a port of its own on loopback.
The applications in `apps/` are written as each framework's own documentation writes them; where a framework leaves
validation to the user, with msgspec, the quickest there is, or with pydantic where that is what its users take.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass

from benchmarks.places import FOLDER, ROOT
from benchmarks.workloads import WORKLOADS, base, extra

FIRST_PORT = 18_090
ALL = tuple(WORKLOADS)

UVLOOP = "uvloop==0.23.0"
UVICORN = ("uvicorn==0.54.0", UVLOOP, "httptools==0.9.0", "websockets==17.4")
GRANIAN = ("granian==2.8.7", UVLOOP)
DJANGO = ("django==5.2.19", "gunicorn==27.0.1")
MSGSPEC = "msgspec==0.22.0"
PYDANTIC = "pydantic==2.14.3"
STARLETTE = "starlette==1.10.0"
FALCON = "falcon==4.4.0"

# In place of a requirement: a wheel of this very source tree, as `environments.py` builds it.
COMPILED, PURE = "<compiled wheel>", "<pure wheel>"

KETCH_RUN = "{python} -m ketch run {app} --host 127.0.0.1 --port {port} --workers {workers} --log-level warning"
UVICORN_RUN = (
    "{python} -m uvicorn {app} --host 127.0.0.1 --port {port} --loop uvloop --http httptools --workers {workers} "
    "--no-access-log --log-level warning"
)
GRANIAN_RUN = (
    "{python} -m granian {app} --host 127.0.0.1 --port {port} --loop uvloop --workers {workers} "
    "--no-access-log --log-level warning --interface "
)
GUNICORN_RUN = (
    "{python} -m gunicorn {app} --bind 127.0.0.1:{port} --worker-class gthread --threads 4 --workers {workers} "
    "--keep-alive 75 --timeout 0 --log-level warning"
)


@dataclass(frozen=True)
class Peer:
    """One row of the table.

    `tests` are the workloads it answers, `twins` the kinds of twin handlers it has beside them (`workloads.TWINS`),
    `extras` the tests with a suffix that a whole run measures without being asked. `imports` is the module whose import
    is timed.
    """

    name: str
    title: str
    run: str
    requires: tuple[str, ...] = ()
    app: str = ""
    tests: tuple[str, ...] = ALL
    twins: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()
    imports: str = ""

    @property
    def port(self) -> int:
        """Where it listens: all peers run side by side, one of them under load at a time."""
        return FIRST_PORT + list(PEERS).index(self.name)

    def command(self, python: str, workers: int = 1) -> list[str]:
        """The command line that serves this peer on its port."""
        values = {"app": f"benchmarks.apps.{self.app}:app", "port": self.port, "workers": workers}
        values |= {"conf": str(FOLDER / "nginx.conf"), "folder": str(FOLDER), "apps": str(ROOT / "benchmarks" / "apps")}
        return [word.format(python=python, **values) for word in self.run.split()]

    def takes(self, test: str) -> bool:
        """True if it can be asked this test."""
        return base(test) in self.tests and extra(test) in ("", "headers", *self.twins)

    def measured(self, test: str, *, asked: bool) -> bool:
        """True if a run measures it: all it can do where the test was asked for by name, else not every suffix."""
        return self.takes(test) and (asked or not extra(test) or test in self.extras)


AWAITING = tuple(f"{test}+await" for test in ALL)
DEFS = ("T3+def", "T4+def")

PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            "ketch",
            "Ketch",
            KETCH_RUN,
            (COMPILED, UVLOOP, MSGSPEC),
            "ketch_app",
            twins=("await", "def", "inline"),
            extras=("T1+headers", *AWAITING, *DEFS, "T3+inline", "T4+inline"),
            imports="ketch",
        ),
        Peer(
            "ketch-pure",
            "Ketch, not compiled",
            KETCH_RUN,
            (PURE, UVLOOP, MSGSPEC),
            "ketch_app",
            twins=("await", "def", "inline"),
            extras=("T1+headers",),
        ),
        Peer(
            "ketch-uvicorn",
            "Ketch + uvicorn",
            UVICORN_RUN,
            (COMPILED, MSGSPEC, *UVICORN),
            "ketch_app",
            twins=("await", "def", "inline"),
        ),
        Peer("uvicorn", "uvicorn, no framework", UVICORN_RUN, UVICORN, "uvicorn_app", ("T1",), imports="uvicorn"),
        Peer(
            "fastapi",
            "FastAPI + uvicorn",
            UVICORN_RUN,
            ("fastapi==0.165.0", STARLETTE, PYDANTIC, *UVICORN),
            "fastapi_app",
            twins=("def",),
            extras=DEFS,
            imports="fastapi",
        ),
        Peer(
            "starlette",
            "Starlette + uvicorn",
            UVICORN_RUN,
            (STARLETTE, MSGSPEC, *UVICORN),
            "starlette_app",
            imports="starlette.applications",
        ),
        Peer(
            "litestar",
            "Litestar + granian",
            GRANIAN_RUN + "asgi",
            ("litestar==2.25.0", MSGSPEC, *GRANIAN),
            "litestar_app",
            imports="litestar",
        ),
        Peer(
            "blacksheep",
            "BlackSheep + granian",
            GRANIAN_RUN + "asgi",
            ("blacksheep==2.6.4", PYDANTIC, *GRANIAN),
            "blacksheep_app",
            imports="blacksheep",
        ),
        Peer(
            "falcon",
            "Falcon ASGI + uvicorn",
            UVICORN_RUN,
            (FALCON, MSGSPEC, *UVICORN),
            "falcon_asgi",
            imports="falcon.asgi",
        ),
        Peer(
            "falcon-wsgi",
            "Falcon WSGI + granian",
            GRANIAN_RUN + "wsgi --blocking-threads 1",
            (FALCON, MSGSPEC, *GRANIAN),
            "falcon_wsgi",
            imports="falcon",
        ),
        Peer(
            "flask",
            "Flask + granian",
            GRANIAN_RUN + "wsgi --blocking-threads 1",
            ("flask==3.1.3", PYDANTIC, *GRANIAN),
            "flask_app",
            imports="flask",
        ),
        Peer("django", "Django + gunicorn", GUNICORN_RUN, (*DJANGO, PYDANTIC), "django_app", imports="django.urls"),
        Peer(
            "drf",
            "DRF + gunicorn",
            GUNICORN_RUN,
            (*DJANGO, "djangorestframework==3.18.3"),
            "drf_app",
        ),
        Peer(
            "django-bolt",
            "django-bolt (Rust)",
            "{python} {apps}/bolt/manage.py runbolt --host 127.0.0.1 --port {port} --processes {workers} --no-admin",
            ("django-bolt==0.13.0", "django==5.2.19", MSGSPEC, UVLOOP),
            twins=("await", "def"),
            extras=("T1+headers", *AWAITING),
            imports="django_bolt",
        ),
        Peer(
            "robyn",
            "Robyn (Rust)",
            "{python} -m benchmarks.apps.robyn_app {port} --processes 1 --workers {workers} --log-level ERROR",
            ("robyn==0.88.0", MSGSPEC),
            "robyn_app",
            imports="robyn",
        ),
        Peer(
            "aiohttp",
            "aiohttp",
            "{python} -m benchmarks.apps.aiohttp_app {port}",
            ("aiohttp==3.14.5", MSGSPEC, UVLOOP),
            "aiohttp_app",
            imports="aiohttp.web",
        ),
        Peer(
            "sanic",
            "Sanic",
            "{python} -m sanic {app} --host 127.0.0.1 --port {port} --single-process --no-access-logs --no-motd",
            ("sanic==25.12.1", MSGSPEC, UVLOOP),
            "sanic_app",
            imports="sanic",
        ),
        Peer(
            "granian",
            "granian RSGI, no framework",
            GRANIAN_RUN + "rsgi",
            GRANIAN,
            "granian_rsgi",
            ("T1", "T2"),
            imports="granian",
        ),
        Peer(
            "nginx",
            "nginx, return 200",
            "{python} -p {folder} -c {conf} -e stderr",
            tests=("T1", "T2"),
            extras=("T1+headers",),
        ),
    )
}


def supported(peer: Peer, version: str) -> bool:
    """False where a peer has no build for this interpreter (django-bolt wants CPython 3.12)."""
    numbers = tuple(int(part) for part in (version or platform.python_version()).split(".")[:2])
    return peer.name != "django-bolt" or numbers >= (3, 12)
