from __future__ import annotations

import asyncio
import base64
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ketch.app.application import App
from ketch.auth import (
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2,
    OAuth2AuthorizationCodeBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    OAuth2PasswordRequestFormStrict,
    OpenIdConnect,
    Security,
    SecurityScopes,
)
from ketch.binding.sources import Depends
from ketch.http.problems import Unauthorized
from ketch.http.request import Request
from ketch.testing import TestClient

BEARERS = [
    HTTPBearer,
    OAuth2,
    lambda **words: OAuth2PasswordBearer("token", **words),
    lambda **words: OAuth2AuthorizationCodeBearer("auth", "token", **words),
    lambda **words: OpenIdConnect(openIdConnectUrl="https://x.org/.well-known/openid-configuration", **words),
]
KEYS = [APIKeyHeader, APIKeyQuery, APIKeyCookie]


def ask(scheme: Any, *headers: tuple[str, str], query: str = "") -> Any:
    """What the scheme finds in a request."""

    async def receive() -> Any: ...

    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": query.encode(), "headers": raw}
    return asyncio.run(scheme(Request(scope, receive)))


def basic(text: str | bytes) -> tuple[str, str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return "Authorization", "Basic " + base64.b64encode(raw).decode()


@pytest.mark.parametrize("kind", BEARERS)
@pytest.mark.parametrize("value", ["Bearer abc.def", "bearer  abc.def ", "BEARER abc.def"])
def test_a_bearer_token(kind: Any, value: str) -> None:
    found = ask(kind(), ("Authorization", value))
    assert (found.credentials if isinstance(found, HTTPAuthorizationCredentials) else found) == "abc.def"


@pytest.mark.parametrize("kind", BEARERS)
@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("Authorization", ""),),
        (("Authorization", "Bearer"),),
        (("Authorization", "Bearer "),),
        (("Authorization", "Basic abc"),),
        (("Authorization", "abc"),),
        (("Authorization", "Bearer a"), ("Authorization", "Bearer b")),
    ],
)
def test_without_one_it_is_401_or_none(kind: Any, headers: Any) -> None:
    with pytest.raises(Unauthorized) as caught:
        ask(kind(), *headers)
    assert caught.value.headers == {"WWW-Authenticate": "Bearer"}
    assert ask(kind(auto_error=False), *headers) is None


def test_basic_credentials() -> None:
    assert ask(HTTPBasic(), basic("ann:pass:word")) == HTTPBasicCredentials("ann", "pass:word")
    assert ask(HTTPBasic(), basic("zoë:pässwörd ✓")) == HTTPBasicCredentials("zoë", "pässwörd ✓")
    assert ask(HTTPBasic(), basic(":")) == HTTPBasicCredentials("", "")


@pytest.mark.parametrize(
    "header",
    [
        basic("no colon"),
        basic(b"\xff\xfe:x"),
        basic("a:b\n"),
        basic("a\x00:b"),
        ("Authorization", "Basic !!!!"),
        ("Authorization", "Basic YTp"),
        ("Authorization", "Basic"),
    ],
)
@pytest.mark.parametrize("auto_error", [True, False])
def test_malformed_basic_credentials_are_401_in_any_case(header: tuple[str, str], auto_error: bool) -> None:
    with pytest.raises(Unauthorized) as caught:
        ask(HTTPBasic(auto_error=auto_error), header)
    assert caught.value.headers == {"WWW-Authenticate": 'Basic realm="api", charset="UTF-8"'}


def test_basic_without_credentials_and_its_realm() -> None:
    assert ask(HTTPBasic(auto_error=False)) is None
    assert ask(HTTPBasic(auto_error=False), ("Authorization", "Bearer x")) is None
    assert HTTPBasic(realm='my "own" \\').challenge == 'Basic realm="my \\"own\\" \\\\", charset="UTF-8"'


@given(value=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")))
def test_whatever_stands_in_authorization_is_found_or_401(value: str) -> None:
    for scheme in (HTTPBasic(), HTTPBearer(), OAuth2PasswordBearer("t"), OpenIdConnect(openIdConnectUrl="u")):
        for text in (value, f"Basic {value}", f"Bearer {value}"):
            try:
                assert ask(scheme, ("Authorization", text)) is not None
            except Unauthorized:
                pass


def test_api_keys() -> None:
    assert ask(APIKeyHeader(name="X-Key"), ("x-key", "k")) == "k"
    assert ask(APIKeyQuery(name="key"), query="key=k") == "k"
    assert ask(APIKeyCookie(name="key"), ("Cookie", "a=b; key=k")) == "k"


@pytest.mark.parametrize("kind", KEYS)
def test_without_a_key_it_is_401_or_none(kind: Any) -> None:
    with pytest.raises(Unauthorized) as caught:
        ask(kind(name="key"))
    assert caught.value.headers == {"WWW-Authenticate": "APIKey"}
    assert ask(kind(name="key", auto_error=False)) is None
    assert ask(kind(name="key", auto_error=False), ("key", ""), query="key=") is None


def test_what_documentation_reads() -> None:
    flow = {"tokenUrl": "token", "scopes": {"read": "Look"}}
    password = OAuth2PasswordBearer("token", scopes={"read": "Look"}, description="Log in")
    assert password.model == {"type": "oauth2", "flows": {"password": flow}, "description": "Log in"}
    assert password.scheme_name == "OAuth2PasswordBearer"
    code = OAuth2AuthorizationCodeBearer("auth", "token", refreshUrl="again", scheme_name="Login")
    assert code.scheme_name == "Login"
    assert code.model["flows"]["authorizationCode"] == {
        "authorizationUrl": "auth",
        "tokenUrl": "token",
        "refreshUrl": "again",
        "scopes": {},
    }
    assert HTTPBearer(bearerFormat="JWT").model == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    assert HTTPBasic().model == {"type": "http", "scheme": "basic"}
    assert APIKeyCookie(name="sid").model == {"type": "apiKey", "in": "cookie", "name": "sid"}
    assert OpenIdConnect(openIdConnectUrl="u").model == {"type": "openIdConnect", "openIdConnectUrl": "u"}
    assert OAuth2().model == {"type": "oauth2", "flows": {}}


def test_secrets_do_not_show_in_reprs() -> None:
    assert "hush" not in repr(HTTPBasicCredentials("ann", "hush")) + repr(
        HTTPAuthorizationCredentials("Bearer", "hush")
    )
    assert repr(HTTPBearer()) == "HTTPBearer()"


def test_scopes() -> None:
    assert SecurityScopes().scopes == []
    assert SecurityScopes(["a", "b"]).scope_str == "a b"
    assert "['a']" in repr(SecurityScopes(["a"]))


def make() -> App:
    app = App()
    bearer = OAuth2PasswordBearer("token", scopes={"read": "Look"})

    async def user(scopes: SecurityScopes, token: Annotated[str, Depends(bearer)]) -> str:
        return f"{token} {scopes.scope_str}"

    @app.post("/me")
    async def me(who: Annotated[str, Security(user, scopes=["read"])], body: dict[str, int]) -> str:
        return who

    @app.post("/token")
    async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, Any]:
        return {"user": form.username, "scopes": form.scopes, "client": form.client_id}

    @app.post("/strict")
    async def strict(form: Annotated[OAuth2PasswordRequestFormStrict, Depends()]) -> str:
        return str(form.grant_type)

    @app.get("/key", dependencies=[APIKeyHeader(name="X-Key")])
    async def key() -> str:
        return "in"

    return app


def test_in_an_application() -> None:
    with TestClient(make()) as client:
        answer = client.post("/me", json={"a": 1}, headers={"Authorization": "Bearer t"})
        assert answer.text == "t read"
        refused = client.post("/me", content=b"{not json")  # the guard comes before the body
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        assert refused.headers["content-type"] == "application/problem+json"
        assert client.get("/key").status_code == 401
        assert client.get("/key", headers={"X-Key": "k"}).text == "in"


def test_the_password_form() -> None:
    with TestClient(make()) as client:
        form = {"username": "ann", "password": "x", "scope": "read write"}
        answer = client.post("/token", data=form)
        assert answer.json() == {"user": "ann", "scopes": ["read", "write"], "client": None}
        assert client.post("/token", data={**form, "grant_type": "other"}).status_code == 422
        assert client.post("/token", data={"username": "ann"}).status_code == 422
        assert client.post("/strict", data=form).status_code == 422
        assert client.post("/strict", data={**form, "grant_type": "password"}).text == "password"
