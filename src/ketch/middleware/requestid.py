"""A name for every request, so that its response, its log lines and its traces can be found again."""

from __future__ import annotations

import re
from collections.abc import Callable
from secrets import token_hex

from ketch.http.connection import HTTPConnection
from ketch.http.headers import encode_name
from ketch.http.request_id import request_id
from ketch.http.response import Response
from ketch.kernel.errors import SetupError
from ketch.middleware.onion import CallNext, also_on_errors

# Long enough for every scheme in use (UUID, ULID, trace ids), and nothing that could forge a log line or a header.
_SANE = re.compile(r"[A-Za-z0-9._~+/=:@\-]{8,128}").fullmatch


def random_id() -> str:
    """32 hexadecimal digits."""
    return token_hex(16)


class RequestIDMiddleware:
    """Gives each request an id: `request.state.request_id`, the response's header, and `request_id` in log records.

    `accept_incoming=True` takes the id a client or proxy sent in `header`, if it is 8 to 128 letters, digits and
    `._~+/=:@-`; otherwise, and by default, the id is made by `make()`. A client can choose an accepted id freely, so
    it identifies nothing by itself. Errors get the header as well. Raises SetupError KETCH-MW-019 for a bad `header`.
    """

    def __init__(
        self, *, header: str = "X-Request-ID", accept_incoming: bool = False, make: Callable[[], str] = random_id
    ) -> None:
        try:
            self._header = encode_name(header)
        except (TypeError, ValueError) as error:
            raise SetupError(
                "KETCH-MW-019",
                f"RequestIDMiddleware(header={header!r}) is not the name of a header: {error}.",
                fix='Write:  header="X-Request-ID"',
            ) from None
        self._accept_incoming = accept_incoming
        self._make = make

    async def __call__(self, request: HTTPConnection, call_next: CallNext) -> Response:
        name = self._incoming(request) or self._make()
        request.state.request_id = name
        pair = (self._header, name.encode("latin-1"))
        also_on_errors(request, [pair])
        # Never reset: a request has a context of its own, and what is logged after the onion (a 500's traceback, a
        # stream's end, background tasks) belongs to it too.
        request_id.set(name)
        response = await call_next(request)
        response.headers[self._header.decode()] = name
        return response

    def _incoming(self, request: HTTPConnection) -> str | None:
        if not self._accept_incoming:
            return None
        sent = request.header_list(self._header)
        return sent[0] if len(sent) == 1 and _SANE(sent[0]) else None
