"""`Did you mean`: the closest name a person may have wanted."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when nothing is close enough to be a help."""
    from difflib import get_close_matches

    names = list(candidates)
    folded = {candidate.lower(): candidate for candidate in names}
    if name.lower() in folded:
        return folded[name.lower()]
    close = get_close_matches(name.lower(), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def hint(name: str, candidates: Iterable[str]) -> str:
    """The sentence for an error message: `Did you mean "x"?`, or nothing."""
    guess = did_you_mean(name, candidates)
    return f'Did you mean "{guess}"?' if guess else ""
