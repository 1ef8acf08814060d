"""What `ketch dev` serves while the application cannot be loaded: the reason, on every path, until the next change."""

from __future__ import annotations

from html import escape
from typing import Any

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<meta http-equiv="refresh" content="2"><style>{style}</style></head>
<body><main><h1>{title}</h1><pre>{report}</pre><p>Save a file, and this page comes back by itself.</p></main></body>
</html>
"""
_STYLE = (
    ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}"
    "body{margin:0;padding:clamp(1rem,5vw,4rem);background:light-dark(#f7f5f2,#15181c);color:light-dark(#22262b,#e6e3de)}"
    "main{max-width:62rem;margin:auto}h1{font-size:1.4rem;font-weight:600}"
    "pre{padding:1.2rem 1.4rem;overflow-x:auto;border-left:4px solid #d1495b;border-radius:4px;"
    "background:light-dark(#fff,#1d2126);font:14px/1.6 ui-monospace,monospace;white-space:pre-wrap}"
    "p{color:light-dark(#6b7076,#9aa0a6)}"
)
TITLE = "The application cannot be loaded"


def broken(report: str) -> Any:
    """An ASGI application that answers everything with 503 and `report`: a page for a browser, else text."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1011, "reason": ""})
            return
        accept = dict(scope["headers"]).get(b"accept", b"")
        if b"text/html" in accept:
            kind, body = b"text/html; charset=utf-8", _page(report)
        else:
            kind, body = b"text/plain; charset=utf-8", f"{TITLE}.\n\n{report}\n".encode("utf-8", "replace")
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        headers += [(b"content-security-policy", _policy()), (b"x-content-type-options", b"nosniff")]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return app


def _page(report: str) -> bytes:
    text = escape(report.encode("utf-8", "replace").decode())
    return _PAGE.format(title=TITLE, style=_STYLE, report=text).encode()


def _policy() -> bytes:
    from base64 import b64encode
    from hashlib import sha256

    digest = b64encode(sha256(_STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'".encode()
