"""`Template`: a page named but not rendered yet. It renders inside the dependency scope, through the templates seam."""

from __future__ import annotations

from typing import Any


class Template:
    """The template `name` with its context. `status_code` None means the route's, or 422 with an invalid form in it.

    `block` renders that block of the template alone, for a page that swaps its parts. `headers` are added to the
    response. Jinja2 behind the templates seam renders it by default.
    """

    __slots__ = ("block", "context", "headers", "name", "status_code")

    def __init__(
        self,
        name: str,
        /,
        *,
        status_code: int | None = None,
        headers: dict[str, str] | None = None,
        block: str | None = None,
        **context: Any,
    ) -> None:
        self.name = name
        self.status_code = status_code
        self.headers = headers
        self.block = block
        self.context = context

    def __repr__(self) -> str:
        return f"Template({self.name!r})"
