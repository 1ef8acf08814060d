"""`App`: the application as its author sees it. It records; `freeze` makes the runtime that serves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, Self, Unpack

from ketch.app.declare import MiddlewareRecord
from ketch.app.router import F, Router
from ketch.binding.signature import local_names_of
from ketch.http.limits import DEFAULT_LIMITS, Limits
from ketch.http.state import State
from ketch.inject.provider import Provider, Qualified, provider_for
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import outside
from ketch.routing.route import RouteOptions

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from ketch.app.runtime import Runtime


class App(Router):
    """An ASGI application. Declarations are frozen when it starts (lifespan, or the first request).

    `extensions` set themselves up in this order and close in reverse. `settings` is a Struct, dataclass or pydantic
    class read from the environment and injected by type. `timezone` is what naive datetimes in forms are in.
    `openapi_url`, `docs_url` move the API's document and page, None switches them off. `threads` is the size of the
    pool for `def` handlers.
    """

    is_application = True

    def __init__(
        self,
        *,
        title: str = "",
        version: str = "0.1.0",
        extensions: Iterable[Any] = (),
        lifespan: Callable[[App], AbstractAsyncContextManager[Any]] | None = None,
        settings: Any = None,
        timezone: str = "UTC",
        exception_handlers: Mapping[Any, Callable[..., Any]] | None = None,
        codecs: Iterable[Any] | None = None,
        templates: Any = None,
        openapi_url: str | None = "/openapi.json",
        docs_url: str | None = "/docs",
        webhooks: Any = None,
        servers: Iterable[Mapping[str, Any]] = (),
        threads: int | None = None,
        debug: bool | None = None,
        **options: Unpack[RouteOptions],
    ) -> None:
        # What these two mean for a route is not what they mean here.
        self.description: str = options.pop("description", "")
        self.limits: Limits = options.pop("limits", DEFAULT_LIMITS)
        super().__init__(exception_handlers=exception_handlers, **options)
        self.title = title or "Ketch"
        self.version = version
        self.extensions = list(extensions)
        self.lifespan = lifespan
        self.settings = settings
        self.timezone = timezone
        self.codecs = codecs
        self.templates = templates
        self.openapi_url = openapi_url
        self.docs_url = docs_url
        self.webhooks = webhooks
        self.servers = list(servers)
        self.thread_count = threads
        self.debug = debug
        self.state = State()
        self.commands: dict[str, Callable[..., Any]] = {}
        self._overrides = DependencyOverrides(self)
        self._replaced: dict[Any, Provider] = {}
        self._runtime: Runtime | None = None
        self._freezing = RLock()

    # --- declaring ----------------------------------------------------------------------------------------------------

    def provide(
        self,
        key: Any,
        thing: Any = ...,
        *,
        value: Any = ...,
        factory: Callable[..., Any] | None = None,
        scope: str | None = None,
        inline: bool = False,
        qualifier: str | None = None,
    ) -> None:
        """Whoever asks for the type `key` gets `thing`: a value, or what a factory makes."""
        origin = outside("ketch")
        self.declared.open("provide()", origin)
        named = Qualified(key, qualifier) if qualifier is not None else key
        self.declared.providers.append(
            provider_for(named, thing, value=value, factory=factory, scope=scope, inline=inline, origin=origin)
        )

    def command(self, name: str | None = None) -> Callable[[F], F]:
        """`@app.command("import-csv")`: a command of `ketch`, with the container's injection."""

        def decorate(function: F) -> F:
            self.commands[name or function.__name__.replace("_", "-")] = function
            return function

        if callable(name):
            function, name = name, None
            return decorate(function)
        return decorate

    def health(self, path: str = "/health", check: Callable[..., Any] | None = None) -> None:
        """An endpoint for load balancers: 200 `{"status": "ok"}`, or what `check` (injected) raises."""
        from ketch.app.health import health_route

        origin = outside("ketch")
        self.declared.open("health()", origin)
        names = local_names_of(check, 1) if check is not None else None
        self._record(health_route(path, check, origin, names))

    def outermost(self, middleware: Any, options: Mapping[str, Any]) -> None:
        """`add_middleware` for extensions."""
        self.declared.middleware.append(MiddlewareRecord(middleware, options, outside("ketch")))

    # --- serving ------------------------------------------------------------------------------------------------------

    @property
    def runtime(self) -> Runtime:
        """The frozen application; freezes it if that has not happened. Raises SetupError with every mistake."""
        if self._runtime is None:
            from ketch.app.freeze import freeze

            with self._freezing:  # a server's threads may ask at once
                if self._runtime is None:
                    self._runtime = freeze(self)
        return self._runtime

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI (https://asgi.readthedocs.io): http, websocket and lifespan."""
        runtime = self._runtime
        if runtime is None or not runtime.started:
            if scope["type"] == "lifespan":
                from ketch.serving.lifespan import frozen

                runtime = await frozen(self, receive, send)
            else:
                runtime = self.runtime
                await runtime.start()
        await runtime.edge(scope, receive, send)

    @property
    def wsgi(self) -> Callable[..., Iterable[bytes]]:
        """The same application for WSGI servers (PEP 3333): `wsgi = app.wsgi`, then `gunicorn main:wsgi`."""
        from ketch.serving.wsgi import as_wsgi

        wsgi: Callable[..., Iterable[bytes]] = as_wsgi(self)
        return wsgi

    # --- using it from outside a request ------------------------------------------------------------------------------

    def scope(self) -> Any:
        """`async with app.scope() as scope: session = await scope.get(Session)`: the container outside a request."""
        return self.runtime.container.open()

    @contextmanager
    def override(self, replacements: Mapping[Any, Any]) -> Iterator[None]:
        """Within the block whoever asks for a key gets its replacement: a value, or a factory. For tests."""
        before = {key: self._replaced.get(key) for key in replacements}
        try:
            for key, thing in replacements.items():
                self._replaced[key] = provider_for(key, thing, origin=outside("ketch"))
            self._resolve(set(before))
            yield
        finally:
            for key, provider in before.items():
                self._put_in_place(key, provider)
            self._resolve(set(before))

    def replace(self, key: Any, provider: Provider | None) -> None:
        """Set or remove one replacement; the affected plans are solved again before it returns."""
        before = self._replaced.get(key)
        self._put_in_place(key, provider)
        try:
            self._resolve({key})
        except BaseException:  # it does not fit: all is as it was
            self._put_in_place(key, before)
            self._resolve({key})
            raise

    def _put_in_place(self, key: Any, provider: Provider | None) -> None:
        if provider is None:
            self._replaced.pop(key, None)
        else:
            self._replaced[key] = provider

    @property
    def dependency_overrides(self) -> DependencyOverrides:
        """`app.dependency_overrides[f] = g`, as FastAPI users know it; `= {}` takes all of them back."""
        return self._overrides

    @dependency_overrides.setter
    def dependency_overrides(self, overrides: Mapping[Any, Callable[..., Any]]) -> None:
        wanted = dict(overrides)  # `|=` assigns the very mapping that is cleared here
        self._overrides.clear()
        self._overrides.update(wanted)

    def _resolve(self, keys: set[Any]) -> None:
        if self._runtime is not None:
            self._runtime.resolve(keys)

    def url_path_for(self, name: Any, /, **params: Any) -> str:
        """The path of a route by name or handler."""
        return self.runtime.url_path_for(name, **params)

    url_for = url_path_for


class DependencyOverrides(MutableMapping[Any, Any]):
    """`app.dependency_overrides[f] = g`, as FastAPI users know it.

    No dict, because every way to change a mapping (`setdefault`, `|=`, `pop`, ...) has to lead through the two methods
    below; a dict's own would leave the plans as they were.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._set: dict[Any, Any] = {}

    def __setitem__(self, key: Any, value: Any) -> None:
        if not callable(value):
            raise SetupError(
                "KETCH-DEP-007",
                f"dependency_overrides[...] needs a callable, not {type(value).__name__}.",
                places=[Place("here", outside("ketch"))],
                fix="Write a function that returns it, or use app.override({...}).",
            )
        self._app.replace(key, provider_for(key, factory=value, origin=outside("ketch")))
        self._set[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._set[key]
        self._app.replace(key, None)

    def __getitem__(self, key: Any) -> Any:
        return self._set[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._set)

    def __len__(self) -> int:
        return len(self._set)

    def __ior__(self, other: Mapping[Any, Any]) -> Self:
        self.update(other)
        return self

    def copy(self) -> dict[Any, Any]:
        """What is overridden now, to be assigned again later."""
        return dict(self._set)

    def __repr__(self) -> str:
        return repr(self._set)
