"""A folder of templates and an application over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ketch import App

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """`write(**{"page.html": "..."})`: files of the folder `templates`, which is returned."""
    folder = tmp_path / "templates"
    folder.mkdir()

    def writing(files: dict[str, str] | None = None, /, **more: str) -> Path:
        for name, text in ((files or {}) | more).items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, "utf-8")
        return folder

    return writing


@pytest.fixture
def quiet() -> Callable[..., App]:
    """An App without the API's document and page."""

    def make(**options: Any) -> App:
        return App(openapi_url=None, docs_url=None, **options)

    return make
