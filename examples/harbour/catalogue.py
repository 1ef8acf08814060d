"""The questions asked of the catalogue; the API and the pages ask the same ones."""

from __future__ import annotations

from typing import Any

from ketch.data import ColumnElement, Select, Session, case, func, or_, select

from .models import Airport, fold
from .schemas import CountryOut, Filters

MAX_WORDS = 8


def find(filters: Filters) -> Select[Airport]:
    """The airports that pass the filters, in the order asked for; in the best order if none was."""
    rows = select(Airport)
    words = fold(filters.q).split()[:MAX_WORDS]
    for word in words:
        rows = rows.where(Airport.words.contains(word, autoescape=True))
    if filters.country is not None:
        rows = rows.where(Airport.country == filters.country)
    if filters.min_elevation is not None:
        rows = rows.where(Airport.elevation >= filters.min_elevation)
    if filters.max_elevation is not None:
        rows = rows.where(Airport.elevation <= filters.max_elevation)
    if filters.has_iata is not None:
        rows = rows.where(Airport.iata.is_not(None) if filters.has_iata else Airport.iata.is_(None))
    return rows.order_by(*order(filters.sort, words))


def order(sort: str, words: list[str]) -> list[ColumnElement[Any]]:
    """`-elevation,name` as ORDER BY. The pattern of `Filters.sort` lets only names of columns through."""
    if not sort:
        return [*relevance(words), Airport.name.asc()]
    terms = [(term.lstrip("-"), term.startswith("-")) for term in sort.split(",")]
    columns = [(getattr(Airport, name), descending) for name, descending in dict(terms).items()]
    return [column.desc() if descending else column.asc() for column, descending in columns]


def relevance(words: list[str]) -> list[ColumnElement[Any]]:
    """A code that is asked for comes first, then the airports that airlines fly to."""
    codes = [word.upper() for word in words]
    exact = case((or_(Airport.iata.in_(codes), Airport.icao.in_(codes)), 0), else_=1)
    served = case((Airport.iata.is_(None), 1), else_=0)
    return [exact, served] if words else [served]


async def countries(session: Session) -> list[CountryOut]:
    """Every country with the number of its airports."""
    rows = await session.execute(
        select(Airport.country, func.count()).group_by(Airport.country).order_by(Airport.country)
    )
    return [CountryOut(country=country, airports=count) for country, count in rows]


async def places(session: Session, rows: Select[Airport]) -> list[tuple[float, float, int]]:
    """Where the airports of a statement are, to half a degree, and how many are there: what a map needs to know."""
    latitude, longitude = func.round(Airport.latitude * 2), func.round(Airport.longitude * 2)
    grouped = rows.with_only_columns(latitude, longitude, func.count()).order_by(None).group_by(latitude, longitude)
    return [(north / 2, east / 2, count) for north, east, count in await session.execute(grouped)]


async def nearby(session: Session, airport: Airport, count: int = 6) -> list[Airport]:
    """The nearest neighbours, good enough for a page: by degrees, longitudes shortened by the latitude."""
    import math

    narrow = max(math.cos(math.radians(airport.latitude)), 0.01)
    north = Airport.latitude - airport.latitude
    east = (Airport.longitude - airport.longitude) * narrow
    rows = (
        select(Airport)
        .where(Airport.icao != airport.icao)
        .where(Airport.latitude.between(airport.latitude - 3, airport.latitude + 3))
        .order_by(north * north + east * east)
        .limit(count)
    )
    return list((await session.scalars(rows)).all())
