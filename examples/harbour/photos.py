"""Photos of airports: uploaded, checked by what they are (not by what they claim to be), stored, served back.

A file gets a random name; its type comes from its first bytes. A file whose row was never committed, because the
server was killed in between, is swept away at the next start.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterable
from pathlib import Path as FilePath
from typing import Annotated

from ketch import (
    BackgroundTasks,
    Conflict,
    ContentTooLarge,
    FileResponse,
    Form,
    NotFound,
    Path,
    Response,
    Router,
    UnsupportedMediaType,
    UploadFile,
)
from ketch.data import Session, Sessions, func, select

from .board import Bell, record
from .models import Airport, Photo
from .schemas import Icao, PhotoOut
from .settings import Settings

photos = Router(prefix="/api", tags=["photos"])

MAX_BYTES = 5_000_000
MAX_PER_AIRPORT = 24
# A photo is only ever shown as a picture, whatever a browser might make of its bytes.
SAFE = {"content-security-policy": "default-src 'none'; sandbox", "cache-control": "public, max-age=86400, immutable"}

Code = Annotated[Icao, Path()]
PhotoId = Annotated[int, Path(ge=1, le=2**31 - 1)]


def picture_type(head: bytes) -> tuple[str, str] | None:
    """Media type and suffix, from the first 16 bytes; None for what is not one of the four kinds we take."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg", ".jpg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png", ".png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif", ".gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp", ".webp"
    return None


def shown(photo: Photo) -> PhotoOut:
    return PhotoOut(
        id=photo.id,
        icao=photo.icao,
        url=f"/api/photos/{photo.id}",
        media_type=photo.media_type,
        size=photo.size,
        caption=photo.caption,
        uploaded_at=photo.uploaded_at,
    )


@photos.get("/airports/{icao}/photos", responses={404: {"description": "No such airport"}})
async def list_photos(icao: Code, session: Session) -> list[PhotoOut]:
    """The photos of an airport, oldest first."""
    await session.get_one(Airport, icao)
    rows = await session.scalars(select(Photo).where(Photo.icao == icao).order_by(Photo.id))
    return [shown(photo) for photo in rows]


@photos.post(
    "/airports/{icao}/photos",
    status_code=201,
    responses={
        404: {"description": "No such airport"},
        409: {"description": f"It has {MAX_PER_AIRPORT} photos already"},
        413: {"description": f"Larger than {MAX_BYTES:,} bytes"},
        415: {"description": "Not a JPEG, PNG, GIF or WebP picture"},
    },
)
async def add_photo(
    icao: Code,
    photo: UploadFile,
    caption: Annotated[str, Form(max_length=200)] = "",
    *,
    response: Response,
    session: Session,
    settings: Settings,
    tasks: BackgroundTasks,
    bell: Bell,
) -> PhotoOut:
    """Upload a picture (JPEG, PNG, GIF or WebP) of at most 5 MB."""
    row = await keep_photo(icao, photo, caption, session, settings)
    tasks.add_task(bell.ring)
    response.headers["location"] = f"/api/photos/{row.id}"
    return shown(row)


async def keep_photo(icao: str, photo: UploadFile, caption: str, session: Session, settings: Settings) -> Photo:
    """Check, store, and write it down. The pages use it too."""
    airport = await session.get_one(Airport, icao)
    data = await photo.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ContentTooLarge(f"A photo has at most {MAX_BYTES:,} bytes.")
    kind = picture_type(data[:16])
    if kind is None:
        raise UnsupportedMediaType("A photo is a JPEG, PNG, GIF or WebP picture.")
    count = await session.scalar(select(func.count()).select_from(Photo).where(Photo.icao == icao)) or 0
    if count >= MAX_PER_AIRPORT:
        raise Conflict(f"{airport.name} has {count} photos already.", code="enough")
    media_type, suffix = kind
    row = Photo(icao=icao, file=secrets.token_hex(16) + suffix, media_type=media_type, size=len(data), caption=caption)
    session.add(row)
    record(session, "photo", airport, f"{airport.name}: new photo{f', {caption}' if caption else ''}")
    await session.flush()
    await asyncio.to_thread(write_file, settings.photos / row.file, data)
    return row


@photos.get("/photos/{photo_id}", response_class=FileResponse, responses={404: {"description": "No such photo"}})
async def read_photo(photo_id: PhotoId, session: Session, settings: Settings) -> FileResponse:
    """The picture itself."""
    photo = await session.get_one(Photo, photo_id)
    path = settings.photos / photo.file
    if not path.is_file():
        raise NotFound("The file of this photo is gone.")
    return FileResponse(path, media_type=photo.media_type, content_disposition_type="inline", headers=SAFE)


@photos.delete("/photos/{photo_id}", status_code=204, responses={404: {"description": "No such photo"}})
async def remove_photo(photo_id: PhotoId, session: Session, settings: Settings, tasks: BackgroundTasks) -> None:
    """Remove a photo."""
    photo = await session.get_one(Photo, photo_id)
    await session.delete(photo)
    tasks.add_task(remove_files, settings.photos, [photo.file])


def write_file(path: FilePath, data: bytes) -> None:
    """Whole or not at all: under another name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(data)
    os.replace(part, path)


def remove_files(folder: FilePath, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


async def sweep(sessions: Sessions, folder: FilePath) -> int:
    """Remove files that no row knows of; returns how many."""
    async with sessions(read_only=True) as session:
        known = set((await session.scalars(select(Photo.file))).all())
    return await asyncio.to_thread(remove_unknown_files, folder, known)


def remove_unknown_files(folder: FilePath, known: set[str]) -> int:
    present = [path.name for path in folder.glob("*")] if folder.is_dir() else []
    lost = [name for name in present if name not in known]
    remove_files(folder, lost)
    return len(lost)
