"""The API's document (OpenAPI 3.1) and its page: `from ketch.openapi import OpenAPI`.

    operation      what this room is told: Operation, Info       routes      ... and that from a frozen application
    schema         JSON Schema from shapes (scalars, names, notes; adapters/pydantic)
    parameters     what a client sends                           responses   what it gets
    document       all of it together                            extension   OpenAPI: the routes that serve it
    page           /docs with Swagger UI (assets)                reference   /docs without (samples)

Every application opens this door, few ask for the document at once: only the extension is loaded with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ketch.openapi.extension import OpenAPI

if TYPE_CHECKING:
    from ketch.openapi.document import build
    from ketch.openapi.operation import Answer, Info, Operation, SecurityUse, answers_of
    from ketch.openapi.results import answers_from
    from ketch.openapi.routes import operations_of
    from ketch.openapi.schema import Direction, Schemas

_HOMES = {
    "Answer": "operation",
    "Direction": "schema",
    "Info": "operation",
    "Operation": "operation",
    "Schemas": "schema",
    "SecurityUse": "operation",
    "answers_from": "results",
    "answers_of": "operation",
    "build": "document",
    "operations_of": "routes",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)


__all__ = [
    "Answer",
    "Direction",
    "Info",
    "OpenAPI",
    "Operation",
    "Schemas",
    "SecurityUse",
    "answers_from",
    "answers_of",
    "build",
    "operations_of",
]
