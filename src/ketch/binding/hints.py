"""What `dev` says, once a route, about results that are most often meant otherwise."""

from __future__ import annotations

_told: set[tuple[str, str]] = set()


def hint_html(label: str) -> None:
    """Markup sent as text/plain is most often meant as a page."""
    _hint(
        label,
        "%s returns a str that looks like HTML, and str is text/plain. Return HTMLResponse(...) or Template(...).",
    )


def hint_tuple(label: str) -> None:
    """Other frameworks read a pair of a body and a number as a status."""
    _hint(
        label,
        "%s returns a tuple that looks like (body, status); tuples are JSON arrays here. "
        "Use status_code=, or return JSONResponse(body, status).",
    )


def _hint(label: str, text: str) -> None:
    import os

    if os.environ.get("KETCH_ENV") == "dev" and (label, text) not in _told:
        from logging import getLogger

        _told.add((label, text))
        getLogger("ketch").warning(text, label)
