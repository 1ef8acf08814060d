"""What it costs to begin: the import, the first answer, a thousand routes.

All figures are CPU time of a process of its own, the best of several, because a stall of a shared machine is not a cost
of ours. They are printed beside their aims, which are those of a quiet machine; only twice an aim fails.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from typing import Annotated

import pytest

from ketch import App, Field, Struct
from ketch.testing import TestClient
from tests.soak.telling import tell

pytestmark = [pytest.mark.soak, pytest.mark.serial]

IMPORT_MS = 80
FIRST_ANSWER_MS = 200
ROUTES_MS = 500
TOLERANCE = 2.0

IMPORT = "import time; t = time.process_time(); import ketch; print((time.process_time() - t) * 1000)"

HELLO = """
import asyncio
from ketch import App
app = App()

@app.get("/hello/{name}")
async def hello(name: str) -> dict[str, str]:
    return {"message": name}

async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}

async def send(message):
    if message["type"] == "http.response.start":
        assert message["status"] == 200, message

scope = {"type": "http", "method": "GET", "path": "/hello/ada", "raw_path": b"/hello/ada", "query_string": b"",
         "headers": [(b"host", b"localhost")], "scheme": "http", "http_version": "1.1", "root_path": "",
         "asgi": {"version": "3.0"}, "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 5)}
asyncio.run(app(scope, receive, send))
import time
print(time.process_time() * 1000)  # the interpreter's own start included
"""

ROUTES = """
import asyncio, time
from typing import Annotated
from ketch import App, Field, Struct

def register(app, number):
    class Body(Struct):
        name: Annotated[str, Field(min_length=1)]
        price: float
        tags: list[str] = []

    Body.__name__ = Body.__qualname__ = f"Body{number}"

    async def handler(item_id: int, body: Body) -> Body:
        return body

    handler.__annotations__ = {"item_id": int, "body": Body, "return": Body}
    handler.__name__ = f"handler_{number}"
    app.post(f"/things{number}/{{item_id}}")(handler)

sent = []

async def receive():
    return {"type": "http.request", "body": b"", "more_body": False}

async def send(message):
    sent.append(message)

scope = {"type": "http", "method": "GET", "path": "/openapi.json", "raw_path": b"/openapi.json", "query_string": b"",
         "headers": [(b"host", b"localhost")], "scheme": "http", "http_version": "1.1", "root_path": "",
         "asgi": {"version": "3.0"}, "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 5)}

times = [time.process_time()]
app = App()
for number in range(1000):
    register(app, number)
times.append(time.process_time())
app.runtime
times.append(time.process_time())
asyncio.run(app(scope, receive, send))
times.append(time.process_time())

import json
document = json.loads(b"".join(message.get("body", b"") for message in sent))
assert len(document["paths"]) == 1000 and len(document["components"]["schemas"]) >= 1000
print(*[(after - before) * 1000 for before, after in zip(times, times[1:])])
"""


def printed(source: str) -> list[float]:
    """The numbers that a fresh interpreter prints."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("KETCH_")}
    done = subprocess.run([sys.executable, "-c", source], env=environ, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split()]


def judge(what: str, times: list[float], aim: float) -> None:
    """Print the best and the median; only far above the aim is a failure."""
    tell(f"{what}: best {min(times):.0f} ms, median {statistics.median(times):.0f}, aim {aim:.0f}")
    assert min(times) <= aim * TOLERANCE


def test_import_of_the_core() -> None:
    judge("import ketch, 10 times", [printed(IMPORT)[0] for _ in range(10)], IMPORT_MS)


def test_start_to_first_answer() -> None:
    judge("start to first answer, 10 times", [printed(HELLO)[0] for _ in range(10)], FIRST_ANSWER_MS)


def test_a_thousand_routes_are_registered_frozen_and_documented() -> None:
    """POST routes with a path parameter, a body type of their own and a typed result, as a large application has."""
    runs = sorted((printed(ROUTES) for _ in range(5)), key=sum)
    register, freeze, describe = runs[0]
    tell(f"the best: register {register:.0f} ms, freeze {freeze:.0f}, document {describe:.0f}")
    judge("1,000 POST routes, 5 times", [sum(run) for run in runs], ROUTES_MS)


def many_routes(count: int) -> App:
    """An application with that many parametrised routes."""
    app = App()

    class Body(Struct):
        name: Annotated[str, Field(min_length=1)]

    def register(number: int) -> None:
        @app.post(f"/things{number}/{{item_id}}", name=f"thing{number}")
        async def handler(item_id: int, body: Body) -> Body:
            return body

    for number in range(count):
        register(number)
    return app


def test_a_request_costs_the_same_among_many_routes() -> None:
    def best(client: TestClient, target: str) -> float:
        times = []
        for _ in range(5):
            started = time.process_time()
            for _ in range(100):
                assert client.post(target, json={"name": "a"}).status_code == 200
            times.append((time.process_time() - started) / 100)
        return min(times)

    with TestClient(many_routes(10)) as few, TestClient(many_routes(2_000)) as many:
        among_few, among_many = best(few, "/things9/7"), best(many, "/things1999/7")
    tell(
        f"a request through the client among 10 routes {among_few * 1e6:.0f} us, among 2,000 {among_many * 1e6:.0f} us"
    )
    assert among_many < among_few * 1.5
