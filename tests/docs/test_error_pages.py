"""docs/errors/ has a page for each code of a start-up mistake, and for nothing else; each shows how it happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import blocks_of

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = ROOT / "src" / "ketch"
PAGES = ROOT / "docs" / "errors"

CODE = re.compile(r"KETCH-[A-Z]+-[0-9]{3}")
WRITTEN = re.compile(r'"(KETCH-[A-Z]+-[0-9]{3})"')
# Patterns of paths and hosts number their mistakes: `mistake(7, ...)` is KETCH-ROUTE-007.
NUMBERED = re.compile(r"\bmistake\((\d+),")


def codes() -> list[str]:
    found: set[str] = set()
    for file in SOURCE.rglob("*.py"):
        text = file.read_text("utf-8")
        found.update(WRITTEN.findall(text))
        if "KETCH-ROUTE-{" in text:
            found.update(f"KETCH-ROUTE-{int(number):03}" for number in NUMBERED.findall(text))
    return sorted(found)


def test_the_source_was_read() -> None:
    assert {"KETCH-BIND-002", "KETCH-ROUTE-007", "KETCH-ROUTE-014", "KETCH-DEP-001"} <= set(codes())


@pytest.mark.parametrize("code", codes())
def test_a_code_has_a_page_that_shows_it(code: str) -> None:
    page = PAGES / f"{code}.md"
    assert page.exists(), f"no page docs/errors/{code}.md"
    text = page.read_text("utf-8")
    assert text.startswith(f"# {code}\n"), "the title is the code"
    raising = [block for block in blocks_of(text) if block.marks.get("raises") == code]
    typed = [block for block in blocks_of(text) if block.language == "console" and code in block.text]
    assert raising or typed, "no example on the page causes the mistake"
    assert "\n## Why\n" in text and "\n## What to write\n" in text


def test_no_page_is_about_a_code_that_is_gone() -> None:
    assert sorted(page.stem for page in PAGES.glob("KETCH-*.md")) == codes()


def test_the_index_lists_every_page() -> None:
    index = (PAGES / "index.md").read_text("utf-8")
    linked = re.findall(r"\]\((KETCH-[A-Z]+-[0-9]{3})\.md\)", index)
    assert sorted(linked) == codes()


def test_codes_named_anywhere_in_the_guide_exist() -> None:
    known = set(codes())
    for page in (ROOT / "docs").rglob("*.md"):
        unknown = set(CODE.findall(page.read_text("utf-8"))) - known
        assert not unknown, f"{page.relative_to(ROOT)} names {sorted(unknown)}"
