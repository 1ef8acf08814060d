"""`/docs` with Swagger UI: one page without inline script or style, and the policy that allows no more than it needs.

All its URLs are relative, so it works wherever the application is mounted.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from ketch.openapi.assets import Assets
from ketch.openapi.reference import reference_page

PLAIN_POLICY = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'self'"
REDIRECT_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"

_ORIGIN = re.compile(r"(https?://[A-Za-z0-9.\-]+(?::[0-9]+)?|https?://\[[0-9A-Fa-f:]+\](?::[0-9]+)?)(?:[/?#]|\Z)")

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" type="image/png" href="{favicon}">
<link rel="stylesheet" href="{swagger_css}">
<link rel="stylesheet" href="{css}">
</head>
<body>
<div id="swagger-ui" data-document="{document}" data-redirect="{redirect}" data-options="{options}"{oauth}></div>
<noscript>This page needs JavaScript. The document itself is at <a href="{document}">{document}</a>.</noscript>
<script src="{swagger_js}"></script>
<script src="{js}"></script>
</body>
</html>
"""

_REDIRECT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>OAuth 2 redirect</title>
<link rel="stylesheet" href="{css}">
</head>
<body>
<p class="plain">You may close this window.</p>
<script src="{js}"></script>
</body>
</html>
"""


def relative(target: str, page: str) -> str:
    """`target` as seen from `page`, both below the application's root: `/api.json` from `/docs` is `api.json`."""
    found = posixpath.relpath(target, posixpath.dirname(page) or "/")
    return found + "/" if target.endswith("/") and not found.endswith("/") else found


def swagger_page(
    document: Mapping[str, Any],
    docs_url: str,
    openapi_url: str,
    assets: Assets,
    options: Mapping[str, Any],
    oauth: Mapping[str, Any] | None,
) -> tuple[str, str]:
    """HTML and policy of the interactive page; `options` are Swagger UI's, `oauth` those of its `initOAuth`."""
    base = docs_url.rstrip("/")

    def asset(name: str) -> str:
        return escape(relative(f"{base}/assets/{assets.hashed(name)}", docs_url))

    html = _PAGE.format(
        title=escape(document["info"]["title"]),
        favicon=asset("favicon-32x32.png"),
        swagger_css=asset("swagger-ui.css"),
        css=asset("docs.css"),
        document=escape(relative(openapi_url, docs_url)),
        redirect=escape(relative(f"{base}/oauth2-redirect", docs_url)),
        options=escape(json.dumps(dict(options))),
        oauth=f' data-oauth="{escape(json.dumps(dict(oauth)))}"' if oauth else "",
        swagger_js=asset("swagger-ui-bundle.js"),
        js=asset("docs.js"),
    )
    return html, policy(document)


def plain_page(document: Mapping[str, Any], docs_url: str, openapi_url: str, assets: Assets) -> tuple[str, str]:
    """HTML and policy of the page without Swagger UI."""
    css = relative(f"{docs_url.rstrip('/')}/assets/{assets.hashed('reference.css')}", docs_url)
    return reference_page(document, relative(openapi_url, docs_url), css), PLAIN_POLICY


def redirect_page(docs_url: str, assets: Assets) -> str:
    """The HTML of the page that an authorization server redirects to."""
    base = docs_url.rstrip("/")
    names = {
        kind: escape(relative(f"{base}/assets/{assets.hashed(name)}", f"{base}/oauth2-redirect"))
        for kind, name in (("css", "docs.css"), ("js", "oauth2-redirect.js"))
    }
    return _REDIRECT.format(**names)


def policy(document: Mapping[str, Any]) -> str:
    """The page's Content-Security-Policy: itself, and the origins where the document says that requests go."""
    elsewhere = sorted({origin for url in _urls(document) if (origin := _origin(url))})
    connect = " ".join(["'self'", *elsewhere])
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src {connect}; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    )


def _origin(url: str) -> str:
    found = _ORIGIN.match(url)
    return found[1] if found else ""


def _urls(document: Mapping[str, Any]) -> Iterator[str]:
    for server in document.get("servers", ()):
        yield str(server.get("url", ""))
    for scheme in document.get("components", {}).get("securitySchemes", {}).values():
        yield str(scheme.get("openIdConnectUrl", ""))
        for flow in scheme.get("flows", {}).values():
            yield from (str(flow.get(name, "")) for name in ("tokenUrl", "refreshUrl"))
