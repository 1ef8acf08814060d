"""Everything that comes by http is sent to https."""

from __future__ import annotations

from ketch.http.connection import HTTPConnection
from ketch.http.problems import Forbidden, HTTPException
from ketch.http.response import RedirectResponse, Response
from ketch.middleware.onion import CallNext, is_secure, is_websocket, refuse


class HTTPSRedirectMiddleware:
    """Answers http with a redirect to the same URL by https: 307, or 308 with `permanent=True`, the method kept.

    A WebSocket by ws is refused with 403, since browsers do not follow redirects there. The target's host is the
    request's own: put TrustedHostMiddleware outside this one. Behind a proxy that speaks https to the world,
    ProxyHeadersMiddleware has to be outside too, or the redirects never end.
    """

    def __init__(self, *, permanent: bool = False) -> None:
        self._status = 308 if permanent else 307

    async def __call__(self, request: HTTPConnection, call_next: CallNext) -> Response:
        if is_secure(request):
            return await call_next(request)
        if is_websocket(request):
            return refuse(Forbidden("This WebSocket is served over TLS only: use wss."), request)
        try:
            url = request.url
        except HTTPException as error:  # the Host header is not one
            return refuse(error, request)
        port = None if url.port in (80, 443) else url.port
        return RedirectResponse(url.replace(scheme="https", port=port), self._status, external=True)
