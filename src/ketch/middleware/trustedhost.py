"""Only requests for the hosts that this application is."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ketch.http.connection import HTTPConnection
from ketch.http.problems import BadRequest
from ketch.http.response import RedirectResponse, Response
from ketch.http.url import host_name, valid_host
from ketch.kernel.errors import SetupError
from ketch.middleware.onion import CallNext, is_websocket, refuse, texts

_LABELS = r"[a-z0-9_](?:[a-z0-9_\-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_\-]*[a-z0-9_])?)*"
_PATTERN = re.compile(rf"\*|(?:\*\.)?{_LABELS}|\[[0-9a-f:.]+\]").fullmatch


class TrustedHostMiddleware:
    """Answers 400 unless the Host header names one of `allowed_hosts`, whatever the port.

    `"example.com"` is that name alone, `"*.example.com"` every name below it (not itself), `"*"` any, so that only the
    header's syntax is checked. IPv6 addresses stand in brackets. With `www_redirect` a name that is only allowed with
    `www.` before it is redirected there. Raises SetupError KETCH-MW-014 for a pattern that can never match.
    """

    def __init__(self, *, allowed_hosts: Iterable[str], www_redirect: bool = True) -> None:
        patterns = [pattern.lower() for pattern in texts("TrustedHostMiddleware", "allowed_hosts", allowed_hosts)]
        _check(patterns)
        self._any = "*" in patterns
        self._names = frozenset(pattern for pattern in patterns if not pattern.startswith("*"))
        self._suffixes = tuple(pattern[1:] for pattern in patterns if pattern.startswith("*."))
        self._www_redirect = www_redirect

    async def __call__(self, request: HTTPConnection, call_next: CallNext) -> Response:
        hosts = request.header_list(b"host")
        name = host_name(hosts[0]) if len(hosts) == 1 and valid_host(hosts[0]) else ""
        if self.allows(name) or (self._any and not hosts):  # HTTP/1.0 needs no Host
            return await call_next(request)
        if self._www_redirect and f"www.{name}" in self._names and not is_websocket(request):
            url = request.url
            return RedirectResponse(url.replace(hostname=f"www.{name}", port=url.port), external=True)
        return refuse(BadRequest("The Host header does not name a host that is served here.", code="host"), request)

    def allows(self, name: str) -> bool:
        """Is this one of the allowed hosts? `name` as `host_name` makes it; "" is none."""
        if not name:
            return False
        return self._any or name in self._names or (bool(self._suffixes) and name.endswith(self._suffixes))


def _check(patterns: list[str]) -> None:
    if not patterns:
        raise SetupError(
            "KETCH-MW-014",
            "TrustedHostMiddleware(allowed_hosts=[]) allows no host.",
            why="Every request would be answered with 400.",
            fix='Write:  allowed_hosts=["example.com", "*.example.com"]',
        )
    for pattern in patterns:
        if not _PATTERN(pattern):
            raise SetupError(
                "KETCH-MW-014",
                f"TrustedHostMiddleware: {pattern!r} can never be the name in a Host header.",
                why='A host is a name without scheme, port and path, or "*." and a name.',
                fix=f'Write:  allowed_hosts=["{_suggested(pattern)}"]',
            )


def _suggested(pattern: str) -> str:
    host = pattern.partition("://")[2] or pattern
    host = host.partition("/")[0].rpartition("@")[2].strip()
    if host.count(":") > 1 and not host.startswith("["):
        return f"[{host}]"
    name = re.sub(r":\d*$", "", host).strip(".")
    return name if _PATTERN(name) else "example.com"
