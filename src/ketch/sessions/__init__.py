"""Sessions: `request.session` in a signed cookie, messages that outlive a redirect, forms that only we can send.

    app = App(extensions=[Sessions()])

`SECRET_KEY` in the environment signs; in production nothing starts without it. A store on the server takes the cookie's
place through the seam `ketch.seams.sessions.SessionStore`.
"""

from __future__ import annotations

from ketch.http.flash import FlashMessage, flash
from ketch.sessions.cookie import SessionTooLarge
from ketch.sessions.extension import Sessions, csrf_protected
from ketch.sessions.session import Session

__all__ = ["FlashMessage", "Session", "SessionTooLarge", "Sessions", "csrf_protected", "flash"]
