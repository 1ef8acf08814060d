"""What goes in and what comes out of the API. Everything a value must be is said here, and nowhere else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from ketch import Field, Struct

Icao = Annotated[
    str,
    Field(
        pattern="^[A-Z0-9_]{4}$", min_length=4, max_length=4, description="ICAO location indicator", examples=["EGLL"]
    ),
]
Iata = Annotated[
    str,
    Field(pattern="^[A-Z]{3}$", min_length=3, max_length=3, description="IATA location code", examples=["LHR"]),
]
Country = Annotated[
    str,
    Field(pattern="^[A-Z]{2}$", min_length=2, max_length=2, description="ISO 3166-1 alpha-2", examples=["GB"]),
]
Name = Annotated[str, Field(min_length=1, max_length=100, examples=["London Heathrow Airport"])]
Place = Annotated[str, Field(max_length=100, examples=["London"])]
Elevation = Annotated[int, Field(ge=-1_500, le=20_000, description="Feet above mean sea level", examples=[83])]
Latitude = Annotated[float, Field(ge=-90, le=90, examples=[51.4706])]
Longitude = Annotated[float, Field(ge=-180, le=180, examples=[-0.46194])]
Timezone = Annotated[
    str,
    Field(
        pattern="^[A-Za-z]+(/[A-Za-z0-9_+-]+){0,2}$",
        max_length=64,
        description="IANA time zone",
        examples=["Europe/London"],
    ),
]


class AirportIn(Struct, kw_only=True, forbid_unknown_fields=True):
    """An airport without its key: what PUT takes."""

    name: Name
    country: Country
    latitude: Latitude
    longitude: Longitude
    iata: Iata | None = None
    city: Place = ""
    region: Place = ""
    elevation: Elevation = 0
    timezone: Timezone = "UTC"


class NewAirport(AirportIn, kw_only=True, forbid_unknown_fields=True):
    """A whole airport: what POST takes."""

    icao: Icao


class AirportChanges(Struct, kw_only=True, forbid_unknown_fields=True):
    """Some of an airport: what PATCH takes. What is absent stays as it is."""

    name: Name | msgspec.UnsetType = msgspec.UNSET
    country: Country | msgspec.UnsetType = msgspec.UNSET
    latitude: Latitude | msgspec.UnsetType = msgspec.UNSET
    longitude: Longitude | msgspec.UnsetType = msgspec.UNSET
    iata: Iata | msgspec.UnsetType | None = msgspec.UNSET
    city: Place | msgspec.UnsetType = msgspec.UNSET
    region: Place | msgspec.UnsetType = msgspec.UNSET
    elevation: Elevation | msgspec.UnsetType = msgspec.UNSET
    timezone: Timezone | msgspec.UnsetType = msgspec.UNSET


class AirportOut(Struct, kw_only=True):
    """An airport as the API shows it."""

    icao: str
    iata: str | None
    name: str
    city: str
    region: str
    country: str
    elevation: int
    latitude: float
    longitude: float
    timezone: str
    changed_at: datetime


class PhotoOut(Struct, kw_only=True):
    """A photo; `url` is where its picture is."""

    id: int
    icao: str
    url: str
    media_type: str
    size: int
    caption: str
    uploaded_at: datetime


class ChangeOut(Struct, kw_only=True):
    """One line of the board."""

    id: int
    happened_at: datetime
    kind: str
    icao: str
    name: str
    text: str


class CountryOut(Struct, kw_only=True):
    """A country and how many airports it has."""

    country: str
    airports: int


_SORTS = "name|icao|city|country|elevation|latitude|longitude|changed_at"


class Filters(Struct, kw_only=True):
    """Which airports, and in which order."""

    q: Annotated[str, Field(max_length=100, description="Words of the name, city, region or codes")] = ""
    country: Country | None = None
    min_elevation: Elevation | None = None
    max_elevation: Elevation | None = None
    has_iata: Annotated[bool | None, Field(description="Only those with (or without) an IATA code")] = None
    sort: Annotated[
        str,
        Field(
            pattern=f"^(-?({_SORTS})(,-?({_SORTS})){{0,3}})?$",
            max_length=60,
            description="One to four of the sortable fields; a minus turns one round",
            examples=["-elevation,name"],
        ),
    ] = ""


ChangeKind = Literal["loaded", "added", "changed", "removed", "photo"]
