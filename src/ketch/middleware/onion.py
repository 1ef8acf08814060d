"""What every layer of the onion is made with: its types, its refusals, and the checks of its options.

A request mistake is answered with a response, not an exception, so that the layers further out can still add to it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ketch.http.connection import HTTPConnection
from ketch.http.headers import RawHeaders, encode_value
from ketch.http.problems import HTTPException
from ketch.http.response import Response
from ketch.kernel.errors import SetupError

CallNext = Callable[[Any], Awaitable[Response]]
"""`await call_next(request)`: the rest of the onion."""


def refuse(error: HTTPException, connection: HTTPConnection) -> Response:
    """The answer to a request mistake that a middleware found: a problem document, or a page for a browser."""
    from ketch.serving.failures import problem_response

    return problem_response(error, connection)


def also_on_errors(connection: HTTPConnection, headers: RawHeaders) -> None:
    """Headers that a 500 gets too; its response is made outside the onion."""
    if connection.error_headers is None:
        connection.error_headers = []
    connection.error_headers += headers


def is_websocket(connection: HTTPConnection) -> bool:
    return bool(connection.scope["type"] == "websocket")


def is_secure(connection: HTTPConnection) -> bool:
    """Did the client come by https, as far as the scope says?"""
    return connection.scope.get("scheme") in ("https", "wss")


def texts(middleware: str, option: str, value: Any) -> tuple[str, ...]:
    """An option that is a list of str. Raises SetupError KETCH-MW-010, also for one str: that is a list of letters."""
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        items = tuple(value)
        if all(isinstance(item, str) for item in items):
            return items
    fix = f'{option}=["{value}"]' if isinstance(value, str) else f'{option}=["..."]'
    raise SetupError(
        "KETCH-MW-010",
        f"{middleware}({option}={value!r}) is not a list of strings.",
        why="A single string would be read letter by letter." if isinstance(value, str) else "",
        fix=f"Write:  {fix}",
    )


def whole_number(middleware: str, option: str, value: Any, least: int, most: int) -> int:
    """An option that is an int from `least` to `most`. Raises SetupError KETCH-MW-010."""
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise SetupError(
        "KETCH-MW-010",
        f"{middleware}({option}={value!r}) is not a whole number from {least} to {most}.",
        fix=f"Write:  {option}={least if least > 0 else min(most, 600)}",
    )


def header_text(middleware: str, option: str, value: Any) -> bytes:
    """An option that goes out as a header's value. Raises SetupError KETCH-MW-019."""
    try:
        return encode_value(value)
    except (TypeError, ValueError) as error:
        raise SetupError(
            "KETCH-MW-019",
            f"{middleware}({option}=...) cannot be sent as a header: {error}.",
            why="Such a header would end the response's head, or be refused by the server.",
            fix="Write it on one line, with characters up to U+00FF.",
        ) from None
