"""What goes into a table of routes, and what comes out of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from ketch.kernel.origin import UNKNOWN, Origin

from .converters import Converter
from .hosts import HostPattern
from .pattern import Pattern

T = TypeVar("T")

# Stands in the place of a method for routes that take WebSockets. No client may ask for it: whoever calls `match` with
# a client's method keeps this word out.
WEBSOCKET = "WEBSOCKET"


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One method of one path. `target` is what a match answers with; routing never looks at it.

    `converters` need not name every parameter: the pattern's own kind (`{id:int}`), else text, stands in.
    """

    method: str
    pattern: Pattern
    converters: Mapping[str, Converter]
    target: T
    origin: Origin
    host: HostPattern | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters in the order of a match's values: the host's first, then the path's."""
        return self.pattern.names if self.host is None else self.host.names + self.pattern.names

    def converter(self, name: str) -> Converter:
        """The converter of the parameter `name` of the host or the path."""
        if name in self.converters:
            return self.converters[name]
        params = self.pattern.params + (self.host.params if self.host else ())
        return next(param.converter for param in params if param.name == name)

    @property
    def where(self) -> str:
        """Host, if it has one, and path."""
        return f"{self.host or ''}{self.pattern.text or '/'}"

    def __str__(self) -> str:
        return f"{self.method} {self.where}"


@dataclass(frozen=True, slots=True)
class Mount(Generic[T]):
    """A whole application below `prefix`, which has no parameters. "" and "/" are the root."""

    prefix: str
    target: T
    origin: Origin = UNKNOWN


class MountHit(NamedTuple, Generic[T]):
    """A path that belongs to a mount. `prefix` and `rest` are decoded; `rest` is "" or starts with a slash."""

    target: T
    values: tuple[str, ...]
    raw: tuple[str, ...]

    @property
    def prefix(self) -> str:
        return self.raw[0]

    @property
    def rest(self) -> str:
        return self.values[0]


class MissKind(enum.Enum):
    """Why no route was found."""

    NOT_FOUND = "not found"
    METHOD_NOT_ALLOWED = "method not allowed"
    OPTIONS = "options"
    REDIRECT = "redirect"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Miss:
    """No route. What it means is in `kind`:

    NOT_FOUND: 404. METHOD_NOT_ALLOWED: 405, and OPTIONS: 204, both with `allow` (sorted; HEAD with GET, and OPTIONS).
    REDIRECT: 308 to `redirect`, a percent-encoded path with one leading slash, safe to send. MALFORMED: 400.
    """

    kind: MissKind
    allow: tuple[str, ...] = ()
    redirect: str = ""


NOT_FOUND = Miss(MissKind.NOT_FOUND)
MALFORMED = Miss(MissKind.MALFORMED)
