"""What Ketch itself costs, without a server: microseconds per request for each workload, in one process.

    python benchmarks/profile_ketch.py                 # all five, and an empty ASGI application for comparison
    python benchmarks/profile_ketch.py T3 --profile    # where the time of T3 goes (cProfile)
    python benchmarks/profile_ketch.py T3 --source     # the printed function of the route, if there is one

The application is called as a server calls it: a fresh scope and a fresh `receive` per request, a `send` that only
counts, inside one running loop (uvloop where it is installed). The figure is CPU time (`time.process_time_ns`), the
best and the median of several interleaved rounds, because the machine is shared. It is for looking at the
framework's own share quickly; what is quoted comes from `./dev bench`.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import importlib
import importlib.util
import os
import pstats
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent)]

from benchmarks.workloads import BROWSER_HEADERS, WORKLOADS, Answer, Call  # noqa: E402

ASGIApp = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
MORE = {"type": "http.disconnect"}


def load(name: str) -> ASGIApp:
    """The ASGI application `app` of `benchmarks/apps/<name>.py`."""
    return importlib.import_module(f"benchmarks.apps.{name}").app  # type: ignore[no-any-return]


def scope_maker(call: Call, headers: bool) -> Callable[[], dict[str, Any]]:
    """A function that makes the scope uvicorn would make for `call`, fresh each time."""
    path, _, query = call.target.partition("?")
    raw = [(b"host", b"127.0.0.1:8000"), *((k.encode(), v.encode()) for k, v in call.headers)]
    if call.body:
        raw.append((b"content-length", str(len(call.body)).encode()))
    if headers:
        raw += [(k.encode(), v.encode()) for k, v in BROWSER_HEADERS]
    asgi = {"version": "3.0", "spec_version": "2.3"}
    state: dict[str, Any] = {}
    raw_path, raw_query = path.encode(), query.encode()

    def make() -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": asgi,
            "http_version": "1.1",
            "server": ("127.0.0.1", 8000),
            "client": ("127.0.0.1", 54321),
            "scheme": "http",
            "method": call.method,
            "root_path": "",
            "path": path,
            "raw_path": raw_path,
            "query_string": raw_query,
            "headers": raw.copy(),
            "state": state.copy(),
        }

    return make


def receiver(body: bytes) -> Callable[[], Awaitable[dict[str, Any]]]:
    """A `receive` for one request: the body at once, then the disconnect."""
    given = False

    async def receive() -> dict[str, Any]:
        nonlocal given
        if given:
            return MORE
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def answer(app: ASGIApp, call: Call) -> Answer:
    """Ask once and collect the answer, to see that it is right before it is timed."""
    status, headers, body = 0, {}, b""

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, headers, body
        if message["type"] == "http.response.start":
            status = message["status"]
            headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
        elif message["type"] == "http.response.body":
            body += message.get("body", b"")

    await app(scope_maker(call, False)(), receiver(call.body), send)
    return Answer(status, headers, body)


async def spin(app: ASGIApp, call: Call, count: int, headers: bool) -> float:
    """CPU microseconds per request over `count` requests."""
    make, body = scope_maker(call, headers), call.body

    async def send(message: dict[str, Any]) -> None:
        pass

    started = time.process_time_ns()
    for _ in range(count):
        await app(make(), receiver(body), send)
    return (time.process_time_ns() - started) / count / 1000


async def lifespan(app: ASGIApp, stop: asyncio.Event, ready: asyncio.Event) -> None:
    """Run the application's lifespan beside the requests; an application without one is fine too."""
    messages = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        kind = next(messages)
        if kind == "lifespan.shutdown":
            await stop.wait()
        return {"type": kind}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "lifespan.startup.failed":
            print(message.get("message", ""), file=sys.stderr)
        ready.set()

    try:
        await app({"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}, receive, send)
    finally:
        ready.set()


async def check(app: ASGIApp, names: list[str]) -> list[str]:
    """The workloads of `names` that this application answers correctly; the others are named on stderr."""
    good = []
    for name in names:
        workload = WORKLOADS[name]
        got = await answer(app, workload.call)
        refused = [(call, await answer(app, call)) for call in workload.refused]
        accepted = [call.target for call, reply in refused if not 400 <= reply.status < 500]
        if not workload.correct(got):
            print(f"{name}: wrong answer {got.status} {got.body[:200]!r}", file=sys.stderr)
        elif accepted:
            print(f"{name}: bad input accepted or crashed: {accepted}", file=sys.stderr)
        else:
            good.append(name)
    return good


async def measure(options: argparse.Namespace) -> None:
    """Check, then time the asked workloads in interleaved rounds, then print the table."""
    app, empty = load(options.app), load("uvicorn_app")
    stop, ready = asyncio.Event(), asyncio.Event()
    running = asyncio.create_task(lifespan(app, stop, ready))
    await ready.wait()
    names = await check(app, options.tests)
    cases: dict[str, tuple[ASGIApp, Call]] = {"empty": (empty, WORKLOADS["T1"].call)}
    cases |= {name: (app, WORKLOADS[name].call) for name in names}
    times: dict[str, list[float]] = {name: [] for name in cases}
    for case in cases.values():
        await spin(*case, 200, options.headers)
    for _ in range(options.rounds):
        for name, case in cases.items():
            gc.collect()
            times[name].append(await spin(*case, options.count, options.headers))
    floor = min(times["empty"])
    print(f"{'':8}{'best':>8}{'median':>8}{'above empty':>13}   microseconds of CPU per request")
    for name, values in times.items():
        above = "" if name == "empty" else f"{min(values) - floor:13.2f}"
        print(f"{name:8}{min(values):8.2f}{statistics.median(values):8.2f}{above}")
    if options.profile:
        for name in names:
            await profile(app, name, options.count)
    stop.set()
    await running


async def profile(app: ASGIApp, name: str, count: int) -> None:
    """Print where the time of one workload goes."""
    profiler = cProfile.Profile()
    profiler.enable()
    await spin(app, WORKLOADS[name].call, count, False)
    profiler.disable()
    print(f"\n{name}: calls and seconds over {count} requests")
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(25)


def show_sources() -> None:
    """Print every function that the binding printer made (they live in linecache)."""
    import linecache

    for filename, entry in linecache.cache.items():
        if filename.startswith("<") and len(entry) == 4:
            print(f"# {filename}")
            print("".join(entry[2]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tests", nargs="*", default=[], metavar="TEST", help="T1 to T5; all when none is named")
    parser.add_argument("--app", default="ketch_app", help="another file of benchmarks/apps (an ASGI one)")
    parser.add_argument("--count", type=int, default=5000, help="requests a round (default 5000)")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default 7)")
    parser.add_argument("--headers", action="store_true", help="add ten headers as a browser sends them")
    parser.add_argument("--profile", action="store_true", help="cProfile each workload afterwards")
    parser.add_argument("--source", action="store_true", help="print the functions the printer made")
    parser.add_argument("--asyncio", action="store_true", help="the standard event loop instead of uvloop")
    options = parser.parse_args()
    options.tests = [name.upper() for name in options.tests] or list(WORKLOADS)
    if unknown := [name for name in options.tests if name not in WORKLOADS]:
        parser.error(f"unknown workload {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    os.environ.setdefault("KETCH_ENV", "production")
    factory = None
    if not options.asyncio and importlib.util.find_spec("uvloop"):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(measure(options))
    if options.source:
        show_sources()


if __name__ == "__main__":
    main()
