"""Hosts that a group of routes answers for: `api.example.org`, `{tenant}.example.org`.

A host is compared label by label, without regard to case, port or a final dot. A parameter stands for one label or a
part of one; it never takes a dot.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ketch.kernel.errors import Place, SetupError
from ketch.kernel.origin import Origin

from .pattern import BRACES, Mistake, check_params, split_segments, texts_for
from .segment import BuildError, Param, Segment, Splitter

_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?").fullmatch
_ADDRESS = re.compile(r"\[[0-9a-f:.]+\]").fullmatch
_PORT = re.compile(r":[0-9]*$")


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A parsed host. `segments` are its labels from left to right, `names` its parameters in order."""

    text: str
    segments: tuple[Segment, ...]
    names: tuple[str, ...] = ()

    @property
    def params(self) -> tuple[Param, ...]:
        return tuple(param for segment in self.segments for param in segment.params)

    def __str__(self) -> str:
        return self.text

    def match(self, host: str) -> tuple[str, ...] | None:
        """The texts of the parameters when `host` (as in a Host header) fits, lower-case; else None."""
        labels = host_labels(host)
        if len(labels) != len(self.segments):
            return None
        found: list[str] = []
        for segment, label in zip(self.segments, labels, strict=True):
            if segment.is_static:
                if segment.literals[0] != label:
                    return None
                continue
            ranks = tuple(param.converter.rank for param in segment.params)
            texts = Splitter.of(segment, ranks).split(label)
            if texts is None:
                return None
            found += texts
        return tuple(found)

    def build(self, params: Mapping[str, object]) -> str:
        """The host with `params` filled in. Raises BuildError for values that cannot be (part of) a label."""
        texts = {name: text.lower() for name, text in texts_for(self.text, self.names, params).items()}
        labels = [segment.build(texts, params) for segment in self.segments]
        for segment, label in zip(self.segments, labels, strict=True):
            if segment.params and (not label or len(label) > 63 or _LABEL(label) is None):
                raise BuildError(f'"{label}" cannot be a label of the host "{self.text}".')
        return ".".join(labels)


def host_labels(host: str) -> tuple[str, ...]:
    """The labels of a Host header's value, lower-case, without port and final dot; an IPv6 address is one label."""
    host = host.lower()
    if host.startswith("["):
        return (host.partition("]")[0] + "]",)
    return tuple(host.partition(":")[0].removesuffix(".").split("."))


def parse_host(text: str, origin: Origin) -> HostPattern:
    """Read a host pattern; SetupError (KETCH-ROUTE-014 and the codes of parameters) when it can never match."""

    def mistake(code: int, problem: str, why: str, fix: str) -> SetupError:
        place = Place("route", origin, "" if origin.text else f'host="{text}"')
        number = 14 if code in (1, 2, 5) else code
        return SetupError(f"KETCH-ROUTE-{number:03}", f'The host "{text}" {problem}.', places=[place], why=why, fix=fix)

    tokens = BRACES.split(text)
    # Parameters' names keep their case, everything else is lower-case, as hosts are compared.
    tokens[::2] = [_ascii(token) for token in tokens[::2]]
    _check_host("".join(tokens[::2]), text, mistake)
    tokens[-1] = _PORT.sub("", tokens[-1]).removesuffix(".")
    if _ADDRESS(tokens[0]):
        return HostPattern(text, (Segment((tokens[0],)),))
    segments = split_segments(tokens, ".", mistake)
    names = tuple(param.name for segment in segments for param in segment.params)
    check_params(segments, names, mistake)
    _check_labels(segments, mistake)
    return HostPattern(text, segments, names)


def _ascii(text: str) -> str:
    """Lower case, and the `xn--` form of labels outside ASCII, which is how they are sent."""
    if text.isascii():
        return text.lower()
    try:
        return text.encode("idna").decode("ascii")
    except UnicodeError:
        return text


def _check_host(literal: str, text: str, mistake: Mistake) -> None:
    if "//" in literal or "/" in literal:
        bare = re.sub(r"^[a-z]+://|^//", "", text).partition("/")[0]
        raise mistake(14, "has a scheme or a path", "Only the name of the host is compared.", f'Write "{bare}".')
    if "*" in literal:
        why = "A parameter takes one label; what it was is then known too."
        raise mistake(14, 'has "*"', why, f'Write "{text.replace("*", "{name}", 1)}".')
    if "{" in literal or "}" in literal:
        why = "Every { needs its }, with only a name between them."
        raise mistake(14, "has an unbalanced brace", why, 'Write "{tenant}.example.org".')


def _check_labels(segments: tuple[Segment, ...], mistake: Mistake) -> None:
    for segment in segments:
        if any(param.kind == "path" for param in segment.params):
            raise mistake(14, f'has "{segment}"', "A host has no slashes.", f'Write "{{{segment.params[0].name}}}".')
        static = "x".join(segment.literals) if segment.params else segment.literals[0]
        if not static or _LABEL(static) is None:
            why = "A label is made of letters, digits and hyphens, and is never empty."
            raise mistake(14, f'has the label "{segment}"', why, 'Write it like "api.example.org".')
