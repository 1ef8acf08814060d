"""The media type of a file by its name, the same on every machine.

The system's own tables (/etc/mime.types, the Windows registry) differ, and with `nosniff` a wrong type breaks a page:
so what the web needs is listed here, and the rest comes from the tables Python carries.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mimetypes import MimeTypes

UNKNOWN = "application/octet-stream"

_TYPES = {
    "aac": "audio/aac",
    "avif": "image/avif",
    "bin": UNKNOWN,
    "bmp": "image/bmp",
    "br": UNKNOWN,
    "bz2": "application/x-bzip2",
    "cjs": "text/javascript",
    "css": "text/css",
    "csv": "text/csv",
    "eot": "application/vnd.ms-fontobject",
    "epub": "application/epub+zip",
    "flac": "audio/flac",
    "gif": "image/gif",
    "gz": "application/gzip",
    "htm": "text/html",
    "html": "text/html",
    "ico": "image/x-icon",
    "ics": "text/calendar",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "js": "text/javascript",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "jsonld": "application/ld+json",
    "m4a": "audio/mp4",
    "map": "application/json",
    "md": "text/markdown",
    "mjs": "text/javascript",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "oga": "audio/ogg",
    "ogg": "audio/ogg",
    "ogv": "video/ogg",
    "opus": "audio/ogg",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "tgz": "application/gzip",
    "tiff": "image/tiff",
    "toml": "application/toml",
    "ttf": "font/ttf",
    "txt": "text/plain",
    "wasm": "application/wasm",
    "wav": "audio/wav",
    "weba": "audio/webm",
    "webm": "video/webm",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "xhtml": "application/xhtml+xml",
    "xml": "application/xml",
    "xz": "application/x-xz",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
    "zst": "application/zstd",
}


def guess_media_type(name: str) -> str:
    """The media type for a file name, without parameters; `application/octet-stream` where nobody knows."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    known = _TYPES.get(extension)
    if known is not None:
        return known
    return _from_python(extension) or UNKNOWN


def _from_python(extension: str) -> str | None:
    return _python_tables().guess_type(f"x.{extension}", strict=True)[0] if extension else None


@lru_cache(1)
def _python_tables() -> MimeTypes:
    from mimetypes import MimeTypes

    return MimeTypes()  # an instance of our own holds Python's tables only, without this machine's additions
