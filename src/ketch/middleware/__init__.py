"""Middleware for what most applications meet sooner or later.

    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])

Each is an object with `async def __call__(self, request, call_next) -> Response`. Each add goes outside those before
it, so the usual order of the calls is: compression, security headers, CORS, HTTPS redirect, trusted host, request id,
and last, outermost, proxy headers, which corrects what all the others look at.
"""

from __future__ import annotations

from ketch.middleware.compression import CompressionMiddleware
from ketch.middleware.cors import CORSMiddleware
from ketch.middleware.httpsredirect import HTTPSRedirectMiddleware
from ketch.middleware.proxyheaders import ProxyHeadersMiddleware
from ketch.middleware.requestid import RequestIDMiddleware
from ketch.middleware.securityheaders import SecurityHeadersMiddleware
from ketch.middleware.trustedhost import TrustedHostMiddleware

__all__ = [
    "CORSMiddleware",
    "CompressionMiddleware",
    "HTTPSRedirectMiddleware",
    "ProxyHeadersMiddleware",
    "RequestIDMiddleware",
    "SecurityHeadersMiddleware",
    "TrustedHostMiddleware",
]
