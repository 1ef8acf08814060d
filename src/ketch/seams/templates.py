"""Templates: from a name and a context to a page. Jinja2 stands behind it by default."""

from __future__ import annotations

from typing import Any, Protocol


class Templates(Protocol):
    """What renders pages. Replace it with `app.provide(Templates, MyTemplates())` or `App(templates=...)`.

    It may also have `attach(app, folders)`, called once before it is used (`folders` are those of extensions), and
    `error_page(error, request)`, which returns a browser's page for an HTTPException, or None for the plain one.
    `ketch.testing.conformance.templates` says whether all that is kept.
    """

    def page(self, template: Any, request: Any, status: int | None) -> Any:
        """A `Template` as a Response. The template's own status wins, then 422 for a Submitted in its context that is
        invalid, then `status`, the route's; None is 200. HTML escapes what it shows; no text makes it fail."""

    def render(self, name: str, context: dict[str, Any]) -> str:
        """A template's text. Raises LookupError if there is no such template."""

    def draw_form(self, form: Any) -> str:
        """A Submitted form: labelled fields, what was typed (but no password), errors and token.

        Templates that draw no forms raise NotImplementedError, here and in `field`.
        """

    def field(self, form: Any, name: str) -> Any:
        """One field of a form: `__html__` draws it whole; `label`, `input`, `errors` and `hint` are its parts.

        Raises LookupError if the form has no such field.
        """
