"""Other applications below a prefix: any ASGI or WSGI application, with its lifespan.

`MountedApp` is the mount, made at start-up. A request that belongs to it is answered with `Mounted`, a WebSocket with
`MountedSocket`: responses whose way out is to let the mounted application speak for itself. It gets no default header,
no error page and no limit of ours; what middleware put on the response is added when the application begins to answer.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from ketch.http.defaults import Base
from ketch.http.headers import MutableHeaders
from ketch.http.response import Response
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ketch.http.connection import Receive, Send
    from ketch.http.headers import RawHeaders

SWITCHING_PROTOCOLS = 101

# By the ASGI specification `path` holds the whole path and `root_path` its beginning. These look for their routes in
# `path` as it is, and join the two where they build a URL.
_READ_PATH_AS_IS = ("falcon.",)


class MountedApp:
    """One mounted application. Raises SetupError (KETCH-APP-009) for what is neither ASGI nor WSGI.

    `strip_prefix=True` leaves the prefix out of `scope["path"]`, for applications that ignore `root_path`; by default
    that is done for those known to need it. `route` and `socket_route` hold the guards and the middleware of the
    Routers around the mount, if there are any.
    """

    def __init__(self, app: Any, origin: Origin, *, strip_prefix: bool | None = None) -> None:
        self.app = app
        self.origin = origin
        self.route: Any = None
        self.socket_route: Any = None
        self.state: dict[str, Any] = {}
        self.wsgi = not is_asgi(app, origin)
        self.strip_prefix = _reads_path_as_is(app) if strip_prefix is None else strip_prefix
        if self.wsgi:
            from ketch.serving.wsgi_mount import WSGIMount

            self.call: Any = WSGIMount(app)
        else:
            self.call = app

    async def serve(self, scope: Any, receive: Receive, send: Send, prefix: str, rest: str) -> None:
        """Hand a connection on, with the prefix moved from the path to the root path."""
        await self.call(self._scope_below(scope, prefix, rest), receive, send)

    def _scope_below(self, scope: Any, prefix: str, rest: str) -> dict[str, Any]:
        inner = dict(scope)
        root = inner["root_path"] = scope.get("root_path", "").rstrip("/") + prefix
        path: str = scope["path"]
        if not path.startswith(f"{root}/"):  # the server left its root path out, or the mount itself was asked for
            path = root + (rest or "/")
        inner["path"] = path[len(root) :] if self.strip_prefix and not self.wsgi else path
        if self.state or "state" in scope:
            inner["state"] = {**scope.get("state", {}), **self.state}
        return inner

    def lifespan(self) -> AbstractAsyncContextManager[Any]:
        """The mounted application's own start and stop; what it yields is the state of its connections."""
        from ketch.serving.mount_lifespan import running

        self.state.clear()
        return running(None if self.wsgi else self.app, self.state)


def is_asgi(app: Any, origin: Origin) -> bool:
    """True for ASGI, False for WSGI, by signature: three parameters or a coroutine, against two."""
    target = app if inspect.isroutine(app) else getattr(type(app), "__call__", None)  # noqa: B004 (its signature is wanted)
    if target is None or not callable(app):
        raise _not_an_app(app, origin)
    if inspect.iscoroutinefunction(target):
        return True
    try:
        parameters = [p for p in inspect.signature(app).parameters.values() if p.default is p.empty]
    except (TypeError, ValueError):
        return False
    count = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)
    if count not in (2, 3) and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise _not_an_app(app, origin)
    return count == 3


def _not_an_app(app: Any, origin: Origin) -> SetupError:
    return SetupError(
        "KETCH-APP-009",
        f"{type(app).__name__} cannot be mounted.",
        places=[Place("mounted", origin)],
        why="It is neither an ASGI application (scope, receive, send) nor a WSGI one (environ, start_response).",
    )


def _reads_path_as_is(app: Any) -> bool:
    return any(kind.__module__.startswith(_READ_PATH_AS_IS) for kind in type(app).__mro__)


# --- answers ----------------------------------------------------------------------------------------------------------


class _Added(MutableHeaders):
    """Headers for a response that is not there yet: those that were set replace the application's own, those that were
    only put beside others, or given as a default, do not."""

    __slots__ = ("replacing",)

    def __init__(self, raw: RawHeaders) -> None:
        super().__init__(raw)
        self.replacing: set[bytes] = set()

    def __setitem__(self, key: str, value: str) -> None:
        super().__setitem__(key, value)
        self.replacing.add(key.lower().encode("latin-1"))


class Mounted(Response):
    """What a mount answers to a request."""

    has_length = False

    def __init__(self, hit: Any) -> None:
        super().__init__()
        self._base = Base()  # no default headers: the mounted application decides
        self.hit = hit

    @property
    def headers(self) -> MutableHeaders:
        """What is to be added to the application's own headers."""
        if self._headers is None:
            self._headers = _Added(self.raw_headers)
        return self._headers

    def merged(self, own: RawHeaders) -> RawHeaders:
        """The application's own headers and what was added here: cookies and Vary are joined, the rest goes by name."""
        raw = list(own)
        headers = MutableHeaders(raw)
        replacing = self._headers.replacing if isinstance(self._headers, _Added) else set()
        present = {name.lower() for name, _ in own}
        for name, value in self._raw or ():
            if name == b"vary":
                for word in value.decode("latin-1").split(","):
                    headers.add_vary(word.strip())
            elif name == b"set-cookie" or name not in present:
                raw.append((name, value))
            elif name in replacing:
                headers[name.decode("latin-1")] = value.decode("latin-1")
        return raw

    def _adding(self, send: Send, begins: str) -> Send:
        if not self._raw:
            return send

        async def add(message: Any) -> None:
            if message["type"] == begins:
                own = [(name.lower(), value) for name, value in message.get("headers") or ()]
                message = {**message, "headers": self.merged(own)}
            await send(message)

        return add

    async def send(self, send: Any, request: Any, *, head: bool = False) -> None:
        """Hand the connection on, below the mount's prefix."""
        hit = self.hit
        receive, adding = request.replayed(), self._adding(send, "http.response.start")
        await hit.target.serve(request.scope, receive, adding, hit.prefix, hit.rest)


class MountedSocket(Mounted):
    """What a mount answers to a WebSocket's handshake: the middleware around it sees that it may proceed."""

    def __init__(self, hit: Any) -> None:
        super().__init__(hit)
        self.status_code = SWITCHING_PROTOCOLS

    async def serve(self, scope: Any, receive: Receive, send: Send) -> None:
        """Hand the connection on, from the handshake to its end."""
        hit = self.hit
        both = self._adding(self._adding(send, "websocket.accept"), "websocket.http.response.start")
        await hit.target.serve(scope, receive, both, hit.prefix, hit.rest)
