"""Why a path led where it led: for `ketch explain`, the page that `dev` shows for a 404, and "did you mean".

Nothing here runs for a request that is answered; it reads entries one by one and may take its time (some microseconds
for each).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ketch.kernel.suggest import did_you_mean

from .converters import Converter
from .entry import Entry, Mount, MountHit
from .segment import Segment
from .steps import Step

if TYPE_CHECKING:
    from .table import Table

# Longer paths are not worth a guess.
_GUESSABLE = 200
_FITS = 1_000_000


@dataclass(frozen=True, slots=True)
class Tried:
    """One route or mount that was looked at. `reason` is empty for the one that was taken."""

    entry: Entry[Any] | Mount[Any]
    reason: str = ""

    @property
    def taken(self) -> bool:
        return not self.reason

    def __str__(self) -> str:
        name = f"mount {self.entry.prefix or '/'}" if isinstance(self.entry, Mount) else str(self.entry)
        return f"{name}: {self.reason or 'taken'}"


@dataclass(frozen=True, slots=True)
class _Verdict:
    """How far one entry fits (`level`), its place among those that fit (`rank`), and what is wrong with it."""

    entry: Entry[Any]
    level: int
    reason: str = ""
    rank: tuple[Any, ...] = ()


def explain(table: Table[Any], method: str, path: str, host: str = "") -> list[Tried]:
    """Every route and mount, those that come closest first, each with the reason why it was not taken."""
    segments = (path or "/")[1:].split("/")
    verdicts = [_judge(entry, method, segments, host) for entry in table.routes()]
    verdicts.sort(key=lambda verdict: (-verdict.level, verdict.rank))
    found = table.match(method, path, host)
    winner = f"the mount {found.prefix or '/'} is more exact" if isinstance(found, MountHit) else ""
    tried: list[Tried] = []
    for verdict in verdicts:
        tried.append(Tried(verdict.entry, verdict.reason or winner))
        if not verdict.reason and not winner:
            winner = f"{verdict.entry} comes first"
    mounts = [_judge_mount(mount, segments, found, winner) for mount in table.mounts()]
    taken = [row for row in mounts if row.taken]
    return taken + tried + [row for row in mounts if not row.taken]


def _judge_mount(mount: Mount[Any], segments: Sequence[str], found: object, winner: str) -> Tried:
    prefix = mount.prefix.rstrip("/")
    if isinstance(found, MountHit) and found.prefix == prefix:
        return Tried(mount)
    own = prefix[1:].split("/") if prefix else []
    if list(segments[: len(own)]) != own:
        return Tried(mount, "the path is not below it")
    return Tried(mount, winner or "the path was answered before")


def _judge(entry: Entry[Any], method: str, segments: Sequence[str], host: str) -> _Verdict:
    if entry.host is not None and entry.host.match(host) is None:
        return _Verdict(entry, -1, f'the host is "{host}", not "{entry.host}"')
    converters = {name: entry.converter(name) for name in entry.names}
    steps = [Step.of(segment, converters) for segment in entry.pattern.segments or (Segment(("",)),)]
    texts: list[str] = list((entry.host.match(host) or ()) if entry.host is not None else ())
    for level, step in enumerate(steps):
        taken, reason = _take(step, segments, level)
        if reason:
            return _Verdict(entry, level, reason)
        texts += taken
    if len(segments) > len(steps) and not steps[-1].segment.is_tail:
        rest = "/".join(segments[len(steps) :])
        reason = f'the path goes on with "/{rest}"' if rest else "the path ends with a slash"
        return _Verdict(entry, len(steps), reason)
    hosts = [Step.of(segment, converters).key for segment in entry.host.segments] if entry.host is not None else []
    rank = (entry.host is None, hosts, [step.key for step in steps], entry.method != method)
    fits = _Verdict(entry, _FITS, rank=rank)
    if method != entry.method and (method, entry.method) != ("HEAD", "GET"):
        return replace(fits, level=_FITS - 2, reason=f"the method is {method}")
    wrong = _failures(entry.names, converters, texts)
    return replace(fits, level=_FITS - 1, reason=wrong) if wrong else fits


def _take(step: Step, segments: Sequence[str], level: int) -> tuple[Iterable[str], str]:
    """The parameters' texts that one step takes, or why it takes nothing."""
    segment = step.segment
    if level >= len(segments):
        return (), "the path has no slash at its end" if str(segment) == "" else f'the path ends before "{segment}"'
    text = segments[level]
    if segment.is_tail:
        return ["/".join(segments[level:])], ""
    if segment.is_static:
        return (), "" if text == segment.literals[0] else f'segment {level + 1} is "{text}", not "{segment}"'
    if step.splitter is None:
        return [text], "" if text else f'segment {level + 1} is empty, which "{segment}" cannot be'
    texts = step.splitter.split(text)
    return texts or (), "" if texts else f'segment {level + 1} is "{text}", which is not like "{segment}"'


def _failures(names: Iterable[str], converters: dict[str, Converter], texts: Iterable[str]) -> str:
    wrong = []
    for name, text in zip(names, texts, strict=True):
        try:
            converters[name].convert(text)
        except ValueError:
            wrong.append(f'{name} is "{text}", which is not {converters[name].name}')
    return "; ".join(wrong)


def closest(entries: Iterable[Entry[Any]], path: str) -> str | None:
    """The pattern most like `path`, its parameters taken as they are; None when nothing is close."""
    if len(path) > _GUESSABLE:
        return None
    segments = path[1:].split("/")
    filled: dict[str, str] = {}
    for entry in entries:
        if entry.pattern.has_tail:
            continue  # a catch-all is like everything
        parts = enumerate(entry.pattern.segments)
        pieces = [_fill(segment, segments[level : level + 1]) for level, segment in parts]
        filled.setdefault("/" + "/".join(pieces), entry.pattern.text or "/")
    guess = did_you_mean(path, filled)
    return filled[guess] if guess else None


def _fill(segment: Segment, given: Sequence[str]) -> str:
    return given[0] if segment.is_bare and given and given[0] else str(segment)
