"""What a long check says while it runs."""

from __future__ import annotations

import sys


def tell(text: str) -> None:
    """One line, at once. On stderr, which also comes through from the workers of a parallel run."""
    print(text, file=sys.stderr, flush=True)
