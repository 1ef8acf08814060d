"""Where things stand."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Environments, wheels and configuration of the peers; not in the repository.
FOLDER = ROOT / ".bench"
