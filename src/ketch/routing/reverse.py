"""From a route's name or handler back to its URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ketch.kernel.suggest import did_you_mean

from .route import Route
from .segment import BuildError


class Reversed(NamedTuple):
    """A built URL: `path` is percent-encoded; `host` is set for a route that belongs to a host."""

    path: str
    host: str | None


class Reverse:
    """URLs by dotted name (`"orders.show_order"`) or by handler; built once, read by every `url_for`."""

    __slots__ = ("_endpoints", "_names", "_routes")

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)  # keeps the endpoints alive, whose ids are the keys below
        self._names: dict[str, list[Route]] = {}
        self._endpoints: dict[object, list[Route]] = {}
        for route in self._routes:
            self._names.setdefault(route.name, []).append(route)
            self._endpoints.setdefault(_identity(route.endpoint), []).append(route)

    def find(self, target: object, params: Iterable[str] = ()) -> Route:
        """The one route that `target` (a name or a handler) and the names of `params` mean.

        A handler on several paths is told apart by the parameters given. Raises BuildError when nothing is known
        under that name (with a suggestion) or when several routes remain (naming each with its place).
        """
        known = self._names.get(target) if isinstance(target, str) else self._endpoints.get(_identity(target))
        if not known:
            raise BuildError(self._unknown(target))
        paths: dict[object, Route] = {}
        for route in known:  # GET and POST on one path have one URL
            paths.setdefault((route.path.text, route.host), route)
        if len(paths) == 1:
            return known[0]
        given = set(params)
        fitting = [route for route in paths.values() if set(_names(route)) == given]
        if len(fitting) == 1:
            return fitting[0]
        raise BuildError(_ambiguous(target, fitting or list(paths.values())))

    def resolve(self, target: object, params: Mapping[str, object]) -> Reversed:
        """Path and host of the URL. Raises BuildError as `find` and `Pattern.build` do."""
        route = self.find(target, params)
        if route.host is None:
            return Reversed(route.path.build(params), None)
        hosts = {name: value for name, value in params.items() if name in route.host.names}
        paths = {name: value for name, value in params.items() if name not in route.host.names}
        return Reversed(route.path.build(paths), route.host.build(hosts))

    def path(self, target: object, params: Mapping[str, object]) -> str:
        """The path of the URL, percent-encoded; a route's host is left out."""
        return self.resolve(target, params).path

    def _unknown(self, target: object) -> str:
        if not isinstance(target, str):
            name = getattr(target, "__qualname__", None) or repr(target)
            return f"{name} is not the handler of any route."
        lasts = [name for name in self._names if name.rpartition(".")[2] == target]
        guess = lasts[0] if lasts else did_you_mean(target, self._names)
        return f'No route is named "{target}".' + (f' Did you mean "{guess}"?' if guess else "")


def _names(route: Route) -> tuple[str, ...]:
    return route.path.names if route.host is None else route.host.names + route.path.names


def _ambiguous(target: object, routes: Iterable[Route]) -> str:
    name = f'"{target}"' if isinstance(target, str) else getattr(target, "__qualname__", repr(target))
    rows = "".join(f"\n  {route}   {route.origin}" for route in routes)
    return f"{name} means several routes; give each its own name=.{rows}"


def _identity(endpoint: object) -> object:
    """What makes two references the same handler: bound methods are new objects each time they are read."""
    function, owner = getattr(endpoint, "__func__", None), getattr(endpoint, "__self__", None)
    return (id(function), id(owner)) if function is not None and owner is not None else id(endpoint)
