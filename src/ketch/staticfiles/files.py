"""The object behind `app.static`: a request's remaining path becomes a response."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ketch.http.files import FileResponse
from ketch.http.mediatypes import guess_media_type
from ketch.http.negotiate import parse_quality, prefers_html
from ketch.http.percent import quote_path
from ketch.http.problems import MethodNotAllowed, NotFound
from ketch.http.response import RedirectResponse
from ketch.http.threads import in_thread

from .names import HashedNames
from .paths import Folder, Found, may_be_routed

if TYPE_CHECKING:
    from ketch.http.request import Request
    from ketch.http.response import Response

IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"

_ENCODINGS = (("br", ".br"), ("zstd", ".zst"), ("gzip", ".gz"))  # the earlier of equally welcome ones is sent
_STALE = 2.0  # seconds that a compressed sibling may be older than its original, for the sake of coarse copies


class StaticFiles:
    """Serves what lies below `directory`, for GET and HEAD.

    `prefix` is where it hangs, for `url`. `spa` names the page that answers a browser's navigation to a path without
    a file ("index.html", or True for that), so that a script there can route it. `immutable=False` switches hashed
    names off. A folder shows its `index.html`. Links that lead out of the folder are followed only with
    `follow_symlinks=True`, names that start with a dot served only with `dotfiles=True`.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        prefix: str = "/static",
        spa: str | bool | None = None,
        immutable: bool = True,
        follow_symlinks: bool = False,
        dotfiles: bool = False,
    ) -> None:
        self.directory = os.fspath(directory)
        self.prefix = "/" + prefix.strip("/") if prefix.strip("/") else ""
        self.spa = "index.html" if spa is True else spa or None
        self.immutable = immutable
        self._folder = Folder(directory, follow_symlinks=follow_symlinks, dotfiles=dotfiles)
        self._names = HashedNames(self._folder)

    def url(self, name: str) -> str:
        """The path under which a file is to be linked, hashed if `immutable`: `/static/app.3f2a9c1d.css`.

        `name` is relative to the directory, with slashes. Raises UnknownStaticFile, which suggests the nearest name.
        """
        name = name.lstrip("/")
        return f"{self.prefix}/{quote_path(self._names.name_for(name) if self.immutable else name)}"

    def describe(self) -> dict[str, object]:
        """What it serves, as data."""
        return {
            "prefix": self.prefix or "/",
            "directory": self._folder.root,
            "spa": self.spa,
            "immutable": self.immutable,
        }

    async def __call__(self, request: Request) -> Response:
        """Answer for `request.path_params["path"]`. Raises NotFound, MethodNotAllowed."""
        if request.method not in ("GET", "HEAD"):
            raise MethodNotAllowed(allow=["GET", "HEAD"])
        path = str(request.path_params.get("path", ""))
        navigation = self.spa is not None and _is_navigation(request)
        accepted = request.header_list(b"accept-encoding")
        response = await in_thread(self._answer, path, navigation, ", ".join(accepted))
        if response is None:
            raise NotFound
        if isinstance(response, FileResponse):
            await response.prepare(request)
        return response

    # What follows runs in a thread.

    def _answer(self, path: str, navigation: bool, accepted: str) -> Response | None:
        found = self._folder.find(path)
        if found is not None and found.is_folder:
            response = self._answer_folder(path, accepted)
        else:
            response = self._answer_file(path, accepted)
        if response is None and navigation and may_be_routed(path):
            response = self._file(self.spa or "", REVALIDATE, accepted)
        return response

    def _answer_file(self, path: str, accepted: str) -> Response | None:
        response = self._file(path, REVALIDATE, accepted)
        if response is None and self.immutable and (name := self._names.plain_name(path)) is not None:
            response = self._file(name, IMMUTABLE, accepted)
        return response

    def _answer_folder(self, path: str, accepted: str) -> Response | None:
        slash = "" if not path or path.endswith("/") else "/"
        index = f"{path}{slash}index.html"
        if slash and self._folder.find_file(index) is not None:
            # Relative to the folder above, so it holds under any prefix, and can never name another site.
            return RedirectResponse("./" + quote_path(path.rpartition("/")[2]) + "/", 308)
        return self._file(index, REVALIDATE, accepted)

    def _file(self, name: str, caching: str, accepted: str) -> Response | None:
        found = self._folder.find_file(name)
        if found is None:
            return None
        headers = {"cache-control": caching}
        siblings = {
            coding: beside for coding, suffix in _ENCODINGS if (beside := self._compressed(found, name + suffix))
        }
        if siblings:
            headers["vary"] = "Accept-Encoding"
            coding = _chosen(list(siblings), accepted)
            if coding is not None:
                found = siblings[coding]
                headers["content-encoding"] = coding
        return FileResponse(found.path, headers=headers, media_type=guess_media_type(name), stat_result=found.stat)

    def _compressed(self, original: Found, name: str) -> Found | None:
        found = self._folder.find_file(name)
        if found is None or found.stat.st_mtime < original.stat.st_mtime - _STALE:
            return None  # left over from an older version of the file
        return found


def _is_navigation(request: Request) -> bool:
    """Whether a browser is opening a page, as against fetching a script or an image (Fetch Metadata, else Accept)."""
    mode = request.header(b"sec-fetch-mode")
    if mode is not None and mode != "navigate":
        return False
    return prefers_html(request.header(b"accept"))


def _chosen(codings: list[str], accepted: str) -> str | None:
    """The coding that Accept-Encoding likes best and at least as well as none at all (RFC 9110, 12.5.3)."""
    if not accepted:
        return None
    qualities = dict(parse_quality(accepted))
    anything = qualities.get("*", 0.0)
    best = max(codings, key=lambda coding: qualities.get(coding, anything))
    quality = qualities.get(best, anything)
    return best if quality > 0 and quality >= qualities.get("identity", 0.0) else None
