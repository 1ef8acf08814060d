"""Where we are: `KETCH_ENV` is production unless it says dev or test."""

from __future__ import annotations

import os

from ketch.kernel.errors import SetupError
from ketch.kernel.suggest import hint

MODES = ("production", "dev", "test")


def mode() -> str:
    """production, dev or test. Raises SetupError (KETCH-APP-001) for anything else."""
    value = os.environ.get("KETCH_ENV", "production") or "production"
    if value not in MODES:
        raise SetupError(
            "KETCH-APP-001",
            f'KETCH_ENV is "{value}".',
            why="It must be one of production, dev and test.",
            fix=hint(value, MODES),
        )
    return value
