"""The pages: the catalogue with its search and its board, and a page for each airport. They work without JavaScript."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ketch import (
    BackgroundTasks,
    Field,
    Form,
    HTTPException,
    Path,
    Query,
    RedirectResponse,
    Response,
    Router,
    Struct,
    Template,
    UploadFile,
)
from ketch.data import PageParameters, Session, func, paginate, select

from . import catalogue, world
from .board import Bell, latest
from .models import Airport, Photo
from .photos import keep_photo
from .schemas import Filters, Icao
from .settings import Settings

ROWS = 20
BOARD_LINES = 8

SORTS = {
    "": "Best match",
    "name": "Name",
    "-elevation": "Highest first",
    "elevation": "Lowest first",
    "-latitude": "Northernmost first",
    "latitude": "Southernmost first",
    "-changed_at": "Latest change first",
}
_ONE_SORT = "|".join(SORTS)

# Nothing on our pages comes from elsewhere, and nothing is inline.
POLICY = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}


pages = Router(include_in_schema=False)

Code = Annotated[Icao, Path()]


class Search(Struct, kw_only=True):
    """The fields of the search form. A form sends empty ones as well: they mean "any"."""

    q: Annotated[str, Field(max_length=100)] = ""
    country: Annotated[str, Field(pattern="^([A-Z]{2})?$", max_length=2)] = ""
    above: Annotated[str, Field(pattern="^(-?[0-9]{1,5})?$", max_length=6)] = ""
    iata: bool = False
    sort: Annotated[str, Field(pattern=f"^({_ONE_SORT})$", max_length=20)] = ""
    cursor: Annotated[str, Field(max_length=2_000)] = ""

    @property
    def filters(self) -> Filters:
        return Filters(
            q=self.q,
            country=self.country or None,
            min_elevation=int(self.above) if self.above else None,
            has_iata=True if self.iata else None,
            sort=self.sort,
        )

    @property
    def narrowed(self) -> bool:
        """True if something was asked for, other than an order."""
        return bool(self.q.strip() or self.country or self.above or self.iata)

    def link(self, cursor: str | None) -> str | None:
        """The address of another page of the same search."""
        if cursor is None:
            return None
        given = {name: value for name, value in msgspec.structs.asdict(self).items() if value}
        return "/?" + urlencode(
            {**given, "iata": "true", "cursor": cursor} if self.iata else {**given, "cursor": cursor}
        )


@pages.get("/")
async def home(search: Annotated[Search, Query()], session: Session) -> Template:
    """The catalogue: search, map, results, board."""
    rows = catalogue.find(search.filters)
    page = await paginate(session, rows, PageParameters(limit=ROWS, cursor=search.cursor or None))
    found = await session.scalar(select(func.count()).select_from(rows.order_by(None).subquery())) or 0
    places = await catalogue.places(session, rows) if search.narrowed else []
    lines = await latest(session, BOARD_LINES)
    return Template(
        "home.html",
        headers=POLICY,
        search=search,
        sorts=SORTS,
        countries=await catalogue.countries(session),
        airports=page.items,
        found=found,
        next=search.link(page.next),
        previous=search.link(page.previous),
        dots=world.dots((latitude, longitude) for latitude, longitude, _ in places),
        marks=[(airport, *world.project(airport.latitude, airport.longitude)) for airport in page.items],
        lines=lines,
        newest=lines[0].id if lines else 0,
    )


@pages.get("/airports/{icao}")
async def airport_page(icao: Code, session: Session) -> Template:
    """One airport: facts, place, photos, neighbours."""
    return await airport_template(icao, session)


@pages.post("/airports/{icao}")
async def send_photo(
    icao: Code,
    photo: UploadFile,
    caption: Annotated[str, Form(max_length=200)] = "",
    *,
    session: Session,
    settings: Settings,
    tasks: BackgroundTasks,
    bell: Bell,
) -> Template | RedirectResponse:
    """A photo from the page's form; what is wrong with it is said on the page."""
    try:
        await keep_photo(icao, photo, caption, session, settings)
    except HTTPException as problem:
        if problem.status_code not in (409, 413, 415):
            raise
        return await airport_template(icao, session, problem)
    tasks.add_task(bell.ring)
    return RedirectResponse(f"/airports/{icao}#photos", 303)


async def airport_template(icao: str, session: Session, problem: HTTPException | None = None) -> Template:
    airport = await session.get_one(Airport, icao)
    photos = (await session.scalars(select(Photo).where(Photo.icao == icao).order_by(Photo.id))).all()
    return Template(
        "airport.html",
        headers=POLICY,
        status_code=problem.status_code if problem else 200,
        airport=airport,
        photos=photos,
        mark=world.project(airport.latitude, airport.longitude),
        nearby=await catalogue.nearby(session, airport),
        local_time=local_time(airport.timezone),
        problem=problem,
    )


def local_time(timezone: str) -> datetime | None:
    """The time there; None for a zone that this machine does not know."""
    try:
        return datetime.now(ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


_map: list[str] = []


@pages.get("/world.svg")
async def world_map(session: Session) -> Response:
    """Every airport as a dot. Drawn once for each start of the server, in a thread: it takes some 50 ms."""
    if not _map:
        _map.append(await asyncio.to_thread(world.draw, await catalogue.places(session, select(Airport))))
    return Response(_map[0], media_type="image/svg+xml", headers={"cache-control": "public, max-age=3600"})
