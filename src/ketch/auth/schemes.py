"""Security schemes: callables that take a credential out of a request and describe themselves to the API's document.

    bearer = OAuth2PasswordBearer(tokenUrl="token")

    async def current_user(token: Annotated[str, Depends(bearer)]) -> User: ...

A scheme finds the credential; whether it is right is for whoever asked. What it does not find is a 401 with the
challenge that RFC 9110 (section 11.6.1) demands, or None with `auto_error=False`. As a dependency it runs as a guard
does: before the body is read. Documentation reads `scheme_name` and `model` (OpenAPI's Security Scheme Object).
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from ketch.binding.sources import Form
from ketch.http.connection import HTTPConnection
from ketch.http.problems import Unauthorized

Model = dict[str, Any]

_CONTROL = re.compile(r"[\x00-\x1f\x7f]").search  # RFC 7617, section 2


class HTTPAuthorizationCredentials(msgspec.Struct, frozen=True):
    """What stands in `Authorization: <scheme> <credentials>`."""

    scheme: str
    credentials: str

    def __repr__(self) -> str:
        return f"HTTPAuthorizationCredentials(scheme={self.scheme!r})"  # tracebacks and logs show reprs


class HTTPBasicCredentials(msgspec.Struct, frozen=True):
    """A user name and a password.

    Compare neither with `==`, which takes longer the more is right: use `hmac.compare_digest` on their UTF-8 bytes, or
    better, verify the password against a hash.
    """

    username: str
    password: str

    def __repr__(self) -> str:
        return f"HTTPBasicCredentials(username={self.username!r})"


class SecurityScheme:
    """Base: `scheme_name` is the name in the document, `model` its OpenAPI object, `challenge` for a 401."""

    challenge = "Bearer"

    def __init__(
        self, model: Mapping[str, Any], scheme_name: str | None, description: str | None, auto_error: bool
    ) -> None:
        said = {**model, "description": description}
        self.model: Model = {name: value for name, value in said.items() if value is not None}
        self.scheme_name = scheme_name or type(self).__name__
        self.auto_error = auto_error

    def unauthorized(self, detail: str = "Not authenticated.") -> Unauthorized:
        """The 401 of this scheme, for whoever finds the credential wrong: `raise scheme.unauthorized("...")`."""
        return Unauthorized(detail, headers={"WWW-Authenticate": self.challenge})

    def _refuse_nothing(self) -> None:
        """There is no credential: a 401, unless the anonymous are let through."""
        if self.auto_error:
            raise self.unauthorized()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def _authorization(request: HTTPConnection) -> tuple[str, str]:
    """The scheme in lower case and the credentials; two empty texts without a usable header.

    Two Authorization headers are none: which one a proxy in front has looked at cannot be known.
    """
    found = request.header_list(b"authorization")
    if len(found) != 1:
        return "", ""
    scheme, _, credentials = found[0].strip(" \t").partition(" ")
    return scheme.lower(), credentials.strip(" \t")


# --- HTTP -------------------------------------------------------------------------------------------------------------


class HTTPBearer(SecurityScheme):
    """`Authorization: Bearer <token>` (RFC 6750): gives HTTPAuthorizationCredentials."""

    def __init__(
        self,
        *,
        bearerFormat: str | None = None,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        model = {"type": "http", "scheme": "bearer", "bearerFormat": bearerFormat}
        super().__init__(model, scheme_name, description, auto_error)

    async def __call__(self, request: HTTPConnection) -> HTTPAuthorizationCredentials | None:
        scheme, credentials = _authorization(request)
        if scheme != "bearer" or not credentials:
            self._refuse_nothing()
            return None
        return HTTPAuthorizationCredentials("Bearer", credentials)


class HTTPBasic(SecurityScheme):
    """`Authorization: Basic <base64>` (RFC 7617), UTF-8: gives HTTPBasicCredentials."""

    def __init__(
        self,
        *,
        scheme_name: str | None = None,
        realm: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__({"type": "http", "scheme": "basic"}, scheme_name, description, auto_error)
        quoted = (realm or "api").replace("\\", "\\\\").replace('"', '\\"')
        self.challenge = f'Basic realm="{quoted}", charset="UTF-8"'

    async def __call__(self, request: HTTPConnection) -> HTTPBasicCredentials | None:
        scheme, credentials = _authorization(request)
        if scheme != "basic":
            self._refuse_nothing()
            return None
        try:
            text = binascii.a2b_base64(credentials, strict_mode=True).decode()
        except ValueError:  # binascii.Error and UnicodeDecodeError are both
            raise self.unauthorized("The credentials are not what the Basic scheme asks for.") from None
        username, colon, password = text.partition(":")
        if not colon or _CONTROL(text):
            raise self.unauthorized("The credentials are not what the Basic scheme asks for.")
        return HTTPBasicCredentials(username, password)


# --- API keys ---------------------------------------------------------------------------------------------------------


class _APIKey(SecurityScheme):
    challenge = "APIKey"  # no registered scheme fits; RFC 9110 demands some challenge

    def __init__(
        self, place: str, name: str, scheme_name: str | None, description: str | None, auto_error: bool
    ) -> None:
        super().__init__({"type": "apiKey", "in": place, "name": name}, scheme_name, description, auto_error)
        self.name = name

    def _found(self, key: str | None) -> str | None:
        if not key:
            self._refuse_nothing()
        return key or None


class APIKeyHeader(_APIKey):
    """A key in the header `name`. Compare it with `hmac.compare_digest`."""

    def __init__(
        self, *, name: str, scheme_name: str | None = None, description: str | None = None, auto_error: bool = True
    ) -> None:
        super().__init__("header", name, scheme_name, description, auto_error)
        self._header = name.lower().encode("latin-1")

    async def __call__(self, request: HTTPConnection) -> str | None:
        return self._found(request.header(self._header))


class APIKeyQuery(_APIKey):
    """A key in the query, under `name`. URLs end up in logs and histories: prefer a header."""

    def __init__(
        self, *, name: str, scheme_name: str | None = None, description: str | None = None, auto_error: bool = True
    ) -> None:
        super().__init__("query", name, scheme_name, description, auto_error)

    async def __call__(self, request: HTTPConnection) -> str | None:
        return self._found(request.query.get(self.name))


class APIKeyCookie(_APIKey):
    """A key in the cookie `name`. Browsers send it by themselves, so unsafe requests need protection from forgery."""

    def __init__(
        self, *, name: str, scheme_name: str | None = None, description: str | None = None, auto_error: bool = True
    ) -> None:
        super().__init__("cookie", name, scheme_name, description, auto_error)

    async def __call__(self, request: HTTPConnection) -> str | None:
        return self._found(request.cookies.get(self.name))


# --- OAuth 2 and OpenID Connect ---------------------------------------------------------------------------------------


class OAuth2(SecurityScheme):
    """OAuth 2 with any `flows` (OpenAPI's OAuth Flows Object): gives the bearer token."""

    def __init__(
        self,
        *,
        flows: Mapping[str, Mapping[str, Any]] | None = None,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        super().__init__({"type": "oauth2", "flows": dict(flows or {})}, scheme_name, description, auto_error)

    async def __call__(self, request: HTTPConnection) -> str | None:
        scheme, token = _authorization(request)
        if scheme != "bearer" or not token:
            self._refuse_nothing()
            return None
        return token


class OAuth2PasswordBearer(OAuth2):
    """A bearer token that was got for a password at `tokenUrl` (RFC 6749, 4.3); `scopes` maps names to descriptions."""

    def __init__(
        self,
        tokenUrl: str,
        scheme_name: str | None = None,
        scopes: Mapping[str, str] | None = None,
        description: str | None = None,
        auto_error: bool = True,
        refreshUrl: str | None = None,
    ) -> None:
        flow = _flow(tokenUrl=tokenUrl, refreshUrl=refreshUrl, scopes=dict(scopes or {}))
        super().__init__(
            flows={"password": flow}, scheme_name=scheme_name, description=description, auto_error=auto_error
        )


class OAuth2AuthorizationCodeBearer(OAuth2):
    """A bearer token that was got with an authorization code (RFC 6749, 4.1)."""

    def __init__(
        self,
        authorizationUrl: str,
        tokenUrl: str,
        refreshUrl: str | None = None,
        scheme_name: str | None = None,
        scopes: Mapping[str, str] | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        flow = _flow(
            authorizationUrl=authorizationUrl, tokenUrl=tokenUrl, refreshUrl=refreshUrl, scopes=dict(scopes or {})
        )
        super().__init__(
            flows={"authorizationCode": flow}, scheme_name=scheme_name, description=description, auto_error=auto_error
        )


def _flow(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


class OpenIdConnect(SecurityScheme):
    """OpenID Connect by its discovery document: gives the bearer token, which is the application's to verify."""

    def __init__(
        self,
        *,
        openIdConnectUrl: str,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        model = {"type": "openIdConnect", "openIdConnectUrl": openIdConnectUrl}
        super().__init__(model, scheme_name, description, auto_error)

    async def __call__(self, request: HTTPConnection) -> str | None:
        scheme, token = _authorization(request)
        if scheme != "bearer" or not token:
            self._refuse_nothing()
            return None
        return token


_SECRET = msgspec.Meta(extra_json_schema={"format": "password"})


class OAuth2PasswordRequestForm:
    """The form of a token request with a password (RFC 6749, 4.3.2): `Annotated[OAuth2PasswordRequestForm, Depends()]`.

    `scopes` is `scope` split at spaces. `grant_type` may be left out or empty (None); else it is "password".
    """

    def __init__(
        self,
        *,
        grant_type: Annotated[str, Form(pattern="^(password)?$")] = "",
        username: Annotated[str, Form()],
        password: Annotated[str, Form(), _SECRET],
        scope: Annotated[str, Form()] = "",
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form(), _SECRET] = None,
    ) -> None:
        self.grant_type = grant_type or None
        self.username = username
        self.password = password
        self.scopes = scope.split()
        self.client_id = client_id
        self.client_secret = client_secret


class OAuth2PasswordRequestFormStrict(OAuth2PasswordRequestForm):
    """The same with `grant_type=password` required, as the letter of RFC 6749 has it."""

    def __init__(
        self,
        *,
        grant_type: Annotated[str, Form(pattern="^password$")],
        username: Annotated[str, Form()],
        password: Annotated[str, Form(), _SECRET],
        scope: Annotated[str, Form()] = "",
        client_id: Annotated[str | None, Form()] = None,
        client_secret: Annotated[str | None, Form(), _SECRET] = None,
    ) -> None:
        super().__init__(
            grant_type=grant_type,
            username=username,
            password=password,
            scope=scope,
            client_id=client_id,
            client_secret=client_secret,
        )
