"""Short ways to make patterns, entries and tables for the tests of routing."""

from __future__ import annotations

from ketch.kernel.origin import Origin
from ketch.routing import INLINE, Converter, Entry, Mount, Pattern, Rank, Table, parse_host, parse_pattern

HERE = Origin("app/routes.py", 7)


def pattern(text: str) -> Pattern:
    return parse_pattern(text, HERE)


def entry(
    method: str,
    path: str,
    *,
    target: str | None = None,
    host: str | None = None,
    origin: Origin = HERE,
    **kinds: str | Converter,
) -> Entry[str]:
    """An entry whose target is "METHOD path" unless given; `kinds` are converters or the names of inline ones."""
    converters = {name: INLINE[kind] if isinstance(kind, str) else kind for name, kind in kinds.items()}
    where = parse_host(host, origin) if host is not None else None
    return Entry(method, parse_pattern(path, origin), converters, target or f"{method} {path}", origin, where)


def table(*routes: str, mounts: tuple[str, ...] = ()) -> Table[str]:
    """A table from "GET /path" lines; mounts' targets are their prefixes."""
    entries = [entry(*route.split(" ", 1)) for route in routes]
    return Table(entries, [Mount(prefix, f"mount {prefix}", HERE) for prefix in mounts])


def one_of(*words: str) -> Converter:
    """A typed converter, as an Enum would have."""

    def convert(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text.upper()

    return Converter(Rank.TYPED, convert, "word")
