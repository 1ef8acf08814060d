"""Sessions kept in the cookie itself, signed by itsdangerous (HMAC-SHA-256, a salt of their own, keys that rotate).

Signed is not secret: whoever has the browser can read what is inside. A cookie that was sent once is believed until it
is out of date; a session that must end before that, everywhere, needs a store on the server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer


class SignedCookies:
    """A `SessionStore` whose tickets are the data. `keys` are newest first; `max_age` in seconds."""

    def __init__(self, keys: Sequence[str], max_age: int) -> None:
        self._serializer = URLSafeTimedSerializer(
            list(reversed(keys)),  # itsdangerous signs with the last
            salt="ketch.session",
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
        )
        self._max_age = max_age

    def read(self, ticket: str) -> Mapping[str, Any] | None:
        """The data of a ticket; None if its signature or age is not right."""
        try:
            data = self._serializer.loads(ticket, max_age=self._max_age)
        except (BadData, ValueError, RecursionError):
            return None
        return data if isinstance(data, dict) else None

    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        """As `read`."""
        return self.read(ticket)

    async def save(self, data: Mapping[str, Any], ticket: str | None, max_age: int) -> str:
        """The data, signed."""
        return str(self._serializer.dumps(dict(data)))

    async def delete(self, ticket: str) -> None:
        """There is nothing to forget but the cookie."""
