"""What can be wrong with templates, told so that it can be mended without looking further."""

from __future__ import annotations

from collections.abc import Sequence
from os import path


class TemplateMissing(LookupError):
    """There is no template of that name, or no block in it."""


class TemplateBroken(Exception):
    """A template that cannot be read: file, line and what is wrong."""


def missing(name: str, folders: Sequence[str], known: Sequence[str]) -> TemplateMissing:
    """The error for a template that is in none of `folders`; `known` are the names that would have been found."""
    from ketch.kernel.suggest import hint

    guess = hint(name, known) or hint(name.rpartition("/")[2], [other for other in known if "/" not in other])
    told = f'There is no template "{name}".' + (f" {guess}" if guess else "")
    rows = [f"  looked in {folder}{'' if path.isdir(folder) else ' (which does not exist)'}" for folder in folders]
    return TemplateMissing("\n".join([told, *rows]))


def no_block(name: str, template: str, known: Sequence[str]) -> TemplateMissing:
    """The error for a block that a template does not have."""
    from ketch.kernel.suggest import hint

    blocks = hint(name, known) or (f"Its blocks are {', '.join(sorted(known))}." if known else "It has no blocks.")
    return TemplateMissing(f'The template "{template}" has no block "{name}". {blocks}')


def broken(place: str, line: int, what: str, source: str | None) -> TemplateBroken:
    """The error for a template that cannot be read; `source` is its text."""
    lines = (source or "").splitlines()
    shown = f"\n  {lines[line - 1].strip()[:200]}" if 0 < line <= len(lines) else ""
    return TemplateBroken(f"{place}:{line}: {what}{shown}")
