"""The peers side by side, interleaved, in one run: `./dev bench [PEERS=a,b] [TESTS=T1,T3+headers] [ROUNDS=3]`.

Without PEERS, TESTS and PARTS everything is measured and the committed results are replaced (about eleven minutes,
after the environments were made once). Otherwise a part of it, in about a minute, written to `.bench/last/`.

    PEERS=django-bolt,nginx   TESTS=T1,T4+await   PARTS=load,alone,idle,workers,tail   names: ./dev bench LIST=1
    ROUNDS=2  SECONDS=2 (a load)  PYTHON=3.13 (every peer's interpreter)  STRICT=1 (exit 1 if a target is missed)
    PUBLISH=1 replaces the committed results by a part, 0 does not; `last` measures nothing and takes `.bench/last/`,
              `again` writes tables and chart anew from `results.json` (after a change of the report)
    AWAKE=1   keeps the load's core awake, so that slower servers do not pay for waking it (README.md)
    PREPARE=1 only makes the environments
    PROFILE=1 where the microseconds go (where.py); by default Ketch's and nginx's, T1 and T4
    MICRO=1   the parts of Ketch one at a time, compiled and not (micro.py)
"""

from __future__ import annotations

import datetime
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.environments import CannotPrepare, interpreter, own_version, prepare, version_of
from benchmarks.load import core_awake
from benchmarks.parts import alone_part, idle_part, load_part, tail_part, workers_part
from benchmarks.peers import COMPILED, PEERS, PURE, Peer
from benchmarks.places import FOLDER
from benchmarks.publish import publish, write
from benchmarks.report import markdown
from benchmarks.results import Results, machine
from benchmarks.targets import verdicts
from benchmarks.where import profiles
from benchmarks.workloads import EXTRAS, WORKLOADS, base, extra

# In this order: what wants a quiet machine first; the half load needs the load's rates.
PARTS = {"alone": alone_part, "load": load_part, "tail": tail_part, "workers": workers_part, "idle": idle_part}
DEFAULTS = {
    "PEERS": "",
    "TESTS": "",
    "PARTS": "",
    "ROUNDS": "2",
    "SECONDS": "2",
    "PYTHON": "",
    "PUBLISH": "",
    "STRICT": "",
    "LIST": "",
    "PREPARE": "",
    "AWAKE": "",
    "MICRO": "",
    "PROFILE": "",
}


def settings(arguments: list[str]) -> dict[str, str]:
    """NAME=value arguments over the defaults; anything else ends with a word."""
    found = dict(DEFAULTS)
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name.upper() not in DEFAULTS or not equals:
            sys.exit(f"{argument!r}: expected one of {', '.join(f'{name}=' for name in DEFAULTS)}\n\n{__doc__}")
        found[name.upper()] = value
    for name in ("ROUNDS", "SECONDS"):
        if not found[name].isdigit() or int(found[name]) < 1:
            sys.exit(f"{name}={found[name]!r}: a whole number from 1")
    return found


def chosen(text: str, known: list[str], what: str) -> list[str]:
    """The names in a comma list, each known."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            sys.exit(f"no {what} named {name!r}; there are {', '.join(known)}")
    return names


def named_tests(text: str) -> list[str]:
    """The tests in a comma list: workloads, perhaps with a suffix."""
    names = [name.strip().replace("t", "T", 1) if name.strip()[:1] == "t" else name.strip() for name in text.split(",")]
    for name in names:
        if name and (base(name) not in WORKLOADS or extra(name) not in ("", *EXTRAS)):
            sys.exit(f"no test named {name!r}; there are {', '.join(WORKLOADS)}, each also with +{', +'.join(EXTRAS)}")
    return [name for name in names if name]


def all_tests(peers: list[Peer]) -> list[str]:
    """What a run measures that was not asked for tests by name."""
    every = [*WORKLOADS, *(f"{name}+{suffix}" for suffix in EXTRAS for name in WORKLOADS)]
    return [test for test in every if any(peer.measured(test, asked=False) for peer in peers)]


def names() -> str:
    """Everything that can be asked for."""
    suffixes = ", ".join(f"+{suffix}" for suffix in EXTRAS)
    return f"peers: {', '.join(PEERS)}\ntests: {', '.join(WORKLOADS)}, also with {suffixes}\nparts: {', '.join(PARTS)}"


def main() -> None:
    given = settings(sys.argv[1:])
    if given["LIST"]:
        sys.exit(names())
    kept = {"last": FOLDER / "last", "again": Path(__file__).parent}.get(given["PUBLISH"])
    if kept is not None:
        publish(Results.from_json((kept / "results.json").read_text("utf-8")))
        return
    if given["MICRO"]:
        micro(interpreter(given["PYTHON"]))
        return
    if given["PROFILE"]:
        given["PEERS"], given["TESTS"] = given["PEERS"] or "ketch,nginx", given["TESTS"] or "T1,T4"
    whole = not (given["PEERS"] or given["TESTS"] or given["PARTS"])
    peers = [PEERS[name] for name in chosen(given["PEERS"], list(PEERS), "peer")] or list(PEERS.values())
    tests = named_tests(given["TESTS"]) or all_tests(peers)
    parts = chosen(given["PARTS"], list(PARTS), "part") or (list(PARTS) if whole else ["load"])
    python = interpreter(given["PYTHON"])
    results = Results(version_of(python), int(given["ROUNDS"]), int(given["SECONDS"]), tests, machine())
    results.date = datetime.datetime.now(datetime.UTC).strftime("%d %B %Y")
    if shutil.which("wrk") is None:
        results.generator = "our own generator with 64 connections (slower than wrk)"
        say("WARNING: wrk is not installed (Debian: apt install wrk); our own generator is slower")
    programs = prepared(peers, python, results)
    if given["PREPARE"]:
        return
    if given["PROFILE"]:
        profiles(programs, tests, results.seconds)
        return
    results.generator += ", its core kept awake" * bool(given["AWAKE"])
    for name in sorted(parts, key=list(PARTS).index):
        say(f"--- {name}")
        with core_awake(bool(given["AWAKE"]) and name in ("load", "tail")):
            PARTS[name](programs, results, asked=bool(given["TESTS"]))
    finish(results, given, whole=whole)


def micro(python: str) -> None:
    """`micro.py` in the environment of each of Ketch's two wheels."""
    for name in ("ketch", "ketch-pure"):
        print(f"\n=== {PEERS[name].title}\n", flush=True)
        subprocess.run([prepare(PEERS[name], python), str(Path(__file__).with_name("micro.py"))], check=True)


def prepared(peers: list[Peer], python: str, results: Results) -> dict[str, str]:
    """The peers that can be measured here, each with its program."""
    found: dict[str, str] = {}
    for peer in peers:
        try:
            found[peer.name] = prepare(peer, python)
        except CannotPrepare as exc:
            results.leave_out(peer.name, exc)
            say(f"{peer.name} is left out: {exc}")
        else:
            results.versions[peer.name] = versions(peer, python)
    return found


def versions(peer: Peer, python: str) -> list[str]:
    """The pinned packages; of Ketch which wheel it is; what a program that is no package says of itself."""
    own = [own_version(python, pure=line == PURE) for line in peer.requires if line in (COMPILED, PURE)]
    if peer.requires:
        return [*own, *(line for line in peer.requires if line not in (COMPILED, PURE))]
    path = shutil.which(peer.name) or shutil.which(peer.name, path="/usr/sbin:/sbin:/usr/local/sbin")
    return [subprocess.run([path, "-v"], capture_output=True, text=True).stderr.strip()] if path else []


def finish(results: Results, given: dict[str, str], *, whole: bool) -> None:
    """Write, show, judge."""
    if given["PUBLISH"] == "1" or (whole and given["PUBLISH"] != "0"):
        publish(results)
    else:
        write(results, FOLDER / "last")
    print(markdown(results))
    if given["STRICT"] and not all(found.reached for found in verdicts(results)):
        sys.exit(1)


def say(text: str) -> None:
    """One line to the person who waits."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
