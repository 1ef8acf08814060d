"""One segment of a path (or one label of a host name): literal text around zero or more parameters.

`users` has no parameters, `{id}` is one bare parameter, `{name}.json` and `{a}-{b}` are mixed. The literals of a
segment are one more than its parameters: `{a}-{b}` has `("", "-", "")`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .converters import INLINE, STR, Converter, Rank
from .percent import encode_segment

# A separator never cuts a UUID or a date short: these take at least so many characters.
_WIDTH = {Rank.UUID: 32, Rank.DATE: 10}
_RANKS = {"str": Rank.STR, "int": Rank.INT, "UUID": Rank.UUID, "date": Rank.DATE}
# Which parameter of a mixed segment takes surplus separators: the one whose kind allows the most, then the first.
_APPETITE = {Rank.STR: 3, Rank.TYPED: 2, Rank.DATE: 1, Rank.UUID: 1}


class BuildError(LookupError):
    """A URL cannot be built: a parameter is missing, unknown or has a value that no URL of this route can carry."""


@dataclass(frozen=True, slots=True)
class Param:
    """`{name}` or `{name:kind}`; `kind` is "" when the pattern leaves it to the annotation."""

    name: str
    kind: str = ""

    @property
    def converter(self) -> Converter:
        """What the pattern itself says; text when it says nothing."""
        return INLINE[self.kind] if self.kind else STR


@dataclass(frozen=True, slots=True)
class Segment:
    """Literals and the parameters between them; `len(literals) == len(params) + 1`."""

    literals: tuple[str, ...]
    params: tuple[Param, ...] = ()

    @property
    def is_static(self) -> bool:
        return not self.params

    @property
    def is_bare(self) -> bool:
        """Exactly one parameter and nothing else."""
        return self.literals == ("", "")

    @property
    def is_tail(self) -> bool:
        """`{rest:path}`: takes everything that follows, slashes included."""
        return self.is_bare and self.params[0].kind == "path"

    def __str__(self) -> str:
        shown = [self.literals[0]]
        for param, literal in zip(self.params, self.literals[1:], strict=True):
            shown += ["{", param.name, ":" if param.kind else "", param.kind, "}", literal]
        return "".join(shown)

    def build(self, values: Mapping[str, str], given: Mapping[str, object]) -> str:
        """This segment, percent-encoded, with `values` in the places of its parameters.

        `given` holds what `values` are the texts of. Raises BuildError for a value that would be read back differently
        or that clients would rewrite (`.`, `..`).
        """
        texts = tuple(values[param.name] for param in self.params)
        if self.is_tail:
            return _encode_path(self.params[0].name, texts[0])
        for param, text in zip(self.params, texts, strict=True):
            if not text:
                raise BuildError(f'"{param.name}" is empty; a segment of a path cannot be.')
        whole = self.literals[0] + "".join(
            text + literal for text, literal in zip(texts, self.literals[1:], strict=True)
        )
        if self.params:
            _refuse_dots(whole, self.params[0].name)
        if len(self.params) > 1 and Splitter.of(self, self._ranks_of(given)).split(whole) != texts:
            names = ", ".join(f"{p.name}={t!r}" for p, t in zip(self.params, texts, strict=True))
            raise BuildError(f'"{self}" with {names} gives "{whole}", which would be read back differently.')
        return _encode(self.params[0].name if self.params else "", whole)

    def _ranks_of(self, given: Mapping[str, object]) -> tuple[int, ...]:
        """The ranks that the route's converters must have: what the pattern does not say, the values' types do."""
        return tuple(
            param.converter.rank if param.kind else _RANKS.get(type(given[param.name]).__name__, Rank.TYPED)
            for param in self.params
        )


@dataclass(frozen=True, slots=True)
class Splitter:
    """How a mixed segment takes a text apart, in linear time and without trying alternatives.

    The parameter at `pivot` takes whatever separators are left over: literals before it are looked for from the left,
    literals after it from the right. So `{id:int}-{slug}` reads `7-a-b` as 7 and `a-b`, and `{name}.{ext}` reads
    `a.tar.gz` as `a.tar` and `gz`. Every text that fits the shape at all is taken apart this way.
    """

    segment: Segment
    pivot: int
    widths: tuple[int, ...]

    @classmethod
    def of(cls, segment: Segment, ranks: tuple[int, ...]) -> Splitter:
        appetites = [_APPETITE.get(Rank(rank), 0) for rank in ranks]
        pivot = appetites.index(max(appetites))
        return cls(segment, pivot, tuple(_WIDTH.get(Rank(rank), 1) for rank in ranks))

    def split(self, text: str) -> tuple[str, ...] | None:
        """The parameters' texts in order, none of them empty; None when `text` has another shape."""
        literals, widths, pivot = self.segment.literals, self.widths, self.pivot
        if not (text.startswith(literals[0]) and text.endswith(literals[-1])):
            return None
        start, end = len(literals[0]), len(text) - len(literals[-1])
        head: list[str] = []
        for index in range(pivot):
            at = text.find(literals[index + 1], start + widths[index], end)
            if at < 0:
                return None
            head.append(text[start:at])
            start = at + len(literals[index + 1])
        tail: list[str] = []
        for index in range(len(widths) - 1, pivot, -1):
            at = text.rfind(literals[index], start, max(end - widths[index], 0))
            if at < 0:
                return None
            tail.append(text[at + len(literals[index]) : end])
            end = at
        if end - start < widths[pivot]:
            return None
        return (*head, text[start:end], *reversed(tail))


def _encode(name: str, text: str) -> str:
    try:
        return encode_segment(text)
    except UnicodeEncodeError:
        raise BuildError(f'"{name}" holds a lone surrogate, which no URL can carry.') from None


def _encode_path(name: str, text: str) -> str:
    if text.startswith("/"):
        # "/" + "/evil.org" is another host to a browser.
        raise BuildError(f'"{name}" starts with a slash; write it without the first one.')
    pieces = text.split("/")
    for piece in pieces:
        _refuse_dots(piece, name)
    return "/".join([_encode(name, piece) for piece in pieces])


def _refuse_dots(text: str, name: str) -> None:
    if text in (".", ".."):
        raise BuildError(f'"{name}" makes a segment "{text}", which clients resolve before they ask.')
