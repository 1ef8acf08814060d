"""Messages that outlive a redirect: `flash(request, "Saved")` now, `{% for message in messages %}` on the next page.

They wait in the session, so a session extension must be installed (`ketch.sessions.Sessions`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from .connection import HTTPConnection

SESSION_KEY = "_messages"
MAX_LENGTH = 300
"""Characters of one message."""

MAX_WAITING = 1_500
"""Bytes of all that wait, as UTF-8: a session in a cookie holds 4 KB, and not for messages alone."""


class FlashMessage(NamedTuple):
    """One message; in a template `{{ message }}` is its text, `{{ message.category }}` a class for its style."""

    text: str
    category: str = "info"

    def __str__(self) -> str:
        return self.text


def flash(request: HTTPConnection, message: object, category: str = "info") -> None:
    """Show `message` on the next page that this visitor sees. Raises RuntimeError without a session extension.

    `category` is a word for the page's style: info, success, warning, error, or your own. A message longer than 300
    characters is cut, and where too many wait the oldest go unseen.
    """
    session: Any = request.session
    text = str(message)
    text = text if len(text) <= MAX_LENGTH else text[: MAX_LENGTH - 1] + "…"
    waiting = [[text, category[:50]]]
    size = len(text.encode("utf-8", "replace"))
    for before in reversed(_pairs(session.get(SESSION_KEY))):
        size += len(str(before[0]).encode("utf-8", "replace")) + 20
        if size > MAX_WAITING:
            break
        waiting.insert(0, [str(before[0]), str(before[1])])
    session[SESSION_KEY] = waiting


def take_messages(request: HTTPConnection) -> list[FlashMessage]:
    """What waits to be shown, oldest first; it waits no longer. Empty without a session extension."""
    session: Any = request.scope.get("session")
    if not session:
        return []
    return [FlashMessage(str(text), str(category)) for text, category in _pairs(session.pop(SESSION_KEY, None))]


def _pairs(waiting: Any) -> list[Any]:
    """The texts and categories; somebody else's session may hold something else under the name."""
    kept = waiting if isinstance(waiting, list) else ()
    return [pair for pair in kept if isinstance(pair, list) and len(pair) == 2]
