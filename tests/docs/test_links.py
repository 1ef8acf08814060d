"""Relative links between the documents lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import pages

ROOT = Path(__file__).resolve().parent.parent.parent
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"^ *(`{3,}).*?^ *\1 *$|`[^`\n]*`", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_exist(page: Path) -> None:
    prose = CODE.sub("", page.read_text("utf-8"))
    dead = [target for target in LINK.findall(prose) if not (page.parent / target).exists()]
    assert dead == [], f"{page.name} links to what is not there"


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda page: str(page.relative_to(ROOT)))
def test_anchors_exist(page: Path) -> None:
    prose = CODE.sub("", page.read_text("utf-8"))
    dead = []
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)", prose):
        other = page.parent / target if target else page
        if other.exists() and anchor not in headings(other):
            dead.append(f"{target}#{anchor}")
    assert dead == [], f"{page.name} links to headings that are not there"


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as the site makes them."""
    blank = re.compile(r"^ *(`{3,}).*?^ *\1 *$", re.DOTALL | re.MULTILINE).sub("", page.read_text("utf-8"))
    found = re.findall(r"^#+ (.+)$", blank, re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", text).strip().lower()) for text in found}
