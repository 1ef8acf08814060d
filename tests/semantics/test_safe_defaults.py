"""Safe defaults: headers, cookies, redirects, file names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ketch import (
    App,
    FileResponse,
    HTMLResponse,
    HTTPException,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    UploadFile,
)
from ketch.testing import TestClient

CSP = "object-src 'none'; base-uri 'self'; frame-ancestors 'self'"


def quiet(**options: Any) -> App:
    return App(openapi_url=None, docs_url=None, **options)


@pytest.fixture
def client(tmp_path: Any) -> Any:
    app = quiet()
    file = tmp_path / "page.html"
    file.write_text("<p>page</p>")

    async def outside(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"mounted"})

    app.mount("/mounted", outside)
    app.static("/static", tmp_path)

    @app.get("/json")
    async def json() -> dict[str, int]:
        return {"a": 1}

    @app.get("/none")
    async def none() -> None: ...

    @app.get("/page")
    async def page() -> HTMLResponse:
        return HTMLResponse("<p>")

    @app.get("/own")
    async def own() -> HTMLResponse:
        mine = {
            "content-security-policy": "default-src 'self'",
            "referrer-policy": "no-referrer",
            "x-frame-options": "DENY",
        }
        return HTMLResponse("<p>", headers=mine)

    @app.get("/stream")
    async def stream() -> AsyncIterator[int]:
        yield 1

    @app.get("/raw-stream")
    async def raw_stream() -> StreamingResponse:
        return StreamingResponse(iter([b"<p>"]), media_type="text/html")

    @app.get("/file")
    async def send_file() -> FileResponse:
        return FileResponse(file)

    @app.get("/redirect")
    async def redirect() -> RedirectResponse:
        return RedirectResponse("/json")

    @app.get("/crash")
    async def crash() -> None:
        raise ValueError

    @app.get("/refuse")
    async def refuse() -> None:
        raise HTTPException(409)

    with TestClient(app, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.mark.parametrize(
    "path",
    [
        *("/json", "/none", "/page", "/own", "/stream", "/raw-stream", "/file", "/redirect", "/crash", "/refuse"),
        *("/nowhere", "/json/", "/static/page.html", "/static/nothing"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_every_response(client: TestClient, path: str, method: str) -> None:
    """Every response: `X-Content-Type-Options: nosniff`, `Referrer-Policy`."""
    response = client.request(method, path)
    assert response.headers.get_list("x-content-type-options") == ["nosniff"]
    assert len(response.headers.get_list("referrer-policy")) == 1


def test_html_also(client: TestClient) -> None:
    """HTML also: `Content-Security-Policy: object-src 'none'; base-uri 'self'; frame-ancestors 'self'` and
    X-Frame-Options. ... A header already present is never replaced; mounted applications get none."""
    for path in ("/page", "/raw-stream", "/file", "/static/page.html"):
        response = client.get(path)
        assert response.headers["content-security-policy"] == CSP, path
        assert response.headers["x-frame-options"] == "SAMEORIGIN"
    own = client.get("/own")
    assert own.headers.get_list("content-security-policy") == ["default-src 'self'"]
    assert own.headers.get_list("referrer-policy") == ["no-referrer"]
    assert own.headers.get_list("x-frame-options") == ["DENY"]
    mounted = client.get("/mounted/x")
    assert mounted.text == "mounted"
    assert set(mounted.headers) == {"content-type"}
    assert "content-security-policy" not in client.get("/json").headers


def test_304_keeps_them(client: TestClient) -> None:
    """Every response: `X-Content-Type-Options: nosniff`, `Referrer-Policy`. (also 304)"""
    first = client.get("/file")
    again = client.get("/file", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-content-type-options"] == "nosniff"


def test_cookies() -> None:
    """`set_cookie` defaults to HttpOnly, SameSite=Lax, Secure over https."""
    app = quiet()

    @app.get("/")
    async def show(response: Response) -> str:
        response.set_cookie("a", "1")
        response.set_cookie("b", "2", httponly=False, samesite="strict", max_age=60, path="/x")
        response.set_cookie("c", "3", secure=False)
        response.delete_cookie("d")
        return "x"

    @app.get("/host")
    async def host(response: Response) -> str:
        response.set_cookie("__Host-a", "1")
        return "x"

    with TestClient(app) as client:
        a, b, c, d = client.get("/").headers.get_list("set-cookie")
        assert a == "a=1; Path=/; HttpOnly; SameSite=Lax"
        assert b.startswith("b=2; ") and "HttpOnly" not in b and "SameSite=Strict" in b and "Max-Age=60" in b
        assert "Secure" not in a + b + c + d and "Max-Age=0" in d
        assert "Secure" in client.get("/host").headers["set-cookie"]
    with TestClient(app, base_url="https://testserver") as client:
        a, b, c, d = client.get("/").headers.get_list("set-cookie")
        assert "Secure" in a and "Secure" in b and "Secure" not in c


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/there", 307),
        ("there?x=1", 307),
        ("http://testserver/there", 307),
        ("https://evil.example/", 400),
        ("//evil.example/", 400),
        ("/\\evil.example/", 400),
        ("\\\\evil.example/", 400),
        ("http://testserver@evil.example/", 400),
        ("javascript:alert(1)", 400),
        ("\thttps://evil.example/", 400),
    ],
)
def test_redirects(target: str, status: int) -> None:
    """`RedirectResponse` to another origin needs `external=True`."""
    app = quiet()

    @app.get("/")
    async def go(request: Request, external: bool = False) -> RedirectResponse:
        return RedirectResponse(target, external=external)

    with TestClient(app, follow_redirects=False) as client:
        assert client.get("/").status_code == status
        if status == 400 and target.startswith("https"):
            assert client.get("/?external=1").headers["location"] == target


@pytest.mark.parametrize(
    ("sent", "clean"),
    [
        ("a.png", "a.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ann\\a.png", "a.png"),
        ("/abs/a.png", "a.png"),
        ("..", ""),
    ],
)
def test_file_names(sent: str, clean: str) -> None:
    """`UploadFile.filename` is the clean last component, `raw_filename` what the client said."""
    app = quiet()

    @app.post("/")
    async def upload(file: UploadFile) -> list[str | None]:
        return [file.filename, file.raw_filename]

    with TestClient(app) as client:
        name, raw = client.post("/", files={"file": (sent, b"x")}).json()
        assert raw == (sent if ":" not in sent else "a.png")  # the parser knows what old Windows browsers sent
        assert (name or "") == clean or (clean == "" and "/" not in name and name not in ("", ".", ".."))
