"""Sessions: what a visitor's next requests shall know. Signed cookies stand behind it by default.

`request.session` is a mapping of JSON values, found in `scope["session"]`; whoever fills that key is a session
extension. `scope["csrf"]` is the guard of its forms, a `FormGuard`; templates draw its token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class SessionStore(Protocol):
    """Where the data of sessions is kept: `Sessions(store=MyStore())`. Cookies are somebody else's business.

    A ticket is the text that travels in the cookie: the data itself, signed, or the key of a row on a server. A store
    that need not wait may have a plain method `read` instead of `load`; it is called only when somebody looks at the
    session. `ketch.testing.conformance.sessions` says whether a store keeps these promises.
    """

    async def load(self, ticket: str) -> Mapping[str, Any] | None:
        """The data of a ticket; None for one that is unknown, forged or out of date. Never raises for a bad ticket.

        A copy: what its reader changes is not kept until it is saved.
        """

    async def save(self, data: Mapping[str, Any], ticket: str | None, max_age: int) -> str:
        """Keep a copy of `data`, which is JSON, for `max_age` seconds. Returns the ticket to send: the same or another.

        `ticket` is None for a new session, and after `request.session.renew()` (at a login), so that whoever knew the
        old ticket does not know the new one.
        """

    async def delete(self, ticket: str) -> None:
        """Forget a session. Nothing happens if it is gone already."""


class FormGuard(Protocol):
    """What keeps other sites from sending our forms in a visitor's name (`scope["csrf"]`)."""

    field: str

    def token(self) -> str:
        """A fresh text for the hidden field `field`; it belongs to the visitor's session."""

    async def check(self) -> None:
        """Raises Forbidden unless the request comes from our own pages, whether it carries a session or not."""
