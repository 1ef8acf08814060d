from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ketch.app.application import App
from ketch.kernel.errors import SetupError
from ketch.openapi import Info, OpenAPI, Operation
from ketch.testing import TestClient
from tests.openapi.harbour import make


@pytest.fixture
def client() -> Any:
    with TestClient(make()) as client:
        yield client


def test_the_document(client: Any) -> None:
    answer = client.get("/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.json()["openapi"] == "3.1.0"
    assert "/openapi.json" not in answer.json()["paths"]
    assert "servers" not in answer.json()


def test_the_document_is_conditional(client: Any) -> None:
    first = client.get("/openapi.json")
    tag = first.headers["etag"]
    assert tag.startswith('"')
    again = client.get("/openapi.json", headers={"if-none-match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert client.get("/openapi.json", headers={"if-none-match": '"other"'}).status_code == 200
    assert client.get("/openapi.json", headers={"if-match": '"other"'}).status_code == 412


def test_head(client: Any) -> None:
    body = client.get("/openapi.json").content
    answer = client.head("/openapi.json")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(body))


def test_the_document_is_built_once() -> None:
    built = []

    def operations() -> list[Operation]:
        built.append(1)
        return [Operation(method="GET", path="/x", name="x")]

    api = OpenAPI(operations=operations, info=lambda: Info(title="T"))
    with TestClient(App(extensions=[api])) as client:
        for path in ("/openapi.json", "/openapi.json", "/docs"):
            assert client.get(path).status_code == 200
        assert list(client.get("/openapi.json").json()["paths"]) == ["/x"]
    assert built == [1]


def test_under_a_root_path_it_names_that_path_as_its_server() -> None:
    api = OpenAPI(operations=lambda: [Operation(method="GET", path="/x", name="x")])
    assert api.encoded("/deep").etag != api.encoded().etag
    import msgspec

    assert msgspec.json.decode(api.encoded("/deep").body)["servers"] == [{"url": "/deep"}]
    for i in range(100):
        api.encoded(f"/root{i}")
    assert len(api._encoded) < 20  # a proxy that sends a different root each time costs no memory


def test_servers_that_somebody_has_named_stay() -> None:
    api = OpenAPI(info=Info(servers=("https://api.example.org",)))
    assert api.encoded("/deep") == api.encoded()


def call(app: Any, path: str, root_path: str) -> dict[str, Any]:
    """One GET as a server behind a prefix passes it on."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": root_path + path,
        "raw_path": (root_path + path).encode(),
        "query_string": b"",
        "root_path": root_path,
        "headers": [(b"host", b"example.org")],
    }
    asyncio.run(app(scope, receive, send))
    body = b"".join(m.get("body", b"") for m in sent)
    return {"status": sent[0]["status"], "headers": dict(sent[0]["headers"]), "body": body}


def test_root_path_over_asgi() -> None:
    import msgspec

    answer = call(make(), "/openapi.json", "/deep/root")
    assert msgspec.json.decode(answer["body"])["servers"] == [{"url": "/deep/root"}]


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_has_no_inline_code_and_says_so(client: Any) -> None:
    answer = client.get("/docs")
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<style" not in answer.text
    assert "<script>" not in answer.text
    assert 'data-document="openapi.json"' in answer.text
    assert "Harbour &amp; co" in answer.text


def asset_urls(page: str) -> list[str]:
    import re

    return re.findall(r'(?:src|href)="(docs/assets/[^"]+)"', page)


def test_assets_are_immutable_and_named_by_their_content(client: Any) -> None:
    urls = asset_urls(client.get("/docs").text)
    assert len(urls) == 5
    for url in urls:
        answer = client.get(f"/{url}")
        assert answer.status_code == 200, url
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-type"].partition(";")[0] in ("text/javascript", "text/css", "image/png")


@pytest.mark.parametrize("name", ["docs.js", "docs.0000000000000000.js", "..%2Fextension.py", "%2e%2e", "a%00b", "é"])
def test_other_names_are_404(client: Any, name: str) -> None:
    assert client.get(f"/docs/assets/{name}").status_code == 404


def test_the_redirect_page(client: Any) -> None:
    answer = client.get("/docs/oauth2-redirect")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert 'src="assets/oauth2-redirect.' in answer.text
    src = answer.text.partition('src="')[2].partition('"')[0]
    assert client.get(f"/docs/{src}").status_code == 200


def test_options_of_swagger_ui() -> None:
    api = OpenAPI(swagger_ui={"persistAuthorization": True}, oauth={"clientId": '"<x>'})
    with TestClient(App(extensions=[api])) as client:
        page = client.get("/docs").text
    assert "{&quot;persistAuthorization&quot;: true}" in page
    assert "&quot;clientId&quot;: &quot;\\&quot;&lt;x&gt;" in page


@pytest.mark.parametrize(
    ("words", "found", "missing"),
    [
        ({"openapi_url": "/api/v1.json", "docs_url": "/help"}, ["/api/v1.json", "/help"], ["/docs", "/openapi.json"]),
        ({"docs_url": None}, ["/openapi.json"], ["/docs"]),
        ({"openapi_url": None}, [], ["/docs", "/openapi.json"]),
        ({"openapi_url": None, "docs_url": None}, [], ["/docs", "/openapi.json"]),
        ({"docs_url": "/"}, ["/"], ["/docs"]),
    ],
)
def test_they_can_be_moved_or_switched_off(words: dict[str, Any], found: list[str], missing: list[str]) -> None:
    with TestClient(App(**words)) as client:
        assert [client.get(url).status_code for url in found] == [200] * len(found)
        assert [client.get(url).status_code for url in missing] == [404] * len(missing)


def test_a_page_elsewhere_finds_its_document() -> None:
    with TestClient(App(openapi_url="/api/v1.json", docs_url="/help/api")) as client:
        page = client.get("/help/api").text
    assert 'data-document="../api/v1.json"' in page
    assert 'src="api/assets/docs.' in page


@pytest.mark.parametrize("words", [{"openapi_url": "openapi.json"}, {"docs_url": "docs"}])
def test_a_url_that_is_no_path_is_a_mistake(words: dict[str, Any]) -> None:
    with pytest.raises(SetupError, match="KETCH-OPENAPI-002"):
        OpenAPI(**words)


def test_check_finds_an_id_given_twice() -> None:
    twice = [Operation(method="GET", path=path, options={"operation_id": "x"}) for path in ("/a", "/b")]
    with pytest.raises(SetupError, match="KETCH-OPENAPI-001"):
        OpenAPI(operations=lambda: twice).check()
    OpenAPI().check()


def test_describe() -> None:
    assert OpenAPI(docs_url=None).describe() == {"document": "/openapi.json", "page": None, "interactive": True}


# --- without Swagger UI ----------------------------------------------------------------------------------------------


def test_without_the_package_the_page_is_a_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ketch.openapi.assets.swagger_ui", lambda: None)
    with TestClient(make()) as client:
        answer = client.get("/docs")
        assert answer.status_code == 200
        assert "script" not in answer.headers["content-security-policy"]
        assert "<script" not in answer.text
        assert (
            "pip install &quot;ketch[standard]&quot;" in answer.text or 'pip install "ketch[standard]"' in answer.text
        )
        assert "curl -X POST 'http://testserver/orders'" in answer.text
        (css,) = asset_urls(answer.text)
        assert client.get(f"/{css}").headers["content-type"].startswith("text/css")


def test_swagger_uis_code_is_never_imported() -> None:
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from ketch.app.application import App\n"
        "from ketch.testing import TestClient\n"
        "with TestClient(App()) as client: assert client.get('/docs').status_code == 200\n"
        "assert 'swagger_ui' not in sys.modules and 'pydantic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_door_loads_the_extension_alone() -> None:
    import subprocess
    import sys

    code = (
        "import sys, ketch.openapi as door\n"
        "loaded = {m for m in sys.modules if m.startswith('ketch.openapi')}\n"
        "assert loaded == {'ketch.openapi', 'ketch.openapi.extension'}, loaded\n"
        "assert all(getattr(door, name) for name in door.__all__)\n"
        "try: door.nothing\n"
        "except AttributeError: pass\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_package_without_the_files_counts_as_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    from ketch.openapi.assets import swagger_ui

    (tmp_path / "swagger_ui").mkdir()
    (tmp_path / "swagger_ui" / "__init__.py").touch()
    assert swagger_ui() is not None
    monkeypatch.syspath_prepend(str(tmp_path))
    assert swagger_ui() is None
