"""Harbour: a catalogue of the world's airports.

ketch dev examples/harbour/app.py        then open http://127.0.0.1:8000

models     the tables                    api      find, read, make, change, remove
schemas    what goes in and out          photos   uploads
catalogue  the questions                 board    changes as an event stream
loading    the first start               pages    HTML (templates/, static/), world: the map
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ketch import App
from ketch.app import mode
from ketch.data import Database, Sessions

from .api import api
from .board import Bell, board
from .loading import load_catalogue
from .pages import pages
from .photos import photos, sweep
from .settings import HERE, Settings
from .welcome import welcome

VAR = HERE / "var"
VAR.mkdir(exist_ok=True)


@asynccontextmanager
async def lifespan(app: App) -> AsyncIterator[None]:
    """Fill the catalogue on the first start, tidy up, say hello."""
    async with app.scope() as scope:
        database, sessions, settings = [await scope.get(kind) for kind in (Database, Sessions, Settings)]
    airports = await load_catalogue(sessions, settings.harbour_airports)
    await sweep(sessions, settings.photos)
    if mode() != "test":
        welcome(airports, database.address.shown)
    yield


app = App(
    title="Harbour",
    version="1.0",
    description="The airports of the world: a catalogue to read, search and change.",
    lifespan=lifespan,
    settings=Settings,
    templates=HERE / "templates",
    extensions=[Database(f"sqlite:///{VAR / 'harbour.db'}", create_tables=True)],
)
app.provide(Bell, value=Bell())
app.include_router(api)
app.include_router(photos)
app.include_router(board)
app.include_router(pages)
app.static("/static", HERE / "static")
