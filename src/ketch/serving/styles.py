"""Stylesheets of pages that must work when nothing else does: written into the page, allowed by their hash alone."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple


class Style(NamedTuple):
    """CSS for a `<style>` element, and the Content-Security-Policy source that allows it and no other."""

    css: str
    source: str


@cache
def style(*names: str) -> Style:
    """The stylesheets of these names below this package, one after the other."""
    from base64 import b64encode
    from hashlib import sha256

    here = Path(__file__).parent
    css = "\n" + "\n".join((here / name).read_text("utf-8") for name in names)
    return Style(css, f"'sha256-{b64encode(sha256(css.encode()).digest()).decode()}'")


def policy(sheet: Style) -> str:
    """The strictest policy: this style, and nothing else from anywhere."""
    return f"default-src 'none'; style-src {sheet.source}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
