"""The API: airports, found, read, made, changed and removed."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ketch import BackgroundTasks, Path, Query, Response, Router
from ketch.data import Page, PageQuery, Session, paginate, select

from . import catalogue
from .board import Bell, record
from .models import Airport, Photo
from .photos import remove_files
from .schemas import AirportChanges, AirportIn, AirportOut, CountryOut, Filters, Icao, NewAirport
from .settings import Settings

api = Router(prefix="/api", tags=["airports"])

Code = Annotated[Icao, Path()]


def shown(airport: Airport) -> AirportOut:
    """An airport as the API shows it: the fields of AirportOut, and no other."""
    return msgspec.convert(airport, AirportOut, from_attributes=True)


@api.get("/airports")
async def list_airports(filters: Annotated[Filters, Query()], page: PageQuery, session: Session) -> Page[AirportOut]:
    """Airports by filters and words, in any order, page by page."""
    return (await paginate(session, catalogue.find(filters), page)).map(shown)


@api.post("/airports", status_code=201, responses={409: {"description": "One of its codes is taken"}})
async def add_airport(
    new: NewAirport, response: Response, session: Session, tasks: BackgroundTasks, bell: Bell
) -> AirportOut:
    """A new airport. Where it is from now on stands in the Location header."""
    airport = Airport(**msgspec.structs.asdict(new))
    session.add(airport)
    await session.flush()
    record(session, "added", airport, f"{airport.name} was added")
    tasks.add_task(bell.ring)
    response.headers["location"] = f"/api/airports/{airport.icao}"
    return shown(airport)


@api.get("/airports/{icao}", responses={404: {"description": "No such airport"}})
async def read_airport(icao: Code, session: Session) -> AirportOut:
    """One airport."""
    return shown(await session.get_one(Airport, icao))


@api.put(
    "/airports/{icao}",
    responses={404: {"description": "No such airport"}, 409: {"description": "Its IATA code is taken"}},
)
async def replace_airport(
    icao: Code, whole: AirportIn, session: Session, tasks: BackgroundTasks, bell: Bell
) -> AirportOut:
    """Replace everything but the code."""
    return await change(session, icao, msgspec.structs.asdict(whole), tasks, bell)


@api.patch(
    "/airports/{icao}",
    responses={404: {"description": "No such airport"}, 409: {"description": "Its IATA code is taken"}},
)
async def change_airport(
    icao: Code, changes: AirportChanges, session: Session, tasks: BackgroundTasks, bell: Bell
) -> AirportOut:
    """Change what is given, leave the rest."""
    given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not msgspec.UNSET}
    return await change(session, icao, given, tasks, bell)


async def change(
    session: Session, icao: str, values: dict[str, object], tasks: BackgroundTasks, bell: Bell
) -> AirportOut:
    """Set the values that differ, and tell the board which ones did."""
    airport = await session.get_one(Airport, icao)
    differing = [name for name, value in values.items() if getattr(airport, name) != value]
    for name in differing:
        setattr(airport, name, values[name])
    if differing:
        await session.flush()
        record(session, "changed", airport, f"{airport.name}: {', '.join(differing)}")
        tasks.add_task(bell.ring)
    return shown(airport)


@api.delete("/airports/{icao}", status_code=204, responses={404: {"description": "No such airport"}})
async def remove_airport(icao: Code, session: Session, tasks: BackgroundTasks, bell: Bell, settings: Settings) -> None:
    """Remove an airport with its photos."""
    airport = await session.get_one(Airport, icao)
    files = list((await session.scalars(select(Photo.file).where(Photo.icao == icao))).all())
    record(session, "removed", airport, f"{airport.name} was removed")
    await session.delete(airport)
    tasks.add_task(remove_files, settings.photos, files)  # runs only once the removal is committed
    tasks.add_task(bell.ring)


@api.get("/countries")
async def list_countries(session: Session) -> list[CountryOut]:
    """The countries and how many airports each has."""
    return await catalogue.countries(session)
