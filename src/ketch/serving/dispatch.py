"""From a path to a route: the innermost layer of the application's onion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketch.http.headers import header_values
from ketch.http.percent import quote_path, quote_url
from ketch.http.problems import BadRequest, HTTPException, MethodNotAllowed, NotFound
from ketch.http.response import Response
from ketch.routing.entry import WEBSOCKET, Miss, MissKind, MountHit
from ketch.serving.failures import answer
from ketch.serving.mounts import Mounted

if TYPE_CHECKING:
    from ketch.http.request import Request
    from ketch.serving.route import ServedRoute


class Dispatch:
    """`await dispatch(request)`: the response of the route that matches, or of its Router for 404 and 405."""

    __slots__ = ("find", "hosts", "match_raw", "owners", "runtime", "table")

    def __init__(self, runtime: Any) -> None:
        self.runtime = runtime
        self.table = runtime.table
        self.match_raw = runtime.table.match_raw
        self.find = runtime.table.shortcut.find  # nothing where hosts count
        self.owners = runtime.owners
        self.hosts = runtime.has_hosts

    async def __call__(self, request: Request) -> Response:
        """Raises only what nobody has a handler for."""
        head = request.head
        if head is not None and not self.hosts:
            method = head.method
            # As a client's method it is no more than an unknown word.
            found = self.match_raw(method if method != WEBSOCKET else "", head.raw_path)
        else:
            scope = request.scope
            method = scope["method"]
            found = find_route(self.table, method if method != WEBSOCKET else "", scope, self.hosts)
        kind = type(found)
        if kind is tuple:
            route, values, raw = found
            request.route = route
            request.values = values
            request.raw_values = raw
            if route.limits is not None:
                request.limits = route.limits
            response: Response = await route.entry(request)
            return response
        if kind is MountHit:
            return await self._mounted(found, request)
        return await self._missed(found, request)

    def straight(self, request: Request) -> ServedRoute | None:
        """The route of an ordinary request, for an application without middleware; otherwise None, and `__call__`
        finds out why. PERF: one coroutine less."""
        head = request.head
        if head is not None:
            method, raw_path = head.method, head.raw_path
        else:
            scope = request.scope
            method, raw_path = scope["method"], scope.get("raw_path")
            if not raw_path or scope.get("root_path"):
                return None
        found = self.find(method, raw_path) if method != WEBSOCKET else None
        if found is None:
            return None
        route: ServedRoute
        route, request.values, request.raw_values = found
        request.route = route
        if route.limits is not None:
            request.limits = route.limits
        return route

    async def _mounted(self, hit: MountHit[Any], request: Request) -> Response:
        """Another application's answer, behind the guards and the middleware of the Routers around the mount."""
        route = hit.target.route
        if route is None:
            return Mounted(hit)
        request.route, request.mount = route, hit
        response: Response = await route.entry(request)
        return response

    async def _missed(self, miss: Miss, request: Request) -> Response:
        """404, 405, OPTIONS and the other slash form: inside the middleware of the Router whose prefix it is."""
        path = _below_root(request.scope["path"], request.scope.get("root_path", ""))
        owner = self.owners.find(path) if self.owners is not None else None
        if owner is None:
            return await self._answer_miss(miss, request, None)
        return await owner.around(lambda inner: self._answer_miss(miss, inner, owner))(request)  # type: ignore[no-any-return]

    async def _answer_miss(self, miss: Miss, request: Request, owner: Any) -> Response:
        if miss.kind is MissKind.OPTIONS:
            return Response(None, 204, headers={"allow": ", ".join(miss.allow)})
        if miss.kind is MissKind.REDIRECT:
            return _other_slash(miss.redirect, request)
        return await answer(_refusal(miss, request), request, owner or self.runtime.outside)


def find_route(table: Any, method: str, scope: Any, hosts: bool) -> Any:
    """What the table says: by the raw path where the server gives it, so that each segment is decoded once."""
    raw_path = scope.get("raw_path")
    root = scope.get("root_path")
    host = _host_of(scope) if hosts else ""
    if raw_path and not root:
        return table.match_raw(method, raw_path, host)
    if raw_path and root:
        quoted = quote_path(root).rstrip("/").encode()
        if raw_path == quoted or raw_path.startswith(quoted + b"/"):
            return table.match_raw(method, raw_path[len(quoted) :] or b"/", host)
    return table.match(method, _below_root(scope["path"], root or ""), host)


def _refusal(miss: Miss, request: Request) -> HTTPException:
    if miss.kind is MissKind.METHOD_NOT_ALLOWED:
        return MethodNotAllowed(f"{request.method} is not possible here.", allow=miss.allow)
    if miss.kind is MissKind.MALFORMED:
        return BadRequest("The path is not valid percent-encoded UTF-8.")
    return NotFound()


def _other_slash(target: str, request: Request) -> Response:
    """308 keeps the method and the body; the target has one leading slash, so it never leads to another host."""
    root = quote_path(request.scope.get("root_path", "")).rstrip("/")
    query = quote_url(request.scope.get("query_string", b"")).replace("#", "%23")
    return Response(None, 308, headers={"location": f"{root}{target}{'?' if query else ''}{query}"})


def _below_root(path: str, root: str) -> str:
    """ASGI's path includes the root path; some servers leave it out."""
    root = root.rstrip("/")
    if root and (path == root or path.startswith(root + "/")):
        return path[len(root) :] or "/"
    return path


def _host_of(scope: Any) -> str:
    """The Host header without its port; routing compares it and nothing else, so it is not checked here."""
    hosts = header_values(scope["headers"], b"host")
    host = hosts[0] if hosts else ""
    return host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
