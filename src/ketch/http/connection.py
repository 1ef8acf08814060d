"""What an HTTP request and a WebSocket have in common: the view of one ASGI scope.

Everything is lazy: a connection costs its construction until something is asked for. This file reads no body, and knows
no route: the slots that routing and serving fill are only kept here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

from .cookies import parse_cookies
from .headers import Headers, header_values
from .limits import DEFAULT_LIMITS, Limits
from .percent import quote_path, quote_url
from .problems import BadRequest
from .querystring import read_plain
from .state import State
from .url import DEFAULT_PORTS, URL, QueryParams, not_text, parse_query, valid_host

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Address(NamedTuple):
    """The peer's address as the server saw it."""

    host: str
    port: int


class HTTPConnection:
    """Headers, URL, cookies, query and state of one connection; `Request` and `WebSocket` add what they do with it."""

    # PERF: no __slots__. Defaults that live on the class make a connection twice as cheap as filling twenty slots
    # (180 against 350 ns), and reading them costs the same.

    # Filled by routing and serving.
    head: Any = None  # what our own server parsed, as long as nobody has asked for the scope
    cut_off = False  # the client has gone, and the task was cancelled for it
    route: Any = None
    values: tuple[Any, ...] | None = None
    raw_values: tuple[str, ...] = ()
    codec: Any = None
    failure: BaseException | None = None
    broken: BaseException | None = None
    runtime: Any = None
    mount: Any = None
    closers: list[Callable[[], Any]] | None = None
    error_headers: list[tuple[bytes, bytes]] | None = None

    # Filled when first asked for.
    _path_params: dict[str, Any] | None = None
    _headers: Headers | None = None
    _cookies: dict[str, str] | None = None
    _query: dict[str, str] | None = None
    _pairs: list[tuple[str, str]] | None = None
    _query_params: QueryParams | None = None
    _state: State | None = None
    _url: URL | None = None

    def __init__(self, scope: Scope, receive: Receive, limits: Limits = DEFAULT_LIMITS) -> None:
        self.scope = scope
        self.receive = receive
        self.limits = limits

    # Headers

    @property
    def headers(self) -> Headers:
        """All headers, by name without regard to case."""
        if self._headers is None:
            self._headers = Headers(self.scope["headers"])
        return self._headers

    def header(self, name: bytes) -> str | None:
        """The first value of a header; `name` in lower case. Quicker than `headers` where one is wanted."""
        for header, value in self.scope["headers"]:
            if header == name:
                text: str = value.decode("latin-1")
                return text
        return None

    def says(self, name: bytes, value: bytes) -> bool:
        """Whether the first header of this name, in lower case, has exactly this value."""
        for header, given in self.scope["headers"]:
            if header == name:
                return bool(given == value)
        return False

    def header_list(self, name: bytes) -> list[str]:
        """Every value of a header, in the order sent; `name` in lower case."""
        return header_values(self.scope["headers"], name)

    @property
    def cookies(self) -> dict[str, str]:
        """Cookies by name. Raises RequestHeaderFieldsTooLarge over `limits.cookies`."""
        if self._cookies is None:
            # HTTP/2 may split the header into several (RFC 9113, section 8.2.3).
            header = "; ".join(self.header_list(b"cookie"))
            self._cookies = parse_cookies(header, max_cookies=self.limits.cookies) if header else {}
        return self._cookies

    # Query

    @property
    def query(self) -> dict[str, str]:
        """The last value of each query name. Raises BadRequest as `parse_query` does."""
        query = self._query
        if query is None:
            raw = self.query_string
            query = self._query = self._read_query(raw) if raw else {}
        return query

    @property
    def query_string(self) -> bytes:
        """The query as it was sent, without its question mark."""
        raw: bytes = self.scope["query_string"]
        return raw

    def _read_query(self, raw: bytes) -> dict[str, str]:
        try:
            query = read_plain(raw, self.limits.query_names)
        except UnicodeDecodeError:
            raise not_text() from None
        return dict(self._query_pairs()) if query is None else query

    def _query_pairs(self) -> list[tuple[str, str]]:
        if self._pairs is None:
            self._pairs = parse_query(self.query_string, max_fields=self.limits.query_names)
        return self._pairs

    def query_list(self, name: str) -> list[str]:
        """Every value of a query name, in the order sent. Raises BadRequest as `parse_query` does."""
        return [value for key, value in self._query_pairs() if key == name]

    @property
    def query_params(self) -> QueryParams:
        """The query as a multi-mapping. Raises BadRequest as `parse_query` does."""
        if self._query_params is None:
            self._query_params = QueryParams(self._query_pairs())
        return self._query_params

    # Where

    @property
    def url(self) -> URL:
        """The URL as the client wrote it, from the scope and a checked Host header; never from `X-Forwarded-*`.

        Path and query stay percent-encoded. Raises BadRequest if the Host header is missing a host, or is none.
        """
        if self._url is None:
            query = quote_url(self.scope["query_string"]).replace("#", "%23")
            self._url = URL(f"{self.origin}{self._encoded_path()}{'?' if query else ''}{query}")
        return self._url

    @property
    def base_url(self) -> URL:
        """The application's root, root path included, with a final slash."""
        root = quote_path(self.scope.get("root_path", "")).rstrip("/")
        return URL(f"{self.origin}{root}/")

    @property
    def origin(self) -> str:
        """Scheme and host, `https://example.org:8443`. Raises BadRequest for an invalid Host header."""
        return f"{self.scope.get('scheme', 'http')}://{self.host}"

    @property
    def host(self) -> str:
        """The Host header, checked; without one (HTTP/1.0) the server's address. Raises BadRequest if invalid."""
        hosts = self.header_list(b"host")
        if not hosts:
            return self._server_host()
        if len(hosts) > 1 or not valid_host(hosts[0]):
            raise BadRequest("The Host header is not a valid host.")
        return hosts[0]

    def _server_host(self) -> str:
        host, port = self.scope.get("server") or ("localhost", None)
        if ":" in host:
            host = f"[{host}]"
        if not valid_host(host):  # the path of a Unix socket
            return "localhost"
        if port is None or port == DEFAULT_PORTS.get(self.scope.get("scheme", "http")):
            return str(host)
        return f"{host}:{port}"

    def _encoded_path(self) -> str:
        raw = self.scope.get("raw_path")
        root = self.scope.get("root_path", "").rstrip("/")
        if raw:
            path = quote_url(raw.partition(b"?")[0].replace(b"#", b"%23"))
        else:
            path = quote_path(self.scope["path"])
        path = path if path.startswith("/") else f"/{path}"
        # ASGI's path includes the root path; some servers leave it out.
        inside = not root or self.scope["path"] == root or self.scope["path"].startswith(f"{root}/")
        return path if inside else f"{quote_path(root)}{path}"

    @property
    def client(self) -> Address | None:
        """The peer's address; None where the server has none (a Unix socket)."""
        client = self.scope.get("client")
        return Address(*client) if client else None

    @property
    def path_params(self) -> dict[str, Any]:
        """Path parameters by name, converted."""
        if self._path_params is None:
            names = getattr(self.route, "path_names", ())
            self._path_params = dict(zip(names, self.values or (), strict=False))
        return self._path_params

    @path_params.setter
    def path_params(self, params: dict[str, Any]) -> None:
        self._path_params = params

    def url_for(self, name: Any, /, **params: Any) -> URL:
        """The absolute URL of a route, by its name or its handler. Raises what the runtime's `url_path_for` raises."""
        if self.runtime is None:
            raise RuntimeError("url_for needs a running application: this request was built without one")
        root = quote_path(self.scope.get("root_path", "")).rstrip("/")
        return URL(f"{self.origin}{root}{self.runtime.url_path_for(name, **params)}")

    def rewrite(self, **entries: Any) -> None:
        """Correct entries of the scope, as middleware does that knows better than the server (behind a proxy)."""
        self.scope.update(entries)
        self._headers = self._url = None

    # What others have put here

    @property
    def app(self) -> Any:
        """The application that serves this connection."""
        return self._put_by("app", "the application")

    @property
    def session(self) -> Any:
        """The session's mapping. Raises RuntimeError if no session extension is installed."""
        return self._put_by("session", "a session extension")

    @property
    def user(self) -> Any:
        """Who is asking. Raises RuntimeError if no authentication is installed."""
        return self._put_by("user", "an authentication extension")

    def _put_by(self, name: str, installer: str) -> Any:
        try:
            return self.scope[name]
        except KeyError:
            raise RuntimeError(f"request.{name} is there only with {installer} installed") from None

    @property
    def state(self) -> State:
        """A bag for this request alone; starts with what the lifespan yielded."""
        if self._state is None:
            self._state = State(self.scope.setdefault("state", {}))
        return self._state

    def add_closer(self, closer: Callable[[], Any]) -> None:
        """Call `closer()` (awaited if it returns an awaitable) after the last byte of the response."""
        if self.closers is None:
            self.closers = []
        self.closers.append(closer)
