"""The `OpenAPI` extension: the document and its page as routes of the application.

The document is made when it is first asked for, in a thread, and kept as bytes: from then on an answer costs a
comparison of entity tags. Under a root path it names that path as its server, so that clients send requests there.
What makes documents and pages is imported then too, so that no application starts later because of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ketch.http.conditional import Conditions, Outcome
from ketch.http.problems import NotFound, PreconditionFailed
from ketch.http.request import Request
from ketch.http.response import HTMLResponse, Response
from ketch.http.threads import in_thread
from ketch.kernel.errors import SetupError
from ketch.kernel.garbage import uncollected

if TYPE_CHECKING:
    from ketch.openapi.assets import Assets
    from ketch.openapi.operation import Info, Operation

_MAX_ROOTS = 16


class Encoded(NamedTuple):
    """The document as it goes out, with its strong entity tag."""

    body: bytes
    etag: str


class Page(NamedTuple):
    """The page's HTML, and the Content-Security-Policy that it needs."""

    html: str
    policy: str


class OpenAPI:
    """Serves the API's document at `openapi_url` and its page at `docs_url`; None switches either off.

    `operations` and `info` are asked once, when the document is first needed; by default they are those of the
    application that this is an extension of. `swagger_ui` are parameters for Swagger UI
    (`{"persistAuthorization": True}`), `oauth` those of its `initOAuth` (`{"clientId": "..."}`). Without the package
    swagger-ui-py the page is a plain one of our own. Raises SetupError (KETCH-OPENAPI-002) for a URL that is no path.
    """

    name = "openapi"

    def __init__(
        self,
        *,
        openapi_url: str | None = "/openapi.json",
        docs_url: str | None = "/docs",
        operations: Callable[[], Iterable[Operation]] | None = None,
        info: Info | Callable[[], Info] | None = None,
        swagger_ui: Mapping[str, Any] | None = None,
        oauth: Mapping[str, Any] | None = None,
    ) -> None:
        self.openapi_url = openapi_url
        self.docs_url = docs_url if openapi_url is not None else None
        self.operations = operations
        self.info = info
        self._swagger_ui = dict(swagger_ui or {})
        self._oauth = oauth
        self._lock = threading.Lock()
        self._encoded: dict[str, Encoded] = {}
        self._page: Page | None = None
        self._assets: Assets | None = None
        for url in (openapi_url, docs_url):
            if url is not None and not url.startswith("/"):
                raise SetupError("KETCH-OPENAPI-002", f'"{url}" is not a path.', fix=f'Write "/{url}".')

    # --- what an extension has ----------------------------------------------------------------------------------------

    def setup(self, declare: Any) -> None:
        """Declares the routes; they are public and not in the document themselves."""
        from ketch.app.declare import RouteRecord
        from ketch.app.router import Router

        app = declare.app
        if self.operations is None:
            self.operations = lambda: _operations_of(app)
        if self.info is None:
            self.info = lambda: _info_of(app)
        router = Router(include_in_schema=False, public=True)
        for path, handler, name in self.routes():
            # Where a message about one of these routes points to: nobody wrote them but who made the application.
            router._record(RouteRecord(path, ("GET",), handler, {"name": name}, app.origin))
        declare.router(router)

    def routes(self) -> list[tuple[str, Callable[..., Any], str]]:
        """Path, handler and name of each route."""
        found: list[tuple[str, Callable[..., Any], str]] = []
        if self.openapi_url is not None:
            found.append((self.openapi_url, self.serve_document, "openapi"))
        if self.docs_url is not None:
            base = self.docs_url.rstrip("/")
            found.append((self.docs_url, self.serve_page, "docs"))
            found.append((f"{base}/assets/{{name}}", self.serve_asset, "docs.asset"))
            found.append((f"{base}/oauth2-redirect", self.serve_redirect, "docs.oauth2-redirect"))
        return found

    def check(self) -> None:
        """Raises SetupError (KETCH-OPENAPI-001) for an operation_id that two routes have."""
        from ketch.openapi.document import operation_ids

        operation_ids(list(self.operations() if self.operations is not None else ()))

    def describe(self) -> dict[str, Any]:
        """Where things are, and whether the page is the interactive one."""
        from ketch.openapi.assets import swagger_ui

        return {"document": self.openapi_url, "page": self.docs_url, "interactive": swagger_ui() is not None}

    # --- the document -------------------------------------------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """The OpenAPI document, built afresh, as plain data. Raises SetupError as `check` does."""
        from ketch.openapi.document import build
        from ketch.openapi.operation import Info

        with uncollected():
            info = self.info() if callable(self.info) else self.info
            return build(info or Info(), self.operations() if self.operations is not None else ())

    def encoded(self, root_path: str = "") -> Encoded:
        """The document as JSON for clients that reach the application under `root_path`. Built once."""
        import msgspec

        with self._lock:
            if "" not in self._encoded:
                self._encoded[""] = _tagged(msgspec.json.encode(self.document(), enc_hook=str))
            plain = self._encoded[""]
            if root_path in self._encoded:
                return self._encoded[root_path]
            if len(self._encoded) > _MAX_ROOTS:
                return plain
            # Where the author has said where the API is, a root path changes nothing.
            said = "servers" in msgspec.json.decode(plain.body, type=dict[str, msgspec.Raw])
            here = b',"servers":' + msgspec.json.encode([{"url": root_path}])
            self._encoded[root_path] = plain if said else _tagged(plain.body[:-1] + here + b"}")
            return self._encoded[root_path]

    async def serve_document(self, request: Request) -> Response:
        """GET of the document: conditional, and cheap from the second time on."""
        root = str(request.scope.get("root_path", "")).rstrip("/")
        found = self._encoded.get(root)
        if found is None:
            found = await in_thread(self.encoded, root)
        headers = {"etag": found.etag, "cache-control": "no-cache"}
        outcome = Conditions.of(request, request.method).evaluate(etag=found.etag, modified=None)
        if outcome is Outcome.FAILED:
            raise PreconditionFailed
        if outcome is Outcome.NOT_MODIFIED:
            return Response(None, 304, headers)
        return Response(found.body, 200, headers, "application/json")

    # --- the page -----------------------------------------------------------------------------------------------------

    async def serve_page(self, request: Request) -> Response:
        """GET of the page: Swagger UI, or the plain one."""
        from ketch.openapi.reference import with_address

        if self._page is None:
            self._page = await in_thread(self._render)
        html = with_address(self._page.html, request)
        return HTMLResponse(html, headers={"content-security-policy": self._page.policy, "cache-control": "no-cache"})

    async def serve_redirect(self, request: Request) -> Response:
        """GET of the page at the end of an OAuth 2 redirect."""
        from ketch.openapi.page import REDIRECT_POLICY, redirect_page

        html = redirect_page(self.docs_url or "/", await self._files())
        return HTMLResponse(html, headers={"content-security-policy": REDIRECT_POLICY})

    async def serve_asset(self, name: str) -> Response:
        """GET of a script or stylesheet, for ever the same under its name."""
        from ketch.http.files import FileResponse

        path = (await self._files()).find(name)
        if path is None:
            raise NotFound
        return FileResponse(path, headers={"cache-control": "public, max-age=31536000, immutable"})

    async def _files(self) -> Assets:
        if self._assets is None:
            self._assets = await in_thread(_load_assets)
        return self._assets

    def _render(self) -> Page:
        import msgspec

        from ketch.openapi.page import plain_page, swagger_page

        assets = self._assets = self._assets or _load_assets()
        document = msgspec.json.decode(self.encoded().body)
        urls = self.docs_url or "/", self.openapi_url or "/"
        if assets.interactive:
            return Page(*swagger_page(document, *urls, assets, self._swagger_ui, self._oauth))
        return Page(*plain_page(document, *urls, assets))


def _operations_of(app: Any) -> list[Operation]:
    from ketch.openapi.routes import operations_of

    return operations_of(app.runtime.routes)


def _info_of(app: Any) -> Info:
    from ketch.openapi.routes import info_of

    return info_of(app)


def _load_assets() -> Assets:
    from ketch.openapi.assets import Assets

    return Assets()


def _tagged(body: bytes) -> Encoded:
    from hashlib import sha256

    return Encoded(body, f'"{sha256(body).hexdigest()[:32]}"')
