"""The ASGI scope of a WSGI server's environ."""

from __future__ import annotations

from typing import Any

from ketch.http.headers import RawHeaders
from ketch.http.percent import quote_path, unquote_bytes


def scope_of(environ: dict[str, Any]) -> dict[str, Any]:
    """https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope"""
    root = environ.get("SCRIPT_NAME", "").encode("latin-1").rstrip(b"/")
    path = root + (environ.get("PATH_INFO", "").encode("latin-1") or b"/")
    address, port = environ.get("REMOTE_ADDR"), environ.get("REMOTE_PORT") or ""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": environ.get("SERVER_PROTOCOL", "HTTP/1.1").partition("/")[2] or "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": environ.get("wsgi.url_scheme", "http"),
        "path": path.decode("utf-8", "replace"),
        "raw_path": _raw_path(environ, path),
        "query_string": environ.get("QUERY_STRING", "").encode("latin-1"),
        "root_path": root.decode("utf-8", "replace"),
        "headers": _headers(environ),
        "client": (address, int(port) if str(port).isdecimal() else 0) if address else None,
        "server": _server(environ),
        "extensions": {},
    }


def _raw_path(environ: dict[str, Any], path: bytes) -> bytes:
    """The path as it was sent, from servers that tell; else encoded anew, which keeps bytes that are not UTF-8."""
    target = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
    if target.startswith(("http://", "https://")):
        target = "/" + target.split("/", 3)[3] if target.count("/") > 2 else "/"
    raw: bytes = target.partition("?")[0].encode("latin-1", "replace")
    if raw and raw.isascii() and unquote_bytes(raw) == path:  # else somebody has rewritten the path since
        return raw
    return quote_path(path).encode("ascii")


def _headers(environ: dict[str, Any]) -> RawHeaders:
    headers: RawHeaders = []
    for key, value in environ.items():
        if key.startswith("HTTP_") and isinstance(value, str):
            name = key[5:]
        elif key in ("CONTENT_TYPE", "CONTENT_LENGTH") and value:
            name = key
        else:
            continue
        if name in ("CONTENT_TYPE", "CONTENT_LENGTH") and key.startswith("HTTP_"):
            continue  # the server's own word for them stands
        headers.append((name.replace("_", "-").lower().encode("latin-1"), value.encode("latin-1", "replace")))
    return headers


def _server(environ: dict[str, Any]) -> tuple[str, int | None] | None:
    name, port = environ.get("SERVER_NAME"), str(environ.get("SERVER_PORT") or "")
    return (name, int(port) if port.isdecimal() else None) if name else None
