"""The page a browser gets for an error when the application has no template for it. No script, and one style."""

from __future__ import annotations

from html import escape
from typing import Any

from ketch.http.problems import HTTPException
from ketch.http.response import HTMLResponse
from ketch.http.status import phrase
from ketch.serving.styles import policy, style

_TRIED = 40
"""Routes shown to a developer whose path is none of them."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{status} {title}</title>
<style>{css}</style>
</head>
<body>
<main class="plain">
<p class="status">{status}</p>
<h1>{title}</h1>
{rest}
</main>
</body>
</html>
"""


def error_page(error: HTTPException, request: Any) -> HTMLResponse:
    """Status, title and detail as a page; in `dev` a 404 also shows what was tried."""
    sheet = style("page.css")
    parts = [f'<p class="detail">{escape(str(error.detail))}</p>' if error.detail else ""]
    if error.errors:
        parts.append(f'<ul class="errors">{"".join(map(_error, list(error.errors)[:100]))}</ul>')
    if error.status_code == 404 and getattr(request.runtime, "debug", False):
        parts.append(_tried(request))
    page = _PAGE.format(
        status=error.status_code,
        title=escape(error.title or phrase(error.status_code)),
        css=sheet.css,
        rest="\n".join(part for part in parts if part),
    )
    # A lone surrogate in a detail must not break the page that quotes it.
    body = page.encode("utf-8", "replace")
    return HTMLResponse(body, error.status_code, headers={"content-security-policy": policy(sheet)})


def _error(item: Any) -> str:
    where = " › ".join(map(str, item["loc"][1:])) or str(item["loc"][0])
    return f"<li><code>{escape(where)}</code>{escape(str(item['msg']))}</li>"


def _tried(request: Any) -> str:
    """For developers: the routes that were looked at, nearest first, each with the reason why it was not taken."""
    table, scope = request.runtime.table, request.scope
    root = scope.get("root_path", "").rstrip("/")
    path = scope["path"].removeprefix(root) or "/"
    closest = table.closest(path)
    looked_at = table.explain(scope.get("method", "WEBSOCKET"), path, (request.header(b"host") or "").partition(":")[0])
    rows = "".join(_row(tried) for tried in looked_at[:_TRIED])
    more = f'<p class="note">{len(looked_at) - _TRIED:,} more routes.</p>' if len(looked_at) > _TRIED else ""
    guess = f'<p class="guess">Did you mean <code>{escape(closest)}</code>?</p>' if closest else ""
    handler = request.route
    if handler is not None:
        rows = more = guess = ""
        told = f"<h2>{escape(str(handler.label))} answered this itself</h2>"
        told += f'<p class="note">Its handler is at <code>{escape(str(handler.origin))}</code>.</p>'
    else:
        told = f"<h2>Nothing is at <code>{escape(path[:200])}</code></h2>"
    listed = f'<ul class="tried">{rows}</ul>' if rows else ""
    return f'<section class="dev">{told}{guess}{listed}{more}<p class="note">Shown in dev only.</p></section>'


def _row(tried: Any) -> str:
    what, _, _ = str(tried).rpartition(f": {tried.reason or 'taken'}")
    return f"<li><code>{escape(what)}</code><span>{escape(tried.reason or 'taken')}</span></li>"
