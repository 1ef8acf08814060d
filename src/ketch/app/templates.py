"""Which templates an application has: the folder of its own, its error pages, and the engine that renders them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from ketch.app.rooms import TEMPLATES, load
from ketch.inject.provider import Kind
from ketch.seams.templates import Templates

if TYPE_CHECKING:
    from ketch.app.application import App

_ERROR_PAGE = re.compile(r"(?:[45][0-9]{2}|error)\.html").fullmatch


def own_folder(app: App, given: Any = None) -> str:
    """`templates/` beside the file in which the App was made, else in the working directory; or the one `given`.

    A relative one that was given is looked for beside that file first, too.
    """
    name = os.fspath(given) if given is not None else "templates"
    beside = os.path.join(os.path.dirname(os.path.abspath(app.origin.file)), name)
    return beside if os.path.isdir(beside) or not os.path.isdir(name) else os.path.abspath(name)


def has_error_pages(app: App) -> bool:
    """Whether the folder holds pages like `404.html`, so that templates are needed though no route names one."""
    try:
        return any(_ERROR_PAGE(name) for name in os.listdir(own_folder(app)))
    except OSError:
        return False


def engine(app: App, registry: Any, folders: list[Any]) -> Any:
    """What renders: the application's own engine, else Jinja2. Raises SetupError (KETCH-EXT-002) without Jinja2."""
    own = app.templates
    provided = registry.find(Templates)
    if own is None and provided is not None and provided.kind is Kind.VALUE:
        own = provided.target
    if own is not None and hasattr(own, "page"):
        attach = getattr(own, "attach", None)
        if attach is not None:
            attach(app, folders)
        return own
    return load(TEMPLATES, "Template")(app, own, folders)
