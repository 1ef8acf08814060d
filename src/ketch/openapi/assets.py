"""The files behind the docs page: our own, and Swagger UI's from the installed package, under names with their hash.

A name with a hash never changes its content, so browsers may keep it for ever.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

OURS = Path(__file__).with_name("static")
OUR_FILES = ("docs.css", "docs.js", "oauth2-redirect.js", "reference.css")
SWAGGER_FILES = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")


def swagger_ui() -> Path | None:
    """The directory of Swagger UI's built files in the package swagger-ui-py, or None. Its code is not imported."""
    spec = importlib.util.find_spec("swagger_ui")
    for place in (spec.submodule_search_locations or ()) if spec is not None else ():
        directory = Path(place, "static")
        if all((directory / name).is_file() for name in SWAGGER_FILES):
            return directory
    return None


class Assets:
    """The files of one page: `hashed(name)` is what the page refers to, `find(hashed)` the file behind it."""

    def __init__(self) -> None:
        """Reads every file once, to hash it."""
        directory = swagger_ui()
        self.interactive = directory is not None
        """Whether Swagger UI is among them."""
        paths = [OURS / name for name in OUR_FILES] + [directory / name for name in SWAGGER_FILES if directory]
        self._names: dict[str, str] = {}
        self._paths: dict[str, Path] = {}
        for path in paths:
            hashed = f"{path.stem}.{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}{path.suffix}"
            self._names[path.name] = hashed
            self._paths[hashed] = path

    def hashed(self, name: str) -> str:
        """`docs.js` as `docs.0123456789abcdef.js`."""
        return self._names[name]

    def find(self, hashed: str) -> Path | None:
        """The file for a name with a hash; None if there is none of that content."""
        return self._paths.get(hashed)
