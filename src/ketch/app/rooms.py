"""The rooms that an application gets without asking, named once, loaded only when they are needed.

This is the one place where a lower layer names higher ones; it names them as text.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin

if TYPE_CHECKING:
    from ketch.app.router import Router

STATIC_FILES = "ketch.staticfiles:StaticFiles"
OPENAPI = "ketch.openapi:OpenAPI"
TEMPLATES = "ketch.templates:Templates"
CODECS = "ketch.codecs:default_codecs"


def load(name: str, what: str = "", origin: Origin | None = None) -> Any:
    """The object behind `module:attribute`. A missing library is a SetupError that names the install line."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", "ketch"):
            raise
        raise missing_extra(missing, what or module, origin) from None


_EXTRAS = {
    "jinja2": "templates",
    "sqlalchemy": "sql",
    "greenlet": "sql",
    "pydantic": "pydantic",
    "attrs": "attrs",
    "httpx2": "test",
    "wsproto": "server",
    "itsdangerous": "sessions",
    "swagger_ui": "standard",
    "zstandard": "zstd",
}


def missing_extra(module: str, what: str, origin: Origin | None = None) -> SetupError:
    """A battery is used without the library behind it."""
    extra = extra_for(module) or "standard"
    return SetupError(
        "KETCH-EXT-002",
        f"{what} needs {module}, which is not installed.",
        places=[Place("here", origin)] if origin is not None else (),
        fix=f'pip install "ketch[{extra}]"',
    )


def extra_for(module: str) -> str | None:
    """The extra of Ketch that brings a library, if one does."""
    return _EXTRAS.get(module.partition(".")[0])


def static_files(router: Router, path: str, directory: Any, options: dict[str, Any], origin: Origin) -> None:
    """`router.static(...)` as a route."""
    from ketch.app.declare import RouteRecord
    from ketch.http.request import Request
    from ketch.http.response import Response

    prefix = path.rstrip("/")
    files = load(STATIC_FILES, "static()", origin)(directory, prefix=prefix, **options)

    async def static(request: Request) -> Response:
        response: Response = await files(request)
        return response

    static.__annotations__ = {"request": Request, "return": Response}  # read at freeze, where the names are not global
    static.files = files  # type: ignore[attr-defined]  # url_for and templates find it here
    hidden = {
        "include_in_schema": False,
        "public": True,
        "name": "static" if prefix == "/static" else f"static:{prefix}",
    }
    record = RouteRecord(f"{prefix}/{{path:path}}", ("GET",), static, hidden, origin)
    router._record(record)
