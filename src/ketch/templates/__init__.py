"""Templates: `Template("page.html", ...)` rendered by Jinja2, forms drawn from their types, error pages.

    App(templates="pages")                                          another folder than `templates/`
    App(templates=Templates(folder="pages", filters={"money": money}))   with filters, tests and globals of your own

Every template has `url_for(name, id=7)`, `static("app.css")`, `csrf_input` and `messages`; pages have `request` and
`user` as well.
"""

from __future__ import annotations

from ketch.templates.engine import Templates
from ketch.templates.mistakes import TemplateBroken, TemplateMissing

__all__ = ["TemplateBroken", "TemplateMissing", "Templates"]
