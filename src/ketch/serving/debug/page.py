"""The page: what broke and where first, then the way there, the request, the route, and the traceback as text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from itertools import groupby
from typing import Any

from ketch.serving.debug import facts
from ketch.serving.debug.story import MAX_FRAMES, Chapter, Frame, as_text, story
from ketch.serving.debug.values import Budget, cut
from ketch.serving.styles import policy, style

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{css}</style>
</head>
<body class="debug">
<header>
<p class="asked"><b>{method}</b> <span>{path}</span> <em>500</em></p>
<h1><small>{module}</small>{kind}</h1>
{message}
<nav aria-label="On this page">{links}</nav>
</header>
<main>
{sections}
</main>
<footer><p>Shown in dev only. In production the client gets a plain 500, and the log the traceback.</p></footer>
</body>
</html>
"""


def page(error: BaseException, request: Any, budget: Budget) -> tuple[str, str]:
    """HTML and Content-Security-Policy."""
    chapters = story(error, budget)
    told = chapters[0]
    method, path = facts.first_line(request)
    sections = {"traceback": ("Traceback", _traceback(chapters)), "request": ("Request", _request(request))}
    if getattr(request.route, "plans", None) is not None:
        sections["route"] = ("Route", _route(request.route, budget))
    sections["text"] = ("As text", f'<pre class="text" tabindex="0">{escape(as_text(chapters)[-60_000:])}</pre>')
    sheet = style("page.css", "debug/debug.css")
    html = _PAGE.format(
        title=escape(f"{told.kind}: {cut(told.message, 100)}" if told.message else told.kind),
        css=sheet.css,
        method=escape(method),
        path=escape(path),
        module="" if told.module in ("builtins", "__main__") else f"{escape(told.module)}.",
        kind=escape(told.kind),
        message=_message(told),
        links="".join(f'<a href="#{id}">{name}</a>' for id, (name, _) in sections.items()),
        sections="\n".join(_section(id, name, inner) for id, (name, inner) in sections.items()),
    )
    return html, policy(sheet)


def _section(id: str, name: str, inner: str) -> str:
    return f'<section id="{id}" aria-labelledby="{id}-title">\n<h2 id="{id}-title">{name}</h2>\n{inner}\n</section>'


def _message(chapter: Chapter) -> str:
    message = f'<p class="message">{escape(chapter.message)}</p>' if chapter.message else ""
    return message + "".join(f'<p class="note">{escape(note)}</p>' for note in chapter.notes)


# --- traceback --------------------------------------------------------------------------------------------------------


def _traceback(chapters: list[Chapter]) -> str:
    parts: list[str] = []
    for chapter in chapters:
        if chapter.relation:
            module = "" if chapter.module in ("builtins", "__main__") else f"<small>{escape(chapter.module)}.</small>"
            head = f"<h3><i>{chapter.relation}</i> {module}{escape(chapter.kind)}</h3>{_message(chapter)}"
            parts.append(f'<div class="cause">{head}</div>')
        parts.append("\n".join(_frames(chapter)) or '<p class="quiet">No frames: it was never raised.</p>')
    return "\n".join(parts)


def _frames(chapter: Chapter) -> Iterator[str]:
    """Where it broke first. Frames of others are folded together, unless there are no others."""
    frames = chapter.frames[::-1]
    own = [frame for frame in frames if frame.is_own]
    first = own[0] if own else (frames[0] if frames else None)
    gap = MAX_FRAMES // 2 if chapter.left_out else -1
    for folded, run in groupby(frames, key=lambda frame: not frame.is_own and frame is not first):
        group = list(run)
        if folded:
            yield _folded(group)
        else:
            yield from (_frame(frame, values_open=frame is first) for frame in group)
        if gap >= 0 and frames.index(group[-1]) >= gap - 1:
            yield f'<p class="quiet">{chapter.left_out:,} more frames in between are left out.</p>'
            gap = -1


def _folded(frames: list[Frame]) -> str:
    groups = dict.fromkeys(_GROUPS.get(frame.group, frame.group) for frame in frames)
    count = "1 frame" if len(frames) == 1 else f"{len(frames)} frames"
    inner = "\n".join(_frame(frame, values_open=False) for frame in frames)
    return f'<details class="others"><summary>{count} in {escape(", ".join(groups))}</summary>\n{inner}\n</details>'


_GROUPS = {"printed": "the printed function", "ketch": "Ketch", "Python": "Python's library"}


def _frame(frame: Frame, *, values_open: bool) -> str:
    where = f"<code>{escape(frame.file)}</code><b>:{frame.line}</b>"
    head = f"<h4>{escape(frame.function or 'here')} <span>{where}</span></h4>"
    values = ""
    if frame.variables:
        rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in frame.variables)
        state = " open" if values_open else ""
        values = f"<details{state}><summary>Variables</summary><dl>{rows}</dl></details>"
    kind = "frame" if frame.is_own else "frame other"
    return f'<article class="{kind}">{head}{_code(frame)}{values}</article>'


def _code(frame: Frame) -> str:
    if not frame.lines:
        return ""
    rows = []
    for number, text in _dedented(frame):
        if number == frame.line:
            rows.append(f'<b class="now"><i>{number}</i>{_now(text, frame)}\n</b>')
        else:
            rows.append(f"<i>{number}</i>{coloured(text)}\n")
    return f'<pre class="code" tabindex="0">{"".join(rows)}</pre>'


def _dedented(frame: Frame) -> list[tuple[int, str]]:
    indent = min((len(text) - len(text.lstrip()) for _, text in frame.lines if text.strip()), default=0)
    if frame.marked is not None:
        frame.marked = (max(frame.marked[0] - indent, 0), max(frame.marked[1] - indent, 0))
    return [(number, text[indent:]) for number, text in frame.lines]


def _now(text: str, frame: Frame) -> str:
    """The line that was running, the part of it that Python names underlined."""
    if frame.marked is None:
        return coloured(text)
    start, end = frame.marked
    return f"{coloured(text[:start])}<mark>{coloured(text[start:end])}</mark>{coloured(text[end:])}"


_TOKENS = re.compile(
    r"""(?P<c>\#.*)|(?P<s>[rbfuRBFU]{0,2}(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?))|(?P<n>\b\d[\w.]*)"""
    r"""|(?P<k>\b(?:and|as|assert|async|await|break|case|class|continue|def|del|elif|else|except|finally|for|from|global"""
    r"""|if|import|in|is|lambda|match|nonlocal|not|or|pass|raise|return|try|while|with|yield|None|True|False)\b)"""
    r"""|(?P<d>@[\w.]+)"""
)


def coloured(text: str) -> str:
    """A line of Python as HTML: comments, strings, numbers, keywords and decorators told apart."""
    parts: list[str] = []
    at = 0
    for token in _TOKENS.finditer(text):
        parts.append(escape(text[at : token.start()]))
        parts.append(f'<span class="{token.lastgroup}">{escape(token[0])}</span>')
        at = token.end()
    return "".join([*parts, escape(text[at:])])


# --- request and route ------------------------------------------------------------------------------------------------


def _request(request: Any) -> str:
    tables = [
        ("Path", facts.path_rows(request)),
        ("Query", facts.query_rows(request)),
        ("Form", facts.form_rows(request)),
        ("Headers", facts.header_rows(request)),
        ("Connection", facts.connection_rows(request)),
    ]
    return '<div class="columns">' + "".join(_table(name, rows) for name, rows in tables if rows) + "</div>"


def _table(name: str, rows: Iterable[tuple[str, str]]) -> str:
    cells = "".join(f'<tr><th scope="row">{escape(key)}</th><td>{escape(value)}</td></tr>' for key, value in rows)
    head = f"<h3>{name}</h3>" if name else ""
    return f'<div class="table">{head}<table>{cells}</table></div>'


def _route(route: Any, budget: Budget) -> str:
    slots = facts.slot_rows(route, budget)
    rows = "".join(
        f"<tr><th scope='row'>{escape(slot.name)}</th><td>{slot.source}</td><td>{escape(slot.type)}</td>"
        f"<td>{escape(slot.default)}</td></tr>"
        for slot in slots
    )
    head = "<thead><tr><th>Parameter</th><th>From</th><th>Type</th><th>If missing</th></tr></thead>"
    plan = f'<div class="table"><h3>Plan</h3><table class="wide">{head}<tbody>{rows}</tbody></table></div>'
    functions = "".join(
        f'<details><summary>The printed function: {name}</summary><pre class="code printed" tabindex="0">'
        + "\n".join(coloured(line) for line in text.splitlines())
        + "</pre></details>"
        for name, text in facts.printed_functions(route)
        if text
    )
    label = f'<p class="label"><code>{escape(str(route.label))}</code></p>'
    return label + _table("", facts.route_rows(route)) + (plan if slots else "") + functions
