"""Messages kept as text files: `check("route-pattern-no-slash", str(error))`.

With KETCH_UPDATE_SNAPSHOTS=1 the files are rewritten instead; read the difference before committing it.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"


def check(name: str, text: str) -> None:
    """Compare `text` with what is kept under `name`. Places in it must be relative, so that it is the same anywhere."""
    file = FOLDER / f"{name}.txt"
    if os.environ.get("KETCH_UPDATE_SNAPSHOTS") == "1":
        FOLDER.mkdir(exist_ok=True)
        file.write_text(text.rstrip("\n") + "\n", "utf-8")
        return
    assert file.exists(), f"no snapshot {file.name}; run once with KETCH_UPDATE_SNAPSHOTS=1\n\n{text}"
    assert text.rstrip("\n") == file.read_text("utf-8").rstrip("\n")
