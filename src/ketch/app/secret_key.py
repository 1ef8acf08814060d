"""SECRET_KEY: what everything that signs (sessions, links in mails) signs with, and how it is changed.

SECRET_KEY            the key in use, found as every setting is: environment, secret file, `.env` in dev
SECRET_KEY_FALLBACKS  former keys, separated by commas: what they signed is still believed, nothing new is signed

Both win over what is written in code. Production does not start without a key; `dev` and tests make one that lives as
long as the process.
"""

from __future__ import annotations

from collections.abc import Sequence

from ketch.app.environment import here
from ketch.app.mode import mode
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin

VARIABLE = "SECRET_KEY"
MIN_LENGTH = 16
"""Characters of a key in production: fewer can be found by trying."""

_MAKE = 'Make one:  python -c "import secrets; print(secrets.token_urlsafe(32))"'

_AT_HOME = "On your own machine export KETCH_ENV=dev spares you this."

_made: list[str] = []  # one for the whole process, so that everything that signs agrees


def secret_keys(given: str | Sequence[str] | None, what: str, origin: Origin | None = None) -> list[str]:
    """The keys, newest first; the first signs. `given` is what stands in code, `what` signs and `origin` says where.

    Raises SetupError KETCH-SESSION-001 in production if there is none, KETCH-SESSION-002 if it is too short.
    """
    places = [Place("here", origin)] if origin is not None else []
    environment = here(mode())
    current, former = environment.text(VARIABLE), environment.text(f"{VARIABLE}_FALLBACKS")
    coded = [given] if isinstance(given, str) else list(given or ())
    older = [key.strip() for key in former.value.split(",")] if former is not None else []
    keys = [key for key in (current.value.strip() if current is not None else "", *coded, *older) if key]
    if not keys:
        return [_for_this_process(what, places)]
    if mode() == "production" and len(keys[0]) < MIN_LENGTH:
        raise SetupError(
            "KETCH-SESSION-002",
            f"SECRET_KEY has {len(keys[0])} characters; {what} needs at least {MIN_LENGTH}.",
            places=places,
            why="Whoever guesses it can sign in as anybody.",
            fix=_MAKE,
        )
    return keys


def _for_this_process(what: str, places: list[Place]) -> str:
    if mode() == "production":
        raise SetupError(
            "KETCH-SESSION-001",
            f"{what} needs SECRET_KEY, which is not set.",
            places=places,
            why="Without it anybody could make up what we sign. A key made here would differ from worker to worker.",
            fix=f"Set SECRET_KEY in the environment, the same for all workers.\n{_MAKE}\n{_AT_HOME}",
        )
    if not _made:
        from secrets import token_urlsafe

        _made.append(token_urlsafe(32))
        if mode() == "dev":
            from logging import getLogger

            getLogger("ketch").warning(
                "SECRET_KEY is not set: one was made for this process, so signing in lasts until it restarts."
            )
    return _made[0]
