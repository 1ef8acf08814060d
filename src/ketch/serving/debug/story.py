"""An exception as data for the page: itself and what led to it, each with its frames, bounded in number and size."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType, TracebackType
from typing import Any

from ketch.kernel.tracebacks import is_own
from ketch.serving.debug.values import Budget, cut, local_values, printable, scrubbed

MAX_ERRORS = 8
"""Exceptions told: causes, and members of groups."""

MAX_FRAMES = 40
"""Frames of one exception: half of them from the top, half from the end."""

MAX_LOCALS = 40
MAX_MESSAGE = 4_000
_CONTEXT = {"yours": 5, "printed": 5}  # lines before and after, of others' code 2
_LINE = 200  # characters of one line of source


@dataclass(slots=True)
class Frame:
    """One call. `group` is "yours", "ketch", "printed" (a route's function) or the name of the library.

    `lines` are pairs of number and text; `marked` is the part of the current line that was running, as (start, end).
    """

    file: str
    line: int
    function: str
    group: str
    lines: list[tuple[int, str]]
    marked: tuple[int, int] | None
    variables: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_own(self) -> bool:
        return self.group == "yours"


@dataclass(slots=True)
class Chapter:
    """One exception. `relation` says how the one before it came from it; `left_out` counts frames that are not told."""

    kind: str
    module: str
    message: str
    relation: str
    notes: list[str]
    frames: list[Frame]
    left_out: int = 0


def story(error: BaseException, budget: Budget) -> list[Chapter]:
    """The exception first, then its causes, then the members of groups."""
    return [_chapter(one, relation, budget) for one, relation in _related(error)]


def _related(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    waiting: list[tuple[BaseException, str]] = [(error, "")]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_ERRORS:
        one, relation = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one, relation
        if one.__cause__ is not None:
            waiting.insert(0, (one.__cause__, "Caused by"))
        elif one.__context__ is not None and not one.__suppress_context__:
            waiting.insert(0, (one.__context__, "While handling"))
        if isinstance(one, BaseExceptionGroup):
            waiting += [(member, "One of the group") for member in one.exceptions[:MAX_ERRORS]]


def _chapter(error: BaseException, relation: str, budget: Budget) -> Chapter:
    frames, left_out = _frames(error.__traceback__, budget)
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        frames.append(_frame_of_syntax_error(error))
    kind = type(error)
    return Chapter(
        kind=printable(cut(str(kind.__qualname__), 200)),
        module=printable(cut(str(kind.__module__), 200)),
        message=_message(error),
        relation=relation,
        notes=_notes(error),
        frames=frames,
        left_out=left_out,
    )


def _notes(error: BaseException) -> list[str]:
    try:
        notes = getattr(error, "__notes__", None)
    except Exception:  # a property of somebody's
        return []
    return [readable(note) for note in notes[:10]] if type(notes) is list else []


def _message(error: BaseException) -> str:
    """What the exception says, with Python's own suggestion where it has one."""
    text = readable(error.msg if isinstance(error, SyntaxError) else error)
    if isinstance(error, NameError | AttributeError | ImportError) and len(text) < MAX_MESSAGE:
        import traceback

        try:
            told = "".join(traceback.TracebackException.from_exception(error, limit=-1).format_exception_only())
        except Exception:  # it looks at the objects that the error is about
            return text
        _, found, suggestion = told.partition(". Did you mean: ")
        if found and "Did you mean" not in text:
            text += found + printable(suggestion.splitlines()[0][:200])
    return text


def readable(thing: object) -> str:
    """`str(thing)`, whatever that is; never raises, but lets KeyboardInterrupt pass."""
    try:
        text = str(thing)
    except KeyboardInterrupt:
        raise
    except BaseException as failure:
        return f"<its str() raises {type(failure).__qualname__}>"
    return printable(scrubbed(cut(text, MAX_MESSAGE)))


# --- frames -----------------------------------------------------------------------------------------------------------


def _frames(traceback: TracebackType | None, budget: Budget) -> tuple[list[Frame], int]:
    steps: list[TracebackType] = []
    while traceback is not None:
        steps.append(traceback)
        traceback = traceback.tb_next
    kept = steps
    if len(steps) > MAX_FRAMES:
        kept = steps[: MAX_FRAMES // 2] + steps[-MAX_FRAMES // 2 :]
    # The last frame is where it broke: its variables are shown first if not all can be.
    frames = [_frame(step, budget) for step in reversed(kept)]
    return frames[::-1], len(steps) - len(kept)


def _frame(step: TracebackType, budget: Budget) -> Frame:
    code = step.tb_frame.f_code
    group = group_of(code.co_filename)
    frame = Frame(
        file=display(code.co_filename),
        line=step.tb_lineno or 0,
        function=printable(cut(code.co_qualname, 200)),
        group=group,
        lines=_lines(code.co_filename, step.tb_lineno or 0, step.tb_frame.f_globals, group, budget),
        marked=_marked(code, step.tb_lasti, step.tb_lineno or 0),
    )
    # Our own variables, and a library's, are of use to their authors only.
    if group in ("yours", "printed"):
        frame.variables = list(local_values(step.tb_frame.f_locals, budget, MAX_LOCALS))
    return frame


def _frame_of_syntax_error(error: SyntaxError) -> Frame:
    file, line = str(error.filename), error.lineno or 0
    start = max((error.offset or 1) - 1, 0)
    return Frame(display(file), line, "", group_of(file), source(file, line, {}, 5), (start, start + 1))


def _lines(file: str, line: int, names: dict[str, Any], group: str, budget: Budget) -> list[tuple[int, str]]:
    rows = source(file, line, names, 0 if budget.spent else _CONTEXT.get(group, 2))
    budget.take("".join(text for _, text in rows))
    return rows


def group_of(file: str) -> str:
    """Whose code a file is."""
    if file.startswith("<") and " -> " in file:
        return "printed"
    if is_own(file):
        return "yours"
    parts = os.path.normpath(file).split(os.sep)
    for folder in ("site-packages", "dist-packages"):
        if folder in parts[:-1]:
            return parts[parts.index(folder) + 1].removesuffix(".py")
    return "ketch" if file.startswith(_KETCH) else "Python"


_KETCH = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep


def display(file: str) -> str:
    """A path as its reader knows it: below the working directory, or below where packages are installed."""
    for folder in (os.getcwd(), *sys.path):
        if folder and file.startswith(folder.rstrip(os.sep) + os.sep):
            return printable(file[len(folder.rstrip(os.sep)) + 1 :])
    return printable(cut(file, 300))


def source(file: str, line: int, names: dict[str, Any], around: int) -> list[tuple[int, str]]:
    """The lines `around` a line, with their numbers; empty where the source is not known."""
    first = max(line - around, 1)
    texts = [linecache.getline(file, number, names) for number in range(first, line + around + 1)]
    while texts and not texts[-1].strip() and len(texts) > line - first + 1:
        texts.pop()
    rows = [(first + at, printable(text.rstrip("\n").expandtabs(4)[:_LINE])) for at, text in enumerate(texts)]
    return rows if any(text for _, text in rows) else []


def _marked(code: CodeType, instruction: int, line: int) -> tuple[int, int] | None:
    """Where in its line the code was, where Python knows (PEP 657); None for the whole line."""
    if instruction < 0:
        return None
    positions = next((p for at, p in enumerate(code.co_positions()) if at == instruction // 2), None)
    if positions is None or positions[0] != line or positions[2] is None or positions[3] is None:
        return None
    first, last, start, end = positions
    text = linecache.getline(code.co_filename, line).rstrip("\n")
    # Columns are counted in bytes of UTF-8.
    raw = text.encode("utf-8", "replace")
    begin = len(raw[:start].decode("utf-8", "ignore").expandtabs(4))
    finish = len(raw[:end].decode("utf-8", "ignore").expandtabs(4)) if last == first else len(text.expandtabs(4))
    whole = not text[:begin].strip() and not text[finish:].strip()
    return None if whole or begin >= finish else (begin, finish)


# --- as Python prints it ----------------------------------------------------------------------------------------------


def as_text(chapters: list[Chapter]) -> str:
    """The whole story as a traceback in Python's own form, for copying and for programs."""
    causes = [chapter for chapter in chapters[1:] if chapter.relation != "One of the group"]
    members = [chapter for chapter in chapters[1:] if chapter.relation == "One of the group"]
    parts: list[str] = []
    for at, chapter in enumerate([*reversed(causes), chapters[0]]):
        if at:
            parts.append(_JOINTS[causes[-at].relation])
        parts.append(_text_of(chapter))
    for chapter in members:
        parts += ["One of the group:", _text_of(chapter)]
    return "\n\n".join(parts)


_JOINTS = {
    "Caused by": "The above exception was the direct cause of the following exception:",
    "While handling": "During handling of the above exception, another exception occurred:",
}


def _text_of(chapter: Chapter) -> str:
    rows = ["Traceback (most recent call last):"] if chapter.frames else []
    for at, frame in enumerate(chapter.frames):
        if chapter.left_out and at == MAX_FRAMES // 2:
            rows.append(f"  [{chapter.left_out:,} more frames]")
        rows.append(f'  File "{frame.file}", line {frame.line}, in {frame.function or "?"}')
        rows += [f"    {text.strip()}" for number, text in frame.lines if number == frame.line and text.strip()]
    kind = chapter.kind if chapter.module in ("builtins", "__main__") else f"{chapter.module}.{chapter.kind}"
    rows.append(f"{kind}: {chapter.message}" if chapter.message else kind)
    return "\n".join([*rows, *chapter.notes])
