"""What may differ between places; each is an environment variable of the same name in capitals."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ketch import Field, Struct

HERE = Path(__file__).resolve().parent


class Settings(Struct, kw_only=True):
    """The harbour's settings."""

    harbour_folder: str = str(HERE / "var")
    """Where photos are kept."""
    harbour_airports: Annotated[int, Field(ge=0)] = 0
    """Load only this many airports (0: all of them)."""
    harbour_stream_seconds: Annotated[float, Field(gt=0)] = 3600.0
    """An event stream ends after this time, and the browser connects again: no server waits for it for ever."""

    @property
    def photos(self) -> Path:
        return Path(self.harbour_folder) / "photos"
