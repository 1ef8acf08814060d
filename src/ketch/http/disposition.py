"""Content-Disposition (RFC 6266 with RFC 8187), and file names that are safe to use.

Two directions: `content_disposition` writes the header for a download, `clean_filename` makes one harmless path
component of whatever a client called its upload.
"""

from __future__ import annotations

import re

_UNSAFE_IN_QUOTES = re.compile(r'[^\x20-\x7e]|["\\%]')
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_ATTR_CHAR = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&+-.^_`|~")
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$", "clock$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
_LONGEST = 255  # bytes of UTF-8: what one path component may hold nearly everywhere


def content_disposition(filename: str | None, kind: str = "attachment") -> str:
    """The value of a Content-Disposition header: `attachment; filename="a.txt"`.

    `kind` is "attachment" or "inline". A name that ASCII cannot carry safely is sent twice, as RFC 6266, Appendix D
    recommends: a plain fallback and `filename*` in UTF-8. Directories, line breaks and controls never get through.
    """
    if kind not in ("attachment", "inline"):
        raise ValueError(f'content_disposition_type is "attachment" or "inline", not {kind!r}')
    if filename is None:
        return kind
    name = _CONTROLS.sub("_", filename.replace("\\", "/").rsplit("/", 1)[-1]) or "download"
    fallback = _UNSAFE_IN_QUOTES.sub("_", name)
    if fallback == name:
        return f'{kind}; filename="{name}"'
    encoded = "".join(chr(b) if b in _ATTR_CHAR else f"%{b:02X}" for b in name.encode("utf-8", "replace"))
    return f"{kind}; filename=\"{fallback}\"; filename*=UTF-8''{encoded}"


def clean_filename(raw: str | None, *, default: str = "upload") -> str:
    """One harmless path component made of a name that somebody else chose; never empty, never "." or "..".

    Directories of either separator, control and direction-changing characters, characters that Windows refuses,
    trailing dots and spaces, and device names (CON, NUL, COM1 ..., with any extension) are dealt with; what is longer
    than 255 bytes of UTF-8 is shortened, keeping a short extension.
    """
    name = (raw or "").replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    name = _FORBIDDEN.sub("_", _CONTROLS.sub("", name))
    name = _shorten(name.strip(" ").rstrip(". "))
    if not name.strip("."):
        return default
    if is_reserved(name):
        name = f"_{name}"
    return name


def is_reserved(component: str) -> bool:
    """Whether Windows would open a device instead of a file of this name, whatever follows its first dot."""
    return component.partition(".")[0].strip(" ").lower() in _RESERVED


def _shorten(name: str) -> str:
    room = _LONGEST - 1  # one byte is kept for the underscore before a reserved name
    if len(name.encode("utf-8", "replace")) <= room:
        return name
    stem, dot, extension = name.rpartition(".")
    tail = f"{dot}{extension}" if dot and len(extension.encode("utf-8", "replace")) <= 16 else ""
    kept = (stem if tail else name).encode("utf-8", "replace")[: room - len(tail.encode("utf-8", "replace"))]
    return kept.decode("utf-8", "ignore").rstrip(". ") + tail
