"""What each peer costs before anybody asks: start to first answer, import, memory, a thousand routes.

Each is measured with nothing else running. The start is wall-clock time from the process's begin to the first whole
answer, on a core of its own; import and routes are CPU time of a fresh interpreter.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time

from benchmarks.accounting import memory_kib
from benchmarks.load import pinned
from benchmarks.measure import PeerFailed, clean_environ, start, stop, wait_until_it_answers
from benchmarks.peers import Peer
from benchmarks.places import ROOT

# With a thousand bodies of their own; the scripts stand beside the applications.
ROUTES = {"ketch": "thousand_ketch", "fastapi": "thousand_fastapi"}


def first_answer(peer: Peer, program: str) -> dict[str, float]:
    """Milliseconds to the first answer, and the memory of the tree right after it, in MiB."""
    with open(os.devnull, "w") as log:
        begun = time.monotonic()
        server = start(pinned(peer.command(program), 0), log.fileno(), {})
        try:
            wait_until_it_answers(server, peer.port, pause=0.002)
            taken = (time.monotonic() - begun) * 1000
            rss, pss = (memory_kib(server.pid, kind) / 1024 for kind in ("Rss", "Pss"))
        finally:
            stop(server)
    return {"start ms": taken, "start RSS MiB": rss, "start PSS MiB": pss}


def import_ms(peer: Peer, program: str) -> float | None:
    """Milliseconds of CPU time that importing the framework takes; None for peers without one."""
    if not peer.imports:
        return None
    source = f"import time; t = time.process_time(); import {peer.imports}; print((time.process_time() - t) * 1000)"
    return float(printed([program, "-c", source]))


def thousand_routes_s(peer: Peer, program: str) -> float | None:
    """Seconds of CPU time for 1,000 POST routes registered, frozen and documented; None where nobody wrote that."""
    if peer.name not in ROUTES:
        return None
    return float(printed([program, "-m", f"benchmarks.apps.{ROUTES[peer.name]}"]))


def printed(command: list[str]) -> str:
    """What a program prints. Raises `PeerFailed` with its last words."""
    done = subprocess.run(pinned(command, 0), env=clean_environ(), cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise PeerFailed(done.stderr.strip()[-300:])
    return done.stdout.strip()


def figures(peer: Peer, program: str) -> dict[str, float]:
    """All of them, once. A part that fails is left out: what it is about is measured elsewhere as well."""
    found: dict[str, float] = {}
    with contextlib.suppress(PeerFailed):
        found |= first_answer(peer, program)
    for name, part in (("import ms", import_ms), ("1,000 routes s", thousand_routes_s)):
        with contextlib.suppress(PeerFailed):
            value = part(peer, program)
            if value is not None:
                found[name] = value
    return found
