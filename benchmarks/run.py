"""The peers side by side, interleaved, in one run: `./dev bench [PEERS=a,b] [TESTS=T1,T3+headers] [ROUNDS=3]`.

Further settings: SECONDS=3 (a load), PYTHON=3.13 (every peer's interpreter), OUTPUT=file.md, STRICT=1 (exit code 1 if a
target is missed). Names of peers and tests: `./dev bench LIST=1`. Needs wrk (Debian: apt install wrk).
"""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from benchmarks.measure import PeerFailed, measure, memory_mib, running  # noqa: E402
from benchmarks.peers import PEERS, Peer, interpreter, prepare  # noqa: E402
from benchmarks.report import Results, markdown, verdicts  # noqa: E402
from benchmarks.workloads import WORKLOADS  # noqa: E402

DEFAULTS = {
    "PEERS": ",".join(PEERS),
    "TESTS": ",".join(WORKLOADS),
    "ROUNDS": "3",
    "SECONDS": "3",
    "PYTHON": "",
    "OUTPUT": str(HERE / "results.md"),
    "STRICT": "",
    "LIST": "",
}


def settings(arguments: list[str]) -> dict[str, str]:
    """NAME=value arguments over the defaults; anything else ends with a word."""
    found = dict(DEFAULTS)
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name.upper() not in DEFAULTS or not equals:
            sys.exit(f"{argument!r}: expected one of {', '.join(f'{name}=' for name in DEFAULTS)}\n\n{__doc__}")
        found[name.upper()] = value
    return found


def chosen(text: str, known: list[str], what: str) -> list[str]:
    """The names in a comma list, each known (a test may carry `+headers`)."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        base, plus, extra = name.partition("+")
        if base not in known or (plus and (what != "test" or extra != "headers")):
            sys.exit(f"no {what} named {name!r}; there are {', '.join(known)}")
    return names


def rounds(peers: dict[str, int], results: Results) -> None:
    """Load one peer at a time, test by test, round after round, so that a slow minute of the machine hits them all."""
    for number in range(results.rounds):
        print(f"round {number + 1} of {results.rounds}", file=sys.stderr, flush=True)
        for test in results.tests:
            names = [name for name in peers if test.partition("+")[0] in PEERS[name].tests]
            turn = number % len(names) if names else 0
            for name in names[turn:] + names[:turn]:
                if name not in results.out:
                    one_load(PEERS[name], peers[name], test, results, warm=number == 0)


def one_load(peer: Peer, pid: int, test: str, results: Results, *, warm: bool) -> None:
    """One sample; a peer that fails under load is out with everything it had."""
    try:
        sample = measure(pid, peer.port, test, results.seconds, warm=warm)
    except PeerFailed as exc:
        leave_out(peer, exc, results)
        return
    results.samples.setdefault(peer.name, {}).setdefault(test, []).append(sample)
    print(f"  {peer.name:12} {test:12} {sample.cpu_us:8.1f} us  {sample.rps:8.0f}/s", file=sys.stderr, flush=True)


def leave_out(peer: Peer, reason: Exception, results: Results) -> None:
    """Note why a peer is out of the table."""
    print(f"{peer.name} is out: {reason}", file=sys.stderr, flush=True)
    results.out[peer.name] = str(reason)
    results.samples.pop(peer.name, None)


def main() -> None:
    given = settings(sys.argv[1:])
    if given["LIST"]:
        sys.exit(f"peers: {', '.join(PEERS)}\ntests: {', '.join(WORKLOADS)}, each also as T1+headers")
    for needed in ("wrk", "taskset"):
        if shutil.which(needed) is None:
            sys.exit(f"{needed} is not installed (Debian: apt install wrk util-linux)")
    peers = [PEERS[name] for name in chosen(given["PEERS"], list(PEERS), "peer")]
    tests = chosen(given["TESTS"].replace("t", "T"), list(WORKLOADS), "test")
    python = interpreter(given["PYTHON"])
    version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.split()[-1]
    results = Results(version or platform.python_version(), int(given["ROUNDS"]), int(given["SECONDS"]), tests)
    ready = {peer.name: path for peer in peers if (path := prepare(peer, python))}
    with contextlib.ExitStack() as stack:
        started = {}
        for name, path in ready.items():
            asked = [test for test in tests if test.partition("+")[0] in PEERS[name].tests]
            try:
                started[name] = stack.enter_context(running(PEERS[name], path, asked))
            except (PeerFailed, OSError) as exc:
                leave_out(PEERS[name], exc, results)
        rounds(started, results)
        results.memory = {name: memory_mib(pid) for name, pid in started.items()}
    text = markdown(results)
    output = Path(given["OUTPUT"])
    output.write_text(text, "utf-8")
    output.with_suffix(".json").write_text(json.dumps(results.as_json(), indent=1) + "\n", "utf-8")
    print(text)
    if given["STRICT"] and not all(reached for _, reached in verdicts(results)):
        sys.exit(1)


if __name__ == "__main__":
    main()
