"""Code blocks of a Markdown page, and the rules for running them.

A ```python block is a program of its own, run in an empty directory that belongs to the page. If it leaves an `app`,
that application is started and stopped, so that start-up mistakes show. Comments right above a block say otherwise:

    <!-- continues -->             runs in the namespace of the block before it
    <!-- file: shop/app.py -->     is written to that file (any language); a Python file is imported, test_*.py is run
                                   by pytest at the end of the page
    <!-- setup                     unseen lines that run before the block, in its namespace
    from ketch import App
    -->
    <!-- raises: KETCH-BIND-002 -->    the block (or the start of its `app`) must fail with this text in its message
    <!-- message -->               (any language) the block is that message, `...` standing for any text or lines
    <!-- no start -->              its `app` is not started here
    <!-- skip: reason -->          is not run; the reason stands in the page's source

A ```console block is run line by line: after `$ ` a command (ketch, python, curl or cat, perhaps with NAME=value in
front; pip, cd, uvicorn, ./dev and their like are not run), then what it prints, in which a line `...` stands for any
lines and `...` in a line for any text.
`<!-- serve: app.py -->` above it starts that application, and 127.0.0.1:8000 in the block means its port.
Blocks of any other language are for reading only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<language>[\w+-]*)[^\n`]*$")
COMMENT = re.compile(
    r"<!--\s*(?P<name>continues|file|setup|raises|message|no start|skip|serve)\b:?(?P<value>.*?)-->", re.DOTALL
)


class PageError(Exception):
    """The page itself is written wrongly (an unknown directive, a block without an end)."""


@dataclass
class Block:
    """One fenced block: its language, its text, the line its text starts on (from 1), what the comments above say."""

    language: str
    text: str
    line: int
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def checked(self) -> bool:
        """True if the block is run or written to a file."""
        ours = self.language in ("python", "console") or "file" in self.marks or "message" in self.marks
        return ours and "skip" not in self.marks


def blocks_of(page: str) -> list[Block]:
    """Every fenced block of a page, in order, with the directives that stand right above it."""
    found: list[Block] = []
    lines = page.split("\n")
    place, above = 0, ""
    while place < len(lines):
        line = lines[place]
        fence = FENCE.match(line)
        if fence is None:
            if line.lstrip().startswith("<!--"):
                start = place
                while "-->" not in lines[place]:
                    place += 1
                    if place == len(lines):
                        raise PageError(f"line {start + 1}: a comment without an end")
                above += "\n".join(lines[start : place + 1]) + "\n"
            elif line.strip():
                above = ""
            place += 1
            continue
        end = place + 1
        while end < len(lines) and not lines[end].strip().startswith(fence["ticks"]):
            end += 1
        if end == len(lines):
            raise PageError(f"line {place + 1}: a code block without an end")
        indent = len(fence["indent"])
        text = "\n".join(code[indent:] if code[:indent].isspace() else code for code in lines[place + 1 : end]) + "\n"
        found.append(Block(fence["language"], text, place + 2, marks_in(above, place + 1)))
        place, above = end + 1, ""
    return found


def marks_in(comments: str, line: int) -> dict[str, str]:
    """The directives of the comments above the block at `line`; a comment that is none is taken for a misspelling."""
    marks = {}
    for match in COMMENT.finditer(comments):
        value = match["value"]
        marks[match["name"]] = value.lstrip("\n") if match["name"] == "setup" else value.strip()
    if comments.count("<!--") != len(marks):
        raise PageError(f"line {line}: a comment above a code block that is no directive, or one directive twice")
    return marks


def pages(root: Path) -> list[Path]:
    """README.md, the other documents at the root that show code, and the guide."""
    found = [root / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md", "CHANGELOG.md")]
    found += sorted((root / "docs").rglob("*.md"))
    found += sorted((root / "examples").rglob("*.md"))
    return [path for path in found if path.exists()]
