"""`App(timezone=...)`: what naive datetimes in forms are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ketch.binding.text import zone_of
from ketch.kernel.errors import Place, SetupError
from ketch.kernel.suggest import hint

if TYPE_CHECKING:
    from ketch.kernel.origin import Origin


def check_timezone(name: str, origin: Origin) -> None:
    """Raises SetupError (KETCH-APP-010) if there is no such time zone, or no list of them on this machine."""
    try:
        zone_of(name)
    except (LookupError, ValueError, TypeError, OSError):
        from zoneinfo import available_timezones

        known = available_timezones()
        raise SetupError(
            "KETCH-APP-010",
            f"App(timezone={name!r}) names no time zone.",
            places=[Place("app", origin)],
            why="Forms send datetimes without a zone; they are read in this one.",
            fix=hint(str(name), known) if known else "This machine has no list of time zones:  pip install tzdata",
        ) from None
