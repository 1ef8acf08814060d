"""Real applications of other frameworks beside routes of our own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ketch import App, Router
from ketch.middleware import CompressionMiddleware, CORSMiddleware, RequestIDMiddleware
from ketch.testing import TestClient
from tests.serving.foreign import LIFE, MAKERS

DEFAULTS = {"referrer-policy", "content-security-policy", "x-frame-options"}
LINES = "".join(f"{n:04}\n" for n in range(1_000))


@pytest.fixture(scope="module", params=MAKERS, ids=list(MAKERS))
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def client(name: str) -> Iterator[TestClient]:
    app = App()

    @app.get("/")
    async def home() -> str:
        return "ours"

    @app.get("/other/known")
    async def known() -> str:
        return "ours too"

    inner = Router(prefix="/a b")
    inner.mount("/deep", MAKERS[name]())
    app.mount("/other", MAKERS[name]())
    app.include_router(inner)
    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])
    app.add_middleware(RequestIDMiddleware)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "root"), [("/other", "/other"), ("/other/", "/other"), ("/a%20b/deep/", "/a%20b/deep")]
)
def test_the_root_of_the_mount_is_the_root_of_the_application(
    client: TestClient, name: str, path: str, root: str
) -> None:
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 200
    told = answer.json()
    assert told["who"] == name.partition("-")[0]
    assert told["url"].replace(" ", "%20") == f"http://testserver{root}/"
    assert told["echo"].replace(" ", "%20") == f"{root}/echo"


def test_our_routes_stay(client: TestClient) -> None:
    assert client.get("/").text == "ours"
    assert client.get("/other/known").text == "ours too"
    assert client.get("/elsewhere").headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("size", [0, 10, 3_000_000])
def test_bodies(client: TestClient, size: int) -> None:
    answer = client.post("/other/echo", content=b"x" * size, headers={"content-type": "text/x-own"})
    assert answer.json() == {"size": size, "type": "text/x-own"}


def test_bodies_without_a_length(client: TestClient, name: str) -> None:
    if name == "django-wsgi":
        pytest.skip("Django under WSGI reads no more than Content-Length says")
    answer = client.post("/other/echo", content=iter([b"x" * 100_000] * 5), headers={"content-type": "text/x-own"})
    assert answer.json()["size"] == 500_000


def test_uploads(client: TestClient) -> None:
    answer = client.post("/other/upload", files={"file": ("a.bin", b"x" * 2_000_000)})
    assert answer.json() == {"name": "a.bin", "size": 2_000_000}


def test_streams(client: TestClient) -> None:
    answer = client.get("/other/stream")
    assert answer.text == LINES
    assert "content-length" not in answer.headers


def test_head(client: TestClient, name: str) -> None:
    answer = client.head("/other/")
    # FastAPI and Falcon answer HEAD only where it was declared; the answer is theirs either way.
    assert answer.status_code == (200 if name in ("flask", "django-wsgi", "django-asgi") else 405)
    assert answer.content == b""


@pytest.mark.parametrize(("path", "status"), [("/other/missing", 404), ("/other/boom", 500)])
def test_errors_are_the_applications_own(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert "instance" not in answer.text  # no problem document of ours


@pytest.mark.parametrize("path", ["/other/", "/other/missing", "/other/boom"])
def test_headers(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"origin": "https://shop.example"})
    assert not DEFAULTS & set(answer.headers)
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["x-request-id"]
    assert "Origin" in answer.headers["vary"]


def test_lifespans(name: str) -> None:
    known = name in ("falcon-asgi", "fastapi")
    app = App()
    other: Any = MAKERS[name]()
    app.mount("/one", other)
    app.mount("/two", other)
    LIFE.clear()
    with TestClient(app) as client:
        assert client.get("/two/").status_code == client.get("/one/").status_code == 200
        assert ([f"{name.partition('-')[0]} started"] if known else []) == LIFE
        if name == "fastapi":
            assert client.get("/two/").json()["state"] == "by the lifespan"
    assert ([f"{name.partition('-')[0]} {what}" for what in ("started", "stopped")] if known else []) == LIFE


@pytest.mark.parametrize("framework", ["falcon-asgi", "fastapi"])
def test_websockets(framework: str) -> None:
    app = App()
    app.mount("/other", MAKERS[framework]())
    with TestClient(app) as client, client.websocket_connect("/other/ws") as ws:
        ws.send_text("hi")
        assert ws.receive_text() == f"{framework.partition('-')[0]} hi"


def test_compression_goes_around_mounts() -> None:
    app = App()
    app.mount("/other", MAKERS["flask"]())
    app.add_middleware(CompressionMiddleware, minimum_size=100)
    with TestClient(app) as client:
        answer = client.get("/other/stream", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text == LINES
