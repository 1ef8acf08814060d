"""SQLAlchemy engines for one address: made when first used, one pool for each use that needs its own."""

from __future__ import annotations

import importlib.util
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from ketch.data.adapters import BACKENDS
from ketch.data.backend import Backend, Driver, Use
from ketch.kernel.errors import SetupError
from ketch.kernel.suggest import hint


class Engines:
    """The engines of one database. Belongs to one event loop; `close` it on that loop."""

    def __init__(self, url: str, *, echo: bool = False) -> None:
        self.url = parse(url)
        self.backend = backend_of(self.url)
        self._echo = echo
        self._pools: dict[str, AsyncEngine] = {}
        self._sync_pools: dict[str, Engine] = {}
        self._for_use: dict[Use, AsyncEngine] = {}
        self._sync_for_use: dict[Use, Engine] = {}

    def asynchronous(self, use: Use) -> AsyncEngine:
        """The engine that an async session of this use is bound to."""
        engine = self._for_use.get(use)
        if engine is None:
            pool = self.backend.pool(use)
            engine = self._pools.get(pool)
            if engine is None:
                url = self._driver_url(self.backend.drivers)
                engine = create_async_engine(url, **self._options(use))
                self.backend.prepare(engine.sync_engine, use)
                self._pools[pool] = engine
            options = self.backend.execution_options(use)
            engine = engine.execution_options(**options) if options else engine
            self._for_use[use] = engine
        return engine

    def synchronous(self, use: Use) -> Engine:
        """The engine that a session in a thread is bound to. Raises SetupError if no driver for it is installed."""
        engine = self._sync_for_use.get(use)
        if engine is None:
            pool = self.backend.pool(use)
            engine = self._sync_pools.get(pool)
            if engine is None:
                engine = create_engine(self._driver_url(self.backend.sync_drivers), **self._options(use))
                self.backend.prepare(engine, use)
                self._sync_pools[pool] = engine
            options = self.backend.execution_options(use)
            engine = engine.execution_options(**options) if options else engine
            self._sync_for_use[use] = engine
        return engine

    async def close(self) -> None:
        """Close every connection. The engines may be used again afterwards; they then connect anew."""
        for engine in self._pools.values():
            await engine.dispose()
        for sync_engine in self._sync_pools.values():
            sync_engine.dispose()

    def _options(self, use: Use) -> dict[str, Any]:
        return {"echo": self._echo, **self.backend.engine_options(use)}

    def _driver_url(self, drivers: tuple[Driver, ...]) -> URL:
        if "+" in self.url.drivername:  # somebody chose: `postgresql+psycopg://`
            drivers = tuple(d for d in drivers if d.name == self.url.drivername) or drivers
        for driver in drivers:
            if importlib.util.find_spec(driver.module) is not None:
                return self.backend.adapt(self.url, driver)
        raise missing_driver(self.backend, drivers)


def parse(url: str) -> URL:
    """SQLAlchemy's URL. Raises SetupError (KETCH-DATA-002) for what is none; never shows the password."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise SetupError(
            "KETCH-DATA-002",
            "The database URL cannot be read.",
            why="It is not shown here, because it may hold a password.",
            fix="It looks like  sqlite:///app.db  or  postgresql://user:password@host:5432/name ;"
            "\nspecial characters in user and password are percent-encoded (@ is %40).",
        ) from None


def backend_of(url: URL) -> Backend:
    """The adapter for a URL's scheme. Raises SetupError (KETCH-DATA-003) if there is none."""
    scheme = url.drivername.partition("+")[0]
    for backend in BACKENDS:
        if scheme in backend.schemes:
            return backend
    known = [name for backend in BACKENDS for name in backend.schemes]
    raise SetupError(
        "KETCH-DATA-003",
        f'There is no database engine "{scheme}".',
        fix=hint(scheme, known) or f"Known are {', '.join(known)}.",
    )


def missing_driver(backend: Backend, drivers: tuple[Driver, ...]) -> SetupError:
    """Says which line installs a driver; for `def` handlers also the way around one."""
    names = " or ".join(driver.module for driver in drivers)
    sync = drivers[0] in backend.sync_drivers
    return SetupError(
        "KETCH-DATA-001",
        f"{backend.schemes[0]} needs {names}, which {'is' if len(drivers) == 1 else 'are'} not installed.",
        why="A SyncSession, for def handlers and scripts, needs a driver that blocks." if sync else "",
        fix="\n".join(driver.install for driver in drivers)
        + ("\nOr make the handler async def and ask for Session." if sync else ""),
    )
