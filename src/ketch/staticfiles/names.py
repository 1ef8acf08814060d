"""Names that carry the hash of their content: `app.css` is offered as `app.3f2a9c1d.css`, and found again by it.

A browser may keep such a name for ever, because other content has another name. Hashes are remembered with the time
stamp and size they were made for, so an edited file has a new name at once.
"""

from __future__ import annotations

import os
import re

from .paths import Folder, Found

_LARGEST = 4_194_304  # bytes: larger files keep their plain names, since hashing them would hold up a page
_DIGITS = 8
_HASHED = re.compile(rf"(?P<stem>(?:.*/)?[^/]+)\.(?P<hash>[0-9a-f]{{{_DIGITS}}})(?P<extension>\.[^./]+)?")
_MOST = 10_000  # remembered files


class UnknownStaticFile(LookupError):
    """A page asks for a static file that does not exist."""


class HashedNames:
    """The hashed names of the files of one folder."""

    __slots__ = ("_folder", "_known")

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._known: dict[str, tuple[int, int, str]] = {}

    def name_for(self, name: str) -> str:
        """The hashed form of a relative name; the name itself for a large file. Raises UnknownStaticFile."""
        found = self._folder.find_file(name)
        if found is None:
            raise UnknownStaticFile(self._explain(name))
        digest = self.digest(found)
        if digest is None:
            return name
        stem, dot, extension = name.rpartition(".")
        if not dot or "/" in extension or not stem or stem.endswith("/"):
            return f"{name}.{digest}"
        return f"{stem}.{digest}.{extension}"

    def plain_name(self, path: str) -> str | None:
        """The name that a hashed one stands for, if that file exists and still has that content."""
        match = _HASHED.fullmatch(path)
        if match is None:
            return None
        name = match["stem"] + (match["extension"] or "")
        found = self._folder.find_file(name)
        return name if found is not None and self.digest(found) == match["hash"] else None

    def digest(self, found: Found) -> str | None:
        """The first digits of the content's SHA-256; None for what is too large or cannot be read."""
        stamp, size = found.stat.st_mtime_ns, found.stat.st_size
        if size > _LARGEST:
            return None
        known = self._known.get(found.path)
        if known is not None and known[:2] == (stamp, size):
            return known[2]
        from hashlib import sha256

        try:
            with open(found.path, "rb") as file:
                digest = sha256(file.read(_LARGEST + 1)).hexdigest()[:_DIGITS]
        except OSError:
            return None
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[found.path] = (stamp, size, digest)
        return digest

    def _explain(self, name: str) -> str:
        from ketch.kernel.suggest import hint

        told = f"there is no static file {name!r} in {self._folder.root}"
        guess = hint(name, self._some_names())
        return f"{told}. {guess}" if guess else told

    def _some_names(self) -> list[str]:
        names: list[str] = []
        for folder, _, files in os.walk(self._folder.root):
            inside = os.path.relpath(folder, self._folder.root).replace(os.sep, "/")
            names += [file if inside == "." else f"{inside}/{file}" for file in files]
            if len(names) > 1_000:
                break
        return names
