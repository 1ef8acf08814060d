"""Static files: `app.static("/static", "static")`, and `static("app.css")` in templates.

    StaticFiles("static", prefix="/static")       an object that answers GET and HEAD for what is below a folder

Plain names are revalidated with an ETag each time; names that `url` made carry the content's hash and may be kept for a
year. Nothing outside the folder can be reached, in any spelling; what starts with a dot stays hidden.
"""

from __future__ import annotations

from .files import StaticFiles
from .names import UnknownStaticFile

__all__ = ["StaticFiles", "UnknownStaticFile"]
