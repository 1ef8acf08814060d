"""From the path of a URL to a file below a folder, and nowhere else.

The path comes decoded once. It is refused by its spelling first, the same on every system, so that what is tested on
one is true on another; then the real place of what was found, links followed, must lie below the folder's real place.
"""

from __future__ import annotations

import os
import re
import stat
from typing import NamedTuple

from ketch.http.disposition import is_reserved

_NEVER = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')  # controls, the other separator, drives and streams, Windows' refusals

_TRICKS = re.compile(r"[\x00-\x1f\x7f\\]")


class Found(NamedTuple):
    """A file or folder that may be served."""

    path: str
    stat: os.stat_result

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.stat.st_mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.stat.st_mode)


def safe_parts(path: str, *, dotfiles: bool) -> list[str] | None:
    """The components of a relative URL path, or None for one that could lead anywhere else or names what is hidden.

    An empty last component (a final slash) is left out.
    """
    if _NEVER.search(path):
        return None
    parts = path.split("/")
    if not parts[-1]:
        parts.pop()
    return parts if all(_is_safe(part, dotfiles=dotfiles) for part in parts) else None


def _is_safe(part: str, *, dotfiles: bool) -> bool:
    if part in ("", ".", "..") or part[-1] in ". " or part[0] == " ":
        return False
    return (dotfiles or part[0] != ".") and not is_reserved(part)


def may_be_routed(path: str) -> bool:
    """Whether a page's own script may know this path: it need not be possible as a file, but tries no tricks."""
    return not _TRICKS.search(path) and not any(part.startswith(".") for part in path.split("/"))


class Folder:
    """One folder whose files may be served."""

    __slots__ = ("_dotfiles", "_follow", "root")

    def __init__(self, root: str | os.PathLike[str], *, follow_symlinks: bool = False, dotfiles: bool = False) -> None:
        self.root = os.path.abspath(os.fspath(root))
        self._follow = follow_symlinks
        self._dotfiles = dotfiles

    def find(self, path: str) -> Found | None:
        """What lies at a relative URL path, or None. Looks at the disk: call it in a thread."""
        parts = safe_parts(path, dotfiles=self._dotfiles)
        if parts is None:
            return None
        return self._found(os.path.join(self.root, *parts))

    def find_file(self, path: str) -> Found | None:
        """The same for files only; a final slash names none."""
        found = None if path.endswith("/") else self.find(path)
        return found if found is not None and found.is_file else None

    def _found(self, place: str) -> Found | None:
        try:
            if self._follow:
                return Found(place, os.stat(place))
            real = os.path.realpath(place, strict=True)
            return Found(real, os.stat(real)) if self._contains(real) else None
        except (OSError, ValueError):  # absent, unreadable, too long, or no possible name
            return None

    def _contains(self, real: str) -> bool:
        root = os.path.realpath(self.root)
        if real == root:
            return True
        if not real.startswith(root if root.endswith(os.sep) else root + os.sep):
            return False
        inside = real[len(root) :].strip(os.sep)
        # A link must not show under another name what is hidden under its own.
        return self._dotfiles or not any(part.startswith(".") for part in inside.split(os.sep))
