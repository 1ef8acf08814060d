"""Paths to targets: patterns, the table that matches them, and URLs built from them.

Routing knows nothing of requests, binding or injection. It is told what each parameter converts with (`Converter`),
is built once from everything declared (`Table`), and answers with whatever target was put in.
"""

from .converters import INLINE, PATH, STR, Converter, Rank
from .entry import WEBSOCKET, Entry, Miss, MissKind, Mount, MountHit
from .explain import Tried
from .hosts import HostPattern, parse_host
from .owners import Owners
from .pattern import BuildError, Param, Pattern, Segment, join_path, parse_pattern
from .reverse import Reverse, Reversed
from .route import OPTIONS, Route, RouteOptions, check_options, merge
from .table import Hit, Table

__all__ = [
    "INLINE",
    "OPTIONS",
    "PATH",
    "STR",
    "WEBSOCKET",
    "BuildError",
    "Converter",
    "Entry",
    "Hit",
    "HostPattern",
    "Miss",
    "MissKind",
    "Mount",
    "MountHit",
    "Owners",
    "Param",
    "Pattern",
    "Rank",
    "Reverse",
    "Reversed",
    "Route",
    "RouteOptions",
    "Segment",
    "Table",
    "Tried",
    "check_options",
    "join_path",
    "merge",
    "parse_host",
    "parse_pattern",
]
